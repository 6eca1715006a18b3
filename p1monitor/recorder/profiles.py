"""Samples folded into rows of profiles, as the meters' own recorders do it. Pure: never stores, never asks a clock.

A row covers `start < at <= end`, and the end is its stamp: the reading of 12:15:00 closes the quarter from 12:00. What
is handed out are *increments*: the store adds them to the row that it may already have. So a running interval can be
saved at any moment, and a restart or an hour of meter time that comes twice needs no other road.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntFlag
from typing import NamedTuple

DAY_S = 86_400
#: More steps of one gap than these are one long row: a month of quarters, three days of minutes.
FILL_MOST = 3000
#: A clock that goes so much wrong was set, and did not drift (KWHIQ manual §6).
STEP_S = 7
#: How fast a period that was learnt too short grows again, per sample.
_GROWTH = 1.125
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
    seconds: int  #: local days where it is DAY_S
    fill: bool  #: intervals without any sample get rows too
    patience: int  #: seconds without a sample that do not matter yet


class Pace(NamedTuple):
    """When a pause between samples is a gap: after so many periods, but not before so many seconds."""

    periods: float
    least: float
    period_most: float  #: a longer period is not learnt


MINUTE = Level("minute", 60, fill=False, patience=10)
DAILY = Level("daily_profile", DAY_S, fill=True, patience=900)
HOURLY = Level("mbus_profile", 3600, fill=True, patience=0)
TELEGRAMS = Pace(3, 10, 300)
CAPTURES = Pace(1.5, 3600, DAY_S)


def load_profile(minutes: int) -> Level:
    """The load profile with intervals of so many minutes."""
    return Level("load_profile", minutes * 60, fill=True, patience=10)


class Sample(NamedTuple):
    """What one reading means for the profiles of one device."""

    segment: int
    at: int  #: UTC seconds
    offset: int = 0  #: of local time, east of Greenwich
    monotonic: float | None = None  #: of the host, in one run of the program
    registers: tuple[int | None, ...] = ()
    power: int | None = None
    volts: tuple[float | None, ...] = ()
    status: int = 0  #: what the reading itself proves


class Span(NamedTuple):
    """Where a row stands in its table."""

    segment: int
    key: int | str  #: the end, or the local date
    start: int
    end: int


@dataclass(slots=True)
class Increment:
    """What is to be added to one row."""

    level: Level
    span: Span
    status: int = 0
    samples: int = 0
    registers: tuple[int | None, ...] = ()
    registers_at: int | None = None
    power_sum: int = 0
    powers: int = 0
    power_min: int | None = None
    power_max: int | None = None
    volts: tuple[tuple[float, int], ...] = ()  #: (sum, number) per phase
    filler: bool = False  #: only where there is no row yet

    def add(self, sample: Sample, status: int) -> None:
        """Take a sample in. Registers never come from an earlier moment than those that are there."""
        self.status |= status
        self.samples += 1
        if self.registers_at is None or sample.at >= self.registers_at:
            self.registers, self.registers_at = _known(self.registers, sample.registers), sample.at
        power = sample.power
        if power is not None:
            self.power_sum += power
            self.powers += 1
            if self.power_min is None or power < self.power_min:
                self.power_min = power
            if self.power_max is None or power > self.power_max:
                self.power_max = power
        if sample.volts:
            old = self.volts or ((0.0, 0),) * len(sample.volts)
            self.volts = tuple(
                [(s, n) if volt is None else (s + volt, n + 1) for (s, n), volt in zip(old, sample.volts, strict=True)]
            )

    @property
    def power_mean(self) -> float | None:
        """Over the samples there are (KWHIQ manual §9.3)."""
        return self.power_sum / self.powers if self.powers else None

    @property
    def volt_means(self) -> tuple[float | None, ...]:
        """Per phase."""
        return tuple(total / number if number else None for total, number in self.volts)


class Fold:
    """The profiles of one device while samples come in, in order of their sequence."""

    def __init__(self, levels: Sequence[Level], pace: Pace, last: Sample | None = None) -> None:
        """`last` is the newest sample that the store knows of, for the gap until the first one that comes."""
        self.last = last
        self._levels = tuple(levels)
        self._pace = pace
        self._period: float | None = None
        self._restored = last is not None  # the pause since `last` is p1monitor's own: it says nothing of the period
        self._open: list[Increment | None] = [None] * len(self._levels)
        self._done: list[Increment] = []

    def __len__(self) -> int:
        """Number of increments that wait."""
        return len(self._done) + sum(increment is not None for increment in self._open)

    def add(self, sample: Sample) -> None:
        """Fold one sample into all levels."""
        last, status = self.last, sample.status
        if last is not None and self._period is None and not self._restored:
            self._learn(sample.at - last.at)
        limit = max(self._pace.least, self._pace.periods * (self._period or 0.0))
        if last is not None:
            if self._stepped(last, sample):
                status |= Bit.CAD | Bit.DNV
            if not self._restored:
                self._learn(sample.at - last.at)
        for index, level in enumerate(self._levels):
            self._fold(index, sample, status, max(limit, level.patience))
        if last is not None and last.segment == sample.segment and (known := _known(last.registers, sample.registers)):
            sample = sample._replace(registers=known) if known is not sample.registers else sample
        self.last, self._restored = sample, False

    def take(self) -> list[Increment]:
        """Hand out what has come together, in order, and begin anew."""
        taken = self._done + [increment for increment in self._open if increment is not None]
        self._done, self._open = [], [None] * len(self._levels)
        return taken

    def _stepped(self, last: Sample, sample: Sample) -> bool:
        """Tell whether the clock was set between two samples.

        A time that goes back was; other steps can only be told when the telegram came on schedule: one that was late on
        its way, or is replayed faster than it was, proves nothing.
        """
        passed = sample.at - last.at
        if passed < -STEP_S:
            return True
        if self._period is None or sample.monotonic is None or last.monotonic is None:
            return False
        waited = sample.monotonic - last.monotonic
        on_time = self._period / 2 <= waited <= self._period * 1.5 + 1
        return on_time and abs(passed - waited) > STEP_S

    def _learn(self, passed: float) -> None:
        """The period is the shortest pause lately: lost telegrams make pauses longer, nothing makes them shorter."""
        if passed > 0:
            grown = (self._period or passed) * _GROWTH
            self._period = min(passed, grown, self._pace.period_most)

    def _fold(self, index: int, sample: Sample, status: int, limit: float) -> None:
        last, level = self.last, self._levels[index]
        here = _span(level, sample, last)
        if last is None:
            status |= Bit.DNV if sample.at - here.start > limit else 0
        else:
            before = _span(level, last, None)
            if status & Bit.CAD:
                self._mark(index, before, Bit.CAD | Bit.DNV)
            if sample.at - last.at > limit:
                status |= self._gap(index, before, here, sample, limit)
            elif not level.fill and before.end < here.start < sample.at:
                here = here._replace(start=before.end)  # readings come rarer than rows, and none is missing
        increment = self._open[index]
        if increment is None or increment.span[:2] != here[:2]:
            increment = self._begin(index, here)
        elif increment.span.end != here.end:  # the day on which summer time begins or ends
            increment.span = increment.span._replace(end=here.end)
        increment.add(sample, status)

    def _gap(self, index: int, before: Span, here: Span, sample: Sample, limit: float) -> int:
        """Samples are missing between two: say so in the rows of both, and give rows to the intervals between."""
        level, proven = self._levels[index], sample.status & Bit.PDN
        if before[:2] == here[:2]:
            return Bit.DNV
        missing = Bit.DNV if self.last is None or before.end - self.last.at > limit else 0
        if missing or proven:
            self._mark(index, before, missing | proven)
        if level.fill and before.end < here.start:
            self._close(index)
            for span in _between(level, before.end, here, sample.offset):
                self._done.append(Increment(level, span, status=Bit.DNV | proven, filler=True))
        return Bit.DNV if sample.at - here.start > limit else 0

    def _begin(self, index: int, span: Span) -> Increment:
        """Close what is open at this level, and open an increment for another row."""
        self._close(index)
        increment = self._open[index] = Increment(self._levels[index], span)
        return increment

    def _close(self, index: int) -> None:
        increment, self._open[index] = self._open[index], None
        if increment is not None:
            self._done.append(increment)

    def _mark(self, index: int, span: Span, status: int) -> None:
        """Set bits in the row of the sample before, which may have been handed out already."""
        increment = self._open[index]
        if increment is None or increment.span[:2] != span[:2]:
            increment = self._begin(index, span)
        increment.status |= status


def _known(before: tuple[int | None, ...], now: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """The registers, and of those that are missing now (held back, a damaged line) what they were before."""
    if len(before) != len(now) or now.count(None) <= before.count(None):
        return now
    return tuple([old if new is None else new for old, new in zip(before, now, strict=True)])


def _span(level: Level, sample: Sample, last: Sample | None) -> Span:
    if level.seconds != DAY_S:
        end = -(-sample.at // level.seconds) * level.seconds
        return Span(sample.segment, end, end - level.seconds, end)
    day = -(-(sample.at + sample.offset) // DAY_S)
    # The day began by the offset that was in force then, which the sample before knows if it is not too old.
    began = last.offset if last is not None and 0 <= sample.at - last.at <= DAY_S else sample.offset
    key = date.fromordinal(_EPOCH + day - 1).isoformat()
    return Span(sample.segment, key, (day - 1) * DAY_S - began, day * DAY_S - sample.offset)


def _between(level: Level, start: int, here: Span, offset: int) -> Iterator[Span]:
    """The intervals from `start` to the one that is `here`. Of very many the oldest are one long one."""
    if level.seconds == DAY_S:
        first = -(-(start + offset - DAY_S // 2) // DAY_S)  # noon forgives an offset that has changed
        last = date.fromisoformat(str(here.key)).toordinal() - _EPOCH
        for day in range(max(first, last - FILL_MOST), last):
            end = here.start if day == last - 1 else (day + 1) * DAY_S - offset
            yield Span(here.segment, date.fromordinal(_EPOCH + day).isoformat(), start, end)
            start = end
        return
    newest = max(start, here.start - FILL_MOST * level.seconds)
    if start < newest:
        yield Span(here.segment, newest, start, newest)
    for end in range(newest + level.seconds, here.start + 1, level.seconds):
        yield Span(here.segment, end, end - level.seconds, end)
