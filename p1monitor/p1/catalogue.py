"""THE TABLE of data objects: code, name, kind, unit, format, title, source. Everything outward derives from it; it never decodes.

Sources: S22, S30, S42, S50 = DSMR P1 companion standard of that version; E = e-MUCS-P1 (Belgium); LU = Luxmetering;
SE = Swedish H1; LT = ESO; HU = E.ON; IDIS = the meters' COSEM model (ME381/MT381 manual, annex 1).
In a pattern B is 0 or 1, n an M-Bus channel, 1 to 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from p1monitor.p1.codes import MEDIA
from p1monitor.p1.rows import (
    CHANNELS,
    DEMAND_MINUTES,
    DEMAND_MOST,
    DEMAND_PERIODS_MOST,
    PHASES,
    RATES,
    TARIFFS,
    DemandNames,
    Row,
    demand_names,
    demands,
    energies,
    phases,
    powers,
)
from p1monitor.p1.rows_meter import meter
from p1monitor.p1.rows_quality import quality

__all__ = [
    "BREAKS_BEFORE_LAST",
    "BY_OBIS",
    "CHANNELS",
    "CRC_MARKS",
    "DEMAND_MINUTES",
    "DEMAND_MOST",
    "DEMAND_PERIODS_MOST",
    "NEVER_TWICE",
    "PHASES",
    "RATES",
    "ROWS",
    "TARIFFS",
    "DemandNames",
    "Row",
    "code_of",
    "demand_names",
    "device_row",
    "device_value",
    "obis_of",
    "row_of",
    "with_digits",
]

#: Names of registers remembered: more than the devices of several meters have.
_REGISTERS_KEPT = 64
#: 0-0:96.1.4 is the e-MUCS version, five digits, but an identifier of an IDIS meter where it has six octets or more, or none.
#: What is neither may be a damaged version.
_NO_IDENTIFIER = r"(?!(?:\*\d+)?\((?:(?:[0-9A-Fa-f]{2}){6,})?\))"

#: Objects that come once, not per phase, tariff or channel.
_SINGLE = (
    Row("1-3:0.2.8", "dsmr_version", "plain", "", "P1 version", "S50 §6.12", diagnostic=True, crc="."),
    Row("0-0:96.1.4", "emucs_version", "version", "", "P1 version and model", "E", diagnostic=True, crc=_NO_IDENTIFIER),
    Row("0-0:1.0.0", "clock", "time", "", "Clock of the meter", "S50 §6.12", diagnostic=True),
    Row("1-0:0.9.1", "clock_time", "plain", "", "Clock of the meter, time", "IEC 62056-61", diagnostic=True),
    Row("1-0:0.9.2", "clock_date", "plain", "", "Clock of the meter, date", "IEC 62056-61", diagnostic=True),
    Row("0-0:96.1.1", "equipment_id", "text", "", "Equipment identifier", "S30 §5.10", diagnostic=True),
    Row("0-0:96.1.0", "device_id_1", "text", "", "Device identifier 1", "HU; IDIS", diagnostic=True),
    Row("0-0:96.1.2", "ean", "ean", "", "EAN of the connection", "E", diagnostic=True),
    Row("0-0:42.0.0", "logical_device_name", "text", "", "Logical device name", "LU; HU", diagnostic=True),
    Row("1-0:0.0.0", "device_address", "text", "", "Device address", "IEC 62056-61", diagnostic=True),
    Row("0-0:0.0.0", "device_address_0", "text", "", "Device address", "IEC 62056-61", diagnostic=True),
    Row("1-0:0.2.0", "firmware_version", "plain", "", "Firmware", "LT; IDIS", diagnostic=True),
    Row("1-1:0.2.0", "firmware_version_module", "plain", "", "Firmware of the module", "LT; IDIS", diagnostic=True),
    Row("1-0:0.2.8", "firmware_signature", "plain", "", "Firmware signature", "LT", diagnostic=True),
    Row("1-1:0.2.8", "firmware_signature_module", "plain", "", "Firmware signature of the module", "LT", diagnostic=True),
    Row("0-0:96.14.0", "tariff", "tariff", "", "Tariff now", "S50 §6.12"),
    Row("0-0:17.0.0", "limiter_threshold_w", "number", "W", "Limiter threshold", "S40; E; HU", "kW", (4, 1), diagnostic=True),
    Row("0-0:17.0.0", "limiter_threshold_a", "number", "A", "Limiter threshold", "S30 §5.10", "A", (3, 0), diagnostic=True),
    Row("0-0:17.0.0", "limiter_threshold_va", "number", "VA", "Limiter threshold", "LU", "kVA", (5, 3), diagnostic=True),
    Row("0-0:96.3.10", "breaker_state", "state", "", "Breaker", "S40; DLMS class 70", diagnostic=True),
    Row("0-0:96.50.68", "breaker_state_0", "state", "", "Breaker", "HU", diagnostic=True),
    Row("0-0:96.7.21", "any_power_fail_count", "count", "", "Power failures", "S50 §6.12", digits=(5, 0), diagnostic=True),
    Row("0-0:96.7.9", "long_power_fail_count", "count", "", "Long power failures", "S50 §6.12", digits=(5, 0), diagnostic=True),
    Row("1-0:99.97.0", "power_failure_log", "failures", "", "Long power failures, log", "S50 §6.11", diagnostic=True),
    Row(
        "0-0:96.7.19", "power_failure_s", "number", "s", "Long power failure, duration", "S50 §6.11", "s", (10, 0), diagnostic=True
    ),
    Row("0-0:96.13.0", "message_text", "message", "", "Message of the grid company", "S50 §6.12"),
    Row("0-0:96.13.1", "message_code", "message", "", "Message code of the grid company", "S42"),
    Row("0-0:98.1.0", "billing_profile", "billing", "", "Registers of the last billing periods", "IDIS", diagnostic=True),
    Row("0-0:98.1.0", "monthly_power_peak_history", "history", "", "Peaks of the last thirteen months", "E", diagnostic=True),
    Row("0-0:98.1.0", "month_end_registers", "snapshot", "", "Registers at the last month's end", "HU", diagnostic=True),
    Row("0-0:98.1.1", "monthly_register_history", "history", "", "Registers at month ends", "E", diagnostic=True),
    Row("1-0:94.32.1", "nominal_voltage_v", "number", "V", "Nominal voltage", "E 2.1", "V", (3, 0), diagnostic=True),
    Row("1-B:14.7.0", "frequency_hz", "number", "Hz", "Frequency", "HU; LT", "Hz", (4, 2)),
    Row("1-B:13.7.0", "power_factor", "factor", "", "Power factor", "LT; HU", "", (4, 3), diagnostic=True),
    Row("1-B:13.3.0", "power_factor_minimum", "factor", "", "Power factor, minimum", "LT", "", (4, 3), diagnostic=True),
    Row("1-B:12.7.0", "voltage_v", "number", "V", "Voltage", "LT", "V", (4, 1)),
    Row("1-B:11.7.0", "current_a", "number", "A", "Current", "LT", "A", (3, 0)),
    Row("1-B:91.7.0", "current_neutral_a", "number", "A", "Current in the neutral", "LT", "A", (3, 0), diagnostic=True),
    Row("1-B:90.7.0", "current_sum_a", "number", "A", "Current, sum", "LT; IDIS", "A", (3, 0), diagnostic=True),
    Row("1-0:0.8.0", "demand_period_s", "number", "s", "Demand period", "IDIS", "s", (5, 0), diagnostic=True),
    Row("1-0:0.8.2", "load_profile_period_s", "number", "s", "Load profile period", "LT; IDIS", "s", (5, 0), diagnostic=True),
    Row("1-0:0.4.2", "current_ratio", "factor", "", "Current transformer ratio", "SE", diagnostic=True),
    Row("1-0:0.4.3", "voltage_ratio", "factor", "", "Voltage transformer ratio", "SE", diagnostic=True),
    Row("0-0:97.97.0", "error_register", "plain", "", "Error register", "IDIS", diagnostic=True),
    Row("0-0:97.98.0", "alarm_register", "plain", "", "Alarm register", "IDIS", diagnostic=True),
    Row("1-0:96.5.5", "status", "plain", "", "Status", "Q3D", diagnostic=True),
    Row("0-0:96.1.255", "serial_number", "plain", "", "Serial number", "Q3D", diagnostic=True),
)


def _channels() -> Iterator[Row]:
    """Objects of M-Bus devices (S50 §6.12, S30 §5.10, E). The name of a register follows from the medium, see device_value()."""
    yield Row("0-n:24.1.0", "device_type", "mbus_type", "", "Device type", "S50 §6.12", digits=(3, 0), diagnostic=True)
    yield Row("0-n:24.1.0", "mbus_setup", "mbus_raw", "", "M-Bus client, setup", "IDIS", diagnostic=True, seldom=True)
    yield Row("0-n:96.1.0", "equipment_id", "mbus_id", "", "Equipment identifier", "S50 §6.12", diagnostic=True)
    yield Row("0-n:96.1.1", "equipment_id", "mbus_id_2", "", "Equipment identifier", "E", diagnostic=True)
    yield Row("0-n:96.1.2", "ean", "mbus_text", "", "EAN of the connection", "E 2.1", diagnostic=True)
    yield Row("0-n:24.2.1", "register", "mbus_value", "", "Register", "S50 §6.12", digits=(8, 3))
    yield Row("0-n:24.2.3", "register", "mbus_third", "", "Register, not corrected for temperature", "E", digits=(8, 3))
    for e in (2, 4):
        yield Row(f"0-n:24.2.{e}", f"result_{e}", "mbus_result", "", f"Result {e}", "IDIS", diagnostic=True, seldom=True)
    yield Row("0-n:24.3.0", "register", "mbus_hourly", "", "Register, hourly", "S30 §5.10", digits=(8, 3))
    yield Row("0-n:24.3.1", "register", "mbus_value", "", "Register", "S30 §5.10", digits=(8, 2))
    yield Row("0-n:24.4.0", "valve_state", "mbus_state", "", "Valve", "S30 §5.10", digits=(1, 0), diagnostic=True)
    for n in CHANNELS:
        yield Row(
            f"0-{n}:96.3.10", f"relay_{n}_state", "state", "", f"Auxiliary relay {n}", "E 2.1; LU", digits=(1, 0), diagnostic=True
        )
        yield Row(f"0-0:96.13.{n + 1}", f"message_text_{n}", "message", "", f"Message for M-Bus channel {n}", "LU")
    for a in (5, 6, 7, 8):
        yield Row(f"{a}-0:1.0.0", "register", "nta_value", "", "Register", "S22 §6.3")
        yield Row(f"{a}-0:23.1.0", "register", "nta_value", "", "Register", "S22 §6.3")
        yield Row(f"{a}-0:23.2.0", "register", "nta_value", "", "Register, temperature corrected", "S22 §6.3")
        yield Row(f"{a}-0:0.0.0", "equipment_id", "nta_id", "", "Equipment identifier", "S22 §6.3", diagnostic=True)
        yield Row(f"{a}-0:24.4.0", "valve_state", "nta_state", "", "Valve", "S22 §6.3", diagnostic=True)


_LU_LIMITS = Row(
    "1-1:31.4.0", "current_limit_import_a", "limits", "A", "Current limit of import", "LU", "A", (3, 0), diagnostic=True
)

#: Every row, in the order of the standards' tables.
ROWS: tuple[Row, ...] = (*_SINGLE, *energies(), *powers(), *phases(), _LU_LIMITS, *_channels(), *quality(), *meter())


@lru_cache(maxsize=_REGISTERS_KEPT)
def device_value(medium: str, unit: str) -> str:
    """Return the name of an M-Bus device's register: gas_m3, heat_gj …"""
    return "_".join(filter(None, (medium, unit.lower())))


_DEVICE_MEDIA, _DEVICE_UNITS = (*sorted(set(MEDIA.values())), "unknown"), ("m3", "GJ", "kWh", "")
#: What the registers of M-Bus devices are called.
DEVICE_REGISTERS = tuple(device_value(medium, unit) for medium in _DEVICE_MEDIA for unit in _DEVICE_UNITS)


def _made() -> Iterator[Row]:
    """Values that are made of the telegram's (derived), under the rows of their kind."""
    for phase in PHASES:
        yield Row("", f"power_l{phase}_w", "number", "W", f"Power L{phase}", "import less export of the phase")
    for side in ("import", "export"):
        yield Row("", f"energy_{side}_today_kwh", "register", "kWh", f"Energy {side} today", "registers since midnight")
    yield from demands()
    yield Row("", "current_limit_export_a", "number", "A", "Current limit of export", "LU", diagnostic=True)
    yield Row("", "modem_reception", "state", "", "Modem, reception", "KWHIQ, display", diagnostic=True, seldom=True)
    for medium in _DEVICE_MEDIA:
        for unit in _DEVICE_UNITS:
            title = medium.replace("_", " ").capitalize()
            yield Row("", device_value(medium, unit), "register", unit, title, "M-Bus", unit, (8, 3))
            yield Row(
                "",
                device_value(f"{medium}_today", unit),
                "register",
                unit,
                f"{title} today",
                "register since midnight",
            )
            for e in (2, 3, 4):
                name = device_value(f"{medium}_result_{e}", unit)
                yield Row("", name, "result", unit, f"{title}, result {e}", "IDIS", unit, (8, 3), diagnostic=True, seldom=True)


def _expand(row: Row) -> Iterator[tuple[str, Row]]:
    medium, _, rest = row.pattern.partition(":")
    places = {"B": ("0", "1"), "n": tuple(str(n) for n in CHANNELS)}.get(medium[-1])
    if places is None:
        yield row.pattern, row
    else:
        for place in places:
            yield f"{medium[:-1]}{place}:{rest}", row


def _by_obis() -> dict[str, tuple[Row, ...]]:
    table: dict[str, tuple[Row, ...]] = {}
    for row in ROWS:
        for obis, found in _expand(row):
            table[obis] = (*table.get(obis, ()), found)
    return table


#: Code -> the rows it may stand for; the shape of the value decides between them.
BY_OBIS: Mapping[str, tuple[Row, ...]] = MappingProxyType(_by_obis())

_BY_NAME = {row.name: row for row in (*_made(), *reversed(ROWS)) if row.name != "register"}

#: Objects whose presence says that the telegram has a CRC: their codes, and a regular expression of what follows them.
CRC_MARKS: tuple[tuple[bytes, bytes], ...] = tuple((row.pattern.encode(), row.crc.encode()) for row in ROWS if row.crc)

#: How lines begin that differ in every telegram: nothing is gained by remembering them.
NEVER_TWICE: tuple[bytes, ...] = tuple(b"%b(" % row.pattern.encode() for row in ROWS if row.kind == "time")

#: Data objects whose last group the meters put on a line of its own.
BREAKS_BEFORE_LAST = frozenset(obis for obis, rows in BY_OBIS.items() if rows[0].kind == "mbus_hourly")


def row_of(name: str) -> Row | None:
    """Return the row of a name that a reading or a device can carry; None for the OBIS code of an unknown object."""
    return _BY_NAME.get(name)


def obis_of(name: str, *, b: int = 0, channel: int = 1) -> str:
    """Return the code of a name, for those who write telegrams. Raises KeyError for a value that is never sent."""
    return code_of(_BY_NAME[name], b=b, channel=channel)


def code_of(row: Row, *, b: int = 0, channel: int = 1) -> str:
    """Return the code that the row's pattern stands for. Raises KeyError for a value that is never sent."""
    if not row.pattern:
        raise KeyError(row.name)
    medium, _, rest = row.pattern.partition(":")
    return f"{medium[:-1]}{ {'B': b, 'n': channel}.get(medium[-1], medium[-1]) }:{rest}"


def device_row(kind: str) -> Row:
    """Return the first row of a kind that only M-Bus devices have (their names, such as equipment_id, are not theirs alone)."""
    return next(row for row in ROWS if row.kind == kind)


def with_digits(row: Row, whole: int, decimals: int) -> Row:
    """Return the row with another number format, as some meters print it."""
    return replace(row, digits=(whole, decimals))
