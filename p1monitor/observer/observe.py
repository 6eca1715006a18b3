"""The stage between decode and fan-out: observe(memory, reading) -> (memory, reading). Pure; never drops a reading."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from types import MappingProxyType

from p1monitor.observer import clocks, demand, identity, plausible, quality, still
from p1monitor.observer.demand import DEFAULT, Rules
from p1monitor.observer.edges import changes
from p1monitor.observer.memory import Before, Demand, Memory, Moment
from p1monitor.observer.messages import messages
from p1monitor.observer.roles import ELECTRICITY, NONE_CONFIGURED, Cast, assign
from p1monitor.observer.totals import count, with_values
from p1monitor.p1.frames import new
from p1monitor.p1.records import Reading


def observe(
    memory: Memory,
    reading: Reading,
    zone: tzinfo | None = None,
    configured: Mapping[str, str] = NONE_CONFIGURED,
    rules: Rules = DEFAULT,
) -> tuple[Memory, Reading]:
    """Number the reading, give its devices their roles, hold back what is doubtful, add today's totals, demand and what happened.

    `zone` is the host's, for the local date of meters without a clock; `configured`: equipment identifier -> role; `rules`
    are those of demand.
    """
    seq = memory.seq + 1
    reading, strangers = identity.proven(memory.roles, memory.strangers, reading)
    seen = clocks.look(memory.clock, reading)
    if seen.at is None and reading.at is not None:
        reading = _without_clock(reading)
    received, before = reading.received, memory.before
    host = received.wall if received is not None and received.known else None
    now = new(Moment, (received.monotonic if received else None, host if seen.at is None else seen.at, None))
    terms = rules, configured, received is not None and received.known
    if before is not None and seen.at is not None and memory.demand is not None and still.same(before, reading, terms):
        onward = demand.onward(memory.demand, seen.at, received, rules)
        if onward is not None:
            return _unchanged(memory, reading, seen, before, onward, now, rules)
    if before is not None and still.same_devices(before, reading, terms):
        cast = Cast(memory.roles, before.known)
    else:
        cast, memory = assign(memory.roles, reading, memory.waiting, configured), memory._replace(before=None)
    checked = plausible.check(memory, reading, cast, now)
    if checked.held:
        reading = reading._replace(values=checked.values)
    doubtful = bool(checked.held or cast.waiting or cast.replaced)
    if checked.devices != cast.devices:
        cast, doubtful = cast._replace(devices=checked.devices), True
    totals, made, devices = count(memory, reading, cast, zone)
    broken = bool(checked.events) or ELECTRICITY in cast.replaced
    counted = demand.count(memory.demand, reading, seen.at, rules, zone, broken)
    shown = counted if demand.timed(reading, seen.at) else None
    if shown is not None:  # of what the meter counts itself, its own figures go out
        made |= {name: one for name, one in shown.made.items() if name not in reading.values}
    told = messages(memory.messages, memory.hints, reading)
    made |= told.values
    alike = before is not None and not cast.replaced and still.graded(before, reading, terms)
    power = quality.Counted(quality.onward(memory.quality, reading, now.clock) if alike else None)
    if power.quality is None:
        step = quality.step(memory.at, now, reading, seen.at is not None)
        power = quality.count(memory.quality, reading, step, rules.quality, ELECTRICITY in cast.replaced)
    if power.quality is not None:
        made |= {name: one for name, one in power.quality.state.made.items() if name not in reading.values}
    changed = changes(memory.states, memory.hints, reading, devices, cast.replaced)
    observed = Reading(
        seq,
        reading.at,
        received,
        with_values(reading.values, {**made, **demand.left(shown, reading.values, rules)}),
        devices,
        (*reading.events, *seen.events, *cast.events, *checked.events, *told.events, *changed.events, *power.events),
        reading.telegram,
        reading.frame,
        reading.meter,
        reading.equipment_id,
        power.row,
    )
    remembered = Memory(
        seq,
        cast.roles,
        totals,
        told.standing,
        changed.states,
        {**changed.hints, **told.hints} if told.hints else changed.hints,
        checked.marks,
        seen.clock,
        strangers,
        cast.waiting,
        counted,
        now,
        power.quality,
        checked.held,
        checked.doubts,
        checked.registers,
        None if doubtful else still.note(reading, cast.devices, observed, made, terms),
    )
    return remembered, observed


def _unchanged(
    memory: Memory, reading: Reading, seen: clocks.Seen, before: Before, onward: Demand, now: Moment, rules: Rules
) -> tuple[Memory, Reading]:
    """The same of a reading of which nothing that is remembered differs from the one before."""
    _, at, received, values, _, events, telegram, frame, meter, equipment_id, _ = reading
    seq, events = memory.seq + 1, (*events, *seen.events)
    power, row = quality.onward(memory.quality, reading, now.clock), None
    if power is None:
        step = quality.step(memory.at, now, reading, seen.at is not None)
        power, more, row = quality.count(memory.quality, reading, step, rules.quality)
        events = (*events, *more)
        if power is not None and (memory.quality is None or power.state.made != memory.quality.state.made):
            own = {name: one for name, one in power.state.made.items() if name not in values}
            before = before._replace(made={**before.made, **own})
    made = before.made if rules.limit_w is None else {**before.made, **demand.left(onward, values, rules)}
    values = with_values(values, made)
    observed = new(Reading, (seq, at, received, values, before.observed, events, telegram, frame, meter, equipment_id, row))
    _, roles, totals, standing, states, hints, marks, _, strangers, waiting, _, _, _, _, _, registers, _ = memory
    told = seq, roles, totals, standing, states, hints, marks, seen.clock, strangers, waiting
    return new(Memory, (*told, onward, now, power, 0, (), registers, before)), observed


def _without_clock(reading: Reading) -> Reading:
    """The reading as of a meter without a clock: the host's counts."""
    values = reading.values
    if "clock" in values:
        values = MappingProxyType({**values, "clock": values["clock"]._replace(held=True)})
    return reading._replace(at=None, values=values)
