"""Profiles made again from kept readings, beside those that are there, and swapped in. Never touches a row it cannot make whole.

What was kept has gaps: it may begin late, end early, or lack readings in between. Rows that lost readings to such an edge stay
as they are; so do events and single captures: the observer makes them, and the readings do not tell them again.
"""

# ruff: noqa: S608 -- SQL is put together of the profiles' tables only
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from p1monitor.p1.records import Reading
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.levels import Level
from p1monitor.recorder.reading_back import EVER
from p1monitor.recorder.rows import EVERY, Table
from p1monitor.recorder.store import Store

#: Readings between two saves into the temporary file.
SAVE_EVERY = 100_000

#: A kept reading as it was observed, and its stamp with the final status.
Again = tuple[Reading, Stamp]


class Made(NamedTuple):
    """What came of it."""

    rows: int  #: that were put in
    others: dict[str, int]  #: table -> rows that were there before and are others now, or were missing or too many


class Edge(NamedTuple):
    """Between two moments no readings were kept, though some were recorded."""

    after: int
    before: int


class _Told(NamedTuple):
    """What was kept has these ends."""

    last: int  #: number of the newest reading
    edges: Sequence[Edge]  #: where numbers are missing between two
    end: Edge
    repeats: Sequence[Edge]  #: between which moments the meter's time came again


def rebuild(
    store: Store, meter: str, readings: Iterable[Again], load: Level, billing_day: int = 1, lost: Sequence[Edge] = ()
) -> Made:
    """Make the profiles of one meter again, of readings in order of their sequence.

    `lost` may grow while they are read: the times of readings that were recorded and cannot be read.
    """
    with TemporaryDirectory(dir=store.path.parent) as folder:
        path = Path(folder) / "again.sqlite"
        fresh = Store(path)
        try:
            told = _told(fresh, meter, readings, load, billing_day, lost)
        finally:
            fresh.close()
        return Made(0, {}) if told is None else _swapped(store, meter, path, told, lost)


def _told(fresh: Store, meter: str, readings: Iterable[Again], load: Level, billing_day: int, lost: Sequence[Edge]) -> _Told | None:
    """Enter all of them into a store of its own."""
    ledger = Ledger(fresh, meter, load, billing_day)
    edges, repeats = list[Edge](), list[Edge]()
    last_seq, last_at, newest, known = 0, EVER[0], EVER[0], 0
    for number, (reading, stamp) in enumerate(readings, 1):
        moments, known = [stamp.at, *chain(*lost[known:])], len(lost)
        if reading.seq != last_seq + 1:  # the very first reading has number 1
            edges.append(Edge(min(last_at, *moments), max(last_at, *moments)))
        if min(moments) < last_at or stamp.at < max(moments):
            repeats.append(Edge(min(moments), max(newest, *moments)))
        ledger.enter(reading, stamp)
        last_seq, last_at, newest = reading.seq, stamp.at, max(newest, *moments)
        if number % SAVE_EVERY == 0:
            _save(fresh, ledger)
    if last_at == EVER[0]:
        return None
    _save(fresh, ledger)
    end = Edge(min([last_at, *chain(*lost[known:])]), EVER[1])
    return _Told(last_seq, edges, end, repeats)


def _save(fresh: Store, ledger: Ledger) -> None:
    with fresh.transaction():
        ledger.write()
    ledger.written()


def _swapped(store: Store, meter: str, path: Path, told: _Told, lost: Sequence[Edge]) -> Made:
    with store.beside(path, "again") as db:
        number = {"meter": meter}
        # Rows that were made again belong to the segments that are there: the newest that had begun.
        db.execute("DROP TABLE IF EXISTS temp.same")
        db.execute(
            """CREATE TEMP TABLE same AS SELECT a.id AS again, a.device AS again_device, d.id AS device,
                (SELECT s.id FROM main.segment s WHERE s.device = d.id AND s.from_seq <= a.from_seq
                    ORDER BY s.from_seq DESC LIMIT 1) AS segment
            FROM again.segment a JOIN again.device ad ON ad.id = a.device JOIN main.device d ON d.role = ad.role
                JOIN main.meter m ON m.id = d.meter WHERE m.name = :meter""",
            number,
        )
        missing = [*lost, *(edge for edge in told.edges if _lost(db, meter, edge))]
        if told.last < store.recorded(meter):
            missing.append(told.end)
        whole = " AND ".join(["1", *(_apart(_widened(edge, told.repeats)) for edge in missing)])
        count, others = 0, dict[str, int]()
        with store.transaction():
            for table in EVERY.values():
                made, different = _exchanged(db, table, whole)
                count += made
                if different:
                    others[table.name] = different
        db.execute("DROP TABLE temp.same")
        return Made(count, others)


def _lost(db: sqlite3.Connection, meter: str, edge: Edge) -> bool:
    """Whether readings are missing there; after a kill some numbers were only never given."""
    if edge.after == EVER[0]:
        return True
    many = """SELECT sum(p.samples) FROM {0}.load_profile p JOIN {0}.device d ON d.id = p.device JOIN {0}.meter m ON m.id = d.meter
        WHERE m.name = ? AND p."end" >= ? AND p.start <= ?"""
    there, again = (db.execute(many.format(one), (meter, *edge)).fetchone()[0] for one in ("main", "again"))
    return bool(there != again)


def _exchanged(db: sqlite3.Connection, table: Table, whole: str) -> tuple[int, int]:
    """Put the rows of one profile in place of those that are there; how many there are, and how many are others."""
    name, rest = table.name, ", ".join(f'"{one}"' for one in table.all if one not in {"device", "segment"})
    alike = " AND ".join(f'made."{one}" = old."{one}"' for one in table.key)
    # A row that has more samples knows of readings that were not kept.
    least = f"(old.samples = 0 OR EXISTS (SELECT 1 FROM made WHERE {alike} AND made.samples >= old.samples))"
    covered = f"EXISTS (SELECT 1 FROM same WHERE same.segment = old.segment) AND {whole} AND {least}"
    for one in ("made", "gone"):
        db.execute(f"DROP TABLE IF EXISTS temp.{one}")
    db.execute(
        f"""CREATE TEMP TABLE made AS SELECT same.device, same.segment, {rest} FROM again.{name} new
        JOIN same ON same.again = new.segment WHERE same.segment IS NOT NULL"""
    )
    if name == "minute":  # older ones were dropped from there and made again here
        least = 'SELECT coalesce(min("end"), 0) FROM main.minute WHERE device IN (SELECT device FROM same)'
        db.execute(f'DELETE FROM made WHERE "end" < ({least})')
    db.execute(f"CREATE INDEX temp.made_by_key ON made ({', '.join(map(_quoted, table.key))})")
    db.execute(f"CREATE TEMP TABLE gone AS SELECT device, segment, {rest} FROM main.{name} AS old WHERE {covered}")
    db.execute(f"DELETE FROM main.{name} AS old WHERE {covered}")
    db.execute(f"DELETE FROM made WHERE NOT ({whole}) OR EXISTS (SELECT 1 FROM main.{name} old WHERE {alike})")
    count = db.execute(f"INSERT INTO main.{name} (device, segment, {rest}) SELECT * FROM made").rowcount
    less, more = (
        int(db.execute(f"SELECT count(*) FROM (SELECT * FROM {one} EXCEPT SELECT * FROM {other})").fetchone()[0])
        for one, other in (("gone", "made"), ("made", "gone"))
    )
    for one in ("made", "gone"):
        db.execute(f"DROP TABLE temp.{one}")
    return count, max(less, more)


def _quoted(column: str) -> str:
    return f'"{column}"'


def _apart(edge: Edge) -> str:
    """SQL of a row that lies wholly on one side of an edge."""
    return f"""("end" < {edge.after} OR start > {edge.before})"""


def _widened(edge: Edge, repeats: Sequence[Edge]) -> Edge:
    """An edge, and all of the times that came twice and reach into it: whose registers a row has there hangs on every reading."""
    while touched := [one for one in repeats if one.after <= edge.before and one.before >= edge.after]:
        wide = Edge(min(edge.after, *(one.after for one in touched)), max(edge.before, *(one.before for one in touched)))
        if wide == edge:
            break
        edge = wide
    return edge
