"""Simulated Iskraemeco meters: ME381 of one phase, MT381 of three. Tables of lines, and their values.

Formats 8.2 and 6.3, no CRC; which objects are sent is the grid company's choice, 32 at most (manual §6.2.1).
"""

from __future__ import annotations

from p1monitor.p1 import peaks, writing
from p1monitor.p1.layout import Line, device_line, each_phase, line, octets, telegram
from p1monitor.p1.state import State
from p1monitor.p1.telegram import Telegram

_ENERGY, _DEMAND = (8, 2), (6, 3)
_GAS_LINES = (device_line("mbus_type"), device_line("mbus_id"), device_line("mbus_hourly"))
_ENERGY_LINES = (
    line("energy_import_kwh", _ENERGY),
    line("energy_import_t1_kwh", _ENERGY),
    line("energy_import_t2_kwh", _ENERGY),
    line("energy_export_kwh", _ENERGY),
    line("energy_export_t1_kwh", _ENERGY),
    line("energy_export_t2_kwh", _ENERGY),
)
_ME381_LINES = (
    line("equipment_id"),
    *_ENERGY_LINES,
    line("tariff", (4, 0)),
    line("average_power_15m_w", _DEMAND),
    line("power_import_w", _DEMAND),
    line("power_export_w", _DEMAND),
    line("voltage_l1_v"),
    line("current_l1_a"),
    line("breaker_state", (1, 0)),
    line("message_code"),
    line("message_text"),
    *_GAS_LINES,
    device_line("mbus_state"),
)
_PEAK = line("monthly_power_peak_w", _DEMAND)
_MT381_LINES: tuple[Line, ...] = (
    line("clock"),
    line("equipment_id"),
    *_ENERGY_LINES,
    line("energy_reactive_import_kvarh", _ENERGY),
    line("tariff", (4, 0)),
    line("average_power_15m_w", _DEMAND),
    _PEAK,
    line("power_import_w", _DEMAND),
    line("power_export_w", _DEMAND),
    line("power_reactive_import_var", _DEMAND),
    *each_phase("voltage_l{}_v"),
    *each_phase("current_l{}_a"),
    line("power_factor"),
    line("frequency_hz"),
    *each_phase("voltage_sag_l{}_count"),
    line("any_power_fail_count"),
    line("message_code"),
    line("message_text"),
    *_GAS_LINES,
)
#: Hours in which the messages are set: within six hours each stands alone, both do, and neither.
_TEXT_EVERY_H, _CODE_EVERY_H = 2, 3
_DEMAND_PERIOD_S = 900
#: What is drawn is a little inductive, always alike: tan φ = 3/10, so cos φ = 0.958.
_TAN, _COS = (3, 10), "0.958"


def me381(state: State) -> Telegram:
    """Iskraemeco ME381."""
    watts = (sum(state.load.watts), 0, 0)
    hour = state.local.hour
    values = {
        **_common(state),
        "equipment_id": octets(f"K8EG{state.number:012d}"),
        **writing.phases(state.volts, watts, 100),
        **writing.messages(
            state, "tEst123" if hour % _CODE_EVERY_H == 0 else "", "0123456789" if hour % _TEXT_EVERY_H == 0 else ""
        ),
    }
    return telegram("ISk5\\2ME381-1007", _ME381_LINES, values, "absent")


def mt381(state: State) -> Telegram:
    """Iskraemeco MT381."""
    times, parts = _TAN
    peak = peaks.running(state)
    values = {
        "clock": state.stamp(state.local),
        **_common(state),
        "equipment_id": octets(f"K8ET{state.number:012d}"),
        "energy_reactive_import_kvarh": sum(state.imported) * times // parts,
        "power_reactive_import_var": max(sum(state.load.watts), 0) * times // parts,
        "monthly_power_peak_w": (writing.moment_text(peak[0]), _PEAK.text(peak[1])) if peak else ("", _PEAK.text(0)),
        **writing.phases(state.volts, state.load.watts, 100),
        "power_factor": _COS,
        "frequency_hz": 4997 + state.second // 7 % 7,
        **writing.quality(state),
        **writing.messages(state),
    }
    return telegram("ISk5\\2MT381-1003", _MT381_LINES, values, "absent")


def _common(state: State) -> dict[str, int | str | tuple[str, ...]]:
    return {
        "energy_import_kwh": sum(state.imported),
        "energy_export_kwh": sum(state.exported),
        **writing.registers(state),
        **writing.power(state),
        "average_power_15m_w": state.average(_DEMAND_PERIOD_S),
        "breaker_state": 1,
        **writing.gas_each_hour(state),
    }
