"""Days, weeks, months and years as the people in the house mean them, cut into bars. Pure but for the host's time zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from p1monitor import days

#: A calendar that starts before the first smart meters or ends after their clocks is a slip of the pen.
FIRST_YEAR, LAST_YEAR = 2001, 2069
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Period:
    """One period: its first date, those of its neighbours, and where its bars begin; the last edge is its end."""

    first: date
    before: date
    after: date
    edges: tuple[float, ...]
    local: tuple[str, ...]  #: the edges by the clock on the wall, with its offset


def _day(on: date) -> date:
    return on


def _week(on: date) -> date:
    return on - timedelta(days=on.weekday())


def _month(on: date) -> date:
    return on.replace(day=1)


def _year(on: date) -> date:
    return on.replace(month=1, day=1)


#: Name -> the first date of the period that a date lies in; days that are in the next one for sure; how its bars begin.
KINDS: Mapping[str, tuple[Callable[[date], date], int, Callable[[date], date] | None]] = {
    "day": (_day, 1, None),
    "week": (_week, 7, None),
    "month": (_month, 31, _day),
    "year": (_year, 366, _month),
}


def period(name: str, text: str, now: datetime) -> Period:
    """The period of a name that a date lies in (2026, 2026-11 or 2026-11-20; today if empty). ValueError if there is none."""
    begin, length, bar = KINDS[name]
    on = date.fromisoformat((text + "-01-01")[:10] if len(text) in (4, 7) else text) if text else now.date()
    if not FIRST_YEAR <= on.year <= LAST_YEAR:
        raise ValueError(text)
    first = begin(on)
    after = begin(first + timedelta(days=length))
    to_posix = days.rule(now)
    if bar is None:
        start, end = (to_posix(_midnight(one)) for one in (first, after))
        # Clocks change on whole hours: every hour that passes begins a bar, be it one that comes twice.
        edges = [start + n * HOUR_S for n in range(round((end - start) / HOUR_S) + 1)]
    else:
        edges = [to_posix(_midnight(one)) for one in (*_bars(first, after, bar), after)]
    told = tuple(local(edge, now).isoformat() for edge in edges)
    return Period(first, begin(first - timedelta(days=1)), after, tuple(edges), told)


def local(moment: float, now: datetime) -> datetime:
    """A moment by the clock on the wall."""
    offset = now.utcoffset() or timedelta()
    at = datetime.fromtimestamp(moment, UTC)
    if now.astimezone(None).utcoffset() == offset:
        return at.astimezone(None)
    there = days.offset(at, now)
    return at.astimezone(there)


def _bars(first: date, after: date, bar: Callable[[date], date]) -> Iterator[date]:
    every = [first + timedelta(days=n) for n in range((after - first).days)]
    yield first
    yield from (one for before, one in pairwise(every) if bar(one) != bar(before))


def _midnight(on: date) -> datetime:
    return datetime(on.year, on.month, on.day)  # noqa: DTZ001 - local time, which a rule makes POSIX
