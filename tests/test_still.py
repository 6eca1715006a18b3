"""What is not looked at again comes out as if it had been."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from typing import NamedTuple

import pytest

from p1monitor.observer import NONE_CONFIGURED, Memory, Rules, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received, Value
from p1monitor.p1.scenes import Scene
from p1monitor.p1.telegram import parse, render
from tests.observing import WITHOUT_CRC, came
from tests.readings import TELEGRAM, WINTER, device, reading

#: The last minutes of a month that is not over everywhere: the day, the quarter-hour and the month end.
BEGIN = datetime(2026, 1, 31, 22, 50, tzinfo=UTC)
SECONDS = 900
#: The host begins in 1970, learns the time, and forgets it once more.
UNKNOWN = (*range(200), *range(560, 620))
#: Messages for a minute, for two telegrams, and for one: that one may be a flipped bit. Voltages beyond their limits for long
#: enough to be told, and for less.
SCENES = (
    ("message", 100, 60),
    ("message", 210, 2),
    ("message", 230, 1),
    ("sag-l1", 130, 90),
    ("swell-l1", 330, 62),
    ("sag-l1", 410, 20),
    ("gas-swap", 300, 1),
    ("clock-hour", 500, 100),
    ("meter-swap", 650, 20),
    ("gas-lost", 800, 50),
)
#: The decoder gives equal lines the same device.
GAS = (device(at=BEGIN),)
#: The role of the gas meter is settled, and settled otherwise after some minutes.
SETTLED, OTHERWISE, LATER = "gas", "gas_3", 400
#: Undervoltage, overvoltage, and normal again, of the first phase.
QUALITY = {76, 79, 85}


class Life(NamedTuple):
    """A quarter of an hour of a meter."""

    model: str
    crc: str = "valid"
    rules: Rules = Rules()
    settled: bool = False  #: by the configuration, not by what comes


LIVES = (
    *(
        Life(model, "absent" if model == "dsmr22" else "valid", rules)
        for model in ("esmr5", "emucs3", "dsmr22")
        for rules in (Rules(), Rules(limit_w=Decimal(500)))
    ),
    Life("esmr5", settled=True),
    Life("esmr5", "absent", settled=True),
    Life("esmr5", "now and then"),
)


def telegrams(life: Life) -> Iterator[Reading]:
    """Second by second, with some lines changed and some telegrams lost on the way."""
    begin = int(BEGIN.timestamp())
    scenes = tuple(Scene(name, begin + second, seconds) for name, second, seconds in SCENES)
    for second in range(SECONDS):
        moment = BEGIN + timedelta(seconds=second)
        told = MODELS[life.model].staged(moment, 7, scenes)
        if told is None or second % 97 == 5:
            continue
        if second % 50 == 7 and life.model == "esmr5":
            told = told._replace(objects=tuple(one for one in told.objects if not one.obis.startswith("1-0:1.8")))
        frame = next(event for event in Framer().feed(render(told)) if isinstance(event, Frame))
        telegram = parse(frame)
        if life.crc == "absent" or (life.crc == "now and then" and second % 30 in {10, 11}):
            telegram = telegram._replace(crc="absent")
        wall = float(second) if second in UNKNOWN else moment.timestamp()
        yield decode(telegram, Received(wall, 1000.0 + second, known=second not in UNKNOWN))


@pytest.mark.parametrize("life", LIVES, ids=str)
def test_a_restart_after_every_reading_changes_nothing(life: Life) -> None:
    memory, other, quick, roles, codes = Memory(), Memory(), 0, set[str](), set[int | None]()
    configured: Mapping[str, str] = NONE_CONFIGURED
    for index, one in enumerate(telegrams(life)):
        if life.settled and index in {0, LATER}:
            configured = dict.fromkeys([device.equipment_id for device in one.devices], OTHERWISE if index else SETTLED)
        before = memory.before
        memory, seen = observe(memory, one, WINTER, configured, life.rules)
        quick += before is not None and memory.before is before
        other, looked_at = observe(other._replace(before=None, registers=()), one, WINTER, configured, life.rules)
        assert seen == looked_at
        assert list(seen.values) == list(looked_at.values)
        assert memory == other
        assert (memory.held, memory.doubts) == (other.held, other.doubts)
        roles |= {device.role for device in seen.devices}
        codes |= {event.code for event in seen.events if event.kind == "power quality"}
    assert (codes >= QUALITY) is ("voltage_l1_v" in memory.before.names if memory.before else life.model != "dsmr22"), codes
    assert bool(quick > SECONDS / 2) is (life.crc != "absent"), quick
    assert (OTHERWISE in roles) is life.settled


def steady(second: int, message: str | None = None) -> Reading:
    """A meter of which nothing changes but the time and the message."""
    values: dict[str, Value | int] = {} if message is None else {"message_text": message}
    one = reading(BEGIN + timedelta(seconds=second), received=came(second), values=values, energy_import_kwh="1.000")
    return one._replace(devices=GAS)


def passed(*readings: Reading, terms: Iterable[Mapping[str, str]] = repeat(NONE_CONFIGURED)) -> list[bool]:
    """Which of them are passed over."""
    memory, found = Memory(), list[bool]()
    for one, configured in zip(readings, terms, strict=False):
        before = memory.before
        memory, _ = observe(memory, one, WINTER, configured)
        found.append(before is not None and memory.before is before)
    return found


def test_a_reading_that_says_the_same_is_passed_over() -> None:
    assert passed(*map(steady, range(4))) == [False, False, True, True]  # the first brings the gas meter


def test_a_host_that_learns_or_forgets_the_time_is_looked_at() -> None:
    known = [True] * 4 + [False] * 3 + [True] * 2
    told = [
        one._replace(received=one.received._replace(known=sure))
        for one, sure in zip(map(steady, range(9)), known, strict=True)
        if one.received
    ]
    assert passed(*told) == [False, False, True, True, False, True, True, False, True]


def test_roles_that_are_settled_otherwise_are_looked_at() -> None:
    settled, again = {"G1": "gas"}, {"G1": "gas_2"}
    terms = (settled, settled, settled, dict(settled), again, again, again)
    assert passed(*map(steady, range(7)), terms=terms) == [False, False, True, True, False, False, True]


def test_a_message_is_looked_at_until_it_stands_and_never_without_crc() -> None:
    told = [steady(second, "hello" if second > 2 else "") for second in range(6)]
    assert passed(*told) == [False, False, True, False, True, True]
    assert not any(passed(*[one._replace(telegram=WITHOUT_CRC) for one in told]))


def test_a_message_that_a_damaged_telegram_lacked_is_cleared() -> None:
    damaged = TELEGRAM._replace(bad_lines=("0-0:96.13.0(68",))
    told = [steady(0, "hello"), steady(1, "hello")]
    memory, words = Memory(), list[str]()
    for one in (*told, steady(2)._replace(telegram=damaged), steady(3)):
        memory, seen = observe(memory, one, WINTER)
        words += [event.words for event in seen.events]
    assert words[1:] == ["message cleared, it stood since 2026-01-31 22:50 UTC"]


def test_without_a_clock_no_demand_is_shown_while_the_host_does_not_know_the_time() -> None:
    memory, shown = Memory(), list[bool]()
    for second, sure in ((0, True), (10, True), (20, False), (30, True)):
        moment = Received(BEGIN.timestamp() - 300 + second if sure else second, 1000.0 + second, known=sure)
        memory, seen = observe(memory, reading(None, received=moment, energy_import_kwh="1.000"), WINTER)
        shown.append("average_power_15m_w" in seen.values)
    assert shown == [True, True, False, True]


@pytest.mark.parametrize("register", ["1.000", "1.001"])
def test_a_day_goes_on_from_a_register_that_came_while_the_host_did_not_know_the_time(register: str) -> None:
    memory = Memory()
    for minute, value, sure in ((0, "1.000", True), (5, register, False)):
        moment = Received(BEGIN.timestamp() + 60 * minute, 1000.0 + 60 * minute, known=sure)
        memory, _ = observe(memory, reading(None, received=moment, energy_import_kwh=value), WINTER)
    later = Received(BEGIN.timestamp() + 900, 1900.0)
    memory, seen = observe(memory, reading(None, received=later, energy_import_kwh="2.000"), WINTER)
    assert seen.values["energy_import_today_kwh"].value == Decimal(2) - Decimal(register)


def test_another_rule_is_looked_at() -> None:
    first = reading(BEGIN.replace(minute=45), received=Received(BEGIN.timestamp() - 300, 1000), energy_import_kwh="1.000")
    second = first._replace(at=BEGIN, received=Received(BEGIN.timestamp(), 1300))
    memory, seen = observe(Memory(), first, WINTER)
    assert "average_power_15m_w" in seen.values
    _, seen = observe(memory, second, WINTER, rules=Rules(15, 4))
    assert "average_power_15m_w" not in seen.values
