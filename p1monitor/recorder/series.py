"""The rows of a chart: what each number was like between two edges, gaps left as gaps. Pure; knows no SQL."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import ceil
from typing import NamedTuple, cast

from p1monitor.p1.frames import new
from p1monitor.recorder.clockwork import TELEGRAMS
from p1monitor.recorder.told import Told

Number = float | int | None
#: A minimum, a mean and a maximum, in the name's unit.
Triple = tuple[Number, Number, Number]
_NOTHING: Triple = (None, None, None)


#: A reading says nothing of the time before it if the one before came longer ago; of a slow meter, than so many of its periods.
GAP_S = 30


class Cell(NamedTuple):
    """What a number was like in one row, in thousandths. A register has no mean: it is of 0 readings."""

    readings: int
    least: int
    most: int
    total: int

    @property
    def triple(self) -> Triple:
        """As it is told."""
        least = _unit(self.least)
        if self.readings == 1:
            return least, least, least
        mean = self.total / self.readings / 1000 if self.readings else None
        return least, mean if mean is None or mean % 1 else int(mean), _unit(self.most)


#: Of each name, by the index of the row.
Cells = dict[int, Cell]
#: A row of a level: its end, and what stands in a cell.
Line = tuple[int, int, int, int, int]


def gathered(rows: Iterable[Line], edges: Sequence[int]) -> Cells:
    """Rows as fewer, each in the one that its end lies in."""
    found: dict[int, list[int]] = {}
    for end, readings, least, most, total in rows:
        index = bisect_left(edges, end) - 1
        known = found.get(index)
        if known is None:
            found[index] = [readings, least, most, total]
            continue
        known[0] += readings
        known[1] = min(known[1], least)
        known[2] = max(known[2], most)
        known[3] += total
    return {index: Cell(*numbers) for index, numbers in found.items() if 0 <= index < len(edges) - 1}


class Axis(NamedTuple):
    """Where the rows of an answer part."""

    edges: Sequence[int]
    width: int = 0  #: of all rows but the last; 0 where they are not alike
    gap: int = 1  #: so many seconds without anything known are one


def even(start: float, end: float, length: int, points: int) -> Axis:
    """As many rows as are wanted at most, each a whole number of `length` seconds."""
    first, until = int(start // length) * length, ceil(end / length) * length
    width = length * max(1, ceil((until - first) / points / length))
    # Of rows put together one that lacks is no gap: what is in them may come as seldom as they do.
    return Axis([*range(first, until, width), until], width, 1 if width == length else 2 * width)


def fewer(edges: Sequence[int], points: int) -> Axis:
    """Rows between all of these edges, or between each second, third … of them."""
    step = ceil((len(edges) - 1) / points)
    return Axis(edges if step <= 1 else [*edges[:-1:step], edges[-1]])


def folded(parts: Iterable[Told], edges: Sequence[int], names: int) -> list[Cells]:
    """Single readings as rows, of each name; those of each part are in order of their stamps."""
    found: list[Cells] = [{} for _ in range(names)]
    for told in parts:
        if told.at:
            _fold(told, edges, found)
    return found


def _fold(told: Told, edges: Sequence[int], found: Sequence[Cells]) -> None:
    for index in range(max(0, bisect_left(edges, told.at[0]) - 1), min(len(edges) - 1, bisect_left(edges, told.at[-1]))):
        low, high = bisect_right(told.at, edges[index]), bisect_right(told.at, edges[index + 1])
        for cells, numbers in zip(found, told.numbers, strict=True) if low < high else ():
            some = numbers[low:high]
            values = [one for one in some if one is not None] if None in some else cast("Sequence[int]", some)
            if values:
                least, most = min(values), max(values)
                known = cells.get(index, Cell(0, least, most, 0))
                least, most = min(known.least, least), max(known.most, most)
                cells[index] = Cell(known.readings + len(values), least, most, known.total + sum(values))


def answer(names: Sequence[str], axis: Axis, cells: Sequence[Cells]) -> dict[str, object]:
    """Columns; rows in which nothing is known are one row of nulls, or left out where that is no gap."""
    edges = axis.edges
    starts, ends, rows = list[int](), list[int](), list[int | None]()
    for index in sorted(set().union(*cells)):
        if ends and edges[index] - ends[-1] >= axis.gap:
            starts.append(ends[-1])
            ends.append(edges[index])
            rows.append(None)
        starts.append(ends[-1] if ends else edges[index])  # what comes more seldom than rows reaches back to the one before
        ends.append(edges[index + 1])
        rows.append(index)
    told: dict[str, object] = {"start": starts, "end": ends}
    for name, one in zip(names, cells, strict=True):
        triples = [one[row].triple if row is not None and row in one else _NOTHING for row in rows]
        told[name] = columns_of(triples)
    return told


def columns_of(triples: Iterable[Triple]) -> Mapping[str, Sequence[Number]]:
    """A name's three columns."""
    least, mean, most = list[Number](), list[Number](), list[Number]()
    for one in triples:
        least.append(one[0])
        mean.append(one[1])
        most.append(one[2])
    return {"min": least, "mean": mean, "max": most}


def singles(told: Told) -> tuple[list[int], list[Cells]]:
    """Each reading as a row, from the one before if that is near: edges, and the rows of each name."""
    edges, places = list[int](), list[int]()
    pauses = sorted(now - before for before, now in pairwise(told.at) if now > before)
    usual = pauses[len(pauses) // 2] if pauses else 0
    gap_s = max(GAP_S, TELEGRAMS.periods * min(usual, TELEGRAMS.period_most))
    for at in told.at:
        near = bool(edges) and at - edges[-1] <= gap_s
        if not near and (not edges or at - 1 > edges[-1]):
            edges.append(at - 1)
        if not edges or at > edges[-1]:
            edges.append(at)
        places.append(len(edges) - 2)
    found: list[Cells] = []
    for numbers in told.numbers:
        cells: Cells = {}
        for row, one in zip(places, numbers, strict=True):
            if one is None:
                continue
            known = cells.get(row)
            if known is None:
                cells[row] = new(Cell, (1, one, one, one))
            else:  # the meter's time repeats
                cells[row] = Cell(known.readings + 1, min(known.least, one), max(known.most, one), known.total + one)
        found.append(cells)
    return edges, found


def _unit(thousandths: int | None) -> Number:
    if thousandths is None:
        return None
    return thousandths // 1000 if thousandths % 1000 == 0 else thousandths / 1000
