"""M-Bus devices out of their parts: any medium on any channel, told by the device type. Never by the channel's number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from p1monitor.p1.catalogue import device_value
from p1monitor.p1.codes import MEDIA, MEDIA_BY_A, MEDIA_BY_UNIT, UNIT_BY_MEDIUM
from p1monitor.p1.objects import Part
from p1monitor.p1.records import Device, Measurement

UNKNOWN = "unknown"
_REGISTERS = frozenset({"mbus_value", "mbus_hourly", "nta_value"})
_IDS = frozenset({"mbus_id", "nta_id"})
_RESULT = "mbus_result"

#: Sets of parts remembered: a gas meter's lines change every five minutes, several devices' in turn.
TELEGRAMS_KEPT = 32

#: A device's place in one telegram: (A, channel).
Place = tuple[int, int]


@lru_cache(maxsize=TELEGRAMS_KEPT)
def devices(*parts: Part) -> tuple[Device, ...]:
    """Put the devices together, by channel. A channel that has neither a register's value nor an identifier is no device."""
    parts = tuple(settle(parts).values())
    found = media(parts)
    places: dict[Place, list[Part]] = {}
    for part in parts:
        places.setdefault((part.medium, part.channel), []).append(part)
    made = (_device(place, found.get(place, UNKNOWN), own) for place, own in sorted(places.items()))
    return tuple(device for device in made if device is not None)


def settle(parts: Iterable[Part]) -> Mapping[Part, Part]:
    """Decide between the meanings that share a code on a channel, by the channel's other objects.

    0-n:24.2.3 is a Belgian gas meter's register, or the third of the results that an IDIS meter keeps beside the register
    in 24.2.1. 0-n:96.1.1 is the identifier in Belgium, a second one where 96.1.0 has the first.
    """
    parts = tuple(parts)
    beside: set[tuple[Place, str]] = set()
    for part in parts:
        if part.measurement.value is not None or part.kind == _RESULT:
            beside.add(((part.medium, part.channel), part.kind))
    return {part: _settled(part, beside) for part in parts}


def _settled(part: Part, beside: set[tuple[Place, str]]) -> Part:
    place = part.medium, part.channel
    if part.kind == "mbus_third":
        third = (place, "mbus_value") in beside or (place, _RESULT) in beside
        return replace(part, kind=_RESULT, name="result_3") if third else replace(part, kind="mbus_value")
    if part.kind == "mbus_id_2":
        second = (place, "mbus_id") in beside
        return replace(part, kind="mbus_text", name="device_id_2") if second else replace(part, kind="mbus_id")
    return part


def media(parts: Iterable[Part]) -> Mapping[Place, str]:
    """Medium of each place: by device type, else by the code's A, else by the unit of its register."""
    found: dict[Place, str] = {}
    by_unit: dict[Place, str] = {}
    for part in parts:
        place = part.medium, part.channel
        value = part.measurement.value
        if part.kind == "mbus_type" and isinstance(value, Decimal) and value:
            found[place] = MEDIA.get(int(value), UNKNOWN)
        elif part.medium in MEDIA_BY_A:
            found[place] = MEDIA_BY_A[part.medium]
        elif part.kind in _REGISTERS and part.measurement.unit in MEDIA_BY_UNIT:
            by_unit[place] = MEDIA_BY_UNIT[part.measurement.unit]
    return {**by_unit, **found}


def named(part: Part, found: Mapping[Place, str]) -> tuple[str, Measurement]:
    """The part's name in the words of its medium; a register of which neither medium nor unit is known is just that."""
    if part.kind not in _REGISTERS and part.kind != _RESULT:
        return part.name, part.measurement
    medium = found.get((part.medium, part.channel), UNKNOWN)
    measurement = part.measurement
    if part.kind == _RESULT:
        return device_value(f"{medium}_{part.name}", measurement.unit), measurement
    if not measurement.unit:
        measurement = measurement._replace(unit=UNIT_BY_MEDIUM.get(medium, ""))
    known = measurement.unit or medium != UNKNOWN
    return device_value(medium, measurement.unit) if known else part.name, measurement


def _device(place: Place, medium: str, parts: list[Part]) -> Device | None:
    values: dict[str, Measurement] = {}
    equipment_id, newest, read = "", None, False
    for part in parts:
        value = part.measurement.value
        if part.kind in _IDS:
            equipment_id = str(value) if value else equipment_id
        elif part.kind in _REGISTERS:
            name, measurement = named(part, {place: medium})
            if value is None or _older(measurement.at, newest):
                continue
            values[name], newest, read = measurement, measurement.at or newest, True
        elif part.kind == _RESULT:
            name, measurement = named(part, {place: medium})
            values[name] = measurement
        elif part.kind != "mbus_type":
            values[part.name] = part.measurement
    if not read and not (equipment_id and medium != UNKNOWN):
        return None
    return Device(place[1], medium, medium, equipment_id, newest, MappingProxyType(values))


def _older(at: datetime | None, newest: datetime | None) -> bool:
    return at is not None and newest is not None and at < newest
