"""Ten minutes are over: which level each phase's mean voltage is in, whether they are alike, whether the neutral is there. Pure.

ME381 manual §6.12.1.1, .6 and .9. A mean on the border of two levels is in the one that is nearer to the nominal voltage.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from p1monitor.observer.nominal import BASE_V
from p1monitor.observer.phases import KIND
from p1monitor.p1.event_codes import ASYMMETRY, EVENTS, NEUTRAL, PHASES
from p1monitor.p1.records import Event, Received
from p1monitor.settings import Thresholds

_MINUTES = 10
PERIOD_S = 60 * _MINUTES
#: Shares of the nominal voltage: levels 1 to 3 are above, 5 to 7 below theirs; level 4 is what is left.
_ABOVE = ((1, Decimal("1.10")), (2, Decimal("1.05")), (3, Decimal(1)))
_BELOW = ((7, Decimal("0.85")), (6, Decimal("0.90")), (5, Decimal("0.95")))
#: A missing neutral: one phase more than 30 % below 230 V and another more than 28 % above.
NEUTRAL_LOW_V, NEUTRAL_HIGH_V = Decimal(161), Decimal("294.4")
_PERMILLE, _SHOWN = 1000, Decimal("0.1")

#: Of a phase: its nominal voltage and its mean; None where it is not connected, or not known.
Mean = tuple[Decimal, Decimal] | None


class Balance(NamedTuple):
    """How the phases stood to each other in the last ten minutes."""

    asymmetric: datetime | None = None  #: since when
    worst: Decimal = Decimal(100)  #: the phase that was farthest off, in per cent of the mean
    neutral: bool = True  #: it was there


def level(of: Decimal, mean: Decimal) -> int:
    """1 to 7."""
    above = next((number for number, share in _ABOVE if mean > of * share), None)
    if above is not None or mean == of:
        return above or 3
    return next((number for number, share in _BELOW if mean < of * share), 4)


def counted(means: Sequence[Mean]) -> list[str]:
    """The counters that go up: each phase's, and that of any phase once per level."""
    found = [(number, level(*one)) for number, one in enumerate(means, 1) if one is not None]
    names = [f"voltage_level_{one}_l{number}_count" for number, one in found]
    return names + [f"voltage_level_{one}_any_count" for one in sorted({one for _, one in found})]


def balance(
    before: Balance, means: Sequence[Mean], began: datetime, rules: Thresholds, came: Received | None
) -> tuple[Balance, tuple[Event, ...]]:
    """Compare the phases. Only where all three have a neutral: in a delta net they need not be alike."""
    volts = [one[1] for one in means if one is not None and one[0] == BASE_V]
    if len(volts) < len(PHASES):
        return before, ()
    mean = sum(volts, Decimal(0)) / len(volts)
    least, most = (mean * Decimal(str(one)) / _PERMILLE for one in (rules.asymmetry_lower_permille, rules.asymmetry_upper_permille))
    askew = any(not least <= one <= most for one in volts)
    worst = max(volts, key=lambda one: abs(one - mean))
    events = []
    now = before._replace(neutral=not (askew and min(volts) < NEUTRAL_LOW_V and max(volts) > NEUTRAL_HIGH_V))
    if askew:
        share = (100 * worst / mean).quantize(_SHOWN)
        phase = PHASES[volts.index(worst)]
        now = now._replace(worst=max(before.worst, share, key=_off) if before.asymmetric else share)
        if before.asymmetric is None:
            now = now._replace(asymmetric=began)
            events.append(Event(began, came, KIND, ASYMMETRY, EVENTS[ASYMMETRY].words, phase, None, None, share, "%"))
    elif before.asymmetric is not None:
        seconds = (began - before.asymmetric).total_seconds()
        words = f"{EVENTS[ASYMMETRY].words} over"
        events.append(Event(began, came, KIND, None, words, None, None, seconds, before.worst, "%"))
        now = Balance(neutral=now.neutral)
    if before.neutral and not now.neutral:
        events.append(Event(began, came, KIND, NEUTRAL, EVENTS[NEUTRAL].words, None, None, None, max(volts), "V"))
    return now, tuple(events)


def _off(share: Decimal) -> Decimal:
    return abs(share - 100)
