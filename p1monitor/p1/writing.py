"""Lines that several simulated meters share, and their values out of a state. Never decides which meter has which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from p1monitor.p1 import grid
from p1monitor.p1.catalogue import PHASES
from p1monitor.p1.household import LOW, NORMAL
from p1monitor.p1.layout import Given, device_line, line, octets
from p1monitor.p1.state import State
from p1monitor.p1.times import central, meter_text

GAS = device_line("mbus_value", "m3")
_DURATION = line("power_failure_s")


def registers(state: State, first: int = LOW) -> Mapping[str, Given]:
    """Energies by tariff and the tariff that runs; `first` is what tariff 1 means: low (Netherlands) or normal (Belgium)."""
    one, two = (LOW, NORMAL) if first == LOW else (NORMAL, LOW)
    imported, exported = state.imported, state.exported
    return {
        "energy_import_t1_kwh": imported[one - 1],
        "energy_import_t2_kwh": imported[two - 1],
        "energy_export_t1_kwh": exported[one - 1],
        "energy_export_t2_kwh": exported[two - 1],
        "tariff": 1 if state.load.tariff == one else 2,
    }


def power(state: State) -> Mapping[str, Given]:
    """Import and export of all phases together; one of them is zero."""
    net = sum(state.load.watts)
    return {"power_import_w": max(net, 0), "power_export_w": max(-net, 0)}


def phases(volts: tuple[int, int, int], watts: tuple[int, int, int], step: int) -> Mapping[str, Given]:
    """Voltage, current (rounded to `step` hundredths of an ampere) and powers of each phase."""
    values: dict[str, Given] = {}
    for phase, tenths, drawn in zip(PHASES, volts, watts, strict=True):
        values[f"voltage_l{phase}_v"] = tenths
        values[f"current_l{phase}_a"] = grid.amperes(drawn, tenths, step)
        values[f"power_import_l{phase}_w"] = max(drawn, 0)
        values[f"power_export_l{phase}_w"] = max(-drawn, 0)
    return values


def quality(state: State) -> Mapping[str, Given]:
    """Counters of sags, swells and power failures."""
    values: dict[str, Given] = {
        "any_power_fail_count": len(state.failures) + state.short_failures,
        "long_power_fail_count": len(state.failures),
    }
    for phase, sags, swells in zip(PHASES, state.sags, state.swells, strict=True):
        values[f"voltage_sag_l{phase}_count"] = sags
        values[f"voltage_swell_l{phase}_count"] = swells
    return values


def messages(state: State, code: str = "", text: str = "") -> Mapping[str, Given]:
    """The grid company's: the state's, or what this model would have."""
    return {
        "message_code": octets(code if state.message_code is None else state.message_code),
        "message_text": octets(text if state.message_text is None else state.message_text),
    }


@lru_cache(maxsize=16)
def failure_log(failures: tuple[tuple[int, int], ...]) -> tuple[str, ...]:
    """(count)(code of the durations) and count times (end)(seconds): S50 §6.11."""
    groups = [str(len(failures)), _DURATION.code]
    for end, seconds in failures:
        groups += [moment_text(end), _DURATION.text(seconds)]
    return tuple(groups)


def gas_each_five_minutes(state: State) -> Mapping[str, Given]:
    """Device type, identifier and register with its time: S50 §6.12."""
    captured = state.local - timedelta(minutes=state.local.minute % 5, seconds=state.local.second)
    return {**_gas_meter(state), "mbus_value_1": (state.stamp(captured), GAS.text(state.gas_at(captured)))}


def gas_each_hour(state: State) -> Mapping[str, Given]:
    """(time)(status)(minutes)(count)(code)(unit) and the value, without its unit, on the next line: S30 §5.10."""
    hour = state.local - timedelta(minutes=state.local.minute, seconds=state.local.second)
    number, _, unit = GAS.text(state.gas_at(hour)).partition("*")
    groups = (state.stamp(hour)[:-1], "00", "60", "1", GAS.code, unit, number)
    return {**_gas_meter(state), "mbus_hourly_1": groups, "mbus_state_1": 1}


def _gas_meter(state: State) -> Mapping[str, Given]:
    return {"mbus_type_1": 3, "mbus_id_1": octets(f"G0061{state.gas_number:012d}")}


def moment_text(second: int) -> str:
    """Write POSIX seconds as TST."""
    return meter_text(central(datetime.fromtimestamp(second, UTC)))
