"""Rows about the meter itself: identifiers, events, errors, alarms, settings, prepayment, modem. Tables; never looks anything up.

Annex 1 of the ME381/MT381 manual, as far as an object is one value: tables, scripts, profiles and keys never stand in a
telegram; one that does is kept under its code. KWHIQ's from its annexure I.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from p1monitor.p1.rows import Row

_SOURCE = "IDIS; ME381 annex 1"

#: Code, name, kind, unit, title.
_PLAIN: tuple[tuple[str, str, str, str, str], ...] = (
    ("0-0:13.0.0", "calendar_name", "text", "", "Tariff calendar"),
    ("0-0:43.1.0", "frame_counter_0", "code", "", "Frame counter, received 0"),
    ("0-0:43.1.1", "frame_counter_1", "code", "", "Frame counter, received 1"),
    ("0-0:96.1.1", "device_id_2", "text", "", "Device identifier 2, equipment"),
    ("0-0:96.1.2", "device_id_3", "text", "", "Device identifier 3, function location"),
    ("0-0:96.1.3", "device_id_4", "text", "", "Device identifier 4, location"),
    ("0-0:96.1.4", "device_id_5", "text", "", "Device identifier 5"),
    ("0-0:96.1.5", "device_id_6", "text", "", "Device identifier 6, IDIS certification"),
    ("0-0:96.1.6", "device_id_7", "text", "", "Device identifier 7"),
    ("0-0:96.1.7", "device_id_8", "text", "", "Device identifier 8"),
    ("0-0:96.1.8", "device_id_9", "text", "", "Device identifier 9, meter"),
    ("0-0:96.2.0", "configuration_change_count", "count", "", "Configuration changes"),
    ("0-0:96.2.1", "configuration_change_timestamp", "stamp", "", "Last configuration change"),
    ("0-0:96.2.4", "security_switches", "plain", "", "Security switches"),
    ("0-0:96.3.1", "input_signals", "plain", "", "Input control signals"),
    ("0-0:96.3.2", "output_signals", "plain", "", "Output control signals"),
    ("0-0:96.5.0", "device_status", "plain", "", "Device status"),
    ("1-0:96.5.1", "system_status", "plain", "", "System status"),
    ("0-0:96.6.0", "battery_use_s", "number", "s", "Battery, time in use"),
    ("0-0:96.6.6", "battery_remaining_s", "number", "s", "Battery, estimated time left"),
    ("0-0:96.10.128", "serial_process_status", "plain", "", "Serial process status"),
    ("0-0:96.11.0", "event_standard", "code", "", "Last standard event"),
    ("0-0:96.11.1", "event_fraud", "code", "", "Last fraud event"),
    ("0-0:96.11.2", "event_disconnector", "code", "", "Last disconnector event"),
    ("0-0:96.11.3", "event_mbus", "code", "", "Last M-Bus event"),
    ("0-0:96.11.4", "event_power_quality", "code", "", "Last power quality event"),
    ("0-0:96.15.0", "cover_opening_count", "count", "", "Cover openings"),
    ("0-0:96.15.1", "breaker_opening_count", "count", "", "Breaker openings"),
    ("0-0:96.63.10", "firmware_transfer_count", "count", "", "Firmware transfers"),
    ("0-0:96.96.0", "rom_checksum", "plain", "", "Checksum of the program memory"),
    ("0-0:96.128.0", "secure_parameter", "plain", "", "Last modified secure parameter"),
    ("0-0:96.128.1", "secure_parameter_old", "plain", "", "Last modified secure parameter, old value"),
    ("0-0:96.128.2", "secure_parameter_new", "plain", "", "Last modified secure parameter, new value"),
    ("1-0:96.241.0", "event_status", "plain", "", "Event status"),
    ("1-0:96.242.0", "alarm_on_status", "plain", "", "Alarms that came"),
    ("1-0:96.242.10", "alarm_on_status_2", "plain", "", "Alarms that came, second register"),
    ("1-0:96.243.0", "alarm_off_status", "plain", "", "Alarms that went"),
    ("1-0:96.243.10", "alarm_off_status_2", "plain", "", "Alarms that went, second register"),
    ("1-0:96.245.0", "event_system", "code", "", "System of the event codes"),
    ("1-0:96.246.0", "alarm_system", "code", "", "System of the alarm codes"),
    ("0-0:97.97.1", "error_register_2", "plain", "", "Error register, second set"),
    ("0-0:97.98.1", "alarm_register_2", "plain", "", "Alarm register 2"),
    ("0-0:97.98.10", "alarm_filter", "plain", "", "Alarm filter"),
    ("0-0:97.98.11", "alarm_filter_2", "plain", "", "Alarm filter 2"),
    ("0-0:128.1.0", "rtc_mode", "code", "", "Clock, mode"),
    ("0-0:128.1.1", "rtc_calibration", "code", "", "Clock, calibration"),
    ("0-0:128.1.2", "rtc_backup_type", "code", "", "Clock, type of backup"),
    ("0-0:128.1.3", "rtc_backup_s", "number", "s", "Clock, backup time"),
    ("0-0:128.5.0", "calibration_status", "plain", "", "Calibration status"),
    ("0-0:128.6.0", "watchdog_count", "count", "", "Watchdog resets"),
    ("0-0:128.10.0", "tariff_source", "code", "", "Source of the tariff"),
    ("0-0:128.10.1", "tariff_synchronisation", "code", "", "Tariff change and demand period"),
    ("0-0:128.30.0", "load_control_mode", "code", "", "Load control, mode"),
    ("0-0:128.30.2", "load_control_power_on_delay_s", "number", "s", "Load control, delay after power up"),
    ("0-0:128.30.3", "load_control_switch_on_delay_s", "number", "s", "Load control, delay of switching on"),
    ("0-0:128.30.10", "service_control_mode", "code", "", "Service control, mode"),
    ("0-0:128.30.12", "service_control_power_on_delay_s", "number", "s", "Service control, delay after power up"),
    ("0-0:128.30.13", "service_control_switch_on_delay_s", "number", "s", "Service control, delay of switching on"),
    ("0-0:128.30.14", "service_control_function", "code", "", "Service control, function"),
    ("0-0:128.30.20", "breaker_type", "code", "", "Breaker, type"),
    ("0-0:128.30.24", "breaker_manual_period_s", "number", "s", "Breaker, time for manual connection"),
    ("0-0:128.50.1", "mbus_configuration", "plain", "", "M-Bus client, configuration"),
    ("0-0:128.62.10", "current_monitor_period_s", "number", "s", "Current supervision, least duration"),
    ("0-0:128.70.0", "dlms_options", "plain", "", "DLMS options"),
    ("0-0:128.70.1", "dlms_restrictions", "plain", "", "DLMS association restrictions"),
    ("0-0:128.103.0", "application_mode", "code", "", "Application core, mode"),
    ("0-0:128.103.1", "application_stamp", "plain", "", "Application core, stamp"),
    ("0-0:128.103.2", "application_flags", "plain", "", "Application core, flags"),
    ("0-0:196.0.0", "measurement_configuration", "plain", "", "Measurement, configuration"),
    ("0-0:196.0.1", "transformer_type", "code", "", "Transformer measurement, type"),
    ("0-0:196.0.23", "startup_hysteresis", "code", "", "Measurement, starting hysteresis"),
    ("0-0:196.1.0", "display_energy_format", "plain", "", "Display, format of energy"),
    ("0-0:196.1.1", "display_demand_format", "plain", "", "Display, format of demand"),
    ("0-0:196.1.3", "display_configuration", "plain", "", "Display, configuration"),
    ("0-0:196.3.0", "io_configuration", "plain", "", "Inputs and outputs, configuration"),
    ("0-0:196.3.6", "io_configuration_5", "plain", "", "Input or output 5, configuration"),
    ("0-0:196.60.0", "prepayment_rate_scaler", "code", "", "Prepayment, scaler of the rates"),
    ("0-0:196.97.0", "error_filter", "plain", "", "Error filter"),
    ("0-0:196.97.1", "error_filter_2", "plain", "", "Error filter, second set"),
    ("0-0:196.97.10", "error_display_filter", "plain", "", "Error display filter"),
    ("0-0:196.97.11", "error_display_filter_2", "plain", "", "Error display filter, second set"),
    ("0-0:196.98.0", "authentication_failure_timestamp", "stamp", "", "Last failed authentication"),
    ("0-0:196.98.1", "authentication_failure_count", "count", "", "Failed authentications"),
    ("0-0:196.98.2", "authentication_failure_limit", "code", "", "Failed authentications, limit"),
    ("0-0:196.98.3", "authentication_restrictions", "plain", "", "Authentication, restrictions"),
    ("0-0:196.98.4", "decryption_failure_timestamp", "stamp", "", "Last failed decryption"),
    ("0-0:196.98.5", "decryption_failure_count", "count", "", "Failed decryptions"),
    ("1-0:0.1.0", "billing_period_count", "count", "", "Billing periods"),
    ("1-0:0.3.0", "led_active_constant", "code", "", "Pulses of the LED per kWh"),
    ("1-0:0.3.1", "led_reactive_constant", "code", "", "Pulses of the LED per kvarh"),
    ("1-0:0.3.2", "led_apparent_constant", "code", "", "Pulses of the LED per kVAh"),
    ("1-0:0.3.3", "output_active_constant", "code", "", "Pulses of the output per kWh"),
    ("1-0:0.3.4", "output_reactive_constant", "code", "", "Pulses of the output per kvarh"),
    ("1-0:0.3.5", "output_apparent_constant", "code", "", "Pulses of the output per kVAh"),
    ("1-0:0.4.5", "current_ratio_denominator", "factor", "", "Current transformer ratio, denominator"),
    ("1-0:0.4.6", "voltage_ratio_denominator", "factor", "", "Voltage transformer ratio, denominator"),
    ("1-0:0.9.11", "clock_shift_limit_s", "number", "s", "Clock shift that counts as setting the clock"),
)

#: 0-0:128.60.e, in the currency that the supplier has set; no unit is sent.
_PREPAYMENT: tuple[tuple[int, str, str, str], ...] = (
    (0, "mode", "code", "mode"),
    (1, "credit", "amount", "available credit"),
    (2, "emergency_credit", "amount", "emergency credit"),
    (3, "status", "code", "status"),
    (4, "purchase_total", "amount", "total purchase"),
    (10, "emergency_initial_limit", "amount", "emergency credit, initial limit"),
    (11, "emergency_limit", "amount", "emergency credit, limit"),
    (12, "emergency_threshold", "amount", "emergency credit, threshold"),
    (30, "credit_transfer", "amount", "credit transfer"),
    (31, "energy_reference", "plain", "energy register"),
    (32, "accounting_reference", "plain", "accounting register"),
    *((e, f"{when}_auxiliary_charge", "amount", f"{when} auxiliary charge") for e, when in ((20, "active"), (40, "passive"))),
    *(
        (e + tariff, f"{when}_rate_t{tariff}", "amount", f"{when} rate, tariff {tariff}")
        for e, when in ((20, "active"), (40, "passive"))
        for tariff in range(1, 9)
    ),
)

#: What KWHIQ's display lists show of its modem; class 47's attributes all stand under one code.
_MODEM: tuple[tuple[str, str, str, str, str], ...] = (
    ("0-0:25.1.0", "modem_ip_address", "plain", "", "Modem, IP address"),
    ("0-0:25.4.0", "modem_apn", "plain", "", "Modem, access point"),
    ("0-0:25.6.0", "modem_network", "plain", "", "Modem, operator or registration"),
    ("0-1:94.31.4", "modem_iccid", "plain", "", "Modem, number of the SIM card"),
    ("0-1:94.31.6", "modem_signal", "code", "", "Modem, signal"),
    ("0-1:94.31.7", "modem_rsrp_dbm", "number", "dBm", "Modem, reference signal received power"),
    ("0-1:94.31.8", "modem_rsrq_db", "number", "dB", "Modem, reference signal received quality"),
    ("0-1:94.31.9", "modem_rssi_dbm", "number", "dBm", "Modem, received signal strength"),
)


def meter() -> Iterator[Row]:
    """All of this page."""
    for pattern, name, kind, unit, title in _PLAIN:
        yield _row(pattern, name, kind, unit, title)
    for e, name, kind, title in _PREPAYMENT:
        yield _row(f"0-0:128.60.{e}", f"prepayment_{name}", kind, "", f"Prepayment, {title}")
    for pattern, name, kind, unit, title in _MODEM:
        yield _row(pattern, name, kind, unit, title, "KWHIQ annexure I")
    for e in range(4):
        yield _row(f"0-0:96.10.{e + 1}", f"profile_status_{e}", "status", "", f"Status word of profile {e}")
    for n in (1, 2, 3, 4):
        yield _row(f"0-{n}:96.10.3", f"mbus_{n}_status", "code", "", f"M-Bus channel {n}, status")
        yield _row(f"0-{n}:96.11.4", f"mbus_{n}_event", "code", "", f"M-Bus channel {n}, last event")
        yield _row(f"0-{n}:96.10.128", f"mbus_{n}_serial_process_status", "plain", "", f"M-Bus channel {n}, serial process status")
        yield _row(f"0-{n}:128.70.0", f"mbus_{n}_dlms_options", "plain", "", f"M-Bus channel {n}, DLMS options")
        yield _row(f"0-{n}:128.70.1", f"mbus_{n}_dlms_restrictions", "plain", "", f"M-Bus channel {n}, DLMS restrictions")
    for unit, printed in (("W", "kW"), ("A", "A"), ("VA", "kVA")):
        yield replace(_row("0-0:17.0.1", f"limiter_2_threshold_{unit.lower()}", "number", unit, "Second limiter"), printed=printed)
    yield Row("1-0:0.6.0", "nominal_voltage_v", "number", "V", "Nominal voltage", _SOURCE, "V", (3, 0), diagnostic=True)


def _row(pattern: str, name: str, kind: str, unit: str, title: str, source: str = _SOURCE) -> Row:
    return Row(pattern, name, kind, unit, title, source, unit, diagnostic=True, seldom=True)
