"""Today's use, from the registers. Never goes back, never counts what no register showed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer.memory import Total, Totals
from p1monitor.observer.roles import ELECTRICITY, Cast
from p1monitor.p1.catalogue import device_value
from p1monitor.p1.records import Device, Measurement, Reading

#: A telegram so soon after midnight is the day's beginning.
NEAR_S = 60.0
#: Without one it is the last register before midnight, if that is not older than this …
PATIENCE_S = 900.0
#: … and captures of M-Bus devices come hourly, a few minutes past the hour (DSMR 4.x).
CAPTURE_PATIENCE_S = 4200.0

_ENERGY = (("energy_import_kwh", "energy_import_today_kwh"), ("energy_export_kwh", "energy_export_today_kwh"))

#: name of the value made -> the value
Made = dict[str, Measurement]


class _When(NamedTuple):
    """The moment of a register."""

    day: int  #: ordinal of the local date
    since: float  #: seconds since local midnight
    at: float  #: POSIX seconds
    patience: float
    known: bool  #: False: by a host that may not know the time. No day begins then


def count(totals: Totals, reading: Reading, cast: Cast, zone: tzinfo | None) -> tuple[Totals, Made, tuple[Device, ...]]:
    """Count the day's totals on; return them as values of the reading, and its devices with their roles and totals.

    `zone` is the host's, for meters without a clock; None is the system's own.
    """
    known, made = dict(totals), Made()
    now = reading.at or _arrival(reading, zone)
    sure = reading.at is not None or reading.received is None or reading.received.known
    when = _when(now, PATIENCE_S, known=sure) if now is not None else None
    for name, today in _ENERGY:
        measurement = reading.values.get(name)
        if measurement is not None and when is not None:
            total = _count(known.get((ELECTRICITY, name)), measurement, when, ELECTRICITY in cast.replaced)
            if total is not None:
                known[ELECTRICITY, name] = total
                _show(made, today, total, measurement, when)
    devices = tuple([_device(known, role, device, (now, sure), role in cast.replaced) for role, device in cast.devices])
    return known, made, devices


def _device(
    known: dict[tuple[str, str], Total], role: str, device: Device, arrived: tuple[datetime | None, bool], replaced: bool
) -> Device:
    made = Made()
    now, sure = arrived
    for name, measurement in device.values.items():
        captured = measurement.at or device.at
        at = captured or now
        register, today = _names(device.medium, measurement.unit)
        if at is not None and name == register:
            when = _when(at, CAPTURE_PATIENCE_S, known=captured is not None or sure)
            total = _count(known.get((role, name)), measurement, when, replaced)
            if total is not None:
                known[role, name] = total
                _show(made, today, total, measurement, when)
    return Device(device.channel, role, device.medium, device.equipment_id, device.at, with_values(device.values, made))


def with_values(values: Mapping[str, Measurement], made: Made) -> Mapping[str, Measurement]:
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
        return None if not when.known else Total(when.day, register, register, when.at)
    if replaced or register < total.last:  # another meter, or a roll-over: the total goes on from where it was
        total = Total(total.day, register - (total.last - total.base), register, total.at)
    if _within(total, when):  # a clock set back over midnight does not begin yesterday again
        return Total(total.day, total.base, register, when.at)
    if not when.known:  # another day, says a host that may not know: the one that stands goes on when it does
        return total
    before = when.at - when.since - total.at  # how long before midnight the last one came
    base = total.last if when.since > NEAR_S and 0 <= before <= when.patience else register
    return Total(when.day, base, register, when.at)


def _within(total: Total, when: _When) -> bool:
    return total.day - 1 <= when.day <= total.day


def _show(made: Made, today: str, total: Total, measurement: Measurement, when: _When) -> None:
    """The day so far, unless it is not known whether it still is that day."""
    if when.known or _within(total, when):
        made[today] = _made(total, measurement)


def _made(total: Total, measurement: Measurement) -> Measurement:
    return Measurement(total.last - total.base, measurement.unit, measurement.obis, measurement.at, measurement.held, derived=True)


def _when(at: datetime, patience: float, *, known: bool) -> _When:
    return _When(at.toordinal(), at.hour * 3600.0 + at.minute * 60 + at.second, at.timestamp(), patience, known)


def _arrival(reading: Reading, zone: tzinfo | None) -> datetime | None:
    if reading.received is None:
        return None
    # With no zone given, astimezone() takes the system's, which knows summer time.
    return datetime.fromtimestamp(reading.received.wall).astimezone(zone)
