"""Today and yesterday as the people in the house mean them. Pure but for the host's time zone; never asks a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

from p1monitor.p1.times import central

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Day:
    """One local day as POSIX seconds; where its clocks change, when and by how many seconds."""

    start: float
    end: float
    shift_at: float | None = None
    shift_by: float = 0.0


def moment(at: datetime | None, age_s: float | None, wall: float) -> datetime:
    """Now, by the meter's clock where it has one (with its offset), else by the host's in the host's zone."""
    if at is None or age_s is None:
        return datetime.fromtimestamp(wall).astimezone()
    return at + timedelta(seconds=age_s)


def today_and_yesterday(now: datetime) -> tuple[Day, Day, float]:
    """Today, yesterday, and this time of day yesterday."""
    to_posix = rule(now)
    naive = now.replace(tzinfo=None)
    midnight = naive.replace(hour=0, minute=0, second=0, microsecond=0)
    today = _day(midnight, to_posix)
    yesterday = _day(midnight - DAY, to_posix)
    return today, yesterday, min(to_posix(naive - DAY), yesterday.end)


class Edge(NamedTuple):
    """A midnight: the date that begins, and POSIX seconds."""

    date: date
    at: float


def weeks(month: str, now: datetime) -> list[Edge]:
    """The edges of a month's weeks, counted from its first day; the last one may be shorter. ValueError: that is no month."""
    begin = datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 -- local time of the meter, see rule
    end = (begin + timedelta(days=31)).replace(day=1)
    naive = [begin + timedelta(weeks=week) for week in range(5)]
    to_posix = rule(now)
    return [Edge(one.date(), to_posix(one)) for one in (*(one for one in naive if one < end), end)]


def starts(now: datetime) -> dict[str, float]:
    """When the day, the month and the year of this moment began."""
    to_posix = rule(now)
    day = now.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    return {"day": to_posix(day), "month": to_posix(day.replace(day=1)), "year": to_posix(day.replace(month=1, day=1))}


def rule(now: datetime) -> Callable[[datetime], float]:
    """From local time to POSIX seconds: by the host's zone if it agrees with the meter now, else by the meter's offset.

    The meter says only its offset of this moment, and a host in a container mostly thinks in UTC; but all the countries
    whose meters we read change their clocks at the same moments.
    """
    offset = now.utcoffset() or timedelta(0)
    if now.astimezone(None).utcoffset() == offset:
        return lambda naive: naive.timestamp()
    winter = offset - _summer(now)
    return lambda naive: _european(naive, winter)


def _european(naive: datetime, winter: timedelta) -> float:
    """Of a time that comes twice the first; one that never comes counts on from winter time, as in the C library."""
    in_summer = naive.replace(tzinfo=timezone(winter + HOUR))
    return (in_summer if _summer(in_summer) else naive.replace(tzinfo=timezone(winter))).timestamp()


def offset(at: datetime, now: datetime) -> timezone:
    """The offset at a moment where the meter's offset of now is all that is known."""
    return timezone((now.utcoffset() or timedelta(0)) - _summer(now) + _summer(at))


def _summer(moment: datetime) -> timedelta:
    return (central(moment).utcoffset() or HOUR) - HOUR


def _day(midnight: datetime, to_posix: Callable[[datetime], float]) -> Day:
    start, end = to_posix(midnight), to_posix(midnight + DAY)
    by = DAY.total_seconds() - (end - start)
    if not by:
        return Day(start, end)
    # Clocks change on a whole hour: the first one whose local time is no longer start plus what has passed.
    for hour in range(1, 25):
        if to_posix(midnight + timedelta(hours=hour)) - start != hour * 3600.0:
            return Day(start, end, start + (hour - (1 if by > 0 else 0)) * 3600.0, by)
    return Day(start, end)
