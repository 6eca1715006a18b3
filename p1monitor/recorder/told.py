"""Single readings as columns: their stamps, and the numbers of some names in thousandths of their units. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, compress
from typing import NamedTuple

Thousandths = Sequence[int | None]


class Told(NamedTuple):
    """Some readings."""

    at: Sequence[int]  #: stamps, UTC seconds
    numbers: Sequence[Thousandths]  #: of each name, one for each reading


def within(told: Told, start: float, end: float) -> Told:
    """Those after one moment, up to another."""
    if not told.at:
        return told
    first, last = (told.at[0], told.at[-1]) if isinstance(told.at, range) else (min(told.at), max(told.at))
    if start < first and last <= end:
        return told
    mask = [start < at <= end for at in told.at]
    return Told(list(compress(told.at, mask)), [list(compress(one, mask)) for one in told.numbers])


def together(parts: Iterable[Told], names: int) -> Told:
    """Several, in order of their stamps: a meter's clock may have been set back."""
    some = list(parts)
    at = list(chain.from_iterable(part.at for part in some))
    numbers = [list(chain.from_iterable(part.numbers[name] for part in some)) for name in range(names)]
    if at == sorted(at):
        return Told(at, numbers)
    order = sorted(range(len(at)), key=at.__getitem__)
    return Told([at[one] for one in order], [[column[one] for one in order] for column in numbers])
