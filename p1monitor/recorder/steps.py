"""How far registers went from one moment to the next, and the powers in between. Reads only; never guesses at a register.

The steps of one register add up to the difference of its last and its first value, to the last digit: what came after a gap
is in the first step that has a reading again, and a step without any reading is None.
"""

# ruff: noqa: S608 -- SQL is put together of constants and column names of our own tables
from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from p1monitor.recorder.rows import TABLES
from p1monitor.recorder.samples import REGISTERS

_DAY_S = 86_400
#: No row of these profiles is longer, so that none which ends later can hold this moment.
_LONGEST_S: Mapping[str, int] = {"load_profile": 3600, "minute": 60, "mbus_profile": 3600}
#: Extremes come of minutes in spans up to the first, of quarters up to the second, of days beyond: some thousand rows at most.
_MINUTES_S, _QUARTERS_S = _DAY_S, 40 * _DAY_S


class Known(NamedTuple):
    """A register as it was last seen: when, of which segment, thousandths."""

    at: int
    segment: int
    value: int


class Stood(NamedTuple):
    """A register as it was last seen: when, of which physical meter, what it showed, and the total that goes on over them all."""

    at: int
    equipment_id: str
    value: int  #: thousandths, as is the total
    total: int


class Peak(NamedTuple):
    """The row of the finest profile in which a power was reached."""

    watts: int
    start: int
    end: int


def seen(db: sqlite3.Connection, device: int, moment: float, *, forward: bool = False) -> dict[str, Known]:
    """The registers as they were seen last at a moment, or first after it."""
    found: dict[str, Known] = {}
    for name in ("load_profile", "minute"):
        table = TABLES[name]
        sql = f"SELECT registers_at, segment, {', '.join(table.columns)} FROM {name} WHERE device = ? AND {_seen(forward=forward)}"
        row = db.execute(sql, _around(device, name, moment, forward=forward)).fetchone()
        if row is None:
            continue
        for index, value in zip(table.registers, row[2:], strict=True):
            known = found.get(REGISTERS[index])
            if value is not None and (known is None or (row[0] < known.at if forward else row[0] > known.at)):
                found[REGISTERS[index]] = Known(row[0], row[1], value)
    return found


def capture(db: sqlite3.Connection, device: int, name: str, moment: float, *, forward: bool = False) -> Known | None:
    """A register of an M-Bus device, by the time of its capture."""
    side, order = (">", "ASC") if forward else ("<=", "DESC")
    captures = f"""SELECT at, segment, value FROM mbus_capture WHERE device = ? AND name = ? AND at {side} ?
        ORDER BY at {order} LIMIT 1"""
    row = f"SELECT registers_at, segment, value FROM mbus_profile WHERE device = ? AND name = ? AND {_seen(forward=forward)}"
    some = [
        db.execute(captures, (device, name, moment)).fetchone(),
        db.execute(row, (device, name, *_around(device, "mbus_profile", moment, forward=forward)[1:])).fetchone(),
    ]
    known = [Known(*one) for one in some if one is not None and one[2] is not None]
    return (min(known) if forward else max(known)) if known else None


def gone(
    edges: Sequence[float], known: Sequence[Known | None], first: Known | None, offsets: Mapping[int, int]
) -> list[float | None]:
    """What a register went on by from each edge to the next; `known` as of each edge, `first` the first value after the first edge.

    `offsets` are the segments' own, so that a new meter goes on where the old one stood.
    """
    found: list[float | None] = []
    before = known[0]
    for start, now in zip(edges, known[1:], strict=False):
        if now is None or now.at <= start:
            found.append(None)
            continue
        before = before or first or now  # a history that begins here is known from its first row on
        found.append((_total(now, offsets) - _total(before, offsets)) / 1000)
        before = now
    return found


def stood(known: Mapping[str, Known | None], segments: Sequence[tuple[int, str, Mapping[str, int]]]) -> dict[str, Stood]:
    """The registers that are known, each with its meter and total; `segments` are those of the device."""
    meters = {number: (equipment_id, offset) for number, equipment_id, offset in segments}
    found = {name: (one, *meters[one.segment]) for name, one in known.items() if one is not None}
    return {name: Stood(one.at, meter, one.value, one.value + offset.get(name, 0)) for name, (one, meter, offset) in found.items()}


def powers_of(db: sqlite3.Connection, device: int, start: float, end: float) -> dict[str, float | Peak | None]:
    """Mean power over the samples there are, and the highest and lowest, of the rows that touch a span."""
    name = _finest(db, device, start, end)
    bound = (device, start, end)
    sums = f'SELECT sum(power_sum_w), sum(powers) FROM {name} WHERE device = ? AND "end" > ? AND start < ?'
    total, count = db.execute(sums, bound).fetchone()
    return {
        "mean_w": total / count if count else None,
        "highest": _peak(db, name, "power_max_w", "DESC", bound),
        "lowest": _peak(db, name, "power_min_w", "ASC", bound),
    }


def _finest(db: sqlite3.Connection, device: int, start: float, end: float) -> str:
    some = 'SELECT 1 FROM minute WHERE device = ? AND "end" > ? AND "end" <= ? LIMIT 1'
    if end - start <= _MINUTES_S and db.execute(some, (device, start, end)).fetchone():
        return "minute"
    return "load_profile" if end - start <= _QUARTERS_S else "daily_profile"


def _peak(db: sqlite3.Connection, name: str, column: str, order: str, bound: tuple[int, float, float]) -> Peak | None:
    """The first row with the extreme; its minute, where minutes are kept."""
    sql = f"""SELECT {column}, start, "end" FROM {{}} WHERE device = ? AND "end" > ? AND start < ? AND {column} IS NOT NULL
        ORDER BY {column} {order}, "end" LIMIT 1"""
    row = db.execute(sql.format(name), bound).fetchone()
    if row is None:
        return None
    minute = db.execute(sql.format("minute"), (bound[0], row[1], row[2])).fetchone()
    return Peak(*(minute if minute is not None and minute[0] == row[0] else row))


def _seen(*, forward: bool) -> str:
    """Rows with registers on one side of a moment, the nearest one. The end is the index; it bounds the search."""
    side, order = (">", "ASC") if forward else ("<=", "DESC")
    return f'"end" {">" if forward else "<"} ? AND registers_at {side} ? ORDER BY "end" {order} LIMIT 1'


def _around(device: int, table: str, moment: float, *, forward: bool) -> tuple[int, float, float]:
    return device, moment if forward else moment + _LONGEST_S[table], moment


def _total(known: Known, offsets: Mapping[int, int]) -> int:
    return known.value + offsets.get(known.segment, 0)
