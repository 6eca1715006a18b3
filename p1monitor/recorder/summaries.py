"""What each hour and each day was like: least, most, sum and count of every number of a telegram that has no profile.

They are made of a block when it is stored, of nothing else, so that they come out the same when they are made again. A row
covers `start < t <= end`, like a profile's; a block begins a second earlier, so that its first reading may belong to the row
before. Never holds a register that has a profile.
"""

# ruff: noqa: S608 -- SQL is put together of constants only
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from struct import Struct
from typing import NamedTuple, Protocol

from p1monitor.recorder import blocks
from p1monitor.recorder.blocks import Block, BlockError
from p1monitor.recorder.levels import DAILY, DAY_S, HOUR_S, Here, span_of
from p1monitor.recorder.measured import NAMES_OF, raw
from p1monitor.recorder.packing import columns
from p1monitor.recorder.reading_back import EVER
from p1monitor.recorder.series import Line
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.streams import PackingError
from p1monitor.recorder.unpacking import Streams

#: Count, least, most, sum. What does not fit, no meter of a house can mean.
RECORD = Struct("<Iiiq")
_LIMIT = 1 << 31
_KEY = 'meter = ? AND seconds = ? AND "end" = ?'


class Extent(NamedTuple):
    """What a number was like in some time, in thousandths."""

    readings: int
    least: int
    most: int
    total: int


class Row(NamedTuple):
    """An hour or a day."""

    seconds: int
    end: int
    start: int
    samples: int
    numbers: Mapping[str, Extent]


class Database(Protocol):
    """What runs a statement: the store, or a connection."""

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> sqlite3.Cursor:
        """Run it."""


def add(db: Database, meter: int, block: Block, shapes: Shapes, table: str = "summary") -> None:
    """Add a block to the rows of its hours and days; inside a transaction. One that is damaged or verbatim adds nothing."""
    try:
        rows = list(_rows(block, shapes))
    except (PackingError, BlockError):
        return
    for row in rows:
        key = (meter, row.seconds, row.end)
        known = db.execute(f"SELECT samples, layout, numbers FROM {table} WHERE {_KEY}", key).fetchone()
        if known is not None:
            before = _unpacked(_layout(db, known[1]), known[2])
            row = row._replace(samples=row.samples + known[0], numbers=_merged(before, row.numbers))  # noqa: PLW2901 - the same row
        names = sorted(row.numbers)
        packed = b"".join(RECORD.pack(*row.numbers[name]) for name in names)
        # The rest of a row that is there is the same.
        db.execute(
            f"""INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (meter, seconds, "end") DO UPDATE
            SET samples = excluded.samples, layout = excluded.layout, numbers = excluded.numbers""",
            (*key, row.start, row.samples, _number(db, names), packed),
        )


def made_again(db: Database, meter: int, packed: Iterable[Block], shapes: Shapes, span: tuple[int, int] = EVER) -> int:
    """Make the rows of a meter again of its blocks; inside a transaction. How many were others, or missing, comes back.

    `span` are the first and the last moment of the rows that are meant; the blocks have to be all that reach into these rows.
    A row that has more samples than its blocks knows of readings that are not kept any more: it stays.
    """
    db.execute("DROP TABLE IF EXISTS temp.summary_again")
    db.execute("CREATE TEMP TABLE summary_again AS SELECT * FROM main.summary WHERE 0")
    db.execute('CREATE UNIQUE INDEX temp.summary_again_by_key ON summary_again (meter, seconds, "end")')
    for block in packed:
        add(db, meter, block, shapes, "temp.summary_again")
    same = 'old.meter = new.meter AND old.seconds = new.seconds AND old."end" = new."end"'
    stays = "old.samples > new.samples OR (old.samples = new.samples AND old.layout = new.layout AND old.numbers = new.numbers)"
    changed = db.execute(
        f"""INSERT OR REPLACE INTO main.summary SELECT * FROM temp.summary_again AS new
        WHERE new."end" >= ? AND new.start < ? AND NOT EXISTS (SELECT 1 FROM main.summary old WHERE {same} AND ({stays}))""",
        span,
    ).rowcount
    db.execute("DROP TABLE temp.summary_again")
    return changed


def begins(db: sqlite3.Connection, meter: str, seconds: int, start: float) -> int | None:
    """The beginning of the first row after a moment."""
    sql = """SELECT start FROM summary WHERE meter = (SELECT id FROM meter WHERE name = ?) AND seconds = ? AND "end" > ?
        ORDER BY "end" LIMIT 1"""
    row = db.execute(sql, (meter, seconds, start)).fetchone()
    return None if row is None else int(row[0])


def extents(db: sqlite3.Connection, meter: str, seconds: int, name: str, start: float, end: float) -> Iterator[Line]:
    """A number's rows that touch a span: end, and its extent. Of each row only these few bytes are taken."""
    sql = f"""SELECT "end", substr(numbers, ?, {RECORD.size}) FROM summary WHERE meter = (SELECT id FROM meter WHERE name = ?)
        AND seconds = ? AND "end" > ? AND start < ? AND layout = ?"""
    for layout, names in db.execute("SELECT id, names FROM summary_layout").fetchall():
        known = json.loads(names)
        if name not in known:
            continue
        place = known.index(name) * RECORD.size + 1
        found = db.execute(sql, (place, meter, seconds, start, end, layout)).fetchall()
        unpacked = RECORD.iter_unpack(b"".join([row[1] for row in found]))
        yield from ((row[0], *extent) for row, extent in zip(found, unpacked, strict=True))


def _rows(block: Block, shapes: Shapes) -> Iterator[Row]:
    """The hours and days of a block."""
    if block.format != blocks.PACKED:
        return
    read = columns(block.content, shapes)
    names = list(dict.fromkeys(name for code in read.values for name in NAMES_OF.get(code, ())))
    hours = [-(-at // HOUR_S) * HOUR_S for at in read.at]
    days: dict[int, Row] = {}
    for hour in sorted(set(hours)):
        first = hours.index(hour)
        mask = None if hours.count(hour) == len(hours) else [one == hour for one in hours]
        numbers = dict(_extents(read, names, mask))
        samples = len(hours) if mask is None else sum(mask)
        yield Row(HOUR_S, hour, hour - HOUR_S, samples, numbers)
        day = span_of(DAILY, Here(0, read.at[first], read.offset[first]), None)  # at its end the clocks may have changed
        before = days.get(day.end, Row(DAY_S, day.end, day.start, 0, {}))
        days[day.end] = before._replace(samples=before.samples + samples, numbers=_merged(before.numbers, numbers))
    yield from days.values()


def _extents(read: Streams, names: Iterable[str], mask: Sequence[bool] | None) -> Iterator[tuple[str, Extent]]:
    for name in names:
        found = raw(name, read)
        if found is None:
            continue
        values = [one for one in (found.values if mask is None else compress(found.values, mask)) if one is not None]
        if not values:
            continue
        least, most, total = (found.thousandths(one) for one in (min(values), max(values), sum(values)))
        if max(-least, most) < _LIMIT:
            yield name, Extent(len(values), least, most, total)


def _merged(one: Mapping[str, Extent], other: Mapping[str, Extent]) -> dict[str, Extent]:
    found = dict(one)
    for name, more in other.items():
        known = found.get(name)
        if known is not None:
            least, most = min(known.least, more.least), max(known.most, more.most)
            more = Extent(known.readings + more.readings, least, most, known.total + more.total)  # noqa: PLW2901 - both together
        found[name] = more
    return found


def _unpacked(names: Sequence[str], packed: bytes) -> dict[str, Extent]:
    return dict(zip(names, map(Extent._make, RECORD.iter_unpack(packed)), strict=True))


def _layout(db: Database, number: int) -> list[str]:
    names: list[str] = json.loads(db.execute("SELECT names FROM summary_layout WHERE id = ?", (number,)).fetchone()[0])
    return names


def _number(db: Database, names: Sequence[str]) -> int:
    """The number of a layout, made if it is new."""
    text = json.dumps(names, separators=(",", ":"))
    db.execute("INSERT INTO summary_layout (names) VALUES (?) ON CONFLICT DO NOTHING", (text,))
    return int(db.execute("SELECT id FROM summary_layout WHERE names = ?", (text,)).fetchone()[0])
