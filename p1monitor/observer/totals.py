"""Today's use, from the registers. Never goes back, never counts what no register showed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer.memory import Memory, Total, Totals
from p1monitor.observer.roles import ELECTRICITY, Cast
from p1monitor.p1.catalogue import device_value
from p1monitor.p1.frames import new
from p1monitor.p1.records import Device, Measurement, Reading

#: A telegram so soon after midnight is the day's beginning.
NEAR_S = 60.0
#: Without one it is the last register before midnight, if that is not older than this …
PATIENCE_S = 900.0
#: … and captures of M-Bus devices come hourly, a few minutes past the hour (DSMR 4.x).
CAPTURE_PATIENCE_S = 4200.0

#: Key of its total, name of the register, name of the day so far.
_ENERGY = tuple(
    ((ELECTRICITY, f"energy_{flow}_kwh"), f"energy_{flow}_kwh", f"energy_{flow}_today_kwh") for flow in ("import", "export")
)

#: name of the value made -> the value
Made = dict[str, Measurement]


class _When(NamedTuple):
    """The moment of a register."""

    day: int  #: ordinal of the local date
    since: float  #: seconds since local midnight
    at: float  #: POSIX seconds
    patience: float


def count(memory: Memory, reading: Reading, cast: Cast, zone: tzinfo | None) -> tuple[Totals, Made, tuple[Device, ...]]:
    """Count the day's totals on; return them as values of the reading, and its devices with their roles and totals.

    `zone` is the host's, for meters without a clock; None is the system's own.
    """
    totals, changed, made, values = memory.totals, dict[tuple[str, str], Total](), Made(), reading.values
    now = reading.at or _arrival(reading, zone)
    day = now.toordinal() if now is not None else None
    for key, name, today in _ENERGY:
        measurement, before = values.get(name), totals.get(key)
        if before is None or before.at is not None or measurement is None or not _stands(before, measurement, day, cast.replaced):
            total = _electricity(before, measurement, now, ELECTRICITY in cast.replaced, memory.at.clock)
            if total is None:
                continue
            changed[key] = before = total
        if now is not None and measurement is not None:
            made[today] = _made(before, measurement)
    known = memory.before
    if known is not None and cast.devices is known.known:
        devices = known.observed
    else:
        devices = tuple([_device(totals, changed, role, one, now, role in cast.replaced) for role, one in cast.devices])
    return {**totals, **changed} if changed else totals, made, devices


def _stands(total: Total, measurement: Measurement, day: int | None, replaced: tuple[str, ...]) -> bool:
    """Tell whether the register stands where it stood, on the same day: nearly every telegram."""
    return total.last == measurement.value and total.day == day and not measurement.held and not replaced


def _electricity(
    total: Total | None, measurement: Measurement | None, now: datetime | None, replaced: bool, stood: float | None
) -> Total | None:
    if total is not None and total.at is None:
        total = new(Total, (*total[:3], stood))
    if measurement is None or now is None:
        return total
    counted = _count(total, measurement, _when(now, PATIENCE_S), replaced)
    return counted if counted is total or counted is None else new(Total, (*counted[:3], None))


def _device(
    totals: Totals, changed: dict[tuple[str, str], Total], role: str, device: Device, now: datetime | None, replaced: bool
) -> Device:
    made = Made()
    for name, measurement in device.values.items():
        at = measurement.at or device.at or now
        register, today = _names(device.medium, measurement.unit)
        if at is not None and name == register:
            total = _count(totals.get((role, name)), measurement, _when(at, CAPTURE_PATIENCE_S), replaced)
            if total is not None:
                changed[role, name] = total
                made[today] = _made(total, measurement)
    return Device(device.channel, role, device.medium, device.equipment_id, device.at, with_values(device.values, made))


def with_values(values: Mapping[str, Measurement], made: Mapping[str, Measurement]) -> Mapping[str, Measurement]:
    """The same values and those that were made."""
    # A proxy's own copy() is several times faster than dict(proxy), and every telegram pays for it.
    together = values.copy() if isinstance(values, MappingProxyType) else dict(values)
    together.update(made)
    return MappingProxyType(together)


@lru_cache(maxsize=64)
def _names(medium: str, unit: str) -> tuple[str, str]:
    """The name of a device's register, and of its day so far."""
    return device_value(medium, unit), device_value(f"{medium}_today", unit)


def _count(total: Total | None, measurement: Measurement, when: _When, replaced: bool) -> Total | None:
    register = measurement.value
    if measurement.held or not isinstance(register, Decimal) or not register.is_finite():
        return total
    if total is None:
        return Total(when.day, register, register, when.at)
    if replaced or register < total.last:  # another meter, or a roll-over: the total goes on from where it was
        total = Total(total.day, register - (total.last - total.base), register, total.at)
    if total.day - 1 <= when.day <= total.day:  # a clock set back over midnight does not begin yesterday again
        return Total(total.day, total.base, register, when.at)
    before = when.at - when.since - (total.at or 0)  # how long before midnight the last one came
    base = total.last if when.since > NEAR_S and 0 <= before <= when.patience else register
    return Total(when.day, base, register, when.at)


def _made(total: Total, measurement: Measurement) -> Measurement:
    value = total.last - total.base
    return new(Measurement, (value, measurement.unit, measurement.obis, measurement.at, measurement.held, True))


def _when(at: datetime, patience: float) -> _When:
    return _When(at.toordinal(), at.hour * 3600.0 + at.minute * 60 + at.second, at.timestamp(), patience)


def _arrival(reading: Reading, zone: tzinfo | None) -> datetime | None:
    if reading.received is None:
        return None
    # With no zone given, astimezone() takes the system's, which knows summer time.
    return datetime.fromtimestamp(reading.received.wall).astimezone(zone)
