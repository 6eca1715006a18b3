"""What is not looked at again comes out as if it had been."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from p1monitor.observer import Memory, Rules, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.scenes import Scene
from p1monitor.p1.telegram import parse, render
from tests.readings import WINTER, reading

#: The last minutes of a month that is not over everywhere: the day, the quarter-hour and the month end.
BEGIN = datetime(2026, 1, 31, 22, 50, tzinfo=UTC)
SECONDS = 900


def telegrams(model: str) -> Iterator[Reading]:
    """A quarter of an hour of a meter, second by second, with some lines changed and some telegrams lost on the way."""
    begin = int(BEGIN.timestamp())
    table = (("message", 100, 60), ("gas-swap", 300, 1), ("clock-hour", 500, 100), ("meter-swap", 650, 20), ("gas-lost", 800, 50))
    scenes = tuple(Scene(name, begin + second, seconds) for name, second, seconds in table)
    for second in range(SECONDS):
        moment = BEGIN + timedelta(seconds=second)
        told = MODELS[model].staged(moment, 7, scenes)
        if told is None or second % 97 == 5:
            continue
        data = render(told)
        if second % 50 == 7 and model == "esmr5":
            data = render(told._replace(objects=tuple(one for one in told.objects if not one.obis.startswith("1-0:1.8"))))
        frame = next(event for event in Framer().feed(data) if isinstance(event, Frame))
        yield decode(parse(frame), Received(moment.timestamp(), 1000.0 + second))


@pytest.mark.parametrize("model", ["esmr5", "emucs3", "dsmr22"])
@pytest.mark.parametrize("rules", [Rules(), Rules(limit_w=Decimal(500))])
def test_a_restart_after_every_reading_changes_nothing(model: str, rules: Rules) -> None:
    memory, other, quick = Memory(), Memory(), 0
    for one in telegrams(model):
        before = memory.before
        memory, seen = observe(memory, one, WINTER, rules)
        quick += before is not None and memory.before is before
        other, looked_at = observe(other._replace(before=None, registers=()), one, WINTER, rules)
        assert seen == looked_at
        assert list(seen.values) == list(looked_at.values)
        assert memory == other
        assert (memory.held, memory.doubts) == (other.held, other.doubts)
    assert bool(quick > SECONDS / 2) is (model != "dsmr22"), quick


def test_another_rule_is_looked_at() -> None:
    first = reading(BEGIN.replace(minute=45), received=Received(BEGIN.timestamp() - 300, 1000), energy_import_kwh="1.000")
    second = first._replace(at=BEGIN, received=Received(BEGIN.timestamp(), 1300))
    memory, seen = observe(Memory(), first, WINTER)
    assert "average_power_15m_w" in seen.values
    _, seen = observe(memory, second, WINTER, Rules(15, 4))
    assert "average_power_15m_w" not in seen.values
