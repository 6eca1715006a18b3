"""Rows of a profile thinned out for a chart: as many as were asked for, gaps left as gaps. Pure; knows no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.recorder.rows import Table
from p1monitor.recorder.samples import VOLTAGES

Number = float | int | None

#: name -> SQL of its minimum, mean and maximum, and the column that tells whether a table has them
NAMES: Mapping[str, tuple[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "power_w": ("powers", ("power_min_w", "1.0 * power_sum_w / powers", "power_max_w")),
        **{
            name: (
                f"{name.removesuffix('_v')}_count",
                (f"{name.removesuffix('_v')}_sum_dv / 10.0 / {name.removesuffix('_v')}_count",) * 3,
            )
            for name in VOLTAGES
        },
    }
)
_NOTHING = ("NULL",) * 3


def fields(name: str, table: Table) -> tuple[str, str, str]:
    """SQL of minimum, mean and maximum in a table; of a name that it does not have, nothing."""
    needed, triple = NAMES.get(name, ("", _NOTHING))
    return triple if needed in table.all else _NOTHING


def means(table: Table) -> dict[str, str]:
    """The columns for people that come of a table's sums, and the SQL of each."""
    power = NAMES["power_w"][1]
    powers = dict(zip(("power_mean_w", "power_min_w", "power_max_w"), (power[1], power[0], power[2]), strict=True))
    volts = {name: NAMES[name][1][1] for name in VOLTAGES}
    return {**(powers if table.powers else {}), **(volts if table.volts else {})}


class Piece(NamedTuple):
    """One point: from when to when, of how many samples, and (minimum, mean, maximum) of each name in one row."""

    start: int
    end: int
    samples: int
    numbers: Sequence[Number]


def thinned(rows: Iterable[Piece], start: float, end: float, points: int) -> list[Piece]:
    """The same rows, or as many of them together as needed for at most `points`. A gap is a piece without numbers."""
    every = list(rows)
    fine = _with_gaps(every, 1)
    if len(fine) <= points:
        return fine
    shortest = min(piece.end - piece.start for piece in every)
    width = shortest * ceil((end - start) / points / shortest)  # a whole number of rows
    merged: list[Piece] = []
    bucket: list[Piece] = []
    for piece in every:
        # `end - 1`: a row that ends at a bucket's edge belongs to the bucket before it
        if bucket and (piece.end - 1 - start) // width != (bucket[-1].end - 1 - start) // width:
            merged.append(_merge(bucket))
            bucket = []
        bucket.append(piece)
    if bucket:
        merged.append(_merge(bucket))
    return _with_gaps(merged, 2 * width)


def columns(names: Sequence[str], pieces: Sequence[Piece]) -> dict[str, object]:
    """The answer: a list per column."""
    answer: dict[str, object] = {"start": [piece.start for piece in pieces], "end": [piece.end for piece in pieces]}
    for index, name in enumerate(names):
        answer[name] = {
            kind: [piece.numbers[3 * index + place] if piece.numbers else None for piece in pieces]
            for place, kind in enumerate(("min", "mean", "max"))
        }
    return answer


def _with_gaps(pieces: Sequence[Piece], least: float) -> list[Piece]:
    """Put an empty piece wherever nothing is known for `least` seconds."""
    filled: list[Piece] = []
    for piece in pieces:
        if filled and piece.start - filled[-1].end >= least:
            filled.append(Piece(filled[-1].end, piece.start, 0, ()))
        filled.append(piece)
    return filled


def _merge(pieces: Sequence[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    samples = sum(piece.samples for piece in pieces)
    numbers: list[Number] = []
    for index in range(0, len(pieces[0].numbers), 3):
        known = [(piece.numbers[index : index + 3], piece.samples) for piece in pieces]
        some = [(triple, weight) for triple, weight in known if triple[1] is not None]
        numbers += _together(some) if some else (None, None, None)
    return Piece(pieces[0].start, pieces[-1].end, samples, numbers)


def _together(known: Sequence[tuple[Sequence[Number], int]]) -> tuple[Number, Number, Number]:
    weights = sum(weight for _, weight in known) or 1
    low = min(triple[0] for triple, _ in known if triple[0] is not None)
    high = max(triple[2] for triple, _ in known if triple[2] is not None)
    return low, sum((triple[1] or 0) * weight for triple, weight in known) / weights, high
