r"""The mode C dialogue (IEC 62056-21) as a state machine: bytes in, actions out. Never touches a port, never does more than read.

    us     /?address!                                       at the speed of the sign-on, usually 300 baud, 7E1
    meter  /XXXZ identification                             Z names the speed that it offers (§6.3.2)
    us     ACK 0 Z 0                                        normal procedure, that speed, data readout (§6.3.3)
    meter  STX data lines ! CR LF ETX BCC                   at the new speed; BCC is the exclusive or of all after STX (§6.3.4)

Option 0 of the acknowledgement is data readout: mode E, which an identification with `\2` offers, is thereby declined, and
programming mode is never entered. A meter that asks for a password gets a break instead. What was read comes out as one
telegram: the identification, an empty line, the data lines, `!`, so that there is one way to read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import xor
from types import MappingProxyType

from p1monitor.p1.framer import FRAME_MAX
from p1monitor.p1.grammar import CODE

#: Z of mode C -> baud (§6.3.14.13); 7, 8 and 9 as the ME381 has them.
SPEEDS: Mapping[str, int] = MappingProxyType(
    dict(zip("0123456789", (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200), strict=True))
)
STX, ETX, ACK = b"\x02", b"\x03", b"\x06"
#: SOH P: how a meter asks for a password (§6.3.5).
PASSWORD = b"\x01P"
#: SOH B 0 ETX BCC: the end of whatever the meter believes to be doing (§6.3.5).
BREAK = b"\x01B0\x03q"
#: A meter answers within 1.5 s, and pauses no longer between two characters (§6.3.15); a USB adapter adds a little.
ANSWER_S = 2.0
#: We answer no sooner than this, or a meter that is still sending does not hear it (§6.3.15).
REACTION_S = 0.2
#: Bytes that may come before an identification or a readout: our own echo from the optical head, and the glitch of a new speed.
NOISE_MOST = 512
#: The longest readout. With the identification it has to fit into a frame.
READOUT_MAX = FRAME_MAX - 256
#: A device address (§6.3.1): as printed on the meter.
ADDRESS = re.compile(r"[0-9A-Za-z ]{0,32}")

#: Why there is no readout, in words for people.
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "silent": "the meter does not answer: is the head on its optical port, the right way up, and the address right?",
        "noise": "what comes is no identification: are the settings right?",
        "mode": "the meter offers no speed of mode C",
        "no-data": "the meter identifies itself and then sends no readout",
        "cut": "the readout was cut short",
        "overflow": f"no end of the readout within {READOUT_MAX} bytes",
        "bcc": "the checksum of the readout is wrong",
        "programming": "the meter asks for a password instead of sending its readout; p1monitor never gives one",
    }
)

_IDENTIFICATION = re.compile(rb"/([A-Za-z]{3})([\x21-\x7e])([\x20-\x2e\x30-\x7e]{0,64})\r\n")
#: The longest of them: so much may stand there, not finished, behind as much noise as there may be.
_HEAD_MOST = 71
_TWO_IN_A_LINE = re.compile(rb"\)(?=" + CODE + rb"\()")
#: Seven bits and even parity as an 8-bit port sees them -> the character; NUL where the parity is wrong, as a 7-bit port has it.
_STRIP = bytes(code & 0x7F if code.bit_count() % 2 == 0 else 0 for code in range(256))
_ADD = bytes((code & 0x7F) | ((code & 0x7F).bit_count() % 2) << 7 for code in range(256))


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes, all of them, before the next action."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Baud:
    """Go on at another speed."""

    rate: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Leave the line alone for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """For bytes: feed() them. After so many seconds without one: timeout()."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The readout, as a telegram. The dialogue is over."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """There is none. The dialogue is over."""

    reason: str  #: a key of REASONS

    @property
    def words(self) -> str:
        """The reason, for people."""
        return REASONS[self.reason]


Action = Send | Baud | Pause | Wait | Ready | Refused


class Dialogue:
    """One readout. `start` is the speed of the sign-on; without `faster` it stays. `parity`: the port has 8 bits, ours has 7."""

    def __init__(self, address: str = "", *, start: int = 300, faster: bool = True, parity: bool = False) -> None:
        self._address, self._start, self._faster, self._parity = address, start, faster, parity
        self._buffer = bytearray()
        self._scanned = 0
        self._head = b""
        self._step: Callable[[], list[Action]] | None = None

    @property
    def held(self) -> int:
        """Bytes held at the moment: at most READOUT_MAX and what one feed brings."""
        return len(self._buffer)

    @property
    def identified(self) -> bool:
        """Whether the meter has said who it is."""
        return bool(self._head)

    def begin(self) -> list[Action]:
        """Sign on."""
        self._buffer.clear()
        self._scanned, self._head, self._step = 0, b"", self._identification
        return [Baud(self._start), self._send(b"/?" + self._address.encode("ascii") + b"!\r\n"), Wait(ANSWER_S)]

    def feed(self, data: bytes) -> list[Action]:
        """Take what came. No action: wait on."""
        if self._step is None:
            return []
        self._buffer += data.translate(_STRIP) if self._parity else data
        return self._step()

    def timeout(self) -> list[Action]:
        """Nothing came for as long as the last Wait said."""
        if self._step is None:
            return []
        if not self.identified:
            return self._over("noise" if self._buffer else "silent")
        return self._over("cut" if STX in self._buffer else "no-data")

    def abandon(self) -> list[Action]:
        """End it here, so that the meter is ready for the next one."""
        stopped = self._step is not None and self.identified
        self._step = None
        self._buffer.clear()
        return [self._send(BREAK)] if stopped else []

    def _identification(self) -> list[Action]:
        match = _IDENTIFICATION.search(self._buffer)
        if (match.start() if match else len(self._buffer) - _HEAD_MOST) > NOISE_MOST:
            return self._over("noise")
        if match is None:
            return []
        offered, self._head = match[2].decode("ascii"), match[0]
        if offered not in SPEEDS:
            return self._over("mode")
        if not self._faster:
            offered = next((z for z, rate in SPEEDS.items() if rate == self._start), "0")
        del self._buffer[: match.end()]
        self._step = self._readout
        return [Pause(REACTION_S), self._send(ACK + b"0%b0\r\n" % offered.encode()), Baud(SPEEDS[offered]), Wait(ANSWER_S)]

    def _readout(self) -> list[Action]:
        buffer = self._buffer
        begin = buffer.find(STX)
        before = begin if begin >= 0 else len(buffer)
        if buffer.find(PASSWORD, 0, min(before, NOISE_MOST + 1)) >= 0:  # however the bytes were cut
            return self._over("programming")
        if before > NOISE_MOST:
            return self._over("no-data")
        if begin < 0:
            return []
        end = buffer.find(ETX, max(begin, self._scanned))
        if (end if end >= 0 else len(buffer)) > READOUT_MAX - 2:
            return self._over("overflow")
        if 0 <= end < len(buffer) - 1:
            return self._finish(bytes(buffer[buffer.rfind(STX, 0, end) + 1 : end]), buffer[end + 1])
        self._scanned = end if end >= 0 else len(buffer)
        return []

    def _finish(self, block: bytes, checksum: int) -> list[Action]:
        self._step = None
        self._buffer.clear()
        if bcc(block + ETX) != checksum:
            return [Refused("bcc")]
        body = _TWO_IN_A_LINE.sub(b")\r\n", block.rstrip(b"\r\n").removesuffix(b"!"))
        return [Ready(self._head + b"\r\n" + body.strip(b"\r\n") + b"\r\n!\r\n")]

    def _over(self, reason: str) -> list[Action]:
        """Refuse; a meter that may still be talking is told to stop."""
        return [*self.abandon(), Refused(reason)]

    def _send(self, data: bytes) -> Send:
        return Send(with_parity(data) if self._parity else data)


def bcc(data: bytes) -> int:
    """The block check character: exclusive or of the bytes after STX, ETX included (§6.3.4)."""
    return reduce(xor, data, 0)


def with_parity(data: bytes) -> bytes:
    """Seven bits and even parity, for a port that has eight."""
    return data.translate(_ADD)


def without_parity(data: bytes) -> bytes:
    """The characters of seven bits and even parity; NUL where the parity is wrong."""
    return data.translate(_STRIP)
