"""Power failures that the failure log does not have: known by the meter's counters, told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from p1monitor.p1.records import Value
from tests.qualitykit import NOON, More, play, telegram
from tests.test_quality_counted import NO_CRC


def failures(of_all: int, long: int | None = None, *, short: int | None = None, ended: Sequence[int] = ()) -> More:
    """What a meter says; `ended`: minutes before noon, of entries of ten minutes."""
    more: dict[str, Value | int] = {"any_power_fail_count": of_all}
    more |= {} if long is None else {"long_power_fail_count": long}
    more |= {} if short is None else {"short_power_fail_count": short}
    return more | {"power_failure_log": tuple((NOON - timedelta(minutes=one), 600) for one in ended)}


SHORT, LONG = "short power failure, counted by the meter", "long power failure, counted by the meter"
LOGGED = "power down"
CASES = {
    "nothing": ([failures(3, 1), failures(3, 1)], []),
    "what is seen first is no news": ([failures(3, 1)], []),
    "a short one": ([failures(3, 1), failures(4, 1)], [SHORT]),
    "two short ones": ([failures(3, 1), failures(5, 1)], ["short power failure, 2 times, counted by the meter"]),
    "a long one, counted in both and logged": ([failures(3, 1), failures(4, 2, ended=[5])], [LOGGED]),
    "a long one, counted as long only": ([failures(3, 1), failures(3, 2, ended=[5])], [LOGGED]),
    "a long one and a short one": ([failures(3, 1), failures(5, 2, ended=[5])], [LOGGED, SHORT]),
    "a counter of all only, and a log": ([failures(3), failures(5, ended=[5])], [LOGGED, SHORT]),
    "a counter of short ones": ([failures(3, 1, short=2), failures(5, 2, short=3)], [SHORT]),
    "the log alone": ([failures(3, 1), failures(3, 1, ended=[5])], [LOGGED]),
    "a counter that began anew": ([failures(3, 1), failures(0, 0)], []),
}


@pytest.mark.parametrize("name", CASES)
def test_failures(name: str) -> None:
    steps, words = CASES[name]
    for restart in (False, True):
        seen = play((telegram(10 * n, [], more) for n, more in enumerate([*steps, steps[-1]])), restart=restart)
        assert [event.words for event in seen.told] == words
        assert {event.kind for event in seen.told} <= {"power failure"}


def test_a_long_one_of_a_meter_without_a_log() -> None:
    counts: list[More] = [{"any_power_fail_count": 3, "long_power_fail_count": n} for n in (1, 2, 2)]
    seen = play(telegram(10 * n, [], more) for n, more in enumerate(counts))
    assert [(event.words, at) for event, (_, at, *_) in zip(seen.told, seen.events, strict=True)] == [(LONG, 10)]


def test_without_crc_it_must_be_told_twice() -> None:
    steps = [failures(3), failures(3), failures(7), failures(3), failures(4), failures(4), failures(4)]
    seen = play(telegram(10 * n, [], more, of=NO_CRC) for n, more in enumerate(steps))
    assert [(one[1]) for one in seen.events] == [50]
