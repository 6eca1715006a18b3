"""The settings of a serial line, and the search for them by the look of the bytes. Never touches a port or a clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

from p1monitor.p1.looks import SAMPLE, look

DWELL_S = 12.0  #: on one setting while nothing comes: longer than the longest period of a P1 meter, which is 10 s
TEXT_DWELL_S = 30.0  #: … while what comes looks right: three telegrams of a slow meter may be spoilt before it is left
NOISE_LEAST = 64  #: bytes before a setting is left for noise: fewer are the glitch of a cable that is plugged in
TEXT_SHARE = 0.8  #: of telegram characters; a telegram has 99 %, random 7-bit bytes 55 %, random 8-bit bytes 28 %

_GRAMMAR = re.compile(r"(\d{3,7}) ([78])([NEO])([12])")
_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz().:*-/\\!_ \r\n"


@dataclass(frozen=True, slots=True)
class Line:
    """Baud rate, data bits, parity and stop bits: "115200 8N1"."""

    baud: int
    bits: int
    parity: str
    stop: int = 1

    def __str__(self) -> str:
        return f"{self.baud} {self.bits}{self.parity}{self.stop}"


#: DSMR 4 and later, e-MUCS and the rest; then DSMR 2.2 and 3.0. Two are enough: a third is found by its parity.
CANDIDATES = (Line(115200, 8, "N"), Line(9600, 7, "E"))


def parse_line(text: str) -> Line | None:
    """The settings that the text names, None if it names none."""
    match = _GRAMMAR.fullmatch(text)
    return Line(int(match[1]), int(match[2]), match[3], int(match[4])) if match else None


def verdict(sample: bytes) -> str:
    """What the bytes look like: "text", "parity", "dlms", "encrypted", "noise", or "" while they are too few."""
    known = look(sample)
    if known is not None:
        return known
    if len(sample) < NOISE_LEAST:
        return ""
    strange = len(sample.translate(None, _ALPHABET))
    return "text" if strange <= (1 - TEXT_SHARE) * len(sample) else "noise"


class Search:
    """Which settings to use now. What a valid telegram proved, in this life or an earlier one, is left for noise only.

    Silence is no evidence against settings that have worked: after a power cut the meter may start later than we do.
    """

    def __init__(self, remembered: Line | None = None) -> None:
        self.line = remembered or CANDIDATES[0]
        self.proven = False  #: since the port was opened
        self._trusted = remembered is not None
        self._since: float | None = None
        self._seen = b""
        self._sealed = False

    def opened(self, now: float) -> None:
        """The port was opened with `line`."""
        self.proven = False
        self._start(now)

    def prove(self) -> bool:
        """A valid telegram came: stay here. True if that is news."""
        news = not self._trusted
        self.proven = self._trusted = True
        return news

    def see(self, chunk: bytes, now: float) -> bool:
        """Look at what came, b"" too; True if `line` is another one from now on."""
        if self.proven:
            return False
        self._seen = (self._seen + chunk)[-SAMPLE:]
        found = verdict(self._seen)
        self._sealed = self._sealed or found == "encrypted"
        if self._sealed and found in ("", "noise"):
            found = "encrypted"  # what follows the head of an encrypted frame looks like noise
        if found == "parity" and self.line.bits == 8:
            self._turn(Line(self.line.baud, 7, "E"), now)
            return True
        if found == "noise" or self._overstayed(found, now):
            self._turn(self._next(), now)
            return True
        return False

    def _overstayed(self, found: str, now: float) -> bool:
        if self._trusted or self._since is None:
            return False
        # "parity" here: 7 bits were chosen, and a port that cannot do 7 passed all 8. Right, all the same.
        return now - self._since >= (TEXT_DWELL_S if found in ("text", "parity", "encrypted") else DWELL_S)

    def _next(self) -> Line:
        at = CANDIDATES.index(self.line) if self.line in CANDIDATES else -1
        return CANDIDATES[(at + 1) % len(CANDIDATES)]

    def _turn(self, line: Line, now: float) -> None:
        self.line, self._trusted = line, False
        self._start(now)

    def _start(self, now: float) -> None:
        self._since, self._seen, self._sealed = now, b"", False
