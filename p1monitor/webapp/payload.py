"""Records as JSON: a reading, the catalogue's titles, an error. Pure; never asks a store or a clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import cast

from p1monitor.observer.edges import standing
from p1monitor.p1.catalogue import ROWS, row_of
from p1monitor.p1.records import Device, Measurement, Reading, Value
from p1monitor.p1.tariffs import labels, titled

#: What json.dumps takes.
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def text_of(answer: object) -> str:
    """An answer as JSON text. NaN is refused: it is no JSON, and no meter prints it."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_other)


def live(meter: str, reading: Reading | None, monotonic: float) -> dict[str, Json]:
    """The newest reading of a meter; every name is there, empty, before the first telegram."""
    if reading is None:
        empty: dict[str, Json] = {"values": {}, "times": {}, "held": [], "standing": [], "devices": []}
        return {"meter": meter, "at": None, "received": None, "age_s": None, **empty}
    received = reading.received
    return {
        "meter": meter,
        "at": _time(reading.at),
        "received": _time(received.shown) if received else None,
        "age_s": round(max(0.0, monotonic - received.monotonic), 3) if received else None,
        "values": _values(reading.values),
        "times": {name: _time(one.at) for name, one in reading.values.items() if one.at is not None and not one.held},
        "held": _held(reading.values),
        "standing": list(standing(reading)),
        "devices": [_device(device) for device in reading.devices],
    }


def tag(reading: Reading | None) -> str:
    """What tells this reading from every other one; the age is not part of it."""
    if reading is None:
        return "none"
    came = f"{reading.received.wall:.6f}" if reading.received else ""
    return f"{reading.seq}-{came}"


def catalogue(reading: Reading | None, profile: str = "auto") -> dict[str, Json]:
    """Title, unit, kind and OBIS code of every name: of the whole catalogue, and exactly as this meter sends them."""
    known = labels(profile, reading)
    rows: dict[str, Json] = {
        row.name: {"title": titled(row.title, row.name, known), "unit": row.unit, "kind": row.kind, "obis": row.pattern}
        for row in ROWS
    }
    if reading is None:
        return rows
    for values in (reading.values, *(device.values for device in reading.devices)):
        for name, measurement in values.items():
            row = row_of(name)
            rows[name] = {
                "title": titled(row.title, name, known) if row else name,
                "unit": measurement.unit,
                "kind": row.kind if row else "unknown",
                "obis": measurement.obis,
            }
    return rows


def number(value: Decimal) -> int | float:
    """The number as the meter printed it: the shortest float that reads back equal prints the same digits."""
    exponent = value.as_tuple().exponent
    return int(value) if isinstance(exponent, int) and exponent >= 0 else float(value)


def error(key: str, text: str) -> dict[str, Json]:
    """The one shape of every refusal."""
    return {"error": {"key": key, "text": text}}


def _device(device: Device) -> Json:
    return {
        "role": device.role,
        "medium": device.medium,
        "channel": device.channel,
        "equipment_id": device.equipment_id,
        "at": _time(device.at),
        "values": _values(device.values),
        "held": _held(device.values),
    }


def _values(values: Mapping[str, Measurement]) -> dict[str, Json]:
    return {name: _told(name, measurement.value) for name, measurement in values.items() if not measurement.held}


def _held(values: Mapping[str, Measurement]) -> list[Json]:
    return [name for name, measurement in values.items() if measurement.held]


def _told(name: str, value: Value) -> Json:
    row = row_of(name) if isinstance(value, tuple) else None
    if isinstance(value, tuple) and row is not None and row.kind == "failures":
        return [dict(zip(("at", "seconds"), _entry(entry), strict=True)) for entry in value]
    return _value(value)


def _value(value: Value) -> Json:
    if isinstance(value, Decimal):
        return number(value) if value.is_finite() else None
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, tuple):
        return [_entry(entry) for entry in value]
    return value


def _entry(entry: tuple[object, ...]) -> list[Json]:
    return [_value(cast("Value", part)) for part in entry]


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _other(value: object) -> Json:
    # What the store answers with may hold the meter's own numbers and times.
    if isinstance(value, (Decimal, datetime, tuple)):
        return _value(cast("Value", value))
    raise TypeError(f"no JSON for {type(value).__name__}")
