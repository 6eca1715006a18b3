"""Where a number can be asked for: the levels that have it, and the cheapest of them that answers. Never a register.

The cheapest is the one of the longest rows that still fill half of the points. A level that says less of a number (the means of
its minutes only) comes last, and one that begins later than another is left out.
"""

# ruff: noqa: S608 -- SQL is put together of the tables below only
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.recorder import summaries
from p1monitor.recorder.levels import DAY_S, HOUR_S, MINUTE
from p1monitor.recorder.samples import VOLTAGES
from p1monitor.recorder.series import Axis, Cell, Cells, Line, gathered

#: A table has single readings no longer than this: a day's 25 blocks are what an answer may unpack.
READINGS_MOST_S = 25 * HOUR_S
#: How long minutes are is seen from so many of them.
ROWS_LOOKED_AT = 1000


class Question(NamedTuple):
    """What is asked of a level."""

    db: sqlite3.Connection
    meter: str
    device: int  #: the electricity meter
    start: float
    end: float


class Level(NamedTuple):
    """Rows that have a number."""

    seconds: int  #: of a row; 0: as long as the load profile's are; 1: single readings
    table: str  #: "summary"; "" of single readings
    fields: tuple[str, str, str, str] = ("", "", "", "")  #: SQL of count, least, most and sum, in thousandths
    rough: bool = False  #: least and most are those of the rows' means


READINGS = Level(1, "")
_DAYS, _HOURS = Level(DAY_S, "summary"), Level(HOUR_S, "summary")
_ANY = (_DAYS, _HOURS, READINGS)
_POWER = ("powers", "power_min_w * 1000", "power_max_w * 1000", "power_sum_w * 1000")


def _voltage(name: str) -> tuple[Level, ...]:
    stem = name.removesuffix("_v")
    mean = f"{stem}_sum_dv * 100 / {stem}_count"
    means = (f"{stem}_count", mean, mean, f"{stem}_sum_dv * 100")
    return (*_ANY, Level(MINUTE.seconds, "minute", means, rough=True))


#: Levels of each name, the longest rows first; _ANY of every other.
_LEVELS: Mapping[str, tuple[Level, ...]] = MappingProxyType(
    {
        "power_w": (
            Level(DAY_S, "daily_profile", _POWER),
            _HOURS,
            Level(0, "load_profile", _POWER),
            Level(MINUTE.seconds, "minute", _POWER),
            READINGS,
        ),
        **{name: _voltage(name) for name in VOLTAGES},
    }
)


def levels(name: str, quarter: int) -> list[Level]:
    """Those of a name; `quarter` is how long the rows of the load profile are."""
    return [one if one.seconds else one._replace(seconds=quarter) for one in _LEVELS.get(name, _ANY)]


def quarter(db: sqlite3.Connection, device: int) -> int:
    """How long the rows of the load profile are."""
    sql = 'SELECT "end" - start FROM load_profile WHERE device = ? ORDER BY "end" DESC LIMIT 1'
    row = db.execute(sql, (device,)).fetchone()
    return int(row[0]) if row else 900


def chosen(some: Iterable[Level], width: float, first: Mapping[Level, tuple[int, int]]) -> Level | None:
    """The cheapest level that answers with rows of such a width; `first` is the first row of each level that has any."""
    usable = [one for one in some if one in first]
    order = sorted(usable, key=lambda one: (one.rough, one.seconds > 2 * width, abs(one.seconds - 2 * width)))
    known = min((first[one][1] for one in usable), default=0)
    return next((one for one in order if first[one][0] <= known), None)


def first_row(asked: Question, level: Level) -> tuple[int, int] | None:
    """Begin and end of the first row of a table in a span."""
    if level.table == "summary":
        start = summaries.begins(asked.db, asked.meter, level.seconds, asked.start)
        return None if start is None or start >= asked.end else (start, start + level.seconds)
    sql = f"""SELECT start, "end" FROM {level.table} WHERE device = ? AND "end" > ? AND start < ? AND samples > 0
        ORDER BY "end" LIMIT 1"""
    found: tuple[int, int] | None = asked.db.execute(sql, (asked.device, asked.start, asked.end)).fetchone()
    return found


def longest(asked: Question) -> int:
    """How long the rows of minutes are in a span, of the first of them: of a slow meter one reaches over several minutes."""
    sql = """SELECT coalesce(max("end" - start), 0) FROM (SELECT start, "end" FROM minute WHERE device = ? AND "end" > ?
        AND start < ? AND samples > 0 ORDER BY "end" LIMIT ?)"""
    return int(asked.db.execute(sql, (asked.device, asked.start, asked.end, ROWS_LOOKED_AT)).fetchone()[0])


def days(asked: Question) -> list[int]:
    """The midnights of the days of a span, by the meter's local time."""
    sql = 'SELECT start, "end" FROM daily_profile WHERE device = ? AND "end" > ? AND start < ?'
    rows = asked.db.execute(sql, (asked.device, asked.start, asked.end)).fetchall()
    return sorted({row[0] for row in rows} | {max(row[1] for row in rows)}) if rows else []


def cells(asked: Question, level: Level, name: str, axis: Axis, newest: Iterable[Line] = ()) -> Cells:
    """A number's rows of a table, put together; `newest` are rows of what is in no summary yet."""
    if level.table == "summary":
        lines = summaries.extents(asked.db, asked.meter, level.seconds, name, asked.start, asked.end)
        return gathered(chain(lines, newest), axis.edges)
    where = f'FROM {level.table} WHERE device = ? AND "end" > ? AND "end" <= ? AND {level.fields[0]} > 0'
    bound = (asked.device, asked.start, axis.edges[-1])
    count, least, most, total = level.fields
    if axis.width:
        sums = f"sum({count}), min({least}), max({most}), sum({total})"
        sql = f'SELECT ("end" - 1 - ?) / ? AS row, {sums} {where} GROUP BY row'
        rows = asked.db.execute(sql, (axis.edges[0], axis.width, *bound))
        return {row: Cell(*numbers) for row, *numbers in rows if 0 <= row < len(axis.edges) - 1}
    return gathered(asked.db.execute(f'SELECT "end", {count}, {least}, {most}, {total} {where}', bound), axis.edges)
