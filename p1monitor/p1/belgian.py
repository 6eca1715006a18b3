"""Simulated Belgian meters (e-MUCS-P1): with a neutral, and in a delta net of 3 × 230 V. Tables of lines, and their values."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from p1monitor.p1 import peaks, writing
from p1monitor.p1.household import NORMAL, QUARTER_S
from p1monitor.p1.layout import Given, device_line, each_phase, line, octets, telegram
from p1monitor.p1.state import State
from p1monitor.p1.telegram import Telegram

_AMPERES = (5, 2)
_PEAK = line("monthly_power_peak_w")
_GAS = device_line("mbus_value", "m3", kind="mbus_third")
_WATER = device_line("mbus_value", "m3", channel=2)
_LINES = (
    line("emucs_version"),
    line("equipment_id"),
    line("clock"),
    line("energy_import_t1_kwh"),
    line("energy_import_t2_kwh"),
    line("energy_export_t1_kwh"),
    line("energy_export_t2_kwh"),
    line("tariff", (4, 0)),
    line("average_power_15m_w"),
    _PEAK,
    line("monthly_power_peak_history"),
    line("power_import_w"),
    line("power_export_w"),
    *each_phase("power_import_l{}_w"),
    *each_phase("power_export_l{}_w"),
    *each_phase("voltage_l{}_v"),
    *(line(f"current_l{phase}_a", _AMPERES) for phase in (1, 2, 3)),
    line("breaker_state", (1, 0)),
    line("limiter_threshold_w"),
    line("current_limit_l1_a", (3, 0)),
    line("message_text"),
)
_GAS_LINES = (device_line("mbus_type"), device_line("mbus_id", kind="mbus_id_2"), device_line("mbus_state"), _GAS)
_WATER_LINES = (device_line("mbus_type", channel=2), device_line("mbus_id", channel=2, kind="mbus_id_2"), _WATER)
_EMUCS3_LINES = (*_LINES, *_GAS_LINES, *_WATER_LINES)
_DELTA_LINES = (*_LINES, *_GAS_LINES)
#: What meters print for a month without a peak.
_NO_TIME = "632525252525W"
#: No limit (e-MUCS-P1): 999.9 kW, 999 A.
_NO_LIMIT_W, _NO_LIMIT_A = 999_900, 99_900


def emucs3(state: State) -> Telegram:
    """A three-phase meter with solar panels, gas and water."""
    captured = state.local - timedelta(minutes=state.local.minute % 5, seconds=state.local.second)
    values = {
        **_common(state),
        **writing.phases(state.volts, state.load.watts, 1),
        "mbus_type_2": 7,
        "mbus_id_2": octets(f"8SEN{state.seed % 10**10:010d}"),
        "mbus_value_2": (state.stamp(captured), _WATER.text(state.load.water)),
    }
    return telegram(f"FLU5\\2537{state.number % 10**5:05d}_A", _EMUCS3_LINES, values, "valid")


def delta(state: State) -> Telegram:
    """A meter between three phases without a neutral: L2 is its zero, or it makes a star point of its own (odd seeds)."""
    one, two, three = state.load.watts
    if state.seed % 2:
        volts, watts = tuple(tenths * 1000 // 1732 for tenths in state.volts), (one, two, three)
    else:
        volts, watts = (state.volts[0], 0, state.volts[2]), (one + two // 2, 0, three + two - two // 2)
    values = {**_common(state), **writing.phases((volts[0], volts[1], volts[2]), watts, 1)}
    return telegram(f"FLU5\\2538{state.number % 10**5:05d}_A", _DELTA_LINES, values, "valid")


def _common(state: State) -> dict[str, Given]:
    peak = peaks.running(state)
    gas = writing.gas_each_five_minutes(state)
    return {
        "emucs_version": "50217",
        "equipment_id": octets(f"1SAG{state.number:012d}"),
        "clock": state.stamp(state.local),
        **writing.registers(state, NORMAL),
        **writing.power(state),
        "average_power_15m_w": state.average(QUARTER_S),
        "monthly_power_peak_w": (writing.moment_text(peak[0]), _PEAK.text(peak[1])) if peak else (_NO_TIME, _PEAK.text(0)),
        "monthly_power_peak_history": _history(peaks.history(state)),
        "breaker_state": 1,
        "limiter_threshold_w": _NO_LIMIT_W,
        "current_limit_l1_a": _NO_LIMIT_A,
        "message_text": writing.messages(state)["message_text"],
        **gas,
        "mbus_state_1": 1,
    }


@lru_cache(maxsize=64)
def _history(rows: tuple[tuple[int, peaks.Peak], ...]) -> tuple[str, ...]:
    """(count)(code)(code) and count times (end of the month)(time of the peak)(kW), oldest first; `()` where there is none."""
    groups = [str(len(rows)), _PEAK.code, _PEAK.code]
    for end, (at, watts) in rows:
        groups += [writing.moment_text(end), writing.moment_text(at), _PEAK.text(watts)]
    return tuple(groups) if rows else (*groups, "")
