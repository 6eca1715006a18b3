"""What is remembered of the power quality, and its JSON, both ways. Frozen values; never says what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from p1monitor.observer import faults
from p1monitor.observer.counted import Own
from p1monitor.observer.faults import Fault
from p1monitor.observer.levels import Balance
from p1monitor.observer.nominal import Learning
from p1monitor.observer.phases import Phase
from p1monitor.p1.catalogue import row_of
from p1monitor.p1.records import Measurement

Columns = tuple[Decimal, ...]


class Tally(NamedTuple):
    """Of one value in the period that runs."""

    samples: int
    total: Decimal
    least: Decimal | None  #: of voltages
    most: Decimal | None


class Run(NamedTuple):
    """Samples with the same values in them, one after the other."""

    names: tuple[str, ...] = ()
    samples: int = 0
    sums: Columns = ()
    least: Columns = ()  #: of the first of them, the voltages
    most: Columns = ()


class Quality(NamedTuple):
    """What is remembered."""

    period: int  #: number of the ten minutes that run
    run: Run
    floor: Columns  #: a sample below has to be looked at …
    ceiling: Columns  #: … or above; no more columns than have a limit
    least: Columns  #: one below is the lowest so far, or below the floor
    most: Columns
    busy: bool  #: each sample has to be looked at
    phases: tuple[Phase, ...]
    own: Own
    before: Mapping[str, Tally] = MappingProxyType({})  #: samples of this period from before the run
    balance: Balance = Balance()
    reversed: Fault | None = None
    made: Mapping[str, Measurement] = MappingProxyType({})  #: counters, and what the last sag was like


def made(name: str, value: Decimal) -> Measurement:
    """A value of ours under one of the catalogue's names."""
    row = row_of(name)
    return Measurement(value, row.unit if row else "", row.pattern if row else "", derived=True)


def to_json(quality: Quality) -> dict[str, Any]:
    """As JSON has it; numbers as text, so that none is rounded."""
    asymmetric, worst, neutral = quality.balance
    return {
        "period": quality.period,
        "run": [quality.run.names, quality.run.samples, *map(_texts, quality.run[2:])],
        "floor": _texts(quality.floor),
        "ceiling": _texts(quality.ceiling),
        "least": _texts(quality.least),
        "most": _texts(quality.most),
        "busy": quality.busy,
        "phases": [_phase_told(phase) for phase in quality.phases],
        "own": {"counters": dict(quality.own.counters), "log": quality.own.log, "hints": dict(quality.own.hints)},
        "before": [[name, one.samples, *map(_text, one[1:])] for name, one in quality.before.items()],
        "balance": [asymmetric and asymmetric.isoformat(), str(worst), neutral],
        "reversed": faults.to_json({"": quality.reversed}) if quality.reversed else [],
        "made": [[name, str(one.value)] for name, one in quality.made.items()],
    }


def from_json(told: Mapping[str, Any]) -> Quality:
    """Back from JSON."""
    names, count, *columns = told["run"]
    own, (asymmetric, worst, neutral) = told["own"], told["balance"]
    return Quality(
        told["period"],
        Run(tuple(names), count, *map(_decimals, columns)),
        _decimals(told["floor"]),
        _decimals(told["ceiling"]),
        _decimals(told["least"]),
        _decimals(told["most"]),
        told["busy"],
        tuple(_phase(**phase) for phase in told["phases"]),
        Own(own["counters"], tuple((end, seconds) for end, seconds in own["log"]), own["hints"]),
        {
            name: Tally(number, Decimal(total), _decimal(least), _decimal(most))
            for name, number, total, least, most in told["before"]
        },
        Balance(asymmetric and datetime.fromisoformat(asymmetric), Decimal(worst), neutral),
        faults.from_json(told["reversed"]).get(""),
        {name: made(name, Decimal(value)) for name, value in told["made"]},
    )


def _phase_told(phase: Phase) -> dict[str, Any]:
    learning = phase.learning
    return {
        "nominal": _text(phase.nominal),
        "learning": [learning.delta, learning.seconds, str(learning.total), learning.samples] if learning else None,
        "faults": faults.to_json(phase.faults),
        "past": faults.to_json(phase.past),
        "owed": faults.to_json({"": phase.owed}) if phase.owed else [],
    }


def _phase(nominal: str | None, learning: list[Any] | None, **rest: list[list[Any]]) -> Phase:
    lasting, past, owed = (faults.from_json(rest[key]) for key in ("faults", "past", "owed"))
    known = Learning(learning[0], learning[1], Decimal(learning[2]), learning[3]) if learning else None
    return Phase(_decimal(nominal), known, lasting, past, owed.get(""))


def _texts(columns: Columns) -> list[str]:
    return list(map(str, columns))


def _decimals(texts: list[str]) -> Columns:
    return tuple(map(Decimal, texts))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
