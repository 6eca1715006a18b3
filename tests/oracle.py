"""What dsmr_parser makes of a telegram, put beside what we make of it. Never decides who is right: the tests do.

Its names are its own, its units the telegram's, its texts the raw hex; the tables here translate, value by value.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from dsmr_parser import telegram_specifications
from dsmr_parser.exceptions import ParseError
from dsmr_parser.parsers import TelegramParser

from p1monitor.p1.codes import BREAKER
from p1monitor.p1.records import Device, Measurement, Reading

#: Variant, as it begins -> the specification a user of dsmr_parser would choose.
SPECIFICATIONS = {
    "NTA8130": "V2_2",
    "DSMR 2": "V2_2",
    "DSMR 3": "V3",
    "DSMR 4": "V4",
    "DSMR/ESMR 5": "V5",
    "DSMR5-like": "V5",
    "e-MUCS": "BELGIUM_FLUVIUS",
    "Wallonia": "BELGIUM_FLUVIUS",
    "Luxembourg": "LUXEMBOURG_SMARTY",
    "Sweden": "SWEDEN",
    "Finland": "SWEDEN",
    "Hungary": "EON_HUNGARY",
    "Lithuania": "V5",
    "Austria": "SAGEMCOM_T210_D_R",
    "Switzerland": "V5",
    "IEC 62056": "Q3D",
    "IEC/P1": "ISKRA_IE",
}

#: Clocks that were never set show 1970 or 2000, in UTC the year before.
_NEVER_SET = 2000
_THOUSANDTH = Decimal("0.001")
#: Printed unit, in lower case -> what to multiply by for the catalogue's.
SCALES = {
    **dict.fromkeys(("kw", "kvar", "kva", "kv", "ka", "khz"), Decimal(1000)),
    **dict.fromkeys(("wh", "varh", "ma"), _THOUSANDTH),
}


def _phases(theirs: str, ours: str) -> dict[str, str]:
    return {theirs.format(phase): ours.format(phase) for phase in (1, 2, 3)}


#: dsmr_parser's name -> ours, for numbers.
NUMBERS: Mapping[str, str] = {
    "ELECTRICITY_IMPORTED_TOTAL": "energy_import_kwh",
    "ELECTRICITY_EXPORTED_TOTAL": "energy_export_kwh",
    **{f"ELECTRICITY_USED_TARIFF_{t}": f"energy_import_t{t}_kwh" for t in (1, 2, 3, 4)},
    **{f"ELECTRICITY_DELIVERED_TARIFF_{t}": f"energy_export_t{t}_kwh" for t in (1, 2, 3, 4)},
    "ELECTRICITY_REACTIVE_IMPORTED_TOTAL": "energy_reactive_import_kvarh",
    "ELECTRICITY_REACTIVE_EXPORTED_TOTAL": "energy_reactive_export_kvarh",
    **{f"ELECTRICITY_REACTIVE_IMPORTED_TARIFF_{t}": f"energy_reactive_import_t{t}_kvarh" for t in (1, 2)},
    **{f"ELECTRICITY_REACTIVE_EXPORTED_TARIFF_{t}": f"energy_reactive_export_t{t}_kvarh" for t in (1, 2)},
    **{f"ELECTRICITY_REACTIVE_TOTAL_Q{q}": f"energy_reactive_q{q}_kvarh" for q in (1, 2, 3, 4)},
    "ELECTRICITY_COMBINED": "energy_absolute_kwh",
    "CURRENT_ELECTRICITY_USAGE": "power_import_w",
    "CURRENT_ELECTRICITY_DELIVERY": "power_export_w",
    "CURRENT_REACTIVE_IMPORTED": "power_reactive_import_var",
    "CURRENT_REACTIVE_EXPORTED": "power_reactive_export_var",
    **{f"INSTANTANEOUS_REACTIVE_POWER_Q{q}": f"power_reactive_q{q}_var" for q in (1, 2, 3, 4)},
    **_phases("INSTANTANEOUS_ACTIVE_POWER_L{}_POSITIVE", "power_import_l{}_w"),
    **_phases("INSTANTANEOUS_ACTIVE_POWER_L{}_NEGATIVE", "power_export_l{}_w"),
    **_phases("INSTANTANEOUS_REACTIVE_POWER_L{}_POSITIVE", "power_reactive_import_l{}_var"),
    **_phases("INSTANTANEOUS_REACTIVE_POWER_L{}_NEGATIVE", "power_reactive_export_l{}_var"),
    **_phases("INSTANTANEOUS_VOLTAGE_L{}", "voltage_l{}_v"),
    **_phases("INSTANTANEOUS_CURRENT_L{}", "current_l{}_a"),
    **_phases("INSTANTANEOUS_POWER_FACTOR_L{}", "power_factor_l{}"),
    **_phases("FUSE_THRESHOLD_L{}", "current_limit_l{}_a"),
    **_phases("VOLTAGE_SAG_L{}_COUNT", "voltage_sag_l{}_count"),
    **_phases("VOLTAGE_SWELL_L{}_COUNT", "voltage_swell_l{}_count"),
    "INSTANTANEOUS_POWER_FACTOR_TOTAL": "power_factor",
    "FREQUENCY": "frequency_hz",
    "SHORT_POWER_FAILURE_COUNT": "any_power_fail_count",
    "LONG_POWER_FAILURE_COUNT": "long_power_fail_count",
    "BELGIUM_CURRENT_AVERAGE_DEMAND": "average_power_15m_w",
}

#: … for texts that are printed as they are.
PLAIN: Mapping[str, str] = {
    "P1_MESSAGE_HEADER": "dsmr_version",
    "Q3D_EQUIPMENT_IDENTIFIER": "device_address",
    "Q3D_EQUIPMENT_STATE": "status",
    "Q3D_EQUIPMENT_SERIALNUMBER": "serial_number",
}

#: … for texts that are printed as octets in hex, which dsmr_parser leaves as they are.
OCTETS: Mapping[str, str] = {
    "BELGIUM_VERSION_INFORMATION": "emucs_version",
    "EQUIPMENT_IDENTIFIER": "equipment_id",
    "BELGIUM_EQUIPMENT_IDENTIFIER": "equipment_id",
    "LUXEMBOURG_EQUIPMENT_IDENTIFIER": "logical_device_name",
    "COSEM_LOGICAL_DEVICE_NAME": "logical_device_name",
    "EQUIPMENT_SERIAL_NUMBER": "device_id_1",
    "TEXT_MESSAGE": "message_text",
    "TEXT_MESSAGE_CODE": "message_code",
}

#: Unit of the threshold -> our name: the same code in three meanings.
THRESHOLDS = {"kW": "limiter_threshold_w", "W": "limiter_threshold_w", "A": "limiter_threshold_a", "kVA": "limiter_threshold_va"}

#: dsmr_parser's names of what belongs to a channel.
REGISTERS = ("MBUS_METER_READING", "HOURLY_GAS_METER_READING", "GAS_METER_READING")
IDENTIFIERS = ("MBUS_EQUIPMENT_IDENTIFIER", "EQUIPMENT_IDENTIFIER_GAS")
#: … which we show otherwise: the type as medium, the valve and relays as words, and in an NTA 8130 telegram the gas
#: meter's id stands on a channel that nothing else mentions.
OTHERWISE = ("MBUS_DEVICE_TYPE", "DEVICE_TYPE", "MBUS_VALVE_POSITION", "VALVE_POSITION_GAS", "MSN_MBUS_SWITCH_POSITION")


@dataclass(frozen=True)
class Pair:
    """One value of the telegram, twice."""

    name: str  #: dsmr_parser's
    theirs: object
    ours: object


def oracle(data: bytes, variant: str) -> Any | None:
    """dsmr_parser's telegram, or None where it cannot read this one."""
    name = next(spec for begin, spec in SPECIFICATIONS.items() if variant.startswith(begin))
    plain = {**getattr(telegram_specifications, name), "general_global_cipher": False}
    try:
        return TelegramParser(plain).parse(data.decode("latin-1"))
    except (ParseError, ArithmeticError, ValueError) as error:
        logging.getLogger(__name__).info("dsmr_parser cannot read it: %r", error)
        return None


def pairs(theirs: Any, reading: Reading) -> Iterator[Pair]:
    """Every value that dsmr_parser found, beside ours. An unknown name raises KeyError: the tables are complete."""
    for name, item in theirs:
        if name == "MBUS_DEVICES":
            for channel in item:
                yield from _channel(channel, reading)
        elif name in NUMBERS:
            yield Pair(name, _number(item.value, item.unit), _value(reading.values, NUMBERS[name]))
        elif name in PLAIN:
            yield Pair(name, item.value, _value(reading.values, PLAIN[name]))
        elif name in OCTETS:
            yield Pair(name, _text(item.value), _value(reading.values, OCTETS[name]))
        elif name not in OTHERWISE and name not in IDENTIFIERS:
            yield from _SPECIAL[name](name, item, reading)


def _value(values: Mapping[str, Measurement], name: str) -> object:
    measurement = values.get(name)
    return None if measurement is None else measurement.value


def _number(value: Decimal | int | None, unit: str | None) -> Decimal | None:
    return None if value is None else Decimal(value) * SCALES.get((unit or "").lower(), 1)


def _text(printed: str | int | None) -> str | None:
    """Octets in hex to text, where that gives something to read; else as printed. All zeros are no identity."""
    text = str(printed or "")
    if not text.strip("0"):
        return None
    try:
        decoded = bytes.fromhex(text).decode("ascii")
    except ValueError:
        return text
    return decoded.strip() if decoded.isprintable() else text


def _time(at: datetime | None) -> datetime | None:
    """None for what clocks show that were never set."""
    return None if at is None or at.year <= _NEVER_SET else at


def _clock(name: str, item: Any, reading: Reading) -> Iterator[Pair]:
    yield Pair(name, _time(item.value), reading.at)


def _tariff(name: str, item: Any, reading: Reading) -> Iterator[Pair]:
    text = _text(item.value) if len(item.value) == 4 and item.value.startswith("54") else item.value
    yield Pair(name, Decimal(str(text).removeprefix("T")), _value(reading.values, "tariff"))


def _threshold(name: str, item: Any, reading: Reading) -> Iterator[Pair]:
    yield Pair(name, _number(item.value, item.unit), _value(reading.values, THRESHOLDS[item.unit]))


def _breaker(name: str, item: Any, reading: Reading) -> Iterator[Pair]:
    if item.obis_id_code == (0, 0):  # else the relay of a channel took its place
        yield Pair(name, BREAKER[str(int(item.value))], _value(reading.values, "breaker_state"))


def _peak(name: str, item: Any, reading: Reading) -> Iterator[Pair]:
    ours = reading.values.get("monthly_power_peak_w")
    yield Pair(name, _number(item.value, item.unit), ours and ours.value)
    yield Pair(f"{name} at", item.datetime, ours and ours.at)


def _peaks(name: str, item: Any, reading: Reading) -> Iterator[Pair]:
    theirs = {(peak.datetime, _time(peak.occurred), _number(peak.value, peak.unit)) for peak in item}
    ours = _value(reading.values, "monthly_power_peak_history")
    yield Pair(name, theirs, set(ours) if isinstance(ours, tuple) else set())


def _failures(name: str, item: Any, reading: Reading) -> Iterator[Pair]:
    """Failures that were measured: some meters print 2147483647 s where they know nothing, or no time and no duration."""
    entries = {(_time(entry.datetime), entry.value) for entry in item.buffer}
    theirs = {(end, seconds) for end, seconds in entries if seconds < 2**31 - 1000 and (end or seconds)}
    ours = _value(reading.values, "power_failure_log")
    yield Pair(name, theirs, set(ours) if isinstance(ours, tuple) else set())


_SPECIAL: Mapping[str, Callable[[str, Any, Reading], Iterator[Pair]]] = {
    "P1_MESSAGE_TIMESTAMP": _clock,
    "ELECTRICITY_ACTIVE_TARIFF": _tariff,
    "ACTUAL_TRESHOLD_ELECTRICITY": _threshold,
    "ACTUAL_SWITCH_POSITION": _breaker,
    "BELGIUM_MAXIMUM_DEMAND_MONTH": _peak,
    "BELGIUM_MAXIMUM_DEMAND_13_MONTHS": _peaks,
    "POWER_EVENT_FAILURE_LOG": _failures,
}


def _channel(theirs: Any, reading: Reading) -> Iterator[Pair]:
    """One M-Bus device. Where it was never read, we have nothing, and they have a zero without a time."""
    device = next((device for device in reading.devices if device.channel == theirs.channel_id), None)
    for name, item in theirs:
        if name in REGISTERS:
            if not item.value and _time(item.datetime) is None:
                yield Pair(f"{name} never read", None, _register(device, "value"))
                continue
            yield Pair(name, _number(item.value, item.unit), _register(device, "value"))
            yield Pair(f"{name} at", _time(item.datetime), _register(device, "at"))
        elif name in IDENTIFIERS:
            if device is not None:
                yield Pair(name, _text(item.value) or "", device.equipment_id)
        elif name not in OTHERWISE and name != "ACTUAL_SWITCH_POSITION":
            raise KeyError(name)


def _register(device: Device | None, what: str) -> object:
    if device is None:
        return None
    registers = [one for name, one in device.values.items() if name.startswith(device.medium)]
    return getattr(registers[0], what) if registers else None
