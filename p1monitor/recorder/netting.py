"""Powers that follow from each other: import and export are one signed power, and the total is nearly its phases'. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import sub

from p1monitor.p1.catalogue import PHASES, obis_of
from p1monitor.recorder.shapes import NUMBER, Place

#: Names of import and export: the total, then its phases.
_NAMES = tuple((f"power_import{of}_w", f"power_export{of}_w") for of in ("", *(f"_l{phase}" for phase in PHASES)))
_PAIRS = tuple((obis_of(plus), obis_of(minus)) for plus, minus in _NAMES)
_TOTAL = 1 << len(_PAIRS)

#: Places of import and export of each of _PAIRS; None where a telegram has not both.
Pairs = tuple[tuple[int, int] | None, ...]

#: A column: one number for each row, or one for all.
Numbers = list[int] | tuple[int, ...]


def pairs(places: Sequence[Place]) -> Pairs:
    """Where a shape has them, in the same digits."""
    at: dict[str, int] = {}
    for index, place in enumerate(places):
        if place.kind == NUMBER and place.nth == 0:
            at.setdefault(place.code, index)
    found: list[tuple[int, int] | None] = []
    for plus, minus in _PAIRS:
        both = (at[plus], at[minus]) if plus in at and minus in at else None
        alike = both is not None and len({(places[one].decimals, places[one].unit) for one in both}) == 1
        found.append(both if alike else None)
    total, *phases = found
    decimals = {places[one[0]].decimals for one in found if one}
    return (total, *phases) if len(decimals) == 1 else (total, *(None for _ in phases))


def fold(where: Pairs, columns: list[Numbers], rows: int) -> int:
    """Put signed powers, and the total less its phases, where import was; return what was done. A column may be one number."""
    done = 0
    nets: list[list[int]] = []
    for bit, both in enumerate(where):
        if both is None:
            continue
        plus, minus = (list(columns[one]) * (1 if len(columns[one]) == rows else rows) for one in both)
        net = list(map(sub, plus, minus))
        nets.append(net)
        steady = [len(columns[one]) == 1 for one in both]
        if not (all(steady) or (bit and any(steady))) and min(map(min, plus, minus)) == max(map(min, plus, minus)) == 0:
            columns[both[0]], columns[both[1]] = net, (0,)
            done |= 1 << bit
    if done & 1 and len(nets) > 1 and where[0] is not None:
        rest = list(map(sub, nets[0], map(sum, zip(*nets[1:], strict=True))))
        if _rough(rest) < _rough(nets[0]):
            columns[where[0][0]] = rest
            done |= _TOTAL
    return done


def unfold(where: Pairs, done: int, place: int, column: Callable[[int], Sequence[int]]) -> Sequence[int]:
    """The numbers of one place, out of the columns as they are stored."""
    for bit, both in enumerate(where):
        if both is not None and place in both and done >> bit & 1:
            net = column(both[0])
            if bit == 0 and done & _TOTAL:
                phases = [_stored_net(where, done, one, column) for one in range(1, len(where)) if where[one] is not None]
                net = list(map(sum, zip(net, *phases, strict=True)))
            if place == both[0]:
                return [one * (one > 0) for one in net]
            return [-one * (one < 0) for one in net]
    return column(place)


def _stored_net(where: Pairs, done: int, bit: int, column: Callable[[int], Sequence[int]]) -> Sequence[int]:
    plus, minus = where[bit] or (0, 0)
    return column(plus) if done >> bit & 1 else list(map(sub, column(plus), column(minus)))


def _rough(values: Sequence[int]) -> int:
    """How much a column changes."""
    return sum(map(abs, map(sub, values[1:], values)))
