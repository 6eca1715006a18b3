"""Do the sums of a history come out? Days are differences of registers, whichever profile is asked. Never reads a telegram."""

# ruff: noqa: S608 -- SQL is put together of the profiles' tables only
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from p1monitor.recorder.rows import TABLES, Table
from p1monitor.recorder.samples import REGISTERS

#: A profile, and the one whose last row within the same time must have ended with the same registers.
_PARTS = {"load_profile": "minute", "daily_profile": "load_profile", "billing_profile": "daily_profile"}
_DAY_S = 86_400


def faults(db: sqlite3.Connection) -> Iterator[str]:
    """What does not come out, a sentence for each."""
    offsets = {number: json.loads(text) for number, text in db.execute('SELECT id, "offset" FROM segment')}
    names = {
        device: meter if role == "electricity" else f"{meter}, {role}"
        for device, meter, role in db.execute("SELECT d.id, m.name, d.role FROM device d JOIN meter m ON m.id = d.meter")
    }
    for table in TABLES.values():
        yield from _falls(db, table, names, offsets)
    for whole, part in _PARTS.items():
        yield from _differ(db, TABLES[whole], TABLES[part], names)


def _falls(
    db: sqlite3.Connection, table: Table, names: Mapping[int, str], offsets: Mapping[int, Mapping[str, int]]
) -> Iterator[str]:
    """Totals go on over all segments, so what was used in a row is never negative."""
    own = "name" if "name" in table.key else "''"
    registers = ", ".join(table.columns)
    sql = f"""SELECT device, {own}, segment, registers_at, {registers} FROM {table.name} WHERE registers_at IS NOT NULL
        ORDER BY device, {own}, "{table.order}", segment"""
    before: dict[object, Sequence[int | None]] = {}
    for device, name, segment, at, *values in db.execute(sql):
        registers_of = (name,) if name else [REGISTERS[index] for index in table.registers]
        offset = offsets.get(segment, {})
        totals = [None if one is None else one + offset.get(which, 0) for one, which in zip(values, registers_of, strict=True)]
        known = before.get((device, name), totals)
        for which, total, last in zip(registers_of, totals, known, strict=True):
            if total is not None and last is not None and total < last:
                yield f"{names.get(device)}: {which} is lower at {_when(at)} than before, in {table.name}"
        before[device, name] = [last if one is None else one for one, last in zip(totals, known, strict=True)]


def _differ(db: sqlite3.Connection, whole: Table, part: Table, names: Mapping[int, str]) -> Iterator[str]:
    """The sum of the parts is the difference of the whole: both ended with the same reading, and with the same registers."""
    columns = [one for one in whole.columns if one in part.columns]
    other = " OR ".join(f"w.{one} IS NOT p.{one}" for one in columns)
    near = f'p."end" BETWEEN w.registers_at AND w.registers_at + {_DAY_S} AND' if part.order == "end" else ""
    sql = f"""SELECT w.device, w.registers_at FROM {whole.name} w JOIN {part.name} p ON p.device = w.device AND {near}
        p.registers_at = w.registers_at AND p.segment = w.segment WHERE {other} ORDER BY w.device, w.registers_at"""
    for device, at in db.execute(sql):
        yield f"{names.get(device)}: the registers of {whole.name} at {_when(at)} are not those of {part.name}"


def _when(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
