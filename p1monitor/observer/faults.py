"""A voltage or a current beyond its limit: since when, how far, and from when on it is told. Pure; never knows what is normal.

ME381 manual §6.12.1.2 to .4, KWHIQ §9.2 and table 5.3.3. A sample stands until the next one. What lasts longer than its time is
told, with the time at which it began. After a gap nobody knows what was in between: what was not told yet begins anew,
and what was told goes on if it is still so, else it was over with the last sample that showed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

#: Meters send each second to every ten seconds, and two telegrams may be lost; what is longer is a gap.
GAP_S = 30.0

LOW, CUT, HIGH, FUSE, REVERSED = "low", "cut", "high", "fuse", "reversed"
_FALLING = frozenset((LOW, CUT))


class Fault(NamedTuple):
    """One that lasts, or the last that was."""

    at: datetime | None  #: when it began
    lasted: float  #: seconds until now
    worst: Decimal
    told: bool = False
    counted: bool = False  #: the meter's own counter rose for it
    ended: float | None = None  #: POSIX seconds


#: By kind.
Faults = Mapping[str, Fault]
NONE: Faults = MappingProxyType({})


class Step(NamedTuple):
    """From the reading before to this one."""

    at: datetime | None
    clock: float  #: POSIX seconds of this one
    seconds: float  #: since the one before; 0 where nothing tells
    sure: bool  #: no gap between them


class Turn(NamedTuple):
    """What one sample made of a fault."""

    now: Fault | None = None  #: it lasts
    begun: Fault | None = None  #: it is told from now on
    over: Fault | None = None  #: it is over


_CALM = Turn()


def turn(kind: str, fault: Fault | None, value: Decimal | None, seconds: float, step: Step, *, quiet: bool = False) -> Turn:
    """Go on by one sample: how far it is beyond the limit, None where it is not.

    `seconds` is what it must last longer than; `quiet`: it is not to be told now.
    """
    if fault is None or not (step.sure or fault.told):
        over = None if fault is None else fault._replace(ended=step.clock)
        if value is not None:
            return Turn(Fault(step.at, 0.0, value), over=over)
        return _CALM if over is None else Turn(over=over)
    if step.sure or value is not None:
        fault = fault._replace(lasted=fault.lasted + step.seconds)
    begun = None
    if value is not None:
        fault = fault._replace(worst=(min if kind in _FALLING else max)(fault.worst, value))
    if not fault.told and fault.lasted > seconds and not quiet:
        begun = fault = fault._replace(told=True)
    if value is None:
        return Turn(None, begun, fault._replace(ended=step.clock))
    return Turn(fault, begun)


def to_json(faults: Faults) -> list[list[Any]]:
    """As JSON has it."""
    return [[kind, one.at and one.at.isoformat(), one.lasted, str(one.worst), *one[3:]] for kind, one in faults.items()]


def from_json(rows: list[list[Any]]) -> Faults:
    """Back from JSON."""
    return {
        kind: Fault(at and datetime.fromisoformat(at), lasted, Decimal(worst), *rest) for kind, at, lasted, worst, *rest in rows
    }
