"""The net in a simulated street: its voltage, its dips and peaks, the failures it has had. Never asks a clock, never remembers."""

from __future__ import annotations

from datetime import UTC, datetime
from math import pi, sin

#: When the simulated meters were hung up; their counters of sags and swells begin here.
INSTALLED = int(datetime(2023, 9, 4, 8, tzinfo=UTC).timestamp())
#: What a phase has while it sags or swells, tenths of a volt: beyond 90 and 110 % of 230 V (ME381 manual §6.12).
SAG, SWELL = 1978, 2548
#: Ends of the long power failures and their seconds, newest first; and the short ones, which leave no entry.
FAILURES = (
    (int(datetime(2023, 12, 8, 17, 42, 11, tzinfo=UTC).timestamp()), 1287),
    (int(datetime(2023, 9, 21, 4, 5, 36, tzinfo=UTC).timestamp()), 312),
)
SHORT_FAILURES = 5
#: Days between two sags and two swells of each phase (0 = never), and how many seconds one lasts.
_SAGS, _SWELLS = (61, 83, 97), (149, 0, 211)
_DAY_S, _DIP_S = 86400, 75


def volts(second: int, phase: int, watts: int) -> int:
    """Tenths of a volt: the street's slow ups and downs, the seconds', what the house draws or feeds, the rare dip or peak."""
    if _within(second, _SAGS[phase - 1]):
        return SAG + second % 7
    if _within(second, _SWELLS[phase - 1]):
        return SWELL + second % 5
    slow = 28 * sin(2 * pi * second / 5400 + 2 * phase) + 22 * sin(2 * pi * second / 86400 + 1)
    return 2316 + int(slow) + (second * 5 + phase * 3) % 7 - 3 - watts // 160


def amperes(watts: int, tenths: int, step: int = 100) -> int:
    """Hundredths of an ampere: what such a power draws at such a voltage, rounded to `step`; unsigned (S50 §6.12)."""
    return (abs(watts) * 1000 + tenths * step // 2) // (tenths * step) * step if tenths else 0


def sags(second: int) -> tuple[int, int, int]:
    """How many there have been, by phase; one counts when it is over."""
    return _times(second, _SAGS[0]), _times(second, _SAGS[1]), _times(second, _SAGS[2])


def swells(second: int) -> tuple[int, int, int]:
    """How many there have been, by phase."""
    return _times(second, _SWELLS[0]), _times(second, _SWELLS[1]), _times(second, _SWELLS[2])


def _within(second: int, days: int) -> bool:
    return days > 0 and second >= INSTALLED and (second - INSTALLED) % (days * _DAY_S) >= days * _DAY_S - _DIP_S


def _times(second: int, days: int) -> int:
    return max(second - INSTALLED, 0) // (days * _DAY_S) if days else 0
