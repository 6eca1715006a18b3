"""What the archive can tell of a name: the codes whose numbers it is made of. Pure; never reads a block, knows no register.

Registers have profiles, which go on over replaced meters; this is about everything else that a telegram prints as a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.catalogue import BY_OBIS, row_of
from p1monitor.p1.derived import NETS
from p1monitor.p1.units import convert
from p1monitor.recorder.samples import REGISTERS
from p1monitor.recorder.unpacking import Stream, Streams

#: Kinds of rows whose value is one number.
_NUMBERS = frozenset({"number", "factor", "count", "register", "peak", "amount"})


class Gauge(NamedTuple):
    """How a name's numbers are found."""

    own: tuple[str, ...]  #: its codes; the first that a telegram has counts
    plus: tuple[str, ...]  #: where it has none of them: the codes of what comes in …
    minus: tuple[str, ...]  #: … less what goes out
    unit: str  #: the catalogue's
    printed: str  #: what is meant where a telegram prints none


def _gauges() -> Iterator[tuple[str, Gauge]]:
    codes: dict[str, tuple[str, ...]] = {}
    for code, rows in BY_OBIS.items():
        for row in rows:
            if row.kind in _NUMBERS and row.name not in REGISTERS:
                codes[row.name] = (*codes.get(row.name, ()), code)
    nets = {name: (codes[plus], codes[minus]) for name, plus, minus in NETS}
    for name in dict.fromkeys((*nets, *codes)):
        found = row_of(name)
        if found is not None:
            yield name, Gauge(codes.get(name, ()), *nets.get(name, ((), ())), found.unit, found.printed)


#: Every name that can be told by its codes.
GAUGES: Mapping[str, Gauge] = MappingProxyType(dict(_gauges()))


def _names() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, gauge in GAUGES.items():
        for code in (*gauge.own, *gauge.plus):
            found[code] = (*found.get(code, ()), name)
    return found


#: code -> the names that may be made of it
NAMES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(_names())


def codes_of(names: Sequence[str]) -> list[str]:
    """Every code that these names may be made of."""
    known = [GAUGES[name] for name in names if name in GAUGES]
    return [code for one in known for code in (*one.own, *one.plus, *one.minus)]


class Raw(NamedTuple):
    """The numbers of a name as they were printed, and by how much they are thousandths of its unit."""

    values: Sequence[int | None]
    many: int
    few: int

    def thousandths(self, value: int) -> int:
        """One of them, or a sum."""
        return value * self.many if self.few == 1 else (2 * value * self.many + self.few) // (2 * self.few)


def raw(name: str, streams: Streams) -> Raw | None:
    """The numbers of a name, for each reading; None where its codes do not occur, or in no unit of its own."""
    gauge = GAUGES[name]
    stream = _first(gauge.own, streams)
    minus = None
    if stream is None:
        stream, minus = _first(gauge.plus, streams), _first(gauge.minus, streams)
    if stream is None:
        return None
    scale = _scale(stream.unit or gauge.printed, gauge.unit, stream.decimals)
    if scale is None:
        return None
    values: Sequence[int | None] = stream.values
    if minus is not None:
        if (minus.unit, minus.decimals) != (stream.unit, stream.decimals):
            return None
        values = [None if one is None else one - (other or 0) for one, other in zip(values, minus.values, strict=True)]
    return Raw(values, *scale)


def _first(codes: Sequence[str], streams: Streams) -> Stream | None:
    return next((streams.values[code] for code in codes if code in streams.values), None)


@lru_cache(maxsize=256)
def _scale(printed: str, unit: str, decimals: int) -> tuple[int, int] | None:
    """What makes thousandths of a unit of numbers as they were printed."""
    factor = convert(Decimal(1000), printed, unit)
    if factor is None:
        return None
    many, few = factor.as_integer_ratio()
    few *= 10**decimals
    return (many // few, 1) if many % few == 0 else (many, few)
