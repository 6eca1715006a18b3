"""The quarter-hours on which a Belgian household pays: the highest of each month, out of a meter's own energy. Closed forms."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from p1monitor.p1.grid import INSTALLED
from p1monitor.p1.household import QUARTER_S, Household
from p1monitor.p1.state import EVER, Span, State, merged, used
from p1monitor.p1.times import central

#: Months that a meter remembers (e-MUCS-P1 1.7.1).
MONTHS = 13
#: A prefill's months of a handful of homes.
_MONTHS_KEPT = 64

#: End of the quarter-hour and its watts.
Peak = tuple[int, int]


def running(state: State) -> Peak | None:
    """The highest quarter-hour of this month that is over; None in the month's first."""
    local = state.local
    missed = _missed_in(merged(state.unmeasured, state.second), _first(local)) if state.unmeasured else ()
    so_far = _records(state.home, local.year, local.month, missed)
    at = bisect_right(so_far, (state.second, 2**40))
    return so_far[at - 1] if at else None


def history(state: State) -> tuple[tuple[int, Peak], ...]:
    """The last months, oldest first: (end of the month, its highest quarter-hour). None before the meter was hung up."""
    local = state.local
    missed = merged(state.unmeasured, int(_first(local).timestamp())) if state.unmeasured else ()
    return _history(state.home, local.year, local.month, missed)


@lru_cache(maxsize=_MONTHS_KEPT)
def _history(home: Household, year: int, month: int, missed: tuple[Span, ...]) -> tuple[tuple[int, Peak], ...]:
    born = missed[0][1] if missed and missed[0][0] == EVER else INSTALLED
    rows: list[tuple[int, Peak]] = []
    end = _first(datetime(year, month, 1, 12, tzinfo=UTC))
    while len(rows) < MONTHS and (stop := int(end.timestamp())) > born:
        end = _first(end - timedelta(days=1))
        records = _records(home, end.year, end.month, _missed_in(missed, end))
        if records:
            rows.append((stop, records[-1]))
    return tuple(rows[::-1])


def _missed_in(missed: tuple[Span, ...], begin: datetime) -> tuple[Span, ...]:
    """What the meter missed of a month: the key under which its peaks are remembered, so no more than that month's."""
    if not missed:
        return ()
    first, last = int(begin.timestamp()), int(_first(begin + timedelta(days=32)).timestamp())
    return tuple((max(a, first), min(b, last)) for a, b in missed if a < last and b > first)


@lru_cache(maxsize=_MONTHS_KEPT)
def _records(home: Household, year: int, month: int, missed: tuple[Span, ...]) -> tuple[Peak, ...]:
    """The quarter-hours of a month that were the highest so far, each with its end."""
    found: list[Peak] = []
    noon = datetime(year, month, 1, 12, tzinfo=UTC)
    while noon.month == month:
        midnight, joules = home.quarters(noon)
        for quarter, (before, after) in enumerate(pairwise(joules)):
            begin, energy = midnight + quarter * QUARTER_S, after - before
            end = begin + QUARTER_S
            if missed:
                energy -= sum(used(home, max(a, begin), min(b, end)) for a, b in missed if a < end and b > begin)
            watts = energy // QUARTER_S
            if watts > (found[-1][1] if found else 0):
                found.append((end, watts))
        noon += timedelta(days=1)
    return tuple(found)


def _first(moment: datetime) -> datetime:
    """The beginning of a moment's month, in Central European Time."""
    local = central(moment)
    return datetime(local.year, local.month, 1, tzinfo=central(datetime(local.year, local.month, 1, 12, tzinfo=UTC)).tzinfo)
