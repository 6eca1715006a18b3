"""decode(telegram, received) -> Reading: what the data objects mean, by the catalogue. Never remembers a telegram, never raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1 import mbus
from p1monitor.p1.catalogue import PHASES, TARIFFS
from p1monitor.p1.objects import AUTO, Decoded, Part, decode_object
from p1monitor.p1.records import Device, Event, Failure, Measurement, Reading, Received
from p1monitor.p1.telegram import DataObject, Telegram
from p1monitor.p1.times import meter_time

__all__ = ["Device", "Event", "Failure", "Measurement", "ObjectView", "Reading", "Received", "decode", "describe"]

_ZERO = Decimal(0)
#: In the order in which they are believed: not every country's meters send the first.
_IDENTITIES = ("equipment_id", "device_id_1", "logical_device_name", "serial_number", "device_address")
#: (value made, import, export): net power, total and per phase.
_NETS = (
    ("power_w", "power_import_w", "power_export_w"),
    *((f"power_l{phase}_w", f"power_import_l{phase}_w", f"power_export_l{phase}_w") for phase in PHASES),
)
#: (total, its rate registers): the total is the meter's own where it sends one.
_TOTALS = tuple(
    (f"energy_{flow}_kwh", tuple(f"energy_{flow}_t{tariff}_kwh" for tariff in range(1, TARIFFS + 1)))
    for flow in ("import", "export")
)


class ObjectView(NamedTuple):
    """One data object, decoded, for people who look at telegrams."""

    obis: str
    name: str | None
    channel: int | None
    measurement: Measurement | None
    raw: str


def decode(
    telegram: Telegram, received: Received | None = None, profile: str = AUTO, *, meter: str = "", frame: bytes = b""
) -> Reading:
    """Decode every data object. `profile` is the country where its clock is not Central European ("fi", "lt").

    Unknown objects stand under their OBIS code with their text; of a code that comes twice the last one counts. `meter` and
    `frame` are only carried along.
    """
    values: dict[str, Measurement] = {}
    parts: list[Part] = []
    known = profile == AUTO
    for item in telegram.objects:
        decoded = item.decoded if known else None
        if decoded is None:
            decoded = _decoded(item, profile)
        if decoded.__class__ is tuple:
            values[decoded[0]] = decoded[1]
        else:
            parts.append(decoded)  # type: ignore[arg-type]
    _derive(values)
    devices = mbus.devices(*parts) if parts else ()
    at, equipment_id = _at(values, profile), _identity(values)
    return Reading(0, at, received, MappingProxyType(values), devices, (), telegram, frame, meter, equipment_id)


def describe(telegram: Telegram, profile: str = AUTO) -> Iterator[ObjectView]:
    """Yield every data object in the telegram's order, decoded, with the name that its device's medium gives it."""
    decoded = [(item, _decoded(item, profile)) for item in telegram.objects]
    media = mbus.media([part for _, part in decoded if isinstance(part, Part)])
    for item, made in decoded:
        raw = "".join(f"({group})" for group in item.groups)
        if isinstance(made, Part):
            name, measurement = mbus.named(made, media)
            yield ObjectView(item.obis, name, made.channel or None, measurement, raw)
        else:
            name, measurement = made
            known = name != item.obis
            yield ObjectView(item.obis, name if known else None, None, measurement if known else None, raw)


def _decoded(item: DataObject, profile: str) -> Decoded:
    made = decode_object(item, profile)
    if profile == AUTO:
        object.__setattr__(item, "decoded", made)  # a memory, not a value: see DataObject
    return made


def _at(values: Mapping[str, Measurement], profile: str) -> datetime | None:
    """The meter's clock; some meters send its time and its date apart (IEC 62056-61: 0.9.1 hhmmss, 0.9.2 YYMMDD)."""
    clock = values.get("clock")
    if clock is not None:
        return clock.value if isinstance(clock.value, datetime) else None
    date, time = values.get("clock_date"), values.get("clock_time")
    return meter_time(f"{date.value}{time.value}", profile) if date and time else None


def _identity(values: Mapping[str, Measurement]) -> str:
    """What tells this meter from the one that replaces it: the first of its identifiers that it sends."""
    for name in _IDENTITIES:
        measurement = values.get(name)
        if measurement is not None and isinstance(measurement.value, str):
            return measurement.value
    return ""


def _derive(values: dict[str, Measurement]) -> None:
    """Add what is not sent but follows: net powers, and totals where the meter has only rates."""
    for name, one, other in _NETS:
        plus = values.get(one)
        if plus is None or plus.value.__class__ is not Decimal or name in values:
            continue
        minus = values.get(other)
        if minus is None:
            values[name] = Measurement(plus.value, plus.unit, plus.obis, None, False, True)
        elif minus.value.__class__ is Decimal:
            values[name] = Measurement(plus.value - minus.value, plus.unit, plus.obis, None, False, True)
    for total, rates in _TOTALS:
        if total not in values and rates[0] in values:
            _sum(values, total, rates)


def _sum(values: dict[str, Measurement], total: str, rates: tuple[str, ...]) -> None:
    """Add the rate registers up; a meter has them without a gap, from the first on."""
    amount, unit, codes = _ZERO, "", []
    for rate in rates:
        part = values.get(rate)
        if part is None or part.value.__class__ is not Decimal:
            break
        amount += part.value
        unit = part.unit
        codes.append(part.obis)
    if codes:
        values[total] = Measurement(amount, unit, "+".join(codes), None, False, True)
