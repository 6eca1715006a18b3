"""Simulated Dutch meters: ESMR 5 of three phases, KWHIQ's of one, and one of DSMR 2.2. Tables of lines, and their values."""

from __future__ import annotations

from p1monitor.p1 import writing
from p1monitor.p1.layout import device_line, each_phase, line, octets, telegram
from p1monitor.p1.state import State
from p1monitor.p1.telegram import Telegram

# S50 §6.12, in the standard's order. Three phases and gas; the single-phase KWHIQ sends what 004 §11.5 says: identifier,
# energy, power and short messages.

_HEAD_LINES = (
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
)
_ESMR5_LINES = (
    *_HEAD_LINES,
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
    writing.GAS,
)
_KWHIQ_LINES = (*_HEAD_LINES, line("message_text"))


def esmr5(state: State) -> Telegram:
    """A three-phase meter with gas: ESMR 5."""
    values = {
        "dsmr_version": "50",
        "clock": state.stamp(state.local),
        "equipment_id": octets(f"E0052{state.number:012d}"),
        **writing.registers(state),
        **writing.power(state),
        **writing.quality(state),
        "power_failure_log": writing.failure_log(state.failures),
        **writing.messages(state),
        **writing.phases(state.volts, state.load.watts, 100),
        **writing.gas_each_five_minutes(state),
    }
    return telegram("ISK5\\2M550T-1013", _ESMR5_LINES, values, "valid")


def kwhiq(state: State) -> Telegram:
    """KWHIQ IQ0102065BNEM."""
    values = {
        "dsmr_version": "50",
        "clock": state.stamp(state.local),
        "equipment_id": octets(f"IQ01{state.number:012d}"),
        **writing.registers(state),
        **writing.power(state),
        **writing.messages(state),
    }
    return telegram("KWH5\\2IQ0102065BNEM", _KWHIQ_LINES, values, "valid")


# DSMR 2.2: F8(3) and F6(2), no clock, no CRC; hourly gas in the form of S30 §5.10, as meters of 2.2 send it.

_ENERGY, _POWER = (8, 3), (6, 2)
_DSMR22_LINES = (
    line("equipment_id"),
    line("energy_import_t1_kwh", _ENERGY),
    line("energy_import_t2_kwh", _ENERGY),
    line("energy_export_t1_kwh", _ENERGY),
    line("energy_export_t2_kwh", _ENERGY),
    line("tariff", (4, 0)),
    line("power_import_w", _POWER),
    line("power_export_w", _POWER),
    line("limiter_threshold_w", _POWER),
    line("breaker_state", (1, 0)),
    line("message_code"),
    line("message_text"),
    device_line("mbus_type"),
    device_line("mbus_id"),
    device_line("mbus_hourly"),
    device_line("mbus_state"),
)


def dsmr22(state: State) -> Telegram:
    """A single-phase meter of DSMR 2.2."""
    values = {
        "equipment_id": octets(f"ZABF{state.number:012d}"),
        **writing.registers(state),
        **writing.power(state),
        "limiter_threshold_w": 999_000,  # none
        "breaker_state": 1,
        **writing.messages(state),
        **writing.gas_each_hour(state),
    }
    return telegram("KMP5 ZABF001587315111", _DSMR22_LINES, values, "absent")
