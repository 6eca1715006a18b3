"""Simulated meters: (moment, seed) to Telegram, always the same for the same. Never asks a clock, never remembers.

A model is a table: the lines of its telegram in their order, each a catalogue row with the model's number format, and a
function that gives the lines their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import pi, sin
from types import MappingProxyType

from p1monitor.p1.catalogue import PHASES
from p1monitor.p1.household import LOW, NORMAL, Household, Load
from p1monitor.p1.layout import Given, device_line, each_phase, line, octets, telegram
from p1monitor.p1.telegram import Telegram
from p1monitor.p1.times import central, meter_text


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of simulated meter."""

    name: str
    title: str  #: for people
    period_s: float  #: between telegrams
    settings: str  #: of its serial port
    telegram: Callable[[datetime, int], Telegram]  #: (moment, seed); the moment is aware, whole seconds count


#: When the simulated meters were hung up; their counters of sags and swells begin here.
_INSTALLED = int(datetime(2023, 9, 4, 8, tzinfo=UTC).timestamp())
#: Days between two sags and two swells of each phase (0 = never), and how many seconds one lasts.
_SAGS, _SWELLS = (61, 83, 97), (149, 0, 211)
_DAY_S, _DIP_S = 86400, 75


def _volts(second: int, phase: int, watts: int) -> int:
    """Tenths of a volt: the street's slow ups and downs, the seconds', what the house draws or feeds, the rare dip or peak."""
    if _within(second, _SAGS[phase - 1]):
        return 1978 + second % 7
    if _within(second, _SWELLS[phase - 1]):
        return 2548 + second % 5
    slow = 28 * sin(2 * pi * second / 5400 + 2 * phase) + 22 * sin(2 * pi * second / 86400 + 1)
    return 2316 + int(slow) + (second * 5 + phase * 3) % 7 - 3 - watts // 160


def _amperes(watts: int, tenths: int) -> int:
    """The current that such a power draws at such a voltage, rounded; unsigned (S50 §6.12)."""
    return (abs(watts) * 10 + tenths // 2) // tenths


def _within(second: int, days: int) -> bool:
    return days > 0 and second >= _INSTALLED and (second - _INSTALLED) % (days * _DAY_S) >= days * _DAY_S - _DIP_S


def _times(second: int, days: int) -> int:
    """How many there have been; one counts when it is over."""
    return max(second - _INSTALLED, 0) // (days * _DAY_S) if days else 0


# ESMR 5: a Dutch three-phase meter with gas. S50 §6.12, in the standard's order.

_DURATION = line("power_failure_s")
_GAS = device_line("mbus_value", "m3")
_ESMR5_LINES = (
    line("dsmr_version"),
    line("clock"),
    line("equipment_id"),
    line("energy_import_t1_kwh"),
    line("energy_import_t2_kwh"),
    line("energy_export_t1_kwh"),
    line("energy_export_t2_kwh"),
    line("tariff", (4, 0)),
    line("power_import_w"),
    line("power_export_w"),
    line("any_power_fail_count"),
    line("long_power_fail_count"),
    line("power_failure_log"),
    *each_phase("voltage_sag_l{}_count"),
    *each_phase("voltage_swell_l{}_count"),
    line("message_text"),
    *each_phase("voltage_l{}_v"),
    *each_phase("current_l{}_a"),
    *each_phase("power_import_l{}_w"),
    *each_phase("power_export_l{}_w"),
    device_line("mbus_type"),
    device_line("mbus_id"),
    _GAS,
)
_PANELS_W = 4000
#: Ends of the long power failures and their seconds, newest first; and the short ones, which leave no entry.
_FAILURES = (
    (int(datetime(2023, 12, 8, 17, 42, 11, tzinfo=UTC).timestamp()), 1287),
    (int(datetime(2023, 9, 21, 4, 5, 36, tzinfo=UTC).timestamp()), 312),
)
_SHORT_FAILURES = 5


def _esmr5(moment: datetime, seed: int) -> Telegram:
    load = Household(seed, _PANELS_W).at(moment)
    second = int(load.local.timestamp())
    net = sum(load.watts)
    failures = tuple(failure for failure in _FAILURES if failure[0] <= second)
    captured = load.local - timedelta(minutes=load.local.minute % 5, seconds=load.local.second)
    values: dict[str, Given] = {
        "dsmr_version": "50",
        "clock": meter_text(load.local),
        "equipment_id": octets(f"E0052{seed % 10**12:012d}"),
        **_registers(load),
        "power_import_w": max(net, 0),
        "power_export_w": max(-net, 0),
        "any_power_fail_count": len(failures) + _SHORT_FAILURES if failures else 0,
        "long_power_fail_count": len(failures),
        "power_failure_log": _log(failures),
        "message_text": "",
        "mbus_type_1": 3,
        "mbus_id_1": octets(f"G0061{seed % 10**12:012d}"),
        "mbus_value_1": (meter_text(captured), _GAS.text(load.gas)),
    }
    for phase, watts in zip(PHASES, load.watts, strict=True):
        values |= _phase(second, phase, watts)
    return telegram("ISK5\\2M550T-1013", _ESMR5_LINES, values, "valid")


def _registers(load: Load) -> dict[str, Given]:
    return {
        "energy_import_t1_kwh": load.imported[LOW - 1],
        "energy_import_t2_kwh": load.imported[NORMAL - 1],
        "energy_export_t1_kwh": load.exported[LOW - 1],
        "energy_export_t2_kwh": load.exported[NORMAL - 1],
        "tariff": load.tariff,
    }


def _phase(second: int, phase: int, watts: int) -> dict[str, Given]:
    volts = _volts(second, phase, watts)
    return {
        f"voltage_sag_l{phase}_count": _times(second, _SAGS[phase - 1]),
        f"voltage_swell_l{phase}_count": _times(second, _SWELLS[phase - 1]),
        f"voltage_l{phase}_v": volts,
        f"current_l{phase}_a": _amperes(watts, volts),
        f"power_import_l{phase}_w": max(watts, 0),
        f"power_export_l{phase}_w": max(-watts, 0),
    }


@lru_cache(maxsize=len(_FAILURES) + 1)
def _log(failures: tuple[tuple[int, int], ...]) -> tuple[str, ...]:
    """(count)(code of the durations) and count times (end)(seconds): S50 §6.11."""
    groups = [str(len(failures)), _DURATION.code]
    for end, seconds in failures:
        groups += [meter_text(central(datetime.fromtimestamp(end, UTC))), _DURATION.text(seconds)]
    return tuple(groups)


# Iskraemeco ME381: single-phase, formats 8.2 and 6.3, neither clock nor CRC, messages, gas each hour (S30 §5.10).

_ENERGY, _DEMAND = (8, 2), (6, 3)
_ME381_LINES = (
    line("equipment_id"),
    line("energy_import_kwh", _ENERGY),
    line("energy_import_t1_kwh", _ENERGY),
    line("energy_import_t2_kwh", _ENERGY),
    line("energy_export_kwh", _ENERGY),
    line("energy_export_t1_kwh", _ENERGY),
    line("energy_export_t2_kwh", _ENERGY),
    line("tariff", (4, 0)),
    line("average_power_15m_w", _DEMAND),
    line("power_import_w", _DEMAND),
    line("power_export_w", _DEMAND),
    line("voltage_l1_v"),
    line("current_l1_a"),
    line("breaker_state", (1, 0)),
    line("message_code"),
    line("message_text"),
    device_line("mbus_type"),
    device_line("mbus_id"),
    device_line("mbus_hourly"),
    device_line("mbus_state"),
)
_DEMAND_PERIOD_S = 900
#: Hours in which the messages are set: within six hours each stands alone, both do, and neither.
_TEXT_EVERY_H, _CODE_EVERY_H = 2, 3


def _me381(moment: datetime, seed: int) -> Telegram:
    house = Household(seed)
    load = house.at(moment)
    watts = sum(load.watts)
    second = int(load.local.timestamp())
    volts = _volts(second, 1, watts)
    hour = load.local - timedelta(minutes=load.local.minute, seconds=load.local.second)
    block = house.at(load.local - timedelta(seconds=second % _DEMAND_PERIOD_S))
    values: dict[str, Given] = {
        "equipment_id": octets(f"K8EG{seed % 10**12:012d}"),
        "energy_import_kwh": sum(load.imported),
        "energy_export_kwh": sum(load.exported),
        **_registers(load),
        # DLMS class 5: the energy of the period that runs, divided by a whole period
        "average_power_15m_w": (sum(load.imported) - sum(block.imported)) // _DEMAND_PERIOD_S,
        "power_import_w": watts,
        "power_export_w": 0,
        "voltage_l1_v": volts,
        "current_l1_a": _amperes(watts, volts),
        "breaker_state": 1,
        "message_code": octets("tEst123") if hour.hour % _CODE_EVERY_H == 0 else "",
        "message_text": octets("0123456789") if hour.hour % _TEXT_EVERY_H == 0 else "",
        "mbus_type_1": 3,
        "mbus_id_1": octets(f"G0061{seed % 10**12:012d}"),
        "mbus_hourly_1": _hourly(hour, house.at(hour).gas),
        "mbus_state_1": 1,
    }
    return telegram("ISk5\\2ME381-1007", _ME381_LINES, values, "absent")


def _hourly(hour: datetime, litres: int) -> tuple[str, ...]:
    """(time)(status)(minutes)(count)(code)(unit) and the value, without its unit, on the next line: S30 §5.10."""
    number, _, unit = _GAS.text(litres).partition("*")
    return meter_text(hour)[:-1], "00", "60", "1", _GAS.code, unit, number


#: Every simulated meter, by name.
MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            Model("esmr5", "Dutch three-phase meter (ESMR 5) with gas and solar panels", 1.0, "115200 8N1", _esmr5),
            Model("me381", "Iskraemeco ME381, single-phase, with gas and messages", 10.0, "9600 7E1", _me381),
        )
    }
)
