"""What is remembered of the power quality, and its JSON, both ways. Frozen values; never says what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
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
Take = Callable[[Mapping[str, Measurement]], tuple[Measurement, ...]]


class Tally(NamedTuple):
    """Of one value in the period that runs."""

    samples: int
    total: Decimal
    least: Decimal | None  #: of voltages
    most: Decimal | None


class Run(NamedTuple):
    """Samples with the same values in them, one after the other; how many, and their sums, are in Quality."""

    names: tuple[str, ...] = ()
    least: Columns = ()  #: of the first of them, the voltages
    most: Columns = ()


class State(NamedTuple):
    """What is remembered, but for what each sample changes."""

    period: int  #: number of the ten minutes that run
    take: Take  #: the run's values, of a reading's
    least: Columns  #: a sample below is the lowest so far, or below the floor
    most: Columns  #: no more columns than have a limit
    busy: bool  #: each sample has to be looked at
    run: Run
    floor: Columns  #: a sample below has to be looked at …
    ceiling: Columns  #: … or above
    phases: tuple[Phase, ...]
    own: Own
    before: Mapping[str, Tally] = MappingProxyType({})  #: samples of this period from before the run
    balance: Balance = Balance()
    reversed: Fault | None = None
    made: Mapping[str, Measurement] = MappingProxyType({})  #: counters, and what the last sag was like


class Quality(NamedTuple):
    """What is remembered. In three, because a new one is made of every telegram."""

    state: State
    samples: int  #: of the run
    sums: Columns


@lru_cache(maxsize=64)
def taker(names: tuple[str, ...]) -> Take:
    """What takes these values out of a reading's."""
    return itemgetter(*names) if len(names) > 1 else lambda values: tuple([values[name] for name in names])


def made(name: str, value: Decimal) -> Measurement:
    """A value of ours under one of the catalogue's names."""
    row = row_of(name)
    return Measurement(value, row.unit if row else "", row.pattern if row else "", derived=True)


def to_json(quality: Quality) -> dict[str, Any]:
    """As JSON has it; numbers as text, so that none is rounded."""
    state = quality.state
    asymmetric, worst, neutral = state.balance
    return {
        "period": state.period,
        "names": list(state.run.names),
        "columns": [_texts(one) for one in (quality.sums, *state.run[1:], state.least, state.most, state.floor, state.ceiling)],
        "samples": quality.samples,
        "busy": state.busy,
        "phases": [_phase_told(phase) for phase in state.phases],
        "own": {
            "counters": dict(state.own.counters),
            "log": [list(entry) for entry in state.own.log],
            "hints": dict(state.own.hints),
        },
        "before": [[name, one.samples, *map(_text, one[1:])] for name, one in state.before.items()],
        "balance": [asymmetric and asymmetric.isoformat(), str(worst), neutral],
        "reversed": faults.to_json({"": state.reversed}) if state.reversed else [],
        "made": [[name, str(one.value)] for name, one in state.made.items()],
    }


def from_json(told: Mapping[str, Any]) -> Quality:
    """Back from JSON."""
    names, own, (asymmetric, worst, neutral) = tuple(told["names"]), told["own"], told["balance"]
    sums, run_least, run_most, least, most, floor, ceiling = map(_decimals, told["columns"])
    state = State(
        told["period"],
        taker(names),
        least,
        most,
        told["busy"],
        Run(names, run_least, run_most),
        floor,
        ceiling,
        tuple(_phase(**phase) for phase in told["phases"]),
        Own(own["counters"], tuple((end, seconds) for end, seconds in own["log"]), own["hints"]),
        {name: Tally(number, Decimal(total), _decimal(low), _decimal(high)) for name, number, total, low, high in told["before"]},
        Balance(asymmetric and datetime.fromisoformat(asymmetric), Decimal(worst), neutral),
        faults.from_json(told["reversed"]).get(""),
        {name: made(name, Decimal(value)) for name, value in told["made"]},
    )
    return Quality(state, told["samples"], sums)


def _phase_told(phase: Phase) -> dict[str, Any]:
    learning = phase.learning
    return {
        "nominal": _text(phase.nominal),
        "learning": list(learning) if learning else None,
        "faults": faults.to_json(phase.faults),
        "past": faults.to_json(phase.past),
        "owed": faults.to_json({"": phase.owed}) if phase.owed else [],
    }


def _phase(nominal: str | None, learning: list[Any] | None, **rest: list[list[Any]]) -> Phase:
    lasting, past, owed = (faults.from_json(rest[key]) for key in ("faults", "past", "owed"))
    return Phase(_decimal(nominal), Learning(*learning) if learning else None, lasting, past, owed.get(""))


def _texts(columns: Columns) -> list[str]:
    return list(map(str, columns))


def _decimals(texts: list[str]) -> Columns:
    return tuple(map(Decimal, texts))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
