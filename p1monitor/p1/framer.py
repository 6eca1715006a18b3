"""Bytes in, Frame or Rejected out: finds telegrams and proves them. Never raises on bytes, never holds more than 16 KiB.

The rules (DSMR 5.0.2 P1 §6.2, and what lines do to it):

- A `/` begins a frame. At the beginning of a line it replaces a frame that is not finished; elsewhere it does so only if
  the frame it stands in is refused.
- A line of `!` and at most four hex digits ends it. The CRC must hold. It may be absent only where the frame carries no
  object that says its variant has one, and no valid CRC has come from this source before.
- When a frame is refused, any `/` inside it may begin the next, so that a telegram cut short never takes the good one
  behind it along: at most eight are tried, those that look like headers first, newest first.
- Bytes outside frames are folded into one event, told when the next frame begins to count (or at the end). Idle bytes
  between frames (line ends, NUL, 0xFF, blanks) are nothing.
- How the bytes were cut into chunks never changes the events.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from p1monitor.p1.catalogue import CRC_MARKS
from p1monitor.p1.crc import ALGORITHMS
from p1monitor.p1.frames import REASONS, Frame, Rejected, new
from p1monitor.p1.grammar import ANY_LINE, FOOTER, HEADER_IN_LINE, USUAL_FOOTER
from p1monitor.p1.looks import SAMPLE, look
from p1monitor.p1.noise import IDLE, Noise
from p1monitor.p1.salvage import candidates, headers, was_cut

__all__ = ["FRAME_MAX", "REASONS", "Frame", "Framer", "Rejected"]

#: The largest frame. Real ones reach 2.5 KiB; a 1 024 character text in hex, thirteen months and a large user's lists
#: together stay under 8 KiB. It is also all that is ever held.
FRAME_MAX = 16 * 1024
#: After an overflow a header inside the last half may still begin a frame: twice the largest real telegram.
KEPT_AT_OVERFLOW = FRAME_MAX // 2
#: A header cut in two by the overflow: so many last bytes may hold its beginning.
HEADER_TAIL = 64

#: An object that says that its variant has a CRC, however the code is written; of a code with two meanings the value decides.
_SAYS_CRC = re.compile(b"|".join(re.escape(code).replace(rb"\.", b"[.:]") + value for code, value in CRC_MARKS))
_PROVEN = frozenset(("valid", "absent"))
#: As numbers, for `in` takes five times as long with bytes of length one.
_BANG, _SLASH = b"!/"
#: What may stand before a `/` that begins a line: line ends, and the idle bytes of adapters and gateways.
_LINE_START = frozenset(IDLE)


class Framer:
    """One per source, for as long as the daemon runs: it remembers whether this source sends CRCs.

    `crc` is "auto" (CRC-16/ARC, absent where the rules allow it), "arc" or "x25" (always there), or "off" (never looked at).
    """

    def __init__(self, crc: str = "auto") -> None:
        self._checksum: Callable[[bytes], int] | None = None if crc == "off" else ALGORITHMS.get(crc, ALGORITHMS["arc"])
        self._may_be_absent = crc == "auto"
        self._buffer = bytearray()
        self._base = 0  # stream offset of the buffer's first byte
        self._before = 0x0A  # the byte before it; a stream begins as a line does
        self._inside = False  # the buffer begins with the `/` of a frame
        self._weak = False  # … which stood in the middle of a line
        self._scanned = 0  # no line within the frame begins with `/` or `!` before this place …
        self._no_bang = 0  # … and none with `!` before this place of the stream
        self._noise = Noise(_look)

    @property
    def held(self) -> int:
        """Bytes held at the moment: at most FRAME_MAX."""
        return len(self._buffer)

    @property
    def noise(self) -> Rejected | None:
        """The bytes outside frames since the last event, as far as there are any: a line that only ever sends noise ends no run."""
        return self._noise.rejected

    def feed(self, data: bytes) -> Iterator[Frame | Rejected]:
        """Take the next bytes; the events they complete come back, in order. All bytes are taken before this returns."""
        buffer = self._buffer
        searched = self._inside and self._scanned == len(buffer)
        if searched and _BANG not in data and _SLASH not in data and len(buffer) + len(data) < FRAME_MAX:
            buffer += data  # more of the same frame, as most of what a serial port brings: nothing begins or ends here
            self._scanned = len(buffer)
            return iter(())
        events: list[Frame | Rejected] = []
        rest: bytes | memoryview = data
        room = FRAME_MAX - len(self._buffer)
        while len(rest) > room:
            rest = memoryview(rest)
            self._buffer += rest[:room]
            rest = rest[room:]
            self._advance(events, final=False)
            room = FRAME_MAX - len(self._buffer)
        self._buffer += rest
        self._advance(events, final=False)
        return iter(events)

    def end(self) -> Iterator[Frame | Rejected]:
        """Say that the stream is over: what is left is told. The framer may be fed again afterwards."""
        events: list[Frame | Rejected] = []
        self._advance(events, final=True)
        while self._inside:  # a header at the end, never finished
            cut = len(self._buffer)
            self._refuse(events, "truncated", cut, [])
            self._advance(events, final=True)
        self._drop(len(self._buffer))
        self._noise.flush(events)
        self._before = 0x0A
        return iter(events)

    def reset(self) -> None:
        """Forget the unfinished frame: the line was cut here. What this source has proven before stays known."""
        self._base += len(self._buffer)
        self._buffer.clear()
        self._before, self._inside, self._scanned = 0x0A, False, 0
        self._noise.clear()

    # One step each; `events` is where they put what they find.

    def _advance(self, events: list[Frame | Rejected], *, final: bool) -> None:
        buffer = self._buffer
        while buffer and (self._inside or self._begin()) and self._edge(events, final=final):
            if not final and _BANG not in buffer:
                return  # no frame ends in what is left: it can wait for the next bytes

    def _begin(self) -> bool:
        """Find the next `/`; what stands before it is noise."""
        at = self._buffer.find(b"/")
        if at:
            self._waste(at if at > 0 else len(self._buffer))
            if at < 0:
                return False
        self._inside, self._weak, self._scanned = True, self._before not in _LINE_START, 1
        return True

    def _edge(self, events: list[Frame | Rejected], *, final: bool) -> bool:
        """Go to the next line that begins with `/` or `!`, and act on it. False: more bytes are needed."""
        buffer = self._buffer
        while (at := self._next()) > 0:
            if buffer[at] == _SLASH:
                self._refuse(events, "truncated", at, [])
                return True
            end = at + 7 if USUAL_FOOTER.match(buffer, at) else self._footer(at, final=final)
            if end is None:
                break
            if end:
                self._finish(events, at, end)
                return True
            self._scanned = at + 1
        if len(buffer) < FRAME_MAX:
            return False
        self._overflow(events)
        return True

    def _next(self) -> int:
        """Where the next line begins with `!` or `/`; 0 if none does. What was searched once is not searched again.

        One character is sought ten times as fast as two, so the line's end before it is looked at afterwards.
        """
        buffer = self._buffer
        scanned, known = self._scanned, self._no_bang - self._base
        bang = buffer.find(b"!", max(known, scanned))
        while bang > 0 and buffer[bang - 1] != 0x0A:
            bang = buffer.find(b"!", bang + 1)
        limit = bang if bang > 0 else len(buffer)
        self._no_bang = self._base + limit
        slash = buffer.find(b"/", scanned, limit)
        while slash > 0 and buffer[slash - 1] != 0x0A:
            slash = buffer.find(b"/", slash + 1, limit)
        if slash > 0:
            return slash
        self._scanned = limit
        return max(0, bang)

    def _footer(self, at: int, *, final: bool) -> int | None:
        """Where the frame ends whose `!` is at `at`; 0 if that `!` is no footer; None if the next bytes must tell."""
        buffer = self._buffer
        match = FOOTER.match(buffer, at)
        digits, end = (len(match[1]), match.end()) if match else (0, 0)
        del match
        if end == len(buffer):
            return end if final else None
        if buffer[end] == 0x0A:
            return end + 1
        if buffer[end] == 0x0D:
            if end + 1 == len(buffer):
                return end + 1 if final else None
            return end + 2 if buffer[end + 1] == 0x0A else end + 1
        return at + 1 + digits if digits == 4 else 0

    def _finish(self, events: list[Frame | Rejected], bang: int, end: int) -> None:
        data = bytes(self._buffer[:end])
        digits = data[bang + 1 : bang + 5].rstrip(b"\r\n\x00 ")
        verdict = self._judge(data, 0, bang, digits, self._weak)
        proven = verdict in _PROVEN
        if proven and data.rfind(b"/") == 0:  # as nearly all are
            self._accept(events, data, verdict)
            return
        for at in headers(data) if proven else candidates(data):
            again = self._judge(data, at, bang, digits, HEADER_IN_LINE.match(data, at) is None)
            if again in _PROVEN:
                self._refuse(events, "truncated", at, [])
                self._accept(events, data[at:], again)
                return
        if proven:
            self._accept(events, data, verdict)
        else:
            self._refuse(events, verdict, end, [data], self._fitting(data[: bang + 1], digits) if verdict == "crc" else "")

    def _fitting(self, data: bytes, digits: bytes) -> str:
        """Another checksum that is right. By chance that happens once in 65 536 times, so it is only told."""
        others = (name for name, checksum in ALGORITHMS.items() if checksum is not self._checksum)
        return next((name for name in others if ALGORITHMS[name](data) == int(digits, 16)), "")

    def _judge(self, data: bytes, start: int, bang: int, digits: bytes, proof: bool) -> str:
        """The verdict on data[start:]: "valid", "absent", or why it is refused. `proof`: only a valid CRC will do."""
        if digits and self._checksum is not None:
            return "valid" if self._checksum(data[start : bang + 1]) == int(digits, 16) else "crc"
        if ANY_LINE.search(data, start, bang) is None:
            return "empty"
        if self._checksum is None:
            return "absent"
        if proof or not self._may_be_absent or _SAYS_CRC.search(data, start):
            return "no-crc"
        return "truncated" if was_cut(data[start:bang]) else "absent"

    def _accept(self, events: list[Frame | Rejected], data: bytes, crc: str) -> None:
        if crc == "valid":
            self._may_be_absent = False
        if self._noise.length:
            self._noise.flush(events)
        events.append(new(Frame, (data, crc, self._base)))
        self._drop(len(data))

    def _refuse(self, events: list[Frame | Rejected], reason: str, length: int, damaged: list[bytes], fits: str = "") -> None:
        """Drop the frame's first bytes. A telegram that was damaged is an event of its own, anything else is noise."""
        head = damaged[0] if damaged else bytes(memoryview(self._buffer)[:length])
        if self._weak or ANY_LINE.search(head) is None:
            self._waste(length)
        else:
            self._noise.flush(events)
            events.append(Rejected(reason, self._base, length, head[:SAMPLE], fits))
            self._drop(length)
        self._inside = False

    def _overflow(self, events: list[Frame | Rejected]) -> None:
        data = bytes(self._buffer)
        match = HEADER_IN_LINE.search(data, len(data) - KEPT_AT_OVERFLOW)
        at = match.start() if match else data.rfind(b"/", len(data) - HEADER_TAIL)
        length = at if at > 0 else len(data)
        self._refuse(events, "overflow", length, [])

    def _waste(self, length: int) -> None:
        """Count the buffer's first bytes as noise, adjacent to what was noise before or the beginning of a new run."""
        if not length:
            return
        self._noise.add(self._buffer, length, self._base)
        self._drop(length)

    def _drop(self, length: int) -> None:
        if length:
            self._before = self._buffer[length - 1]
            del self._buffer[:length]
            self._base += length
        self._inside, self._scanned = False, 0


def _look(sample: bytes) -> str:
    return look(sample) or "noise"
