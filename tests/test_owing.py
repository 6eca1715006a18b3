"""The runner of a sink with an archive behind it: what goes first, what is owed, what a server may do to us."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from p1monitor.owing import QUEUE_MOST
from p1monitor.p1.records import Reading, Received
from p1monitor.recorder.position import Position
from p1monitor.sinks import Policy, SinkError
from tests.archiving import folder, path
from tests.clocks import Hands
from tests.cutting import METER
from tests.owingkit import QUICK, Home, until

__all__ = ["folder", "path"]

POLICY = Policy(live=False, durable=True, queue=3600, batch=100, place="there", **QUICK)


class Place:
    """A sink that does as it is told, and notes what it was given."""

    name = "place"

    def __init__(self) -> None:
        self.taken: list[Reading] = []
        self.sizes: list[int] = []
        self.trouble: Callable[[Sequence[Reading]], Exception | None] = lambda _: None

    def open(self) -> None:
        """Nothing to open."""

    def deliver(self, readings: Sequence[Reading]) -> None:
        self.sizes.append(len(readings))
        if (error := self.trouble(readings)) is not None:
            raise error
        self.taken += readings

    def close(self) -> None:
        """Nothing to close."""

    @property
    def numbers(self) -> list[int]:
        return [reading.seq for reading in self.taken]


@pytest.fixture
def place() -> Place:
    return Place()


def cursor(home: Home) -> Position:
    return Position.read(home.life.cursors.notes()[f"cursor:there:{METER}"])


@pytest.fixture
def behind(path: Path, place: Place) -> Iterator[Home]:
    """A home whose place is 400 readings behind; not started."""
    home = Home(path, place, POLICY)
    for _ in range(400):
        home.life.second()
    home.life.recorder.close()
    home = Home(path, place, POLICY, begin=home.life.now)
    yield home
    home.close()


def test_what_is_behind_comes_in_order_and_the_newest_do_not_wait_for_it(behind: Home, place: Place) -> None:
    asked = Event()

    def slow(readings: Sequence[Reading]) -> None:
        if readings[0].seq == 1 and not asked.is_set():
            asked.set()
            behind.live(1)

    place.trouble = slow
    behind.start()
    behind.caught_up()
    assert place.sizes[0] < 400  # a piece of the backlog …
    newest = place.numbers.index(401)
    assert newest == place.sizes[0]  # … and behind it what came meanwhile
    backlog = [seq for seq in place.numbers if seq != 401]
    assert backlog == list(range(1, 401))
    assert cursor(behind) == Position(401)
    assert place.taken[0].values["power_w"] == place.taken[0].values["power_w"]._replace(held=False)


def test_more_than_its_queue_is_owed_not_lost(path: Path, place: Place) -> None:
    home = Home(path, place, POLICY)
    away = Event()
    away.set()
    place.trouble = lambda _: SinkError("away") if away.is_set() else None
    home.start()
    home.live(300)
    until(lambda: place.sizes)
    assert home.told()["behind"] == 300
    assert home.told()["queued"] < 300
    away.clear()
    home.caught_up()
    assert set(place.numbers) == set(range(1, 301))
    assert place.numbers[-1] < 300  # the backlog came last
    assert (home.told()["dropped"], home.told()["lag_s"]) == (0, 0.0)
    assert cursor(home) == Position(300)
    home.close()


def test_the_poison_of_a_backlog_is_set_aside_and_its_neighbours_are_not(behind: Home, place: Place) -> None:
    bad = {7, 8, 222}
    poison = SinkError("field type conflict", permanent=True)
    place.trouble = lambda readings: poison if bad & {reading.seq for reading in readings} else None
    behind.start()
    behind.live(1)  # it is taken: the place knows what it says
    behind.caught_up()
    assert sorted(place.numbers) == [seq for seq in range(1, 402) if seq not in bad]
    assert (behind.told()["set_aside"], behind.told()["state"]) == (3, "ok")
    assert cursor(behind) == Position(401)


def test_a_place_that_refuses_everything_from_the_start_loses_nothing(behind: Home, place: Place) -> None:
    wrong = Event()
    wrong.set()
    place.trouble = lambda _: SinkError("no organisation is given (400)", permanent=True) if wrong.is_set() else None
    behind.start()
    behind.live(3)
    until(lambda: len(place.sizes) > 20)
    assert (behind.told()["set_aside"], behind.told()["state"]) == (0, "retrying")
    wrong.clear()
    behind.live(1)
    behind.caught_up()
    assert set(place.numbers) == set(range(1, 405))


def test_a_server_that_asks_for_patience_gets_it_for_the_backlog_too(path: Path, place: Place) -> None:
    home = Home(path, place, POLICY)
    for _ in range(5):
        home.life.second()
    home.life.recorder.close()
    clock = Hands()
    home = Home(path, place, POLICY, begin=home.life.now, clock=clock)
    errors = iter([SinkError("busy (429)", retry_after=90.0)])
    place.trouble = lambda _: next(errors, None)
    home.start()
    home.caught_up()
    home.close()
    assert clock.now >= 1000.0 + 90.0
    assert place.numbers == [1, 2, 3, 4, 5]


def test_trouble_with_the_backlog_does_not_hold_up_the_newest(behind: Home, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.trouble = lambda readings: SinkError("an old shard is broken (500)") if readings[0].seq <= 400 else None
    behind.start()
    until(lambda: behind.told()["retries"] > 2)
    behind.live(50)
    until(lambda: len(place.taken) == 50)
    assert place.numbers == list(range(401, 451))
    assert behind.told()["state"] == "retrying"
    assert caplog.text.count("an old shard is broken") == 1
    place.trouble = lambda _: None
    behind.caught_up()
    assert behind.told()["state"] == "ok"


def test_readings_that_nobody_can_date_do_not_shorten_the_pause(path: Path, place: Place) -> None:
    life = Home(path, place, POLICY)
    life.life.second()
    life.life.recorder.close()
    home = Home(path, place, replace(POLICY, retry_first_s=60.0, retry_most_s=60.0), begin=life.life.now)
    place.trouble = lambda _: SinkError("away")
    home.start()
    until(lambda: home.told()["retries"])
    for _ in range(3):
        until(lambda: home.runner._wake._waiters)  # type: ignore[attr-defined]  # it has gone to sleep
        home.life.second()
        home.runner.offer(home.life.newest._replace(at=None, received=Received(12.5, 40.0, known=False)))
    until(lambda: home.runner._wake._waiters)  # type: ignore[attr-defined]
    assert home.told()["retries"] == 1
    home.close()


def test_it_stops_in_time_and_goes_on_where_it_was(path: Path, place: Place) -> None:
    home = Home(path, place, POLICY)
    hangs, free = Event(), Event()

    def hang(_: Sequence[Reading]) -> None:
        hangs.set()
        free.wait(10)

    place.trouble = hang
    home.start()
    home.live(30)
    hangs.wait(10)
    began = time.monotonic()
    assert not home.runner.stop(timeout=0.2)
    assert time.monotonic() - began < 1
    home.life.recorder.close()  # with what the sink had said by then: nothing
    free.set()
    until(lambda: home.told()["state"] == "stopped")
    again = Place()
    home = Home(path, again, POLICY, begin=home.life.now).start()
    home.caught_up()
    home.close()
    assert again.numbers == list(range(1, 31))


def test_what_nobody_can_date_yet_comes_out_of_the_archive(path: Path, place: Place) -> None:
    home = Home(path, place, POLICY).start()
    home.live(1)
    until(lambda: place.taken)  # and now it waits for the next
    home.life.second()
    undated = home.life.newest
    home.runner.offer(undated._replace(at=None, received=Received(12.5, 40.0, known=False)))
    home.caught_up()
    home.close()
    assert [reading.at for reading in place.taken][1:] == [undated.at]


def test_readings_of_one_moment_stand_where_they_stood(path: Path, place: Place) -> None:
    """A meter whose clock stands still: sent as they come, and all of them once more by a run that knows nothing of that."""
    home = Home(path, place, POLICY).start()
    home.live(3)
    home.caught_up()
    home.life.now -= 3
    home.live(3)
    home.caught_up()
    home.close()
    first = {reading.seq: reading.at for reading in place.taken}
    assert sorted(reading.at.microsecond for reading in place.taken if reading.at) == [0, 0, 0, 1000, 1000, 1000]
    for begin in (0, 2, 4):
        again = Place()
        home = Home(path, again, POLICY, begin=home.life.now, noted=str(Position(6, ((begin + 1, 6),)))).start()
        home.caught_up()
        home.close()
        assert {reading.seq: reading.at for reading in again.taken} == {seq: at for seq, at in first.items() if seq > begin}


def test_a_meter_whose_clock_is_ahead_is_stamped_as_the_archive_does_it(path: Path, place: Place) -> None:
    home = Home(path, place, POLICY).start()
    home.life.now += 2 * 86_400  # and the host knows better
    home.live(3)
    home.caught_up()
    home.close()
    again = Place()
    home = Home(path, again, POLICY, begin=10, noted=str(Position(3, ((1, 3),)))).start()
    home.caught_up()
    home.close()
    assert [reading.at for reading in again.taken] == [reading.at for reading in place.taken]


def test_live_readings_after_a_restart_know_the_moments_before_it(path: Path, place: Place) -> None:
    home = Home(path, place, POLICY).start()
    home.live(3)
    home.caught_up()
    home.close()
    home = Home(path, place, POLICY, begin=home.life.now - 2).start()
    until(lambda: METER in home.runner._apart)
    home.live(3)
    home.caught_up()
    home.close()
    stamps: list[Any] = [reading.at for reading in place.taken]
    assert [at.microsecond for at in stamps] == [0, 0, 0, 1000, 1000, 0]
    assert len(set(stamps)) == len(stamps)
    assert all(one != other for one, other in pairwise(stamps))


def test_what_did_not_fit_the_queue_counts_for_the_moments_of_what_came_after_it(path: Path, place: Place) -> None:
    home = Home(path, place, POLICY)
    away = Event()
    away.set()
    place.trouble = lambda _: SinkError("away") if away.is_set() else None
    home.start()
    home.live(1)
    until(lambda: place.sizes)
    home.live(QUEUE_MOST)
    home.life.now -= QUEUE_MOST  # the meter's clock is set back
    home.live(QUEUE_MOST)
    away.clear()
    home.caught_up()
    home.close()
    moments = {reading.seq: reading.at for reading in place.taken}
    assert len(moments) == len(set(moments.values())) == 2 * QUEUE_MOST + 1
