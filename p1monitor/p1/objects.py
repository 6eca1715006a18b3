"""One data object to one value: the decoders by kind, chosen by the catalogue row. Never looks at a neighbour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from p1monitor.p1.catalogue import BY_OBIS, TARIFFS, Row
from p1monitor.p1.codes import BREAKER
from p1monitor.p1.frames import new
from p1monitor.p1.records import Failure, Measurement, Value
from p1monitor.p1.telegram import DataObject
from p1monitor.p1.texts import octets_text
from p1monitor.p1.times import meter_time
from p1monitor.p1.units import convert, number, quantity

#: The profile that takes the meter's S and W as Central European.
AUTO = "auto"

#: Failures longer than this were never measured: meters print 2147483647 where they know nothing (Kaifa).
_FAILURE_MOST_S = 2**31 - 1000
#: A power factor printed without its decimals (Lithuania: 01000 is 1.000).
_FACTOR_MOST, _THOUSANDTH = Decimal(10), Decimal("0.001")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one object says of an M-Bus device; the devices are put together when the whole telegram is known.

    Equal lines share one Part, so identity is equality enough: mbus.devices() remembers by it.
    """

    kind: str  #: the row's kind
    medium: int  #: A of the code: 0 for channels, 5 to 8 for NTA 8130's own codes
    channel: int  #: B of the code; 0 where A is not
    name: str
    measurement: Measurement


#: A plain value under its name, or, without a name, a part of an M-Bus device.
Decoded = tuple[str, Measurement] | tuple[None, Part]


def decode_object(item: DataObject, profile: str = AUTO) -> Decoded:
    """Decode by the first row whose shape fits; an object that no row knows, or that none fits, keeps its text."""
    for row, decoder, place in _WAYS.get(item.obis, ()):
        measurement = decoder(row, item, profile)
        if measurement is not None:
            return (row.name, measurement) if place is None else (None, Part(row.kind, *place, row.name, measurement))
    return item.obis, Measurement(item.raw, "", item.obis)


def _is_count(text: str) -> bool:
    """A small whole number: a count, a tariff, a device type."""
    return text.isascii() and text.isdigit() and len(text) <= 4


def _number(row: Row, item: DataObject, _: str) -> Measurement | None:
    if len(item.groups) != 1:
        return None
    text = item.groups[0]
    value = quantity(text, row.printed, row.unit)
    if value is None and text.strip():
        return None
    return new(Measurement, (value, row.unit, item.obis, None, False, False))


def _factor(row: Row, item: DataObject, profile: str) -> Measurement | None:
    found = _number(row, item, profile)
    if found and isinstance(found.value, Decimal) and found.value > _FACTOR_MOST and "." not in item.groups[0]:
        return found._replace(value=found.value * _THOUSANDTH)
    return found


def _text(row: Row, item: DataObject, _: str) -> Measurement | None:
    if len(item.groups) != 1:
        return None
    return Measurement(octets_text(item.groups[0]), row.unit, item.obis)


def _plain(row: Row, item: DataObject, _: str) -> Measurement | None:
    text = "".join(item.groups[:1]).strip()
    return Measurement(text or None, row.unit, item.obis) if len(item.groups) == 1 else None


def _state(row: Row, item: DataObject, _: str) -> Measurement | None:
    text = item.groups[0].strip()
    return Measurement(BREAKER.get(text.upper(), text) or None, row.unit, item.obis) if len(item.groups) == 1 else None


def _tariff(row: Row, item: DataObject, _: str) -> Measurement | None:
    """0002, 01, 5431 (hex of "T1"), TARIFF 1: the number of the tariff; anything else stays a text."""
    text = item.groups[0].strip()
    if not (_is_count(text) and int(text) <= TARIFFS):
        text = octets_text(text) or ""
    digits = text[len(text.rstrip("0123456789")) :]
    value: Value = Decimal(int(digits)) if _is_count(digits) and int(digits) <= TARIFFS else text or None
    return Measurement(value, row.unit, item.obis)


def _time(row: Row, item: DataObject, profile: str) -> Measurement | None:
    if len(item.groups) != 1:
        return None
    return new(Measurement, (meter_time(item.groups[0].strip(), profile), row.unit, item.obis, None, False, False))


def _peak(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """(time)(value*unit); Belgian IE.5 meters send the value first: the content decides."""
    if len(item.groups) == 1:
        return _number(row, item, profile)
    if len(item.groups) != 2:
        return None
    return _timed(row, item, profile)


def _timed(row: Row, item: DataObject, profile: str) -> Measurement | None:
    first, second = (group.strip() for group in item.groups)
    if "*" in first or "." in first:
        first, second = second, first
    value = quantity(second, row.printed, row.unit)
    if value is None and second:
        return None
    return Measurement(value, row.unit, item.obis, at=meter_time(first, profile))


def _failures(row: Row, item: DataObject, profile: str) -> Measurement:
    """(count)(code)(end)(seconds)…: S50 §6.11. Newest first whatever order the meter has; what was never measured is left out."""
    times = [group.strip() for group in item.groups if ":" not in group][1:]
    found: list[Failure] = []
    for end, duration in zip(times[::2], times[1::2], strict=False):
        parsed = number(duration)
        seconds = int(parsed[0]) if parsed else None
        at = meter_time(end, profile)
        if seconds is not None and seconds < _FAILURE_MOST_S and (at is not None or seconds):
            found.append((at, seconds))
    known = sorted((entry for entry in found if entry[0]), key=_by_time, reverse=True)
    return Measurement((*known, *(entry for entry in found if not entry[0])), row.unit, item.obis)


def _history(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """(count)(column code)… and count rows, newest first whatever order the meter has. Generic, never by a fixed number of columns.

    Belgium: (n)(1-0:1.6.0)(1-0:1.6.0) and n times (end of month)(time of peak)(kW); large users have six columns.
    """
    groups = [group.strip() for group in item.groups if group.strip()]
    if not groups:
        return Measurement((), row.unit, item.obis)
    if not _is_count(groups[0]):
        return None
    cells = [group for group in groups[1:] if ":" not in group]
    count = int(groups[0])
    width, over = divmod(len(cells), count) if count else (0, len(cells))
    if over:
        return None
    rows = [_cells(cells[at : at + width], profile) for at in range(0, len(cells), width)] if width else []
    return Measurement(tuple(sorted(rows, key=_by_time, reverse=True)), row.unit, item.obis)


def _snapshot(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """(time)(value)…, Hungary: one row of bare values, without columns' codes."""
    groups = [group.strip() for group in item.groups if group.strip()]
    if not groups or meter_time(groups[0], profile) is None:
        return None
    return Measurement((_cells(groups, profile),), row.unit, item.obis)


def _cells(texts: list[str], profile: str) -> tuple[object, ...]:
    return tuple(_cell(text, profile) for text in texts)


def _cell(text: str, profile: str) -> object:
    found = number(text)
    if "*" in text and found is not None:
        printed = found[1] or ""
        for unit in ("W", "kWh", "kvarh", "kVAh", "A"):
            value = convert(found[0], printed, unit)
            if value is not None:
                return value
    moment = meter_time(text, profile)
    if moment is not None or found is None or len(text) >= 12:
        return moment
    return found[0]


def _by_time(line: tuple[object, ...]) -> float:
    return line[0].timestamp() if line and isinstance(line[0], datetime) else 0.0


def _limits(row: Row, item: DataObject, _: str) -> Measurement | None:
    """(import)(export), Luxembourg: the first is the row's."""
    return Measurement(quantity(item.groups[0], row.printed, row.unit), row.unit, item.obis)


def _mbus_type(row: Row, item: DataObject, _: str) -> Measurement | None:
    text = item.groups[0].strip()
    if text and not _is_count(text):
        return None
    return Measurement(Decimal(int(text)) if text else None, row.unit, item.obis)


def _volume(text: str) -> tuple[Decimal, str] | None:
    """A register of any medium: the value in m3, GJ or kWh, and which."""
    found = number(text)
    if found is None:
        return None
    value, printed = found
    for unit in ("m3", "GJ", "kWh"):
        if printed and (converted := convert(value, printed, unit)) is not None:
            return converted, unit
    return (value, printed or "")


def _register(obis: str, at: datetime | None, text: str) -> Measurement | None:
    """Never read: no value, or zero with neither unit nor time. A zero without a sane time is one that was never read too."""
    found = _volume(text)
    if text and found is None:
        return None
    if found is None or (not found[0] and (at is None or not found[1])):
        return Measurement(None, found[1] if found else "", obis, at=at)
    return Measurement(found[0], found[1], obis, at=at)


def _mbus_value(_: Row, item: DataObject, profile: str) -> Measurement | None:
    groups = [group.strip() for group in item.groups]
    if len(groups) == 1:
        found = _volume(groups[0])
        return _register(item.obis, None, groups[0]) if found is None or not found[1] else Measurement(*found, item.obis)
    if len(groups) != 2:
        return None
    value, time = (groups[0], groups[1]) if "*" in groups[0] else (groups[1], groups[0])
    return _register(item.obis, meter_time(time, profile), value)


def _mbus_hourly(_: Row, item: DataObject, profile: str) -> Measurement | None:
    """(time of the oldest)(status)(period, minutes)(z)(id, unit) × z (value) × z: S30 §5.10. The first value counts."""
    groups = [group.strip() for group in item.groups]
    if len(groups) < 7 or not _is_count(groups[3]):
        return None
    values = groups[4 + 2 * int(groups[3]) :]
    return _register(item.obis, meter_time(groups[0], profile), f"{values[0]}*{groups[5]}" if values else "")


_DECODERS: Mapping[str, Callable[[Row, DataObject, str], Measurement | None]] = MappingProxyType(
    {
        "register": _number,
        "number": _number,
        "count": _number,
        "factor": _factor,
        "text": _text,
        "message": _text,
        "plain": _plain,
        "state": _state,
        "tariff": _tariff,
        "time": _time,
        "peak": _peak,
        "failures": _failures,
        "history": _history,
        "snapshot": _snapshot,
        "limits": _limits,
        "mbus_type": _mbus_type,
        "mbus_id": _text,
        "mbus_text": _text,
        "mbus_state": _state,
        "mbus_value": _mbus_value,
        "mbus_hourly": _mbus_hourly,
        "nta_value": _mbus_value,
        "nta_id": _text,
        "nta_state": _state,
    }
)


def _place(row: Row, obis: str) -> tuple[int, int] | None:
    """A of the code and the M-Bus channel, where the row is a part of a device."""
    if row.kind.startswith("mbus_"):
        return 0, int(obis[2 : obis.index(":")])
    return (int(obis[0]), 0) if row.kind.startswith("nta_") else None


#: Code -> the ways in which it may be read: row, decoder, place of its device. Looked up once per new line.
_WAYS = {obis: tuple((row, _DECODERS[row.kind], _place(row, obis)) for row in rows) for obis, rows in BY_OBIS.items()}
