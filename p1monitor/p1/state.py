"""What a simulated meter knows at one moment, whatever its make. Never writes a telegram, never remembers.

The household and the street go on by themselves (closed forms); a meter does not measure all of it: not while it has no
power, and not before it was hung up. Such spans are taken off its registers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1 import grid
from p1monitor.p1.catalogue import PHASES
from p1monitor.p1.household import Household, Load
from p1monitor.p1.times import central, meter_text

#: From when on and until when, POSIX seconds.
Span = tuple[int, int]
#: The beginning of a span that has always lasted.
EVER = -(2**40)
#: An hour's, a day's captures and the moments of scenes come up again and again.
_LOADS_KEPT = 64
_DAWN = datetime(2000, 1, 1, tzinfo=timezone(timedelta(hours=1)))


class State(NamedTuple):
    """A moment: the house, the net, and what this meter has made of them."""

    seed: int
    home: Household
    local: datetime
    second: int  #: the same, POSIX
    load: Load
    volts: tuple[int, int, int]  #: tenths, by phase
    sags: tuple[int, int, int]
    swells: tuple[int, int, int]
    failures: tuple[tuple[int, int], ...]  #: ends of the long ones and their seconds, newest first
    short_failures: int
    message_code: str | None = None  #: None: as this model would have it
    message_text: str | None = None
    clock: str = "right"  #: a row of _CLOCKS
    clock_since: int = 0
    unmeasured: tuple[Span, ...] = ()  #: what the electricity meter missed
    meters: int = 0  #: how many hung there before it
    gas_meters: int = 0
    gas_since: int = EVER
    gas_lost: bool = False  #: its radio is out of reach, and its register reads zero
    silent: bool = False  #: without power: no telegram

    @property
    def imported(self) -> tuple[int, int]:
        """Joules by tariff on this meter's registers."""
        one, other = self.load.imported
        for begin, end in self._missed():
            before, after = _sums(self.home, begin).imported, _sums(self.home, end).imported
            one, other = one - after[0] + before[0], other - after[1] + before[1]
        return one, other

    @property
    def exported(self) -> tuple[int, int]:
        """Joules by tariff on this meter's registers."""
        one, other = self.load.exported
        for begin, end in self._missed():
            before, after = _sums(self.home, begin).exported, _sums(self.home, end).exported
            one, other = one - after[0] + before[0], other - after[1] + before[1]
        return one, other

    def average(self, period: int) -> int:
        """Watts: the imported energy of the period that runs, divided by a whole period (DLMS class 5)."""
        begin = self.second - self.second % period
        missed = sum(used(self.home, max(a, begin), max(b, begin)) for a, b in self._missed())
        return (sum(self.load.imported) - sum(_sums(self.home, begin).imported) - missed) // period

    def gas_at(self, captured: datetime) -> int:
        """Litres on the gas meter's register when it was read."""
        if self.gas_lost:
            return 0
        begun = _sums(self.home, self.gas_since).gas
        return max(_sums(self.home, int(captured.timestamp())).gas - begun, 0)

    def stamp(self, moment: datetime) -> str:
        """Write a moment as this meter's clock had it."""
        return meter_text(_CLOCKS[self.clock](moment, self.clock_since))

    @property
    def number(self) -> int:
        """What tells this electricity meter from the one before it, and from the neighbours'."""
        return (self.seed + self.meters * 500_000_000_000) % 10**12

    @property
    def gas_number(self) -> int:
        """The same of the gas meter."""
        return (self.seed + self.gas_meters * 500_000_000_000) % 10**12

    def _missed(self) -> tuple[Span, ...]:
        """What it missed until now, in order, overlaps once."""
        return merged(self.unmeasured, self.second) if self.unmeasured else ()


def begin(home: Household, moment: datetime) -> State:
    """Return a meter that has hung there for long, in a net without surprises."""
    load = home.at(moment)
    second = int(load.local.timestamp())
    one, two, three = (grid.volts(second, phase, watts) for phase, watts in zip(PHASES, load.watts, strict=True))
    failures = tuple(failure for failure in grid.FAILURES if failure[0] <= second)
    short = grid.SHORT_FAILURES if failures else 0
    return State(
        home.seed, home, load.local, second, load, (one, two, three), grid.sags(second), grid.swells(second), failures, short
    )


def merged(spans: tuple[Span, ...], until: int) -> tuple[Span, ...]:
    """The spans in order and without overlaps, as far as they have passed."""
    found: list[Span] = []
    for start, end in sorted(spans):
        start, end = (max(start, found[-1][1]) if found else start), min(end, until)  # noqa: PLW2901 - the span, cut
        if start < end:
            found.append((start, end))
    return tuple(found)


def used(home: Household, start: int, end: int) -> int:
    """Joules that the house imported in a span."""
    return sum(_sums(home, end).imported) - sum(_sums(home, start).imported)


@lru_cache(maxsize=_LOADS_KEPT)
def _sums(home: Household, second: int) -> Load:
    """The house at a moment; nothing on any register at the beginning of time."""
    if second == EVER:
        return Load(_DAWN, 0, (0, 0, 0), (0, 0), (0, 0), 0, 0)
    return home.at(datetime.fromtimestamp(second, UTC))


def _unset(moment: datetime, since: int) -> datetime:
    """A clock that lost its time begins in the year 2000."""
    return _DAWN + timedelta(seconds=max(int(moment.timestamp()) - since, 0))


def _frozen(moment: datetime, since: int) -> datetime:
    return min(moment, central(datetime.fromtimestamp(since, UTC)))


def _fast(moment: datetime, _: int) -> datetime:
    return central(moment + timedelta(hours=1))


_CLOCKS: Mapping[str, Callable[[datetime, int], datetime]] = MappingProxyType(
    {"right": lambda moment, _: moment, "unset": _unset, "frozen": _frozen, "hour": _fast}
)
