"""Local days, where other programs tell dates and no offset: Central European Time. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from p1monitor.p1.times import central

_WINTER = timezone(timedelta(hours=1))


def midnight(day: date) -> int:
    """When a day begins, UTC seconds."""
    return local(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - local() knows its zone


def local(moment: datetime) -> int:
    """A moment as UTC seconds; one without offset is local. The hour that comes twice is its first."""
    if moment.tzinfo is None:
        winter = moment.replace(tzinfo=_WINTER)
        shift = central(winter - timedelta(hours=1)).utcoffset()
        moment = moment.replace(tzinfo=timezone(shift or timedelta(hours=1)))
    return int(moment.timestamp())


def day_of(at: int) -> date:
    """The local day in which a moment lies."""
    return central(datetime.fromtimestamp(at, UTC)).date()
