"""Telegrams for people and for programs: the table and the JSON Lines of `p1monitor decode`. Never reads a port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from p1monitor.p1.catalogue import BY_OBIS, row_of
from p1monitor.p1.cipher import framer_for
from p1monitor.p1.framer import Frame, Rejected
from p1monitor.p1.gcm import Keys
from p1monitor.p1.reading import ObjectView, decode, describe
from p1monitor.p1.records import Measurement
from p1monitor.p1.tariffs import Labels, labels, titled
from p1monitor.p1.telegram import parse

#: Long texts (a month's peaks, a message of 1 024 characters) are cut in the table; JSON has them whole.
_WIDEST = 60

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes from one file, taken for one source: it has a framer of its own."""

    file: str
    data: bytes
    crc: str = "auto"
    profile: str = "auto"
    keys: Keys | None = None

    def events(self) -> Iterator[Frame | Rejected]:
        """Yield what the framer finds, to the end."""
        framer = framer_for(self.crc, self.keys)
        yield from framer.feed(self.data)
        yield from framer.end()

    def lines(self) -> Iterator[tuple[bool, str]]:
        """Yield (good, JSON) for each event."""
        for event in self.events():
            yield isinstance(event, Frame), json.dumps(self._object(event), ensure_ascii=False, separators=(",", ":"))

    def tables(self) -> Iterator[tuple[bool, str]]:
        """Yield (good, text) for each event."""
        for event in self.events():
            yield isinstance(event, Frame), "\n".join(self._table(event))

    def _object(self, event: Frame | Rejected) -> dict[str, Json]:
        if isinstance(event, Rejected):
            return {"type": "rejected", "file": self.file, "reason": event.reason, "offset": event.offset, "length": event.length}
        telegram = parse(event)
        reading = decode(telegram, profile=self.profile)
        told: dict[str, Json] = {
            "type": "telegram",
            "file": self.file,
            "identification": telegram.identification,
            "crc": telegram.crc,
            "at": _time(reading.at),
            "objects": [_view(view) for view in describe(telegram, self.profile)],
        }
        return told | {"bad_lines": list(telegram.bad_lines)} if telegram.bad_lines else told

    def _table(self, event: Frame | Rejected) -> Iterator[str]:
        if isinstance(event, Rejected):
            yield f"{self.file}: refused at byte {event.offset} ({event.length} bytes): {event.words}"
            return
        telegram = parse(event)
        reading = decode(telegram, profile=self.profile)
        at, known = reading.at, labels(self.profile, reading)
        yield f"{self.file}: /{telegram.identification}  CRC {telegram.crc}" + (f"  {at:%Y-%m-%d %H:%M:%S%z}" if at else "")
        for view in describe(telegram, self.profile):
            yield _row(view, known)
        for line in telegram.bad_lines:
            yield f"  {'':16} no data object: {line[:_WIDEST]}"
        yield ""


def _view(view: ObjectView) -> dict[str, Json]:
    told: dict[str, Json] = {"obis": view.obis, "name": view.name}
    if view.measurement is None:
        return told | {"raw": view.raw}
    if view.channel is not None:
        told["channel"] = view.channel
    told["value"] = _value(view.measurement)
    if view.measurement.unit:
        told["unit"] = view.measurement.unit
    if view.measurement.at is not None:
        told["at"] = _time(view.measurement.at)
    return told


def _value(measurement: Measurement) -> Json:
    value = measurement.value
    if isinstance(value, tuple):
        if measurement.obis in _FAILURES:
            return [{"at": _time(at), "seconds": seconds} for at, seconds in value]  # type: ignore[arg-type, dict-item]
        return [[_cell(cell) for cell in row] for row in value]
    return _cell(value)


def _cell(value: object) -> Json:
    """A number as the meter printed it: 12345.678 stays that in JSON, for its shortest form is the same."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and "." not in str(value) else float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None else str(value)


def _time(at: datetime | None) -> Json:
    return at.isoformat() if at else None


def _row(view: ObjectView, known: Labels) -> str:
    if view.measurement is None or view.name is None:
        return f"  {view.obis:16} unknown object{'':28} {view.raw[:_WIDEST]}"
    row = next((row for row in BY_OBIS.get(view.obis, ()) if row.name == view.name), None) or row_of(view.name)
    title = titled(row.title if row else view.name, view.name, known) + (f" (channel {view.channel})" if view.channel else "")
    value = view.measurement.value
    text = "-" if value is None else f"{value:%Y-%m-%d %H:%M:%S%z}" if isinstance(value, datetime) else _text(view.measurement)
    at = f"  at {view.measurement.at:%Y-%m-%d %H:%M:%S%z}" if view.measurement.at else ""
    return f"  {view.obis:16} {title:42} {text} {view.measurement.unit}{at}".rstrip()


def _text(measurement: Measurement) -> str:
    value = measurement.value
    text = json.dumps(_value(measurement)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


_FAILURES = frozenset(obis for obis, rows in BY_OBIS.items() if rows[0].kind == "failures")
