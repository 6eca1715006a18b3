"""One data object to one value: the decoders by kind, chosen by the catalogue row. Never looks at a neighbour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.catalogue import BY_OBIS, TARIFFS, Row
from p1monitor.p1.codes import BREAKER
from p1monitor.p1.frames import new
from p1monitor.p1.logs import billing, failures, history, snapshot
from p1monitor.p1.meanings import DECIDE
from p1monitor.p1.records import Measurement, Value
from p1monitor.p1.registers import PROFILE_STATUS, octet_words
from p1monitor.p1.telegram import DataObject
from p1monitor.p1.texts import octets_text
from p1monitor.p1.times import meter_time
from p1monitor.p1.units import convert, is_count, number, quantity

#: The profile that takes the meter's S and W as Central European.
AUTO = "auto"

#: A power factor printed without its decimals (Lithuania: 01000 is 1.000).
_FACTOR_MOST, _THOUSANDTH = Decimal(10), Decimal("0.001")
#: Digits of an e-MUCS version, and of the number of a connection.
_EMUCS_DIGITS, _EAN_DIGITS = 5, 18


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


class Decoded(NamedTuple):
    """What one object says."""

    name: str | None  #: of a plain value; a part of an M-Bus device has none
    value: Measurement | Part
    #: The name again, where another value may take this one's place and that is all: of a plain value that is there, and by
    #: which no other is judged.
    place: str | None


def decoded(item: DataObject, profile: str = AUTO) -> Decoded:
    """Decode an object, or return what is remembered in it: equal lines share one object. Another profile remembers nothing."""
    if profile != AUTO:
        return _decode(item, profile)
    made: Decoded | None = item.decoded
    if made is None:
        item.decoded = made = _decode(item, AUTO)
    return made


def _decode(item: DataObject, profile: str) -> Decoded:
    """Decode by the first row whose shape fits; an object that no row knows, or that none fits, keeps its text."""
    name = item.obis
    for row, decoder, place in _WAYS.get(name, ()):
        measurement = decoder(row, item, profile)
        if measurement is None:
            continue
        if place is not None:
            return Decoded(None, Part(row.kind, *place, row.name, measurement), None)
        name = row.name
        break
    else:
        measurement = Measurement(item.raw, "", name)
    return new(Decoded, (name, measurement, None if measurement[0] is None or name in DECIDE else name))


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


def _version(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """e-MUCS: 50217, or the octets of such digits. Anything else is the fifth identifier of an IDIS meter."""
    found = _text(row, item, profile)
    if found is None or found.value is None:
        return found
    text = str(found.value)
    return found if text.isdecimal() and (len(text) == _EMUCS_DIGITS or text == item.groups[0].strip()) else None


def _ean(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """Eighteen digits, or nothing, or dashes. Anything else is the third identifier of an IDIS meter, its location."""
    found = _text(row, item, profile)
    text = str(found.value or "") if found else "?"
    return found if not text.strip("-") or (text.isdecimal() and len(text) == _EAN_DIGITS) else None


def _amount(row: Row, item: DataObject, _: str) -> Measurement | None:
    """Money, or credit: its unit is the supplier's affair."""
    found = number(item.groups[0]) if len(item.groups) == 1 else None
    return None if found is None else Measurement(found[0], row.unit, item.obis)


def _plain(row: Row, item: DataObject, _: str) -> Measurement | None:
    text = "".join(item.groups[:1]).strip()
    return Measurement(text or None, row.unit, item.obis) if len(item.groups) == 1 else None


def _status(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """A status word, bit by bit; as it came where a bit has no words."""
    found = _plain(row, item, profile)
    if found is None or found.value is None:
        return found
    return found._replace(value=octet_words(str(found.value), PROFILE_STATUS) or found.value)


def _state(row: Row, item: DataObject, _: str) -> Measurement | None:
    text = item.groups[0].strip()
    return Measurement(BREAKER.get(text.upper(), text) or None, row.unit, item.obis) if len(item.groups) == 1 else None


def _tariff(row: Row, item: DataObject, _: str) -> Measurement | None:
    """0002, 01, 5431 (hex of "T1"), TARIFF 1: the number of the tariff; anything else stays a text."""
    text = item.groups[0].strip()
    if not (is_count(text) and int(text) <= TARIFFS):
        text = octets_text(text) or ""
    digits = text[len(text.rstrip("0123456789")) :]
    value: Value = Decimal(int(digits)) if is_count(digits) and int(digits) <= TARIFFS else text or None
    return Measurement(value, row.unit, item.obis)


def _time(row: Row, item: DataObject, profile: str) -> Measurement | None:
    if len(item.groups) != 1:
        return None
    return new(Measurement, (meter_time(item.groups[0].strip(), profile), row.unit, item.obis, None, False, False))


def _stamp(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """When something was; what is no time keeps its text under the code."""
    found = _time(row, item, profile)
    text = item.groups[0].strip().strip("0")
    return found if found is None or found.value is not None or not text else None


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


def _limits(row: Row, item: DataObject, _: str) -> Measurement | None:
    """(import)(export), Luxembourg: the first is the row's, the second comes by meanings.export_limit()."""
    return Measurement(quantity(item.groups[0], row.printed, row.unit), row.unit, item.obis)


def _mbus_type(row: Row, item: DataObject, _: str) -> Measurement | None:
    """A small number, or nothing. The IDIS object of this code is the client's whole setup, which is no device type."""
    text = item.groups[0].strip()
    if len(item.groups) != 1 or not (is_count(text) or not text):
        return None
    return Measurement(Decimal(int(text)) if text else None, row.unit, item.obis)


def _raw(row: Row, item: DataObject, _: str) -> Measurement:
    return Measurement(item.raw, row.unit, item.obis)


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
    if len(groups) < 7 or not is_count(groups[3]):
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
        "version": _version,
        "ean": _ean,
        "code": _number,
        "amount": _amount,
        "message": _text,
        "plain": _plain,
        "status": _status,
        "state": _state,
        "tariff": _tariff,
        "time": _time,
        "stamp": _stamp,
        "peak": _peak,
        "failures": failures,
        "history": history,
        "billing": billing,
        "snapshot": snapshot,
        "limits": _limits,
        "mbus_type": _mbus_type,
        "mbus_raw": _raw,
        "mbus_id": _text,
        "mbus_id_2": _text,
        "mbus_text": _text,
        "mbus_state": _state,
        "mbus_value": _mbus_value,
        "mbus_third": _mbus_value,
        "mbus_result": _mbus_value,
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
