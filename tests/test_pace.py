from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest

from p1monitor.recorder import Queries
from p1monitor.recorder.kept_record import events_of, from_bytes, to_bytes
from p1monitor.recorder.pace import AGAIN_S, SAVE_S, SOON_S, WANTED_S
from tests.archiving import HOUR_S, folder
from tests.cutting import METER, Life
from tests.packingkit import frames_of, kept
from tests.recording import NOON, House, path, second

__all__ = ["folder", "path"]  # fixtures


def killed(house: House) -> None:
    """Nothing more comes of it, but what it wrote is there."""
    house.store._db.close()
    house.recorder._archive.journal.close()
    os.close(house.store._claim)


def test_an_hour_costs_one_save(path: Path) -> None:
    life = Life(path, step=10)
    while life.now < 3 * HOUR_S + 60:
        life.second()
    assert life.recorder.saves == 3
    life.recorder.close()


@pytest.mark.parametrize(("late", "saves"), [(5, 1), (60, 2), (7200, 1)])
def test_hours_of_several_meters_are_saved_together(path: Path, late: int, saves: int) -> None:
    """A meter that is silent keeps the others waiting for a moment only."""
    house = House(path)
    for at in range(0, HOUR_S + 100, 5):
        house.clock.now += 5
        one = house.see(second(at, at))
        there = at < HOUR_S or at >= HOUR_S + late
        house.recorder.deliver([one, *([one._replace(meter="garage")] if there else [])])
    assert house.recorder.saves == saves
    house.recorder.close()


def test_whoever_looks_gets_fresh_rows_but_not_too_often(path: Path) -> None:
    house = House(path)
    queries = Queries(path, wanted=house.recorder.wanted)
    moments = [0]
    for at in range(10, 3000, 10):
        house.clock.now += 10
        house.recorder.deliver([house.see(second(at, at))])
        if house.recorder.saves == len(moments):
            moments.append(at)
        if not 1200 < at < 2000:
            queries.events(METER, 1)
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert pauses == [60, 120, 240, 300, 300, 300, 690, 60, 120, 240, 300]
    assert sum(count for (count,) in house.rows("load_profile", "samples")) == moments[-1] // 10  # type: ignore[misc]
    queries.close()
    house.recorder.close()


def test_the_first_answer_is_fresh_and_a_silent_meter_keeps_nobody_waiting(path: Path) -> None:
    house = House(path)
    house.recorder.deliver([house.see(second(10, 10))])
    house.clock.now += WANTED_S
    for saves in (1, 1):
        asking = Thread(target=house.recorder.fresh)
        asking.start()
        while asking.is_alive():  # the recorder turns once a second, or faster
            house.recorder.deliver([])
        assert house.recorder.saves == saves
        assert len(house.rows("minute")) == 1
        house.clock.now += 2 * WANTED_S


def test_while_nobody_looks_nothing_is_saved_until_the_end(path: Path) -> None:
    house = House(path)
    house.run(10, 1800)
    assert house.recorder.saves == 0
    assert house.rows("minute") == []
    house.recorder.close()
    assert len(house.rows("minute")) == 30


@pytest.mark.parametrize("fact", [True, False])
def test_small_facts_wait_some_minutes(path: Path, *, fact: bool) -> None:
    house = House(path)
    house.recorder.deliver([house.see(second(10, 10))])
    if fact:
        house.store.note("home.port", "115200")
    house.clock.now += SOON_S
    house.recorder.deliver([])
    assert house.recorder.saves == fact
    house.recorder.close()


def test_a_kill_loses_no_event_and_tells_none_twice(path: Path) -> None:
    house = House(path)
    texts = iter(["hello", "hello", "goodbye"])
    house.recorder.deliver([house.see(second(at, at, message_text=next(texts))) for at in (10, 20, 30)])
    house.looked()
    told = house.rows("events", "words")
    assert len(told) == 2
    # The observer is ahead of the recorder: its memory, but not the reading, is saved with the next one.
    one, late = (house.see(second(at, at, message_text=text)) for at, text in ((40, "goodbye"), (50, "late")))
    house.recorder.deliver([one])
    house.looked()
    house.recorder.deliver([late])
    killed(house)
    for again in (House(path) for _ in range(2)):
        again.recorder.replay()
        killed(again)
        assert len(again.rows("events", "words")) == len(told) + 1
        assert again.rows("load_profile", "samples") == [(5,)]


def test_events_come_back_of_their_bytes(path: Path) -> None:
    house = House(path)
    seen = [house.see(second(at, at, event_power_quality=code)) for at, code in ((10, 0), (20, 77))][1]
    (one,) = kept(frames_of("esmr5", NOON, 1))
    record = to_bytes(one, seen.events)
    assert from_bytes(record) == one
    (event,), (came,) = seen.events, events_of(record)
    assert event.received
    assert came == replace(event, received=event.received._replace(monotonic=0.0))
    assert events_of(to_bytes(one)) == ()
    house.recorder.close()


def test_a_reader_that_is_in_the_way_is_waited_for(path: Path) -> None:
    """The journal's room is not given away before the card has the hour."""
    life = Life(path, step=10)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        while life.now < HOUR_S - 10:
            life.second()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM note").fetchone()
        while life.now < HOUR_S + 60:
            life.second()
        assert life.archive.unsafe
        room = life.archive.journal.room
        reader.execute("COMMIT")
    life.clock.now += AGAIN_S
    life.recorder.deliver([])
    assert life.archive.journal.room > room
    life.recorder.close()


def test_the_constants_fit_together() -> None:
    assert WANTED_S < SOON_S < HOUR_S < SAVE_S
