"""Samples folded into rows of profiles, as the meters' own recorders do it. Pure: never stores, never asks a clock.

A row covers `start < at <= end`, and the end is its stamp: the reading of 12:15:00 closes the quarter from 12:00. What
is handed out are *increments* of whole numbers: the store adds them to the row that it may already have. So a running
interval can be saved at any moment, and a restart or an hour of meter time that comes twice needs no other road.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p1monitor.recorder.clockwork import CAPTURES, JITTER_S, TELEGRAMS, Clockwork, Pace
from p1monitor.recorder.increments import Increment, Run, Sample, added_up, known
from p1monitor.recorder.levels import (
    DAILY,
    DAY_S,
    FILL_MOST,
    HOURLY,
    MINUTE,
    MONTH_S,
    Bit,
    Here,
    Level,
    Span,
    between,
    billing,
    load_profile,
    span_of,
)
from p1monitor.recorder.peaks import QUARTER_S, Demand, Quarters

__all__ = [
    "CAPTURES",
    "DAILY",
    "DAY_S",
    "FILL_MOST",
    "HOURLY",
    "MINUTE",
    "TELEGRAMS",
    "Bit",
    "Fold",
    "Increment",
    "Level",
    "Pace",
    "Sample",
    "Span",
    "billing",
    "load_profile",
]


class Fold:
    """The profiles of one device while samples come in, in order of their sequence."""

    __slots__ = (
        "_billing",
        "_clockwork",
        "_done",
        "_known",
        "_last",
        "_levels",
        "_near",
        "_open",
        "_quarters",
        "_restored",
        "_run",
        "_until",
    )

    def __init__(self, levels: Sequence[Level], pace: Pace, last: Sample | None = None) -> None:
        """`last` is the newest sample that the store knows of, for the gap until the first one that comes."""
        window = next((level.seconds for level in levels if level.table == "load_profile"), QUARTER_S)
        self._last = last
        self._known = last.registers if last is not None else ()  # registers, as they were known before the run
        self._levels = tuple(levels)
        self._billing = next((index for index, level in enumerate(levels) if level.seconds == MONTH_S), None)
        self._clockwork = Clockwork(pace, window)
        self._near = pace.least
        self._quarters = Quarters()
        self._restored = last is not None  # the pause since `last` is p1monitor's own: it says nothing of the period
        self._open: list[Increment | None] = [None] * len(self._levels)
        self._done: list[Increment] = []
        self._run: list[Sample] = []  # samples not added yet: they lie in all that is open
        self._until = 0  # … until this moment; 0: something is not open

    def __len__(self) -> int:
        """Number of increments that wait."""
        return len(self._done) + sum(increment is not None for increment in self._open)

    @property
    def last(self) -> Sample | None:
        """The newest sample, with the registers as they were known last."""
        self._add_up()
        return self._last

    def memory(self) -> list[Any]:
        """What must be kept over a restart so that nobody can see it in the rows; plain JSON."""
        last = self.last
        newest = None if last is None else [last.segment, last.at, last.offset, last.monotonic, list(last.registers)]
        return [newest, self._clockwork.memory(), self._quarters.memory()]

    def recall(self, memory: list[Any], *, same_clock: bool) -> None:
        """Go on from a memory. `same_clock`: the host's monotonic time still counts from the same moment."""
        newest, clockwork, quarters = memory
        if newest is not None:
            segment, at, offset, monotonic, registers = newest
            self._last = Sample(segment, at, offset, monotonic if same_clock else None, tuple(registers))
            self._known = self._last.registers
        self._clockwork.recall(clockwork)
        self._quarters.recall(quarters)
        self._restored = False

    def add(self, sample: Sample) -> int:
        """Fold one sample into all levels; what it proves comes back, with what the clock did."""
        last = self._last
        if last is None or sample.at > self._until or sample.peak is not None:
            return self._slowly(sample)
        # Most are on schedule, in the same rows as the one before, of the same meter, and have nothing to say.
        passed, status = sample.at - last.at, sample.status
        if not 0 < passed <= self._near or (status, sample.segment, sample.offset) != (last.status, last.segment, last.offset):
            return self._slowly(sample)
        now, then = sample.monotonic, last.monotonic
        if now is not None and then is not None and not -JITTER_S < passed - now + then < JITTER_S:
            return self._slowly(sample)
        if self._clockwork.period != passed:
            self._clockwork.learn(passed)
        self._run.append(sample)
        self._last = sample
        return status

    def take(self) -> list[Increment]:
        """Hand out what has come together, in order, and begin anew."""
        self._add_up()
        taken = self._done + [increment for increment in self._open if increment is not None]
        self._done, self._open, self._until = [], [None] * len(self._levels), 0
        return taken

    def _slowly(self, sample: Sample) -> int:
        last, status, clockwork = self.last, sample.status, self._clockwork
        if last is not None and clockwork.period is None and not self._restored:
            clockwork.learn(sample.at - last.at)
        limit = clockwork.gap()
        if last is not None:
            passed = sample.at - last.at
            waited = None if sample.monotonic is None or last.monotonic is None else sample.monotonic - last.monotonic
            if clockwork.stepped(sample.at, passed, waited):
                status |= Bit.CAD | Bit.DNV
            if not self._restored:
                clockwork.learn(passed)
            self._demand(last, sample, limit)
        if last is not None and last.segment == sample.segment:
            registers = known(last.registers, sample.registers)
            sample = sample._replace(registers=registers) if registers is not sample.registers else sample
        run = added_up([sample])
        for index, level in enumerate(self._levels):
            self._fold(index, sample, run, status, max(limit, level.patience))
        if sample.peak is not None:
            self._reach(sample.peak, sample, last)
        self._last, self._known, self._restored = sample, sample.registers, False
        if status & (Bit.CAD | Bit.PDN) == 0:
            self._until = min([one.span.end if one is not None else 0 for one in self._open], default=0)
        else:
            self._until = 0
        return status

    def _add_up(self) -> None:
        """Bring the samples that went the short way into the increments."""
        if not self._run:
            return
        run, self._run = self._run, []
        added = added_up(run)
        registers = known(self._known, added.registers)
        added = added._replace(registers=registers)
        for increment in self._open:
            if increment is not None:
                increment.add(added)
        newest = run[-1]
        self._last = newest if newest.registers is registers else newest._replace(registers=registers)
        self._known = registers

    def _fold(self, index: int, sample: Sample, run: Run, status: int, limit: float) -> None:
        last, level = self._last, self._levels[index]
        now, then = _here(sample), _here(last) if last is not None else None
        here = span_of(level, now, then)
        if last is None or then is None:
            status |= Bit.DNV if sample.at - here.start > limit else 0
        else:
            before = span_of(level, then, now)
            if status & Bit.CAD:
                self._mark(index, before, Bit.CAD | Bit.DNV)
                if level.seconds == MONTH_S and before.end < here.start:
                    here = here._replace(start=before.end)  # set across several dates makes one entry (ME381 manual §6.4)
            if sample.at - last.at > limit:
                status |= self._gap(index, before, here, sample, limit)
            elif not level.fill and before.end < here.start < sample.at:
                here = here._replace(start=before.end)  # readings come rarer than rows, and none is missing
        increment = self._open[index]
        if increment is None or increment.span[:2] != here[:2]:
            increment = self._begin(index, here)
        elif increment.span.end != here.end:  # the day on which summer time begins or ends
            increment.span = increment.span._replace(end=here.end)
        increment.status |= status
        increment.add(run)

    def _gap(self, index: int, before: Span, here: Span, sample: Sample, limit: float) -> int:
        """Samples are missing between two: say so in the rows of both, and give rows to the intervals between."""
        level, proven, last = self._levels[index], sample.status & Bit.PDN, self._last
        if before[:2] == here[:2] or last is None:
            return Bit.DNV
        missing = Bit.DNV if before.end - last.at > limit else 0
        if missing or proven:
            self._mark(index, before, missing | proven)
        if level.fill and before.end < here.start:
            self._close(index)
            for span in between(level, before, here, _here(sample), _here(last)):
                self._done.append(Increment(level, span, status=Bit.DNV | proven, filler=True))
        return Bit.DNV if sample.at - here.start > limit else 0

    def _demand(self, last: Sample, sample: Sample, limit: float) -> None:
        """The quarter that is over has had its demand; it counts for the row in which the quarter ended."""
        if self._billing is None:
            return
        register = last.registers[0] if last.registers else None
        own = self._quarters.passed(last.segment, last.at, register, sample.at, limit)
        for demand in (own, sample.peak):
            if demand is not None:
                self._reach(demand, last, sample)

    def _reach(self, demand: Demand, sample: Sample, other: Sample | None) -> None:
        """Put a demand into the billing row of a sample, if its quarter ended there."""
        if self._billing is not None:
            span = span_of(self._levels[self._billing], _here(sample), _here(other) if other is not None else None)
            if span.start < demand.at <= span.end:
                self._mark(self._billing, span, 0).reached(demand)

    def _begin(self, index: int, span: Span) -> Increment:
        """Close what is open at this level, and open an increment for another row."""
        self._close(index)
        increment = self._open[index] = Increment(self._levels[index], span)
        return increment

    def _close(self, index: int) -> None:
        increment, self._open[index] = self._open[index], None
        if increment is not None:
            self._done.append(increment)

    def _mark(self, index: int, span: Span, status: int) -> Increment:
        """Set bits in the row of a sample, which may have been handed out already."""
        increment = self._open[index]
        if increment is None or increment.span[:2] != span[:2]:
            increment = self._begin(index, span)
        increment.status |= status
        return increment


def _here(sample: Sample) -> Here:
    return Here(sample.segment, sample.at, sample.offset)
