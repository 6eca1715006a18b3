"""Scripted voltages: what a home's meter shows, second by second, for the tests of power quality. Never part of the product."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from p1monitor.observer import Memory, Rules, observe
from p1monitor.p1.records import Event, QualityRow, Reading, Received, Value
from p1monitor.p1.telegram import Telegram
from tests.readings import TELEGRAM, WINTER, reading

NOON = datetime(2026, 1, 15, 12, tzinfo=WINTER)
#: Every phase learns its nominal voltage before anything happens to it.
LEARN_S = 100

RULES = Rules()
#: Values beside the voltages.
More = Mapping[str, Value | int]
NOTHING: More = {}
#: Seconds and what the phases have in them; None: no telegram.
Part = tuple[int, Sequence[str] | None]


@dataclass
class Seen:
    """What came out."""

    memory: Memory = field(default_factory=Memory)
    events: list[tuple[object, ...]] = field(default_factory=list)  #: code, second it began, duration, magnitude
    told: list[Event] = field(default_factory=list)
    rows: list[QualityRow] = field(default_factory=list)
    last: Reading | None = None

    def counter(self, name: str) -> int | None:
        """A counter of ours."""
        assert self.last is not None
        one = self.last.values.get(name)
        assert one is None or (one.derived and isinstance(one.value, Decimal))
        return None if one is None else int(one.value)  # type: ignore[arg-type]  # it is one


def samples(parts: Iterable[Part], step: int = 1) -> Iterator[tuple[int, Sequence[str]]]:
    """Second and voltages."""
    second = 0
    for seconds, volts in parts:
        for now in range(second, second + seconds, step):
            if volts is not None:
                yield now, volts
        second += seconds


def telegram(
    second: int, volts: Sequence[str], more: More = NOTHING, *, begin: datetime = NOON, of: Telegram = TELEGRAM
) -> Reading:
    """A reading so many seconds after noon."""
    values: dict[str, Value | int] = {f"voltage_l{n}_v": one for n, one in enumerate(volts, 1)}
    at = begin + timedelta(seconds=second)
    return reading(at, received=Received(at.timestamp(), 1000.0 + second), values={**values, **more}, telegram=of)


def play(readings: Iterable[Reading], rules: Rules = RULES, *, restart: bool = False, begin: datetime = NOON) -> Seen:
    """Observe one after the other; `restart`: what is remembered goes through JSON each time."""
    seen = Seen()
    for one in readings:
        seen.memory, seen.last = observe(seen.memory, one, WINTER, rules=rules)
        if restart:
            told = seen.memory.to_json()
            again = Memory.from_json(json.loads(json.dumps(told)))
            assert again == seen.memory
            assert again.to_json() == json.loads(json.dumps(told)) == told
            seen.memory = again
        for event in seen.last.events:
            second = int((event.at - begin).total_seconds()) if event.at else None
            seen.told.append(event)
            seen.events.append((event.code, second, event.seconds, None if event.value is None else str(event.value)))
        if seen.last.quality is not None:
            seen.rows.append(seen.last.quality)
    return seen


def trace(parts: Sequence[Part], rules: Rules = RULES, *, step: int = 1, restart: bool = False, more: More = NOTHING) -> Seen:
    """What comes of these voltages, after a calm beginning; seconds count from its end."""
    calm = ["230.0"] * len(next(volts for _, volts in parts if volts is not None))
    begin = NOON + timedelta(seconds=LEARN_S)
    return play(
        (telegram(second, volts, more) for second, volts in samples([(LEARN_S, calm), *parts], step)),
        rules,
        restart=restart,
        begin=begin,
    )


def others(phase: int, volts: str, rest: str = "230.0") -> list[str]:
    """One phase has this, the two others are well."""
    return [volts if number == phase else rest for number in (1, 2, 3)]


def counters(seen: Seen, words: str) -> Mapping[str, int]:
    """All counters with these words in their names."""
    assert seen.last is not None
    found = {name: seen.counter(name) for name in seen.last.values if words in name and name.endswith("_count")}
    return {name: count for name, count in found.items() if count is not None}
