"""Rows that came from elsewhere, put where the history has none. Never touches a row that is there; twice is once.

They get segments of their own, numbered before ours. Totals join: where the same physical meter goes on, its registers stand as
they are; else what came from elsewhere is shifted so that it ends where ours begins, or begins where ours ends.
"""

# ruff: noqa: S608 -- SQL is put together of the profiles' tables only
from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from p1monitor.care.incoming import ABSOLUTE, Incoming
from p1monitor.recorder import Store
from p1monitor.recorder.rows import EVERY, TABLES, Table
from p1monitor.recorder.samples import REGISTERS

#: The tables that know registers best come first.
_FINE = ("minute", "load_profile", "daily_profile", "billing_profile")
_MBUS = "mbus_profile"


class Taken(NamedTuple):
    """What came of one profile of one device."""

    meter: str
    role: str
    table: str
    rows: int  #: that were put in
    there: int  #: that were told, but the history has that time already
    start: int
    end: int
    gaps: int  #: how often rows are missing between two
    missing: int  #: seconds of them
    sums: Mapping[str, int]  #: how far each register went in all that was told, in thousandths


class _Known(NamedTuple):
    """Registers at a moment, of one segment."""

    at: int
    segment: int
    registers: Mapping[str, int]


class _Side(NamedTuple):
    """One of the two files."""

    db: sqlite3.Connection
    name: str

    def segments(self, device: int) -> list[tuple[int, str, int, dict[str, int]]]:
        sql = f'SELECT id, equipment_id, from_seq, "offset" FROM {self.name}.segment WHERE device = ? ORDER BY from_seq'
        return [(row[0], row[1], row[2], json.loads(row[3])) for row in self.db.execute(sql, (device,)).fetchall()]

    def known(self, device: int, name: str, where: str, order: str) -> _Known | None:
        """The first registers by time, or the last; `name` is the register of an M-Bus device."""
        found: list[_Known] = []
        for table in (TABLES[one] for one in ((_MBUS,) if name else _FINE)):
            columns = ", ".join(table.columns)
            which = f"AND name = '{name}'" if name else ""
            sql = f"""SELECT registers_at, segment, {columns} FROM {self.name}.{table.name}
                WHERE device = ? AND registers_at IS NOT NULL AND {where} {which} ORDER BY registers_at {order} LIMIT 1"""
            row = self.db.execute(sql, (device,)).fetchone()
            if row is not None:
                names = (name,) if name else [REGISTERS[index] for index in table.registers]
                told = {one: value for one, value in zip(names, row[2:], strict=True) if value is not None}
                found.append(_Known(row[0], row[1], told))
        best = min if order == "ASC" else max
        # Of one moment the profile that has most registers.
        return best(found, key=lambda one: (one.at, len(one.registers) * (-1 if order == "ASC" else 1))) if found else None


def merge(store: Store, incoming: Incoming, besides: Callable[[], object] = lambda: None) -> list[Taken]:
    """Take over what is in the incoming store; `besides` is done in the same transaction."""
    incoming.done()
    absolute = incoming.store.noted(ABSOLUTE) is not None
    with store.beside(incoming.path, "incoming") as db:
        with store.transaction():
            here, there = _Side(db, "main"), _Side(db, "incoming")
            sql = (
                "SELECT d.id, m.name, d.role, d.medium FROM incoming.device d JOIN incoming.meter m ON m.id = d.meter ORDER BY d.id"
            )
            taken = [
                one
                for number, meter, role, medium in db.execute(sql).fetchall()
                for one in _device(store, (here, there), number, (meter, role, medium), absolute=absolute)
            ]
            besides()
        store.next_segment = int(db.execute("SELECT coalesce(max(id), 0) + 1 FROM main.segment").fetchone()[0])
    return taken


def _device(
    store: Store, sides: tuple[_Side, _Side], number: int, named: tuple[str, str, str], *, absolute: bool
) -> Iterator[Taken]:
    here, there = sides
    device = store.device(*named)
    segments = there.segments(number)
    names = [""] if named[1] == "electricity" else _names(there.db, number)
    shift: dict[str, int] = {}
    for name in names:
        shift |= _shift(sides, (device, number), segments, name, absolute=absolute)
    least = min([1, *(from_seq for _, _, from_seq, _ in here.segments(device))])
    base = least - len(segments)
    made: dict[int, int] = {}
    for index, (old, equipment_id, from_seq, offset) in enumerate(segments):
        shifted = {name: offset.get(name, 0) + shift.get(name, 0) for name in {*offset, *shift}}
        new = json.dumps({name: value for name, value in shifted.items() if value})
        sql = 'INSERT INTO main.segment (device, equipment_id, from_seq, "offset") VALUES (?, ?, ?, ?)'
        # Readings that came with it have numbers of their own, before all others.
        numbered = from_seq if from_seq < least and segments[0][2] < 0 else base + index
        made[old] = int(here.db.execute(sql, (device, equipment_id, numbered, new)).lastrowid or 0)
    for table in EVERY.values():
        told = _told(there.db, table, number)
        if told is not None:
            rows = _put(here.db, table, (device, number), made)
            yield Taken(named[0], named[1], table.name, rows, told[0] - rows, *told[1:], _sums(there, table, number, names))
    for new_id in made.values():
        used = " + ".join(f"EXISTS (SELECT 1 FROM main.{table} WHERE device = ? AND segment = ?)" for table in EVERY)
        if not here.db.execute(f"SELECT {used}", (device, new_id) * len(EVERY)).fetchone()[0]:
            here.db.execute("DELETE FROM main.segment WHERE id = ?", (new_id,))


def _names(db: sqlite3.Connection, device: int) -> list[str]:
    found = db.execute(f"SELECT DISTINCT name FROM incoming.{_MBUS} WHERE device = ?", (device,)).fetchall()
    return [str(name) for (name,) in found if str(name).isidentifier()]


def _shift(
    sides: tuple[_Side, _Side],
    devices: tuple[int, int],
    segments: Sequence[tuple[int, str, int, dict[str, int]]],
    name: str,
    *,
    absolute: bool,
) -> dict[str, int]:
    """What is to be added to the incoming totals so that they join ours."""
    here, there = sides
    first, last = (there.known(devices[1], name, "1", order) for order in ("ASC", "DESC"))
    if first is None or last is None:
        return {}
    after = here.known(devices[0], name, f"registers_at >= {last.at}", "ASC")
    before = here.known(devices[0], name, f"registers_at <= {first.at}", "DESC")
    ours = {number: (equipment_id, offset) for number, equipment_id, _, offset in here.segments(devices[0])}
    theirs = {number: (equipment_id, offset) for number, equipment_id, _, offset in segments}
    for near, edge, direction in ((after, last, 1), (before, first, -1)):
        if near is None:
            continue
        (our_id, our_offset), (their_id, their_offset) = ours[near.segment], theirs[edge.segment]
        common = near.registers.keys() & edge.registers.keys()
        onward = all((near.registers[one] - edge.registers[one]) * direction >= 0 for one in common)
        if (our_id and our_id == their_id) or (absolute and onward):
            return {one: our_offset.get(one, 0) - their_offset.get(one, 0) for one in {*our_offset, *their_offset}}
        total = {one: near.registers[one] + our_offset.get(one, 0) for one in common}
        return {one: total[one] - edge.registers[one] - their_offset.get(one, 0) for one in common}
    return {}


def _told(db: sqlite3.Connection, table: Table, device: int) -> tuple[int, int, int, int, int] | None:
    """Of what was told: rows, from when to when, gaps, and seconds of them."""
    order = '"end"'
    name = "name" if "name" in table.key else "''"
    sql = f'SELECT {name}, start, "end", {table.seen} > 0 FROM incoming.{table.name} WHERE device = ? ORDER BY 1, {order}'
    rows = gaps = missing = 0
    least = most = 0
    before: tuple[str, int] | None = None
    for of, start, end, seen in db.execute(sql, (device,)):
        rows += 1
        least, most = (min(least, start), max(most, end)) if rows > 1 else (start, end)
        if seen:
            if before is not None and before[0] == of and start > before[1]:
                gaps += 1
                missing += start - before[1]
            before = of, end
    return (rows, least, most, gaps, missing) if rows else None


def _put(db: sqlite3.Connection, table: Table, devices: tuple[int, int], made: Mapping[int, int]) -> int:
    """Rows whose time the history does not have."""
    rest = [one for one in table.all if one not in {"device", "segment"}]
    columns = ", ".join(f'"{one}"' for one in rest)
    which = "AND o.name = n.name" if "name" in table.key else ""
    ours = f"o.device = :device AND o.segment < :first AND o.{table.seen} > 0"  # what was not seen is free
    if "date" in table.key:
        free = f"NOT EXISTS (SELECT 1 FROM main.{table.name} o WHERE {ours} AND o.date = n.date)"
    else:
        # Rows do not overlap, so the first that ends later has to begin later too.
        free = f"""coalesce((SELECT o.start FROM main.{table.name} o WHERE {ours} {which} AND o."end" > n.start
            ORDER BY o."end" LIMIT 1), n."end") >= n."end" """
    rows, first = 0, min(made.values(), default=0)
    for old, new in made.items():
        sql = f"""INSERT INTO main.{table.name} (device, segment, {columns}) SELECT :device, :new, {columns}
            FROM incoming.{table.name} n WHERE n.device = :their AND n.segment = :old AND {free}"""
        rows += db.execute(sql, {"device": devices[0], "their": devices[1], "old": old, "new": new, "first": first}).rowcount
    return rows


def _sums(there: _Side, table: Table, device: int, names: Sequence[str]) -> dict[str, int]:
    offsets = {number: offset for number, _, _, offset in there.segments(device)}
    sums: dict[str, int] = {}
    for name in names if table.registers else ():
        which = f"AND name = '{name}'" if name else ""
        columns = {name: "value"} if name else {REGISTERS[n]: one for n, one in zip(table.registers, table.columns, strict=True)}
        for register, column in columns.items():
            if not name and not register.endswith(("import_kwh", "export_kwh")):
                continue
            sql = f"""SELECT segment, {column} FROM there.{table.name} WHERE device = ? AND {column} IS NOT NULL {which}
                ORDER BY "end" {{}} LIMIT 1""".replace("there.", f"{there.name}.")
            ends = [there.db.execute(sql.format(order), (device,)).fetchone() for order in ("ASC", "DESC")]
            if ends[0] is not None:
                low, high = (value + offsets[segment].get(register, 0) for segment, value in ends)
                sums[register] = high - low
    return sums
