"""Single readings for charts, out of the archive by their streams. Never makes a telegram again of a block that is packed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import mul

from p1monitor.recorder import blocks
from p1monitor.recorder.blocks import Block, BlockError
from p1monitor.recorder.kept import reading
from p1monitor.recorder.levels import HOUR_S
from p1monitor.recorder.measured import codes_of, raw
from p1monitor.recorder.packing import columns
from p1monitor.recorder.samples import scaled
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.streams import PackingError
from p1monitor.recorder.told import Thousandths, Told, within

_METER = "meter = (SELECT id FROM meter WHERE name = ?)"


def sealed(db: sqlite3.Connection, meter: str) -> int:
    """The number of the newest reading that is in a block."""
    row = db.execute(f"SELECT to_seq FROM archive WHERE {_METER} ORDER BY from_seq DESC LIMIT 1", (meter,)).fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def begins(db: sqlite3.Connection, meter: str, start: float, end: float) -> int | None:
    """The first moment of a span at which readings are in a block."""
    # A block that began before may reach into the span.
    sql = f'SELECT min(max(start, ?)) FROM archive WHERE {_METER} AND start > ? AND start <= ? AND "end" > ?'  # noqa: S608
    found: int | None = db.execute(sql, (int(start), meter, start - HOUR_S, end, start)).fetchone()[0]
    return found


def archived(db: sqlite3.Connection, meter: str, names: Sequence[str], start: float, end: float) -> Iterator[Told]:
    """Readings of the blocks, one after another, only these streams unpacked."""
    sql = f'SELECT format, block FROM archive WHERE {_METER} AND start > ? AND start <= ? AND "end" > ? ORDER BY from_seq'  # noqa: S608
    shapes: Shapes | None = None
    for row in db.execute(sql, (meter, start - HOUR_S, end, start)).fetchall():
        shapes = shapes or Shapes(db.execute("SELECT id, template FROM shape").fetchall())
        try:
            yield within(told(Block(*row), shapes, names), start, end)
        except (PackingError, BlockError):
            continue  # verify names it; a chart has a gap there


def told(block: Block, shapes: Shapes, names: Sequence[str]) -> Told:
    """Every reading of a block."""
    if block.format != blocks.PACKED:
        return _verbatim(block, shapes, names)
    read = columns(block.content, shapes, codes_of(names))
    numbers: list[Thousandths] = []
    for name in names:
        found = raw(name, read)
        if found is None:
            numbers.append([None] * len(read.at))
        elif found.few == 1 and None not in found.values:
            numbers.append(list(map(mul, found.values, repeat(found.many))))
        else:
            numbers.append([None if one is None else found.thousandths(one) for one in found.values])
    return Told(read.at, numbers)


def _verbatim(block: Block, shapes: Shapes, names: Sequence[str]) -> Told:
    at, rows = list[int](), list[list[int | None]]()
    for kept in blocks.read(block, shapes):
        values = reading(kept, "auto", "").values
        at.append(kept.at)
        rows.append([scaled(values.get(name)) for name in names])
    return Told(at, list(map(list, zip(*rows, strict=True))) if rows else [[] for _ in names])
