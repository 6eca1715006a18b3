"""decode(telegram, received) -> Reading: what the data objects mean, by the catalogue. Never remembers a telegram, never raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
#: Measurement's own constructor takes twice as long, and four are made per telegram.
_new = tuple.__new__
#: In the order in which they are believed: not every country's meters send the first.
_IDENTITIES = ("equipment_id", "device_id_1", "logical_device_name", "serial_number", "device_address")
#: (value made, import, export): net power, total and per phase.
_NETS = (
    ("power_w", "power_import_w", "power_export_w"),
    *((f"power_l{phase}_w", f"power_import_l{phase}_w", f"power_export_l{phase}_w") for phase in PHASES),
)
#: (total, its first rate register, the others): the total is the meter's own where it sends one.
_TOTALS = tuple(
    (f"energy_{flow}_kwh", f"energy_{flow}_t1_kwh", tuple(f"energy_{flow}_t{tariff}_kwh" for tariff in range(2, TARIFFS + 1)))
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
        name, value = (item.decoded or _remember(item)) if known else decode_object(item, profile)
        if name is None:
            parts.append(value)  # type: ignore[arg-type]
        else:
            values[name] = value  # type: ignore[assignment]
    _derive(values)
    devices = mbus.devices(*parts) if parts else ()
    at, equipment_id = _at(values, profile), _identity(values)
    return Reading(0, at, received, MappingProxyType(values), devices, (), telegram, frame, meter, equipment_id)


def describe(telegram: Telegram, profile: str = AUTO) -> Iterator[ObjectView]:
    """Yield every data object in the telegram's order, decoded, with the name that its device's medium gives it."""
    decoded = [(item, *decode_object(item, profile)) for item in telegram.objects]
    media = mbus.media([part for *_, part in decoded if isinstance(part, Part)])
    for item, name, measurement in decoded:
        raw = "".join(f"({group})" for group in item.groups)
        if isinstance(measurement, Part):
            own, value = mbus.named(measurement, media)
            yield ObjectView(item.obis, own, measurement.channel or None, value, raw)
        else:
            known = name != item.obis
            yield ObjectView(item.obis, name if known else None, None, measurement if known else None, raw)


def _remember(item: DataObject) -> Decoded:
    made = decode_object(item, AUTO)
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
    get = values.get
    for name, one, other in _NETS:
        plus = get(one)
        if plus is None or plus.value is None or name in values:
            continue
        minus = get(other)
        if minus is None:
            values[name] = _new(Measurement, (plus.value, plus.unit, plus.obis, None, False, True))
        elif minus.value is not None:
            net = plus.value - minus.value  # type: ignore[operator]  # powers are numbers: see the catalogue
            values[name] = _new(Measurement, (net, plus.unit, plus.obis, None, False, True))
    for total, first, rates in _TOTALS:
        part = get(first)
        if part is not None and part.value is not None and total not in values:
            values[total] = _sum(part, get, rates)


def _sum(part: Measurement, get: Callable[[str], Measurement | None], rates: tuple[str, ...]) -> Measurement:
    """Add the rate registers up; a meter has them without a gap, from the first on."""
    amount, codes = part.value, part.obis
    for rate in rates:
        other = get(rate)
        if other is None or other.value is None:
            break
        amount += other.value  # type: ignore[operator]  # registers are numbers too
        codes = f"{codes}+{other.obis}"
    return Measurement(amount, part.unit, codes, None, False, True)
