"""The stage between decode and fan-out: observe(memory, reading) -> (memory, reading). Pure; never drops a reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from types import MappingProxyType

from p1monitor.observer import clocks, demand, identity, plausible
from p1monitor.observer.demand import DEFAULT, Rules
from p1monitor.observer.edges import changes
from p1monitor.observer.memory import Before, Memory, Moment
from p1monitor.observer.messages import messages
from p1monitor.observer.roles import ELECTRICITY, Cast, assign
from p1monitor.observer.totals import count, with_values
from p1monitor.p1.frames import new
from p1monitor.p1.records import Device, Reading


def observe(memory: Memory, reading: Reading, zone: tzinfo | None = None, rules: Rules = DEFAULT) -> tuple[Memory, Reading]:
    """Number the reading, give its devices their roles, hold back what is doubtful, add today's totals, demand and what happened.

    `zone` is the host's, for the local date of meters without a clock.
    """
    seq = memory.seq + 1
    reading, strangers = identity.proven(memory.roles, memory.strangers, reading)
    seen = clocks.look(memory.clock, reading)
    if seen.at is None and reading.at is not None:
        reading = _without_clock(reading)
    received, before = reading.received, memory.before
    clock = seen.at if seen.at is not None else received.wall if received else None
    now = new(Moment, (received.monotonic if received else None, clock, None))
    if before is not None and reading.devices is before.devices and reading.equipment_id == before.equipment_id:
        cast = Cast(memory.roles, before.known)
    else:
        cast, memory = assign(memory.roles, reading, memory.waiting), replace(memory, before=None)
    checked = plausible.check(memory, reading, cast, now)
    if checked.held:
        reading = reading._replace(values=checked.values)
    quiet = checked.devices is cast.devices
    totals, made, devices = count(memory, reading, cast if quiet else cast._replace(devices=checked.devices), zone)
    broken = bool(checked.events) or ELECTRICITY in cast.replaced
    counted = demand.count(memory.demand, reading, seen.at, rules, zone, broken)
    for name, measurement in counted.made.items():
        if name not in reading.values:  # the meter's own figures count
            made[name] = measurement
    standing, news = messages(memory.messages, reading)
    changed = changes(memory.states, memory.hints, reading, devices, cast.replaced)
    observed = (
        seq,
        reading.at,
        received,
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
        now,
        checked.held,
        checked.doubts,
        checked.registers,
        before if memory.before else _settled(reading, cast, checked, devices),
    )
    return remembered, new(Reading, observed)


def _settled(reading: Reading, cast: Cast, checked: plausible.Checked, devices: tuple[Device, ...]) -> Before | None:
    """What need not be looked at again while the devices are the same: those with a capture time of which nothing is in doubt."""
    if cast.waiting or cast.replaced or checked.held or checked.devices != cast.devices or reading.telegram.crc == "absent":
        return None
    if any(device.at is None for device in reading.devices):
        return None
    return Before(reading.devices, reading.equipment_id, checked.devices, devices)


def _without_clock(reading: Reading) -> Reading:
    """The reading as of a meter without a clock: the host's counts."""
    values = reading.values
    if "clock" in values:
        values = MappingProxyType({**values, "clock": values["clock"]._replace(held=True)})
    return reading._replace(at=None, values=values)
