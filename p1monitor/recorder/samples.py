"""Readings -> samples for the profiles: numbers become scaled integers, exactly. Pure; never folds, never stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from p1monitor.p1.catalogue import device_value
from p1monitor.p1.records import Device, Measurement, Reading
from p1monitor.p1.times import central
from p1monitor.recorder.profiles import Bit

#: Tariffs with columns of their own: the seed meters have eight; more are in the total.
TARIFFS = 8
#: The registers of the electricity meter, in the order of their columns, which hold thousandths: Wh.
REGISTERS = tuple(
    f"energy_{flow}{rate}_kwh"
    for flow in ("import", "export")
    for rate in ("", *(f"_t{tariff}" for tariff in range(1, TARIFFS + 1)))
)
VOLTAGES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
#: What grows when the meter has lost power: the evidence for PDN.
FAILURES = ("any_power_fail_count", "long_power_fail_count")

_HOUR = 3600


def scaled(measurement: Measurement | None) -> int | None:
    """A number in thousandths of its unit: the standards print three decimals at most. None where it is doubtful."""
    if measurement is None or measurement.held:
        return None
    value = measurement.value
    return int(value * 1000) if isinstance(value, Decimal) and value.is_finite() else None


def registers(reading: Reading) -> tuple[int | None, ...]:
    """All registers of the electricity meter, in Wh."""
    values = reading.values
    return tuple([scaled(values[name]) if name in values else None for name in REGISTERS])


def power(reading: Reading) -> int | None:
    """Net power in W."""
    thousandths = scaled(reading.values.get("power_w"))
    return None if thousandths is None else round(thousandths / 1000)


def volts(reading: Reading) -> tuple[float | None, ...]:
    """Per phase; empty where the meter sends none."""
    values = reading.values
    if not any(name in values for name in VOLTAGES):
        return ()
    found = [scaled(values.get(name)) for name in VOLTAGES]
    return tuple(None if value is None else value / 1000 for value in found)


def failures(reading: Reading) -> tuple[int, ...] | None:
    """The meter's own counters of power failures; None where it sends none."""
    found = [scaled(reading.values.get(name)) for name in FAILURES]
    return None if found == [None, None] else tuple((value or 0) // 1000 for value in found)


def captures(device: Device) -> Iterator[tuple[str, Measurement, int]]:
    """The registers of an M-Bus device: name, measurement, thousandths of its unit."""
    for name, measurement in device.values.items():
        if not measurement.derived and name == device_value(device.medium, measurement.unit):
            value = scaled(measurement)
            if value is not None:
                yield name, measurement, value


def summer(at: int, offset: int) -> int:
    """The DST bit: by the common European rule, and by the offset that the meter printed."""
    return Bit.DST if offset >= _summer_offset(at // _HOUR) else 0


@lru_cache(maxsize=8)
def _summer_offset(hour: int) -> float:
    """The least offset that is summer time in this hour of UTC; in winter none is."""
    local = central(datetime.fromtimestamp(hour * _HOUR, UTC)).utcoffset()
    seconds = local.total_seconds() if local else 0.0
    return seconds if seconds > _HOUR else float("inf")


def grew(before: tuple[int, ...] | None, now: tuple[int, ...] | None) -> bool:
    """Tell whether one of the counters has grown."""
    return before is not None and now is not None and any(b < n for b, n in zip(before, now, strict=True))


def offsets(old: Mapping[str, int], before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """What must be added to a new meter's registers so that totals go on from where the old meter's stood."""
    return {name: old.get(name, 0) + before.get(name, 0) - value for name, value in now.items()}
