"""What the meter itself counts and logs is told once: with our own events, by them, or as events of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from p1monitor.observer import Memory
from p1monitor.p1.records import Reading
from p1monitor.p1.telegram import Telegram
from tests.qualitykit import NOON, More, others, play, telegram
from tests.readings import TELEGRAM

NO_CRC = Telegram("TST5\\2P1MONITOR-1", (), "absent")


class Case(NamedTuple):
    """Voltage by second, where the counter rises and by how much, and what is told."""

    parts: Sequence[tuple[int, str]]
    rises: Sequence[tuple[int, int]]
    events: Sequence[tuple[object, ...]]


LOW, NORMAL = 76, 85
LONG = [(LOW, 0, None, "200.0"), (NORMAL, 100, 100.0, "200.0")]
CASES = {
    "no rise": Case([(100, "200.0"), (100, "230.0")], [], LONG),
    "at its beginning": Case([(100, "200.0"), (100, "230.0")], [(0, 1)], LONG),
    "while it lasts": Case([(100, "200.0"), (100, "230.0")], [(61, 1)], LONG),
    "at its end": Case([(100, "200.0"), (100, "230.0")], [(100, 1)], LONG),
    "a while after": Case([(100, "200.0"), (100, "230.0")], [(160, 1)], LONG),
    "long after: another one": Case([(100, "200.0"), (200, "230.0")], [(190, 1)], [*LONG, (LOW, 190, None, None)]),
    "twice: once explained": Case([(100, "200.0"), (100, "230.0")], [(70, 1), (80, 1)], [LONG[0], (LOW, 80, None, None), LONG[1]]),
    "two at once": Case([(100, "200.0"), (100, "230.0")], [(70, 2)], [LONG[0], (LOW, 70, None, None), LONG[1]]),
    "shorter than a second": Case([(100, "230.0")], [(50, 1)], [(LOW, 50, None, None)]),
    "three of them": Case([(100, "230.0")], [(50, 3)], [(LOW, 50, None, None)]),
    "ten seconds, counted in them": Case([(10, "200.0"), (90, "230.0")], [(3, 1)], [(LOW, 0, 10.0, "200.0")]),
    "ten seconds, counted after them": Case([(10, "200.0"), (90, "230.0")], [(12, 1)], [(LOW, 0, 10.0, "200.0")]),
    "ten seconds, not counted": Case([(10, "200.0"), (90, "230.0")], [], []),
    "a swell does not explain it": Case([(10, "260.0"), (90, "230.0")], [(5, 1)], [(LOW, 5, None, None)]),
}  # fmt: skip


@pytest.mark.parametrize("phase", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_a_counters_rise(name: str, phase: int) -> None:
    case, counter = CASES[name], f"voltage_sag_l{phase}_count"
    volts = ["230.0"] * 100 + [text for seconds, text in case.parts for _ in range(seconds)]
    readings = []
    for second, text in enumerate(volts, -100):
        count = 7 + sum(more for at, more in case.rises if at <= second)
        readings.append(telegram(second, others(phase, text), {counter: count}))
    expected = [(int(str(code)) + phase - 1, *rest) for code, *rest in case.events]
    assert play(readings).events == play(readings, restart=True).events == expected
    assert play(readings).last.values[counter].derived is False  # type: ignore[union-attr]


def test_how_many_times_is_said() -> None:
    seen = play([telegram(0, [], {"voltage_swell_l2_count": 3}), telegram(1, [], {"voltage_swell_l2_count": 6})])
    words = "overvoltage L2, 3 times, counted by the meter"
    assert [(event.code, event.words, event.phase) for event in seen.told] == [(80, words, "L2")]


def test_another_meters_counter_begins_anew() -> None:
    def one(second: int, count: int, meter: str) -> Reading:
        return telegram(second, [], {"voltage_sag_l1_count": count})._replace(equipment_id=meter)

    seen = play([one(0, 3, "E1"), one(10, 9, "E2"), one(20, 9, "E2"), one(30, 10, "E2"), one(40, 2, "E2"), one(50, 2, "E2")])
    assert [one[:2] for one in seen.events if one[0]] == [(76, 30)]


def test_without_crc_a_rise_must_be_told_twice() -> None:
    counts = [3, 7, 3, 3, 4, 4, 4]
    seen = play(telegram(10 * n, ["230.0"], {"voltage_sag_l1_count": count}, of=NO_CRC) for n, count in enumerate(counts))
    assert seen.events == [(76, 50, None, None)]


# The failure log


def failure(hours: float, seconds: int | None) -> tuple[datetime, int | None]:
    """One that ended so many hours before noon."""
    return NOON - timedelta(hours=hours), seconds


def log(*entries: tuple[datetime | None, int | None]) -> More:
    return {"power_failure_log": entries}


def test_each_entry_is_told_once_with_the_time_at_which_the_power_went() -> None:
    old, new = failure(48, 600), failure(1, 60)
    steps = [log(old), log(old), {}, log(new, old), log(new, old)]
    for restart in (False, True):
        seen = play((telegram(10 * n, [], more) for n, more in enumerate(steps)), restart=restart)
        assert seen.events == [(1, -48 * 3600 - 600, 600.0, None), (1, -3660, 60.0, None)]
        assert {event.kind for event in seen.told} == {"power failure"}


def test_after_a_swap_the_log_of_the_other_meter_is_told_and_none_again() -> None:
    mine, its = log(failure(48, 600)), log(failure(5, 30))
    steps = [("E1", mine), ("E2", its), ("E2", its), ("E1", mine)]
    seen = play(telegram(10 * n, [], more)._replace(equipment_id=meter) for n, (meter, more) in enumerate(steps))
    assert [one[1:3] for one in seen.events if one[0]] == [(-48 * 3600 - 600, 600.0), (-5 * 3600 - 30, 30.0)]


def test_an_entry_without_an_end_or_without_seconds() -> None:
    seen = play([telegram(0, [], log(failure(2, None), (None, 90)))])
    assert seen.events == [(1, None, 90.0, None), (1, -7200, None, None)]


def test_without_crc_a_log_must_be_told_twice() -> None:
    right, wrong = log(failure(48, 600)), log(failure(48, 900))
    seen = play(telegram(10 * n, [], more, of=NO_CRC) for n, more in enumerate([right, right, wrong, right, right]))
    assert [one[2] for one in seen.events] == [600.0]


def test_memory_of_an_older_program_loads() -> None:
    seen = play([telegram(0, ["230.0"])])
    told = json.loads(json.dumps(seen.memory.to_json()))
    del told["quality"]
    assert Memory.from_json(told).quality is None
    assert Memory.from_json(told)._replace(quality=seen.memory.quality) == seen.memory


def test_the_telegram_of_readings_is_the_one_with_crc() -> None:
    assert TELEGRAM.crc == "valid"
