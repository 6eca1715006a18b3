"""Power quality, of the voltages and currents that a telegram has: events, counters, the profile of ten minutes. Pure.

A meter that sends no voltage has none; what such a meter counts and logs itself is still told. Nearly every second lies
between the lowest and the highest of the ten minutes that run, and only its sums go on: see onward().
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from functools import lru_cache
from operator import add, gt, itemgetter, lt
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer import counted, levels, limits, nominal, phases
from p1monitor.observer.faults import GAP_S, HIGH, LOW, REVERSED, Fault, Step, turn
from p1monitor.observer.levels import PERIOD_S
from p1monitor.observer.memory import Moment
from p1monitor.observer.phases import KIND, Looked, Phase
from p1monitor.observer.quality_memory import Columns, Quality, Run, State, Tally, made, taker
from p1monitor.p1.event_codes import EVENTS, PHASES, REVERSAL
from p1monitor.p1.frames import new
from p1monitor.p1.records import Event, Measurement, QualityRow, Reading
from p1monitor.settings import Thresholds

VOLTS = tuple(f"voltage_l{number}_v" for number in (1, 2, 3))
_AMPERES = tuple(f"current_l{number}_a" for number in (1, 2, 3))
_EXPORT, _EXPORTED = "power_export_w", "energy_export_kwh"
#: In this order: those with a least and a most, those that may have a limit, those of which only the mean is kept.
_COLUMNS = (*VOLTS, _EXPORT, *_AMPERES, "power_import_w", "power_reactive_import_var", "power_reactive_export_var", "power_factor")
#: What is looked at only when it changes.
NAMES = frozenset({*counted.NAMES, *limits.AMPERES, "nominal_voltage_v"})
#: A clock that was put right by less than this did not step back into another period (see demand.py).
BACK_S = 9.0
#: Telegrams with other objects in them.
_LAYOUTS_KEPT = 64
_ANY = Decimal("Infinity")
_COUNTED: Mapping[str, str] = MappingProxyType({LOW: "sag", HIGH: "swell"})
_THOUSAND, _SECOND = 1000, Decimal(1)

_value = itemgetter(Measurement._fields.index("value"))


class Counted(NamedTuple):
    """What one reading made of it."""

    quality: Quality | None
    events: tuple[Event, ...] = ()
    row: QualityRow | None = None


def onward(quality: Quality | None, reading: Reading, clock: float | None) -> Quality | None:
    """The same with a sample more; None where it has to be looked at. For readings with the same names as the one before."""
    if quality is None:
        return None
    state, samples, sums = quality
    period, take, least, most, busy = state[:5]
    if busy or clock is None or clock // PERIOD_S != period:
        return None
    try:
        sample = tuple(map(_value, take(reading.values)))
        if any(map(lt, sample, least)) or any(map(gt, sample, most)):
            if any(map(lt, sample, state.floor)) or any(map(gt, sample, state.ceiling)):
                return None
            state = _with_bounds(state._replace(run=_extended(state.run, sample)))
        sums = tuple(map(add, sums, sample))
    except (TypeError, DecimalException):  # a value without a number
        return None
    return new(Quality, (state, samples + 1, sums))


def _extended(run: Run, sample: Columns) -> Run:
    return Run(run.names, tuple(map(min, run.least, sample)), tuple(map(max, run.most, sample)))


def _with_bounds(state: State) -> State:
    """What is nothing new: what the run had, and is within the limits."""
    run, ceiling = state.run, state.ceiling
    most = (*map(min, run.most, ceiling), *ceiling[len(run.most) :])
    return state._replace(least=tuple(map(max, run.least, state.floor)), most=most)


def step(before: Moment, now: Moment, reading: Reading, believed: bool) -> Step | None:
    """From the reading before to this one, by the meter's clock where it is believed; None where nothing tells the time."""
    if now.clock is None:
        return None
    at = reading.at if reading.at is not None else datetime.fromtimestamp(now.clock, UTC)
    then, here = (before.clock, now.clock) if believed else (before.monotonic, now.monotonic)
    seconds = here - then if then is not None and here is not None else -1.0
    return Step(at, now.clock, max(seconds, 0.0), 0 <= seconds <= GAP_S)


def count(quality: Quality | None, reading: Reading, step: Step | None, rules: Thresholds, replaced: bool = False) -> Counted:
    """Look at one reading."""
    if step is None:
        return Counted(quality)
    if quality is None:
        begun = State(int(step.clock // PERIOD_S), taker(()), (), (), True, Run(), (), (), (Phase(),) * len(PHASES), counted.Own())
        quality = Quality(begun, 0, ())
    return _Count(quality, reading, step, rules).all(replaced)


class _Count:
    """What is remembered, while one reading is looked at."""

    def __init__(self, quality: Quality, reading: Reading, step: Step, rules: Thresholds) -> None:
        self._was, self._reading, self._step, self._rules = quality, reading, step, rules
        self._phases, self._made = list(quality.state.phases), dict(quality.state.made)
        self._events: list[Event] = []
        values = reading.values
        found = {name: values[name].value for name in _present(tuple(values)) if not values[name].held}
        self._sample = {name: one for name, one in found.items() if isinstance(one, Decimal) and one.is_finite()}
        self._whole = len(found) == len(self._sample)
        self._fuse = _fuse(values, rules)
        exported = values.get(_EXPORTED)
        #: A home that never exported should not (ME381 table 52: "unexpected energy export").
        self._imports_only = exported is None or not exported.value

    def all(self, replaced: bool) -> Counted:
        """Everything in turn."""
        quality, row = self._close()
        state = quality.state
        for number, (volt, ampere) in enumerate(zip(VOLTS, _AMPERES, strict=True)):
            self._phase(number, self._sample.get(volt), self._sample.get(ampere))
        fault = self._reversal(state.reversed)
        merged = counted.merge(state.own, tuple(self._phases), self._reading, self._step, replaced)
        quality = self._tally(quality)
        floor, ceiling = self._bounds(quality.state.run.names)
        busy = not self._whole or fault is not None or any(phase.busy for phase in merged.phases)
        state = quality.state._replace(floor=floor, ceiling=ceiling, busy=busy, phases=merged.phases, own=merged.own)
        state = _with_bounds(state._replace(reversed=fault, made=self._made))
        return Counted(quality._replace(state=state), (*self._events, *merged.events), row)

    def _phase(self, number: int, volts: Decimal | None, amperes: Decimal | None) -> None:
        step, came = self._step, self._reading.received
        if volts is not None:
            neutral = nominal.has_neutral(self._reading.values)
            self._take(number, phases.voltage(self._phases[number], number, volts, step, self._rules, neutral, came))
        if amperes is not None:
            self._take(number, phases.current(self._phases[number], number, amperes, self._fuse, step, self._rules, came))

    def _take(self, number: int, looked: Looked) -> None:
        others = [one for index, one in enumerate(self._phases) if index != number]
        self._phases[number] = looked.phase
        self._events += looked.events
        self._events += counted.short(number, looked.over, self._reading)
        for kind, _ in looked.sags:
            self._up(f"voltage_{_COUNTED[kind]}_l{number + 1}_count")
            if not any(kind in one.faults and one.faults[kind].told for one in others):
                self._up(f"voltage_{_COUNTED[kind]}_any_count")
        for kind, fault in looked.over:
            if fault.told and kind in _COUNTED:
                for whom in (f"l{number + 1}", "any"):
                    self._make(f"voltage_{_COUNTED[kind]}_{whom}_s", Decimal(fault.lasted).quantize(_SECOND))
                    self._make(f"voltage_{_COUNTED[kind]}_{whom}_v", fault.worst)

    def _reversal(self, fault: Fault | None) -> Fault | None:
        watts = self._sample.get(_EXPORT)
        wrong = watts if watts and (fault is not None or self._imports_only) else None
        made = turn(REVERSED, fault, wrong, self._rules.reversal_s, self._step)
        if made.begun is not None:
            seconds = None if made.now else made.begun.lasted
            told = KIND, REVERSAL, EVENTS[REVERSAL].words, None, None, seconds, made.begun.worst, "W"
            self._events.append(Event(made.begun.at, self._reading.received, *told))
        return made.now

    def _tally(self, quality: Quality) -> Quality:
        """The sums with this sample."""
        names, values, state = tuple(self._sample), tuple(self._sample.values()), quality.state
        if names == state.run.names:
            state = state._replace(run=_extended(state.run, values))
            return Quality(state, quality.samples + 1, tuple(map(add, quality.sums, values)))
        volts = values[: sum(name in VOLTS for name in names)]
        return Quality(state._replace(take=taker(names), run=Run(names, volts, volts), before=_folded(quality)), 1, values)

    def _bounds(self, names: tuple[str, ...]) -> tuple[Columns, Columns]:
        """What a sample must keep within while nothing happens; no more columns than have a limit."""
        floor, ceiling = [], []
        for name in names:
            if name in VOLTS:
                of = self._phases[VOLTS.index(name)].nominal
                least = None if of is None else phases.limits(of, self._rules)
                floor.append(least.sag if least else Decimal(0))
                ceiling.append(least.swell if least else nominal.LIVE_V)
            elif name == _EXPORT:
                ceiling.append(Decimal(0) if self._imports_only else _ANY)
            elif name in _AMPERES and self._fuse is not None:
                ceiling.append(self._fuse)
        while ceiling and ceiling[-1] is _ANY:
            ceiling.pop()
        return tuple(floor), tuple(ceiling)

    def _close(self) -> tuple[Quality, QualityRow | None]:
        """Where the period is over: its row, its levels, and how its phases stood to each other."""
        was, period = self._was.state, self._was.state.period
        if not _is_over(period, self._step.clock):
            return self._was, None
        tallies = _folded(self._was)
        state = was._replace(period=int(self._step.clock // PERIOD_S), run=Run(), before=MappingProxyType({}))
        row = None
        if tallies:
            start, end = (datetime.fromtimestamp(one * PERIOD_S, UTC) for one in (period, period + 1))
            means = self._means(tallies)
            for counter in levels.counted(means):
                self._up(counter)
            began = start.astimezone(self._step.at.tzinfo) if self._step.at else start
            balance, events = levels.balance(was.balance, means, began, self._rules, self._reading.received)
            self._events += events
            state, row = state._replace(balance=balance), _row(start, end, tallies)
        return Quality(state, 0, ()), row

    def _means(self, tallies: Mapping[str, Tally]) -> list[levels.Mean]:
        """Of each phase that is connected."""
        means: list[levels.Mean] = [None] * len(VOLTS)
        for number, name in enumerate(VOLTS):
            if name in tallies:
                known = self._phases[number].nominal
                means[number] = None if known is None else (known, tallies[name].total / tallies[name].samples)
        return means

    def _up(self, name: str) -> None:
        had = self._made.get(name)
        self._make(name, (had.value if had else Decimal(0)) + 1)  # type: ignore[operator, arg-type]  # ours: numbers

    def _make(self, name: str, value: Decimal) -> None:
        self._made[name] = made(name, value)


def _row(start: datetime, end: datetime, tallies: Mapping[str, Tally]) -> QualityRow:
    return QualityRow(
        start,
        end,
        {name: one.samples for name, one in tallies.items()},
        {name: int(one.total * _THOUSAND) for name, one in tallies.items()},
        {name: int(one.least * _THOUSAND) for name, one in tallies.items() if one.least is not None},
        {name: int(one.most * _THOUSAND) for name, one in tallies.items() if one.most is not None},
    )


def _folded(quality: Quality) -> Mapping[str, Tally]:
    """All samples of the period, by name."""
    run, before = quality.state.run, quality.state.before
    if not run.names:
        return before
    tallies = dict(before)
    for index, name in enumerate(run.names):
        least = run.least[index] if index < len(run.least) else None
        most = run.most[index] if index < len(run.most) else None
        one, known = Tally(quality.samples, quality.sums[index], least, most), before.get(name)
        tallies[name] = one if known is None else _together(known, one)
    return tallies


def _together(one: Tally, other: Tally) -> Tally:
    least = None if one.least is None or other.least is None else min(one.least, other.least)
    most = None if one.most is None or other.most is None else max(one.most, other.most)
    return Tally(one.samples + other.samples, one.total + other.total, least, most)


def _fuse(values: Mapping[str, Measurement], rules: Thresholds) -> Decimal | None:
    """What a phase may carry, by the owner, else by the meter."""
    if rules.fuse_a is not None:
        return Decimal(str(rules.fuse_a))
    told = [values[name].value for name in limits.AMPERES if name in values]
    most = max((one for one in told if isinstance(one, Decimal) and one.is_finite()), default=Decimal(0))
    return most if 0 < most < limits.AMPERES_NONE else None


def _is_over(period: int, clock: float) -> bool:
    """Tell whether the period is another one, and not only for a clock that was put back a little."""
    return int(clock // PERIOD_S) != period and not 0 < period * PERIOD_S - clock <= BACK_S


@lru_cache(maxsize=_LAYOUTS_KEPT)
def _present(names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns, in their order; none where the meter sends no voltage."""
    here = set(names)
    return tuple(name for name in _COLUMNS if name in here) if here & set(VOLTS) else ()
