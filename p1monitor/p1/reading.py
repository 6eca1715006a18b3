"""decode(telegram, received) -> Reading: what the data objects mean, by the catalogue. Never raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1 import mbus
from p1monitor.p1.before import Outcome, follow
from p1monitor.p1.derived import derive
from p1monitor.p1.frames import new
from p1monitor.p1.meanings import IDENTITIES, LIMITS, SHARED, export_limit, renames
from p1monitor.p1.objects import AUTO, Part, decoded
from p1monitor.p1.records import Device, Event, Failure, Measurement, Reading, Received
from p1monitor.p1.telegram import Telegram
from p1monitor.p1.times import meter_time

__all__ = ["Device", "Event", "Failure", "Measurement", "ObjectView", "Reading", "Received", "decode", "describe"]

#: Meters whose last telegram is remembered: a daemon reads a few; noise, or an import, may show other headers.
METERS_KEPT = 16
_BEFORE: dict[tuple[str, str], Outcome] = {}


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
    now = _remembered(telegram, meter) if profile == AUTO else _whole(telegram, profile)
    values = now.values
    at = values["clock"].value if "clock" in values else _split_clock(values, profile)
    seen = MappingProxyType(values)
    return new(Reading, (0, at, received, seen, now.devices, (), telegram, frame, meter, now.equipment_id, None))


def describe(telegram: Telegram, profile: str = AUTO) -> Iterator[ObjectView]:
    """Yield every data object in the telegram's order, decoded, with the name that its device's medium gives it."""
    found = [(item, *decoded(item, profile)[:2]) for item in telegram.objects]
    settled = mbus.settle([part for *_, part in found if isinstance(part, Part)])
    media = mbus.media(settled.values())
    plain = {name: value for _, name, value in found if name is not None and isinstance(value, Measurement)}
    other = dict(renames(plain, telegram.crc))
    for item, name, measurement in found:
        if isinstance(measurement, Part):
            own, value = mbus.named(settled[measurement], media)
            yield ObjectView(item.obis, own, measurement.channel or None, value, item.raw)
        else:
            known = name != item.obis
            yield ObjectView(
                item.obis, other.get(name or "", name) if known else None, None, measurement if known else None, item.raw
            )


def _remembered(telegram: Telegram, meter: str) -> Outcome:
    """Lean on what was made of the telegram before, as far as it goes."""
    whose = meter, telegram.identification
    before = _BEFORE.get(whose)
    if before is None and len(_BEFORE) >= METERS_KEPT:
        _BEFORE.clear()
    _BEFORE[whose] = now = (before and follow(before, telegram)) or _whole(telegram, AUTO)
    return now


def _whole(telegram: Telegram, profile: str) -> Outcome:
    """Look at every object."""
    values: dict[str, Measurement] = {}
    parts: list[Part] = []
    for item in telegram.objects:
        name, value, _ = decoded(item, profile)
        if isinstance(value, Part):
            parts.append(value)
        elif name is not None:
            values[name] = value
    objects = telegram.objects if len(values) + len(parts) == len(telegram.objects) else ()
    if not values.keys().isdisjoint(SHARED):
        for old, new_name in renames(values, telegram.crc):
            values[new_name] = values.pop(old)
    if LIMITS[0] in values:
        values.update((LIMITS[1], limit) for item in telegram.objects if (limit := export_limit(item)))
    gives = derive(values)
    devices = mbus.devices(*parts) if parts else ()
    return Outcome(objects, telegram.crc, values, gives, devices, _identity(values))


def _split_clock(values: Mapping[str, Measurement], profile: str) -> datetime | None:
    """Some meters send the time and the date of their clock apart (IEC 62056-61: 0.9.1 hhmmss, 0.9.2 YYMMDD)."""
    date, time = values.get("clock_date"), values.get("clock_time")
    return meter_time(f"{date.value}{time.value}", profile) if date and time else None


def _identity(values: Mapping[str, Measurement]) -> str:
    """What tells this meter from the one that replaces it: the first of its identifiers that it sends."""
    for name in IDENTITIES:
        if name in values and (text := values[name].value):
            return text  # type: ignore[return-value]  # identifiers are texts: see the catalogue
    return ""
