"""A simulated meter's side of mode C (IEC 62056-21): bytes in, actions out. Never touches a port.

It answers a sign-on to its own address or to none, sends its readout at the speed that was acknowledged, and declines
everything else: a programming mode would be a mistake of the reader's, and is remembered as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from p1monitor.p1.modec import BREAK, ETX, REACTION_S, SPEEDS, STX, Action, Baud, Pause, Send, bcc, with_parity, without_parity
from p1monitor.p1.telegram import Telegram, render

#: What is kept of what came: the longest thing it understands is a sign-on with an address.
HELD_MOST = 64
START = 300
_SIGN_ON = re.compile(rb"/\?([0-9A-Za-z ]{0,32})!\r\n")
_ACKNOWLEDGED = re.compile(rb"\x06([0-9])([0-9A-Z])([0-9])\r\n")
_NAK = b"\x15"


class MeterSide:
    """One optical port. `read` gives the telegram whose data lines it sends; its identification has the speed in it."""

    def __init__(self, read: Callable[[], Telegram | None], *, address: str = "", parity: bool = False) -> None:
        self._read, self._address, self._parity = read, address, parity
        self._buffer = b""
        self._telegram: Telegram | None = None  # of the sign-on that waits for its acknowledgement
        self.readouts = 0  #: sent so far
        self.declined: list[bytes] = []  #: acknowledgements that asked for something else than a readout

    def feed(self, data: bytes) -> list[Action]:
        """Take what came."""
        self._buffer = (self._buffer + (without_parity(data) if self._parity else data))[-HELD_MOST:]
        actions: list[Action] = []
        for pattern, act in ((_SIGN_ON, self._identify), (_ACKNOWLEDGED, self._answer)):
            if match := pattern.search(self._buffer):
                self._buffer = self._buffer[match.end() :]
                actions += act(match)
        if BREAK in self._buffer:
            self._buffer, self._telegram = b"", None
        return actions

    def _identify(self, match: re.Match[bytes]) -> list[Action]:
        asked = match[1].decode("ascii")
        if asked and asked.lstrip("0") != self._address.lstrip("0"):
            return []
        self._telegram = self._read()
        if self._telegram is None:  # it has no power
            return []
        return [Pause(REACTION_S), self._send(b"/%b\r\n" % self._telegram.identification.encode("latin-1"))]

    def _answer(self, match: re.Match[bytes]) -> list[Action]:
        telegram, self._telegram = self._telegram, None
        if telegram is None:
            return []
        speed = SPEEDS.get(match[2].decode("ascii"))
        offered = SPEEDS.get(telegram.identification[3:4])
        if match[1] + match[3] != b"00" or speed not in (START, offered):
            self.declined.append(match[0])
            return [self._send(_NAK)]
        assert speed is not None
        _, _, lines = render(telegram._replace(crc="absent")).partition(b"\r\n\r\n")
        block = lines + ETX
        self.readouts += 1
        return [Pause(REACTION_S), Baud(speed), self._send(STX + block + bytes([bcc(block)])), Baud(START)]

    def _send(self, data: bytes) -> Send:
        return Send(with_parity(data) if self._parity else data)
