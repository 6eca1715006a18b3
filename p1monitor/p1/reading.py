"""decode(telegram, received) -> Reading: what the data objects mean, by the catalogue. Never remembers a telegram, never raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1 import mbus
from p1monitor.p1.derived import derive
from p1monitor.p1.frames import new
from p1monitor.p1.meanings import SHARED, renames
from p1monitor.p1.objects import AUTO, Decoded, Part, decode_object, export_limit
from p1monitor.p1.records import Device, Event, Failure, Measurement, Reading, Received
from p1monitor.p1.telegram import DataObject, Telegram
from p1monitor.p1.times import meter_time

__all__ = ["Device", "Event", "Failure", "Measurement", "ObjectView", "Reading", "Received", "decode", "describe"]

#: In the order in which they are believed: not every country's meters send the first.
_IDENTITIES = ("equipment_id", "device_id_1", "logical_device_name", "serial_number", "device_address")


#: Names of the two values of one object (Luxembourg): see objects.export_limit().
LIMITS = ("current_limit_import_a", "current_limit_export_a")


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
    for item in telegram.objects if profile == AUTO else _afresh(telegram.objects, profile):
        name, value = item.decoded or _remember(item)
        if name is None:
            parts.append(value)  # type: ignore[arg-type]
        else:
            values[name] = value  # type: ignore[assignment]
    if not values.keys().isdisjoint(SHARED):
        for old, new_name in renames(values, telegram.crc):
            values[new_name] = values.pop(old)
    if LIMITS[0] in values:
        values.update((LIMITS[1], limit) for item in telegram.objects if (limit := export_limit(item)))
    derive(values)
    devices = mbus.devices(*parts) if parts else ()
    at = values["clock"].value if "clock" in values else _split_clock(values, profile)
    seen = MappingProxyType(values)
    return new(Reading, (0, at, received, seen, devices, (), telegram, frame, meter, _identity(values), None))


def describe(telegram: Telegram, profile: str = AUTO) -> Iterator[ObjectView]:
    """Yield every data object in the telegram's order, decoded, with the name that its device's medium gives it."""
    decoded = [(item, *decode_object(item, profile)) for item in telegram.objects]
    settled = mbus.settle([part for *_, part in decoded if isinstance(part, Part)])
    media = mbus.media(settled.values())
    plain = {name: value for _, name, value in decoded if name is not None and isinstance(value, Measurement)}
    other = dict(renames(plain, telegram.crc))
    for item, name, measurement in decoded:
        if isinstance(measurement, Part):
            own, value = mbus.named(settled[measurement], media)
            yield ObjectView(item.obis, own, measurement.channel or None, value, item.raw)
        else:
            known = name != item.obis
            yield ObjectView(
                item.obis, other.get(name or "", name) if known else None, None, measurement if known else None, item.raw
            )


def _remember(item: DataObject) -> Decoded:
    item.decoded = made = decode_object(item, AUTO)
    return made


def _afresh(objects: tuple[DataObject, ...], profile: str) -> Iterator[DataObject]:
    """The same objects with nothing remembered in them but what this profile makes of them."""
    for item in objects:
        yield DataObject(item.code, item.groups, item.breaks, item.obis, decode_object(item, profile))


def _split_clock(values: Mapping[str, Measurement], profile: str) -> datetime | None:
    """Some meters send the time and the date of their clock apart (IEC 62056-61: 0.9.1 hhmmss, 0.9.2 YYMMDD)."""
    date, time = values.get("clock_date"), values.get("clock_time")
    return meter_time(f"{date.value}{time.value}", profile) if date and time else None


def _identity(values: Mapping[str, Measurement]) -> str:
    """What tells this meter from the one that replaces it: the first of its identifiers that it sends."""
    for name in _IDENTITIES:
        if name in values and (text := values[name].value):
            return text  # type: ignore[return-value]  # identifiers are texts: see the catalogue
    return ""
