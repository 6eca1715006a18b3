"""What a phase should have: 230 V, or its share of 230 V between phases, or nothing, for it is not connected. Never tells an event.

In a delta net of 3 × 230 V a meter shows 0 V on the phase that it takes for its zero, or makes a star point of its own, from
which each phase has 133 to 146 V: 230 to 253 V between them. So a phase that was never live has no nominal voltage, and
the others learn which it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from p1monitor.p1.records import Measurement

BASE_V = Decimal(230)
#: 230 V between phases, from a star point.
DELTA_V = Decimal("132.8")
#: Open wires pick up some volts from their neighbours.
LIVE_V = Decimal(50)
#: Of a phase with a neutral: what the meters' rule for a missing one leaves, 70 to 130 % (ME381 §6.12.1.9).
_STAR = (Decimal(161), Decimal(299))
#: Of one from a star point that the meter made: 133 to 146 V, and a tenth to either side.
_DELTA = (Decimal(120), Decimal(160))
#: How long a phase must show the same before it is believed.
LEARN_S = 60.0
#: What a meter with a neutral says as its nominal voltage: that between phases (e-MUCS-P1 2.1).
_WITH_NEUTRAL = Decimal(400)
#: A voltage that no phase of a delta net can have.
_TOO_MUCH = Decimal(207)


class Learning(NamedTuple):
    """What a phase has shown since it shows the same kind of voltage."""

    delta: bool
    seconds: float


#: What is known of a phase: its nominal voltage, or what there is of it.
Known = tuple[Decimal | None, Learning | None]


def has_neutral(values: Mapping[str, Measurement]) -> bool:
    """Tell whether the meter itself says that there is a neutral."""
    said = values.get("nominal_voltage_v")
    return said is not None and said.value == _WITH_NEUTRAL


def learn(learning: Learning | None, volts: Decimal, seconds: float | None, neutral: bool) -> Known:
    """Learn on by one sample; `seconds` since the last one, None after a gap."""
    if volts < LIVE_V:
        return None, None
    if neutral:
        return BASE_V, None
    delta = _DELTA[0] <= volts <= _DELTA[1]
    if not delta and not _STAR[0] <= volts <= _STAR[1]:
        return None, None
    if learning is None or learning.delta is not delta or seconds is None:
        return None, Learning(delta, 0.0)
    learning = Learning(delta, learning.seconds + seconds)
    if learning.seconds < LEARN_S:
        return None, learning
    return DELTA_V if delta else BASE_V, None


def wrong(nominal: Decimal | None, volts: Decimal) -> bool:
    """Tell whether it was learnt while the voltage was very low."""
    return nominal == DELTA_V and volts >= _TOO_MUCH
