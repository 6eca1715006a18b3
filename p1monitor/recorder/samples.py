"""Readings -> samples for the profiles: numbers become scaled integers, exactly. Pure; never folds, never stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

from p1monitor.p1.catalogue import device_value
from p1monitor.p1.records import Device, Measurement, Reading
from p1monitor.p1.registers import ERROR_1, ERROR_2, Bits, number
from p1monitor.recorder.levels import HOUR_S, Bit, is_summer
from p1monitor.recorder.peaks import Demand

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

#: Errors that are critical, by register (ME381 manual tables 53 and 54): memories, the measuring itself, the watchdog.
ERRORS: Mapping[str, tuple[Bits, int]] = MappingProxyType(
    {"error_register": (ERROR_1, 0x1F00), "error_register_2": (ERROR_2, 0x0007_3F00)}
)
#: Registers have four to nine places before the point; in thousandths.
_RANGES = tuple(10**places * 1000 for places in range(4, 10))
#: A register that fell by this share of its range and more rolled over.
_ROLLED = 0.99


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
    return watts(reading.values.get("power_w"))


def volts(reading: Reading) -> tuple[int | None, ...]:
    """Per phase, in tenths of a volt as the standards print them; empty where the meter sends none."""
    values = reading.values
    if not any(name in values for name in VOLTAGES):
        return ()
    return tuple([tenths(values.get(name)) for name in VOLTAGES])


def tenths(measurement: Measurement | None) -> int | None:
    """A number in tenths of its unit."""
    thousandths = scaled(measurement)
    return None if thousandths is None else round(thousandths / 100)


def watts(measurement: Measurement | None) -> int | None:
    """A power in whole watts."""
    if measurement is None or measurement.held:
        return None
    value = measurement.value
    return round(value) if isinstance(value, Decimal) and value.is_finite() else None


def failures(counters: Iterable[Measurement | None]) -> tuple[int, ...] | None:
    """The meter's own counters of power failures (`FAILURES`); None where it sends none."""
    found = [scaled(counter) for counter in counters]
    return tuple((value or 0) // 1000 for value in found) if any(value is not None for value in found) else None


def faulty(registers: Iterable[Measurement | None]) -> bool:
    """Tell whether a critical error stands in one of the error registers (`ERRORS`)."""
    for register, (table, critical) in zip(registers, ERRORS.values(), strict=True):
        if register is not None and isinstance(register.value, str) and not register.held:
            value = number(register.value, table)
            if value is not None and value & critical:
                return True
    return False


def peak(measurement: Measurement | None) -> Demand | None:
    """The meter's own maximum demand, where it says when that was."""
    if measurement is None or measurement.derived or measurement.at is None:
        return None
    power = watts(measurement)
    return None if not power else Demand(own=True, watts=power, at=int(measurement.at.timestamp()))


def own_registers(device: Device) -> Iterator[tuple[str, Measurement]]:
    """The registers of an M-Bus device, doubtful ones too."""
    for name, measurement in device.values.items():
        if not measurement.derived and name == device_value(device.medium, measurement.unit):
            yield name, measurement


def captures(device: Device) -> Iterator[tuple[str, Measurement, int]]:
    """What an M-Bus device has captured: name, measurement, thousandths of its unit."""
    for name, measurement in own_registers(device):
        value = scaled(measurement)
        if value is not None:
            yield name, measurement, value


def summer(at: int, offset: int) -> int:
    """The DST bit: by the common European rule, and by the offset that the meter printed."""
    return Bit.DST if offset > HOUR_S and is_summer(at // HOUR_S) else 0


def grew(before: tuple[int, ...] | None, now: tuple[int, ...] | None) -> bool:
    """Tell whether one of the counters has grown."""
    return before is not None and now is not None and any(b < n for b, n in zip(before, now, strict=True))


def offsets(totals: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """What must be added to another meter's registers so that totals go on from where they stood."""
    return {name: totals.get(name, 0) - value for name, value in now.items()}


def fallen(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """What must be added to each register that is less than before: where it rolled over its range, else what it lost."""
    lost = {name: before[name] - value for name, value in now.items() if value < before.get(name, 0)}
    return {name: _range(less) or less for name, less in lost.items()}


def _range(lost: int) -> int:
    """The range of a register that rolled over, if it did: then nearly all of a power of ten is gone. 0 if it did not."""
    return next((most for most in _RANGES if most * _ROLLED <= lost <= most), 0)
