"""What is kept, on its way out: rows of a profile, or every reading, line by line. Never writes, never holds it all."""

# ruff: noqa: S608 -- SQL is put together of the profiles' tables only
from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from p1monitor.apart import Apart
from p1monitor.care.columns import HEAD, Cell, columns
from p1monitor.care.watched import Progress
from p1monitor.p1.records import Measurement, Reading
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.kept import reading as restored
from p1monitor.recorder.queries import PROFILES
from p1monitor.recorder.reading_back import Past
from p1monitor.recorder.rows import EVERY
from p1monitor.sinks.influxdb import Encoder, Memory

READINGS = "readings"
#: Cells of a reading that stand before its values, and behind them those that the first reading did not have, as JSON.
_READING, _MORE = ("meter", "seq", "at", "received"), "more"

_Row = Mapping[str, Cell]
#: Meter -> the country by whose clock its devices' times are understood, as decode() takes it.
CountryOf = Callable[[str], str]


def unsaid(_meter: str) -> str:
    """Where nobody told."""
    return "auto"


def lines(
    past: Past, what: str, form: str, meter: str | None, span: tuple[int, int], progress: Progress, country_of: CountryOf = unsaid
) -> Iterator[bytes]:
    """The lines of an export: `what` is a profile or `readings`, `form` csv, jsonl or influx."""
    if what == READINGS:
        readings = _readings(past, meter, span, progress, country_of)
        yield from _points(readings) if form == "influx" else _FORMS[form](map(_flat, readings))
    else:
        yield from _FORMS[form](_rows(past, what, meter, span, progress))


def export(
    path: Path, what: str, form: str, meter: str | None, span: tuple[int, int], progress: Progress, country_of: CountryOf = unsaid
) -> Iterator[bytes]:
    """The same of a file, beside whoever writes it."""
    with closing(Past(path)) as past:
        past.expect(meter)
        yield from lines(past, what, form, meter, span, progress, country_of)


def _rows(past: Past, what: str, meter: str | None, span: tuple[int, int], progress: Progress) -> Iterator[_Row]:
    table = EVERY[PROFILES[what]]
    where = 'p."end" > ? AND p."end" <= ? AND (? IS NULL OR m.name = ?)'
    joined = f"""{table.name} p JOIN segment s ON s.id = p.segment JOIN device d ON d.id = p.device JOIN meter m ON m.id = d.meter
        WHERE {where}"""
    bound = (*span, meter, meter)
    every = columns(table)
    most = ", ".join(f'max(p."{one.own}")' for one in every)
    found = past.db.execute(f"SELECT count(*), {most} FROM {joined}", bound).fetchone()
    some = [one for one, any_of in zip(every, found[1:], strict=True) if any_of is not None]
    names = (*HEAD, *(one.name for one in some))
    cells = "".join(f", {one.sql}" for one in some)
    sql = f"""SELECT m.name, d.role, d.medium, '{what}', s.equipment_id, s.id, s."offset"{cells} FROM {joined}
        ORDER BY p.device, p."end" """
    for number, row in enumerate(past.db.execute(sql, bound), 1):
        progress(number / found[0])
        yield dict(zip(names, row, strict=True))


def _readings(
    past: Past, meter: str | None, span: tuple[int, int], progress: Progress, country_of: CountryOf
) -> Iterator[tuple[Kept, Reading]]:
    start, end = span
    after = past.archived()
    rows = past.rows(meter, start, end)
    for name, kept in past.whole(rows, progress):
        if start <= kept.at < end:
            yield kept, restored(kept, country_of(name), name)
    for name, kept in past.journal(after):
        if meter in {None, name} and start <= kept.at < end:
            yield kept, restored(kept, country_of(name), name)
    progress(1.0)
    past.complain()


def _flat(found: tuple[Kept, Reading]) -> _Row:
    """One reading as cells: a value of an M-Bus device is `role/name`."""
    kept, reading = found
    row: dict[str, Cell] = {"meter": reading.meter, "seq": kept.seq, "at": _iso(kept.at, kept.offset)}
    row["received"] = None if kept.received is None else _utc(kept.received)
    row |= {name: cell for name, one in reading.values.items() if (cell := _cell(one)) is not None}
    for device in reading.devices:
        if device.at is not None:
            row[f"{device.role}/at"] = device.at.isoformat()
        row |= {f"{device.role}/{name}": cell for name, one in device.values.items() if (cell := _cell(one)) is not None}
    return row


def _cell(one: Measurement) -> Cell:
    """A number or a text; nothing that is doubtful, and no log."""
    if one.held or isinstance(one.value, tuple) or one.value is None:
        return None
    return float(one.value) if isinstance(one.value, Decimal) else str(one.value)


def _csv(rows: Iterable[_Row]) -> Iterator[bytes]:
    """The columns are those of the first row; what a later one has besides stands in the last, as JSON."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names: Sequence[str] = ()
    for row in rows:
        if not names:
            names = (*row, _MORE) if _READING[1] in row else tuple(row)
            writer.writerow(names)
        known = [row.get(name) for name in names]
        more = {name: cell for name, cell in row.items() if name not in names}
        if more:
            known[-1] = json.dumps(more, ensure_ascii=False)
        writer.writerow(known)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def _jsonl(rows: Iterable[_Row]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps({name: cell for name, cell in row.items() if cell is not None}, ensure_ascii=False).encode() + b"\n"


#: Cells of a row that are no field of a point.
_TAGS = frozenset({*HEAD, "start", "end", "date", "registers_at", "demand_max_at", "name"})


def _influx(rows: Iterable[_Row]) -> Iterator[bytes]:
    """A point per row, at its end: measurement p1_<profile>, tags meter and role, numbers as floats, milliseconds."""
    for row in rows:
        fields = {name: cell for name, cell in row.items() if name not in _TAGS and isinstance(cell, (int, float))}
        if "name" in row:
            fields = {str(row["name"]): cell for name, cell in fields.items() if name == "value"}
        if fields:
            at = int(datetime.fromisoformat(str(row["end"])).timestamp())
            tags = f"meter={_tag(row['meter'])},role={_tag(row['role'])}"
            values = ",".join(f"{name}={float(cell)!r}" for name, cell in fields.items())
            yield f"p1_{row['profile']},{tags} {values} {at * 1000}\n".encode()


def _points(readings: Iterable[tuple[Kept, Reading]]) -> Iterator[bytes]:
    """As the daemon writes them: a history that is written again stands on the same points."""
    encoder = Encoder("p1", Memory(), None)
    apart = defaultdict[str, Apart](Apart)
    for kept, reading in readings:
        yield from (line + b"\n" for line in encoder.lines(apart[reading.meter].placed(reading, kept.at)))


def _tag(value: Cell) -> str:
    return "".join(f"\\{one}" if one in ", =" else one for one in str(value)).rstrip("\\") or "-"


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _iso(at: int, offset: int) -> str:
    sign, minutes = "-" if offset < 0 else "+", abs(offset) // 60
    return datetime.fromtimestamp(at + offset, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f"{sign}{minutes // 60:02}:{minutes % 60:02}"


_FORMS: Mapping[str, Callable[[Iterable[_Row]], Iterator[bytes]]] = MappingProxyType(
    {"csv": _csv, "jsonl": _jsonl, "influx": _influx}
)
