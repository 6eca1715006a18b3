"""An answer of /api/v1/series: each name from the cheapest level that has it, all of them in the same rows. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import sub
from typing import NamedTuple

from p1monitor.recorder import levels_of, register_rows, seconds
from p1monitor.recorder.levels import DAY_S, MINUTE
from p1monitor.recorder.levels_of import READINGS, READINGS_MOST_S, Level, Question
from p1monitor.recorder.measured import GAUGES
from p1monitor.recorder.recent import Recent
from p1monitor.recorder.register_rows import Register
from p1monitor.recorder.series import Axis, Cells, answer, even, fewer, folded, singles
from p1monitor.recorder.told import Told, together

#: How often readings come is seen from so many of them.
BEATS = 1000


class Plan(NamedTuple):
    """How a question is answered."""

    levels: Mapping[str, Level]  #: of each number
    registers: Mapping[str, Register]
    length: int  #: of the longest rows among them

    @property
    def single(self) -> list[str]:
        """The names that are told by single readings."""
        return [name for name, level in self.levels.items() if level == READINGS]


def series(
    db: sqlite3.Connection, recent: Recent, meter: str, names: Sequence[str], start: float, end: float, points: int
) -> dict[str, object]:
    """Columns of minimum, mean and maximum, in at most about so many rows."""
    sql = "SELECT d.id FROM device d JOIN meter m ON m.id = d.meter WHERE m.name = ? AND d.role = 'electricity'"
    device = db.execute(sql, (meter,)).fetchone()
    if device is None:
        return answer(names, Axis(()), [{} for _ in names])
    asked = Question(db, meter, device[0], start, end)
    plan = _plan(asked, recent, names, (end - start) / points)
    parts = list(_readings(asked, recent, plan.single))
    if plan.length == READINGS.seconds and sum(len(part.at) for part in parts) <= points:
        edges, rows = singles(together(parts, len(plan.single)))
        axis, numbers = Axis(edges), dict(zip(plan.single, rows, strict=True))
    else:
        axis = _axis(asked, plan, max((part.at for part in parts), key=len, default=()), points)
        numbers = dict(zip(plan.single, folded(parts, axis.edges, len(plan.single)), strict=True))
        numbers.update(_rows(asked, recent, plan, axis))
    if len(axis.edges) > 1:
        numbers.update({name: register_rows.cells(db, one, axis.edges) for name, one in plan.registers.items()})
    return answer(names, axis, [numbers.get(name, {}) for name in names])


def _plan(asked: Question, recent: Recent, names: Sequence[str], width: float) -> Plan:
    quarter = levels_of.quarter(asked.db, asked.device)
    wanted = {name: levels_of.levels(name, quarter) for name in names if name in GAUGES}
    first = dict(_first(asked, recent, {level for some in wanted.values() for level in some}))
    levels = {name: level for name, some in wanted.items() if (level := levels_of.chosen(some, width, first)) is not None}
    others = {name: register_rows.found(asked.db, asked.meter, name) for name in names if name not in GAUGES}
    registers = {name: one for name, one in others.items() if one is not None}
    lengths = [level.seconds for level in levels.values()]
    lengths = lengths or [register_rows.length(one, width, quarter) for one in registers.values()]
    return Plan(levels, registers, max(lengths, default=MINUTE.seconds))


def _first(asked: Question, recent: Recent, levels: Iterable[Level]) -> Iterator[tuple[Level, tuple[int, int]]]:
    """Begin and end of the first row of each level that has any in the span."""
    for level in levels:
        row = _first_reading(asked, recent) if level == READINGS else levels_of.first_row(asked, level)
        if row is not None:
            yield level, row


def _first_reading(asked: Question, recent: Recent) -> tuple[int, int] | None:
    if asked.end - asked.start > READINGS_MOST_S:
        return None
    at = seconds.begins(asked.db, asked.meter, asked.start, asked.end)
    if at is None:
        at = min(recent.look(asked.meter, (), 0, asked.start, asked.end).at, default=None)
    return None if at is None else (at, at + 1)


def _readings(asked: Question, recent: Recent, names: Sequence[str]) -> Iterator[Told]:
    """Every single reading of the span, an hour after the other, each in order."""
    if not names:
        return
    sealed = seconds.sealed(asked.db, asked.meter)
    newest = recent.look(asked.meter, names, sealed, asked.start, asked.end)
    for part in (*seconds.archived(asked.db, asked.meter, names, asked.start, asked.end), newest):
        yield part if isinstance(part.at, range) else together((part,), len(names))


def _rows(asked: Question, recent: Recent, plan: Plan, axis: Axis) -> Mapping[str, Cells]:
    """What tables have, and of the hour that is in none of the summaries yet what is in memory."""
    edges = axis.edges
    summed = [name for name, level in plan.levels.items() if level.table == "summary"]
    newest = recent.look(asked.meter, summed, seconds.sealed(asked.db, asked.meter), edges[0], edges[-1])
    more = dict(zip(summed, folded((together((newest,), len(summed)),), edges, len(summed)), strict=True))
    return {
        name: levels_of.cells(asked, level, name, axis, [(edges[row + 1], *cell) for row, cell in more.get(name, {}).items()])
        for name, level in plan.levels.items()
        if level != READINGS
    }


def _axis(asked: Question, plan: Plan, at: Sequence[int], points: int) -> Axis:
    if plan.length >= DAY_S:
        midnights = levels_of.days(asked)
        if len(midnights) > 1:
            return fewer(midnights, points)
    if plan.length > READINGS.seconds:
        found = even(asked.start, asked.end, plan.length, points)
        # A meter may send more seldom than once a minute.
        return found._replace(gap=max(found.gap, levels_of.longest(asked) - plan.length + 1))
    beat = min(filter(None, map(sub, at[1:BEATS], at)), default=1)
    found = even(asked.start, asked.end, beat, points)
    # Readings need no whole rows: the first one begins where the question does, the last one ends there.
    return found._replace(
        edges=[int(asked.start), *(edge for edge in found.edges if asked.start < edge < asked.end), int(asked.end)]
    )
