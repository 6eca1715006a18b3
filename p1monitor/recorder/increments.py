"""What is added up: samples, runs of them, and the increments of rows that come of them. Whole numbers only; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from p1monitor.recorder.levels import Level, Span
from p1monitor.recorder.peaks import Demand

Registers = tuple[int | None, ...]


class Sample(NamedTuple):
    """What one reading means for the profiles of one device."""

    segment: int
    at: int  #: UTC seconds
    offset: int = 0  #: of local time, east of Greenwich
    monotonic: float | None = None  #: of the host, in one run of the program
    registers: Registers = ()
    power: int | None = None
    volts: tuple[int | None, ...] = ()  #: tenths of a volt
    status: int = 0  #: what the reading itself proves
    peak: Demand | None = None  #: the meter's own maximum demand, where it has changed


class Run(NamedTuple):
    """Samples one after the other that lie in the same rows, added up."""

    samples: int
    at: int
    registers: Registers
    power_sum: int
    powers: int
    power_min: int
    power_max: int
    volts: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Increment:
    """What is to be added to one row."""

    level: Level
    span: Span
    status: int = 0
    samples: int = 0
    registers: Registers = ()
    registers_at: int | None = None
    power_sum: int = 0
    powers: int = 0
    power_min: int | None = None
    power_max: int | None = None
    volts: tuple[tuple[int, int], ...] = ()  #: (sum, number) per phase
    demand: Demand | None = None
    filler: bool = False  #: only where there is no row yet

    def add(self, run: Run) -> None:
        """Take samples in. Registers never come from an earlier moment than those that are there."""
        self.samples += run.samples
        if self.registers_at is None or run.at >= self.registers_at:
            self.registers, self.registers_at = run.registers, run.at
        if run.powers:
            self.power_sum += run.power_sum
            self.powers += run.powers
            low, high = self.power_min, self.power_max
            self.power_min = run.power_min if low is None or run.power_min < low else low
            self.power_max = run.power_max if high is None or run.power_max > high else high
        if run.volts:
            old = self.volts or ((0, 0),) * len(run.volts)
            self.volts = tuple([(s + more, n + number) for (s, n), (more, number) in zip(old, run.volts, strict=True)])

    def reached(self, demand: Demand | None) -> None:
        """A demand within this row; of equal ones the first counts."""
        if demand is not None and (self.demand is None or demand[:2] > self.demand[:2]):
            self.demand = demand

    @property
    def power_mean(self) -> float | None:
        """Over the samples there are (KWHIQ manual §9.3)."""
        return self.power_sum / self.powers if self.powers else None


def added_up(samples: Sequence[Sample]) -> Run:
    """One or more samples of the same rows, in order of time."""
    registers, powers, volts = samples[0].registers, [], []
    seen = registers
    for sample in samples:
        if sample.registers is not seen:
            seen = sample.registers
            registers = known(registers, seen)
        if sample.power is not None:
            powers.append(sample.power)
        if sample.volts:
            volts.append(sample.volts)
    phases = tuple([_phase(phase) for phase in zip(*volts, strict=True)]) if volts else ()
    return Run(
        len(samples), samples[-1].at, registers, sum(powers), len(powers), min(powers, default=0), max(powers, default=0), phases
    )


def known(before: Registers, now: Registers) -> Registers:
    """The registers, and of those that are missing now (held back, a damaged line) what they were before."""
    if len(before) != len(now) or not any(new is None and old is not None for old, new in zip(before, now, strict=True)):
        return now
    return tuple([old if new is None else new for old, new in zip(before, now, strict=True)])


def _phase(volts: Sequence[int | None]) -> tuple[int, int]:
    some = [volt for volt in volts if volt is not None]
    return sum(some), len(some)
