"""The stage between decode and fan-out: observe(memory, reading) -> (memory, reading). Pure; never drops a reading."""

from __future__ import annotations

from datetime import tzinfo
from types import MappingProxyType

from p1monitor.observer import clocks, demand, identity, plausible
from p1monitor.observer.demand import DEFAULT, Rules
from p1monitor.observer.edges import changes
from p1monitor.observer.memory import Memory
from p1monitor.observer.messages import messages
from p1monitor.observer.roles import ELECTRICITY, assign
from p1monitor.observer.totals import count, with_values
from p1monitor.p1.records import Reading


def observe(memory: Memory, reading: Reading, zone: tzinfo | None = None, rules: Rules = DEFAULT) -> tuple[Memory, Reading]:
    """Number the reading, give its devices their roles, hold back what is doubtful, add today's totals, demand and what happened.

    `zone` is the host's, for the local date of meters without a clock.
    """
    seq = memory.seq + 1
    reading, strangers = identity.proven(memory.roles, memory.strangers, reading)
    seen = clocks.look(memory.clock, reading)
    if seen.at is None and reading.at is not None:
        reading = _without_clock(reading)
    cast = assign(memory.roles, reading, memory.waiting)
    checked = plausible.check(memory.marks, reading, cast, seen.at)
    if checked.held:
        reading = reading._replace(values=checked.values)
    totals, made, devices = count(memory.totals, reading, checked.cast, zone)
    broken = bool(checked.events) or ELECTRICITY in cast.replaced
    counted = demand.count(memory.demand, reading, seen.at, rules, zone, broken)
    for name, measurement in counted.made.items():
        if name not in reading.values:  # the meter's own figures count
            made[name] = measurement
    standing, news = messages(memory.messages, reading)
    changed = changes(memory.states, memory.hints, reading, devices, cast.replaced)
    observed = Reading(
        seq,
        reading.at,
        reading.received,
        with_values(reading.values, made) if made else reading.values,
        devices,
        (*reading.events, *seen.events, *cast.events, *checked.events, *news, *changed.events),
        reading.telegram,
        reading.frame,
        reading.meter,
        reading.equipment_id,
    )
    remembered = Memory(
        seq,
        cast.roles,
        totals,
        standing,
        changed.states,
        changed.hints,
        checked.marks,
        seen.clock,
        strangers,
        cast.waiting,
        counted.demand,
        checked.held,
        checked.doubts,
    )
    return remembered, observed


def _without_clock(reading: Reading) -> Reading:
    """The reading as of a meter without a clock: the host's counts."""
    values = reading.values
    if "clock" in values:
        values = MappingProxyType({**values, "clock": values["clock"]._replace(held=True)})
    return reading._replace(at=None, values=values)
