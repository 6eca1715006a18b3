"""Single readings as columns: their stamps, and the numbers of some names in thousandths of their units. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, pairwise
from typing import NamedTuple

Thousandths = Sequence[int | None]


class Told(NamedTuple):
    """Some readings."""

    at: Sequence[int]  #: stamps, UTC seconds
    numbers: Sequence[Thousandths]  #: of each name, one for each reading


def within(told: Told, start: float, end: float) -> Told:
    """Those after one moment, up to another."""
    if not told.at or (start < min(told.at) and max(told.at) <= end):
        return told
    mask = [start < at <= end for at in told.at]
    return Told(list(compress(told.at, mask)), [list(compress(one, mask)) for one in told.numbers])


def together(parts: Iterable[Told], names: int) -> Told:
    """Several, in order of their stamps: a meter's clock may have been set back."""
    some = list(parts)
    at = [one for part in some for one in part.at]
    numbers: list[list[int | None]] = [[one for part in some for one in part.numbers[name]] for name in range(names)]
    if all(one <= other for one, other in pairwise(at)):
        return Told(at, numbers)
    order = sorted(range(len(at)), key=at.__getitem__)
    return Told([at[one] for one in order], [[column[one] for one in order] for column in numbers])
