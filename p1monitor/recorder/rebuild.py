"""Profiles made again from kept readings, beside those that are there, and swapped in. Never touches a row it cannot make whole.

What was kept has gaps: it may begin late, end early, or lack readings in between. Rows that reach over such an edge stay as
they are; so do events, single captures and rows of power quality: the observer makes them, and the readings do not tell them
again.
"""

# ruff: noqa: S608 -- SQL is put together of the profiles' tables only
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from p1monitor.p1.records import Reading
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.levels import Level
from p1monitor.recorder.rows import TABLES
from p1monitor.recorder.store import Store

#: Readings between two saves into the temporary file.
SAVE_EVERY = 100_000

#: A kept reading as it was observed, and its stamp with the final status.
Again = tuple[Reading, Stamp]


class Edge(NamedTuple):
    """Between two moments no readings were kept, though some were recorded; None: for ever."""

    after: int | None
    before: int | None


def rebuild(store: Store, meter: str, readings: Iterable[Again], load: Level, billing_day: int = 1) -> int:
    """Make the profiles of one meter again, of readings in order of their sequence; how many rows were put in comes back."""
    with TemporaryDirectory(dir=store.path.parent) as folder:
        path = Path(folder) / "again.sqlite"
        fresh = Store(path)
        try:
            edges = _told(fresh, meter, readings, load, billing_day, store)
        finally:
            fresh.close()
        return 0 if edges is None else _swapped(store, meter, path, edges)


def _told(fresh: Store, meter: str, readings: Iterable[Again], load: Level, billing_day: int, store: Store) -> list[Edge] | None:
    """Enter all of them into a store of its own; the edges of what was kept."""
    ledger = Ledger(fresh, meter, load, billing_day)
    edges: list[Edge] = []
    last_seq, last_at = 0, None
    for number, (reading, stamp) in enumerate(readings, 1):
        if reading.seq != last_seq + 1:  # the very first reading has number 1
            edges.append(Edge(last_at, stamp.at))
        ledger.enter(reading, stamp)
        last_seq, last_at = reading.seq, stamp.at
        if number % SAVE_EVERY == 0:
            _save(fresh, ledger)
    if last_at is None:
        return None
    if last_seq < store.recorded(meter):
        edges.append(Edge(last_at, None))
    _save(fresh, ledger)
    return edges


def _save(fresh: Store, ledger: Ledger) -> None:
    with fresh.transaction():
        ledger.write()
    ledger.written()


def _swapped(store: Store, meter: str, path: Path, edges: list[Edge]) -> int:
    whole = " AND ".join(["1", *(_apart(edge) for edge in edges)])
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
        made = 0
        with store.transaction():
            for table in TABLES.values():
                rest = [one for one in table.all if one not in {"device", "segment"}]
                columns = ", ".join(f'"{one}"' for one in rest)
                covered = f"EXISTS (SELECT 1 FROM same WHERE same.segment = old.segment) AND {whole}"
                if table.name == "minute":  # older ones were dropped from there and made again here
                    least = 'SELECT coalesce(min("end"), 0) FROM main.minute WHERE device IN (SELECT device FROM same)'
                    oldest = db.execute(least).fetchone()[0]
                    made_again = f'{whole} AND "end" >= {int(oldest)}'
                else:
                    made_again = whole
                db.execute(f"DELETE FROM main.{table.name} AS old WHERE {covered}")
                found = db.execute(
                    f"""INSERT INTO main.{table.name} (device, segment, {columns})
                    SELECT same.device, same.segment, {columns} FROM again.{table.name} new
                    JOIN same ON same.again = new.segment WHERE {made_again} AND same.segment IS NOT NULL"""
                )
                made += found.rowcount
        db.execute("DROP TABLE temp.same")
        return made


def _apart(edge: Edge) -> str:
    """SQL of a row that lies wholly on one side of an edge."""
    before = "0" if edge.after is None else f'"end" < {edge.after}'
    after = "0" if edge.before is None else f"start > {edge.before}"
    return f"({before} OR {after})"
