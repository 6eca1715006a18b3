"""Profiles and their intervals: where a moment belongs, by the meter's own local time. Pure; sees no register."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import IntFlag
from functools import lru_cache
from typing import NamedTuple

from p1monitor.p1.times import central

HOUR_S, DAY_S = 3600, 86_400
#: How a billing level is told: its intervals are as long as months are.
MONTH_S = 31 * DAY_S
#: More steps of one gap than these are one long row: a month of quarters, three days of minutes.
FILL_MOST = 3000
_EPOCH = date(1970, 1, 1).toordinal()


class Bit(IntFlag):
    """The status word of a row (ME381 manual §6.3)."""

    PDN = 0x80  #: the meter lost power
    CAD = 0x20  #: its clock was set
    DST = 0x08  #: summer time
    DNV = 0x04  #: samples are missing
    CIV = 0x02  #: its clock is invalid
    ERR = 0x01  #: critical error


class Level(NamedTuple):
    """A profile: how long its intervals are, and what makes one incomplete."""

    table: str
    seconds: int  #: local days where it is DAY_S, billing periods where it is MONTH_S
    fill: bool  #: intervals without any sample get rows too
    patience: int  #: seconds without a sample that do not matter yet
    day: int = 1  #: of the month, on which a billing period begins


class Span(NamedTuple):
    """Where a row stands in its table."""

    segment: int
    key: int | str  #: the end, or the first local date
    start: int
    end: int


class Here(NamedTuple):
    """Whose, when and in which local time."""

    segment: int
    at: int  #: UTC seconds
    offset: int  #: of local time, east of Greenwich


MINUTE = Level("minute", 60, fill=False, patience=10)
DAILY = Level("daily_profile", DAY_S, fill=True, patience=900)
HOURLY = Level("mbus_profile", HOUR_S, fill=True, patience=0)


def load_profile(minutes: int) -> Level:
    """The load profile with intervals of so many minutes."""
    return Level("load_profile", minutes * 60, fill=True, patience=10)


def billing(day: int) -> Level:
    """The billing profile, whose periods begin on this day of the month."""
    return Level("billing_profile", MONTH_S, fill=True, patience=900, day=day)


def span_of(level: Level, here: Here, other: Here | None) -> Span:
    """The interval `start < at <= end`; `other` is the sample on its far side, which knows the offset that is in force there."""
    if level.seconds < DAY_S:
        end = -(-here.at // level.seconds) * level.seconds
        return Span(here.segment, end, end - level.seconds, end)
    first, after = _days(level, -(-(here.at + here.offset) // DAY_S) - 1)
    return Span(here.segment, _key(first), _midnight(first, here, other), _midnight(after, here, other))


def between(level: Level, before: Span, here: Span, now: Here, last: Here) -> Iterator[Span]:
    """The intervals after `before`, up to the one that is `here`. Of very many the oldest are one long one."""
    start = before.end
    if level.seconds >= DAY_S:
        last_day = _day(here.key)
        _, first = _days(level, _day(before.key))
        first = max(first, last_day - FILL_MOST)
        while first < last_day:
            _, after = _days(level, first)
            end = here.start if after >= last_day else _midnight(after, now, last)
            yield Span(here.segment, _key(first), start, end)
            start, first = end, after
        return
    newest = max(start, here.start - FILL_MOST * level.seconds)
    if start < newest:
        yield Span(here.segment, newest, start, newest)
    for end in range(newest + level.seconds, here.start + 1, level.seconds):
        yield Span(here.segment, end, end - level.seconds, end)


def offset_at(moment: int, here: Here, other: Here | None) -> int:
    """The offset of local time at a moment: by the common European rule, of the two that two samples around it know.

    Who knows but one follows the rule too, unless the meter shows winter time in summer.
    """
    now, then = is_summer(here.at // HOUR_S), is_summer(moment // HOUR_S)
    if other is not None and other.offset != here.offset:
        return max(here.offset, other.offset) if then else min(here.offset, other.offset)
    if now == then or (now and here.offset <= HOUR_S):
        return here.offset
    return here.offset + HOUR_S if then else here.offset - HOUR_S


@lru_cache(maxsize=64)
def is_summer(hour: int) -> bool:
    """Whether the clocks of Europe show summer time in this hour of UTC."""
    local = central(datetime.fromtimestamp(hour * HOUR_S, UTC)).utcoffset()
    return local is not None and local.total_seconds() > HOUR_S


@lru_cache(maxsize=64)
def _days(level: Level, day: int) -> tuple[int, int]:
    """The first day of the period that a day lies in, and of the next one; days since 1970."""
    if level.seconds != MONTH_S:
        return day, day + 1
    on = date.fromordinal(_EPOCH + day)
    months = on.year * 12 + on.month - (1 if on.day >= level.day else 2)
    first, after = (date(month // 12, month % 12 + 1, level.day).toordinal() - _EPOCH for month in (months, months + 1))
    return first, after


def _midnight(day: int, here: Here, other: Here | None) -> int:
    moment = day * DAY_S - here.offset
    return day * DAY_S - offset_at(moment, here, other)


def _key(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()


def _day(key: int | str) -> int:
    return date.fromisoformat(str(key)).toordinal() - _EPOCH
