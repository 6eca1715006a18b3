"""The event book: found by kind, time and phase; a fact that is told twice is one entry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from p1monitor.p1.event_codes import EVENTS, NORMAL, UNDERVOLTAGE
from p1monitor.p1.records import Event, Received
from p1monitor.recorder import Queries, Store
from p1monitor.recorder.own_events import KILLED, STARTED, WAITING_MOST, OwnEvents, own_event
from p1monitor.recorder.pace import WANTED_S
from tests.readings import METER, WINTER
from tests.recording import House, house, path, second

__all__ = ["house", "path"]  # fixtures

NOON = datetime(2026, 1, 15, 12, tzinfo=WINTER)
QUALITY = "power quality"


def bare(code: int, at: int) -> Event:
    """As a last-event object tells it."""
    return Event(NOON + timedelta(seconds=at), None, QUALITY, code, EVENTS[code].words, EVENTS[code].phase)


def ours(code: int, at: int, seconds: float | None = None) -> Event:
    """As our own samples tell it."""
    began, meaning = NOON + timedelta(seconds=at), EVENTS[code]
    return Event(began, None, QUALITY, code, meaning.words, meaning.phase, None, seconds, Decimal("198.4"), "V")


def kept(path: Path, *stories: Sequence[Event]) -> list[tuple[object, float, object]]:
    """What the book shows of these readings' events, oldest first: code, minutes after noon, value. Each is told twice."""
    store = Store(path)
    store.device(METER, "electricity", "electricity")
    with store.transaction():
        for seq, events in [*enumerate(stories, 1), *enumerate(stories, 1)]:
            store.add_events(METER, seq, events)
    store.close()
    queries = Queries(path)
    found = queries.events(METER, 100)
    queries.close()
    times = [datetime.fromisoformat(str(one["at"])) for one in found]
    return [(one["code"], (at - NOON).total_seconds(), one["value"]) for one, at in zip(found, times, strict=True)][::-1]


@pytest.mark.parametrize("later", [0, 61, 370])
def test_the_meter_and_we_tell_a_sag_once(path: Path, later: int) -> None:
    assert kept(path, [ours(UNDERVOLTAGE, 0)], [bare(UNDERVOLTAGE, later)]) == [(76, 0, 198.4)]


def test_the_meter_is_quicker_than_we(path: Path) -> None:
    assert kept(path, [bare(UNDERVOLTAGE, 60)], [ours(UNDERVOLTAGE, 0)]) == [(76, 0, 198.4)]


def test_another_time_phase_or_end_is_another_fact(path: Path) -> None:
    told = [ours(UNDERVOLTAGE, 0)], [bare(UNDERVOLTAGE, 371)], [bare(UNDERVOLTAGE + 1, 0)], [bare(NORMAL, 80)]
    assert [code for code, _, _ in kept(path, *told)] == [76, 76, 77, 85]


def test_two_sags_thbeganboth_tell_are_two(path: Path) -> None:
    told = [ours(UNDERVOLTAGE, 0)], [bare(UNDERVOLTAGE, 60)], [ours(UNDERVOLTAGE, 100)], [bare(UNDERVOLTAGE, 160)]
    assert kept(path, *told) == [(76, 0, 198.4), (76, 100, 198.4)]


def test_two_thbegansay_the_same_of_themselves_are_two(path: Path) -> None:
    assert len(kept(path, [ours(UNDERVOLTAGE, 0)], [ours(UNDERVOLTAGE, 70)])) == 2


def test_events_are_found_by_kind_time_and_phase(path: Path) -> None:
    store = Store(path)
    store.device(METER, "electricity", "electricity")
    swap = Event(None, Received(NOON.timestamp() + 50, 1.0), "swap", None, "swapped", channel=1)
    with store.transaction():
        store.add_events(METER, 1, [ours(UNDERVOLTAGE, 0, 61.0), ours(UNDERVOLTAGE + 1, 100), swap])
    store.close()
    queries, noon = Queries(path), NOON.timestamp()
    words = {
        "all": [one["words"] for one in queries.events(METER, 10)],
        "kinds": [one["words"] for one in queries.events(METER, 10, kinds=["swap", "fraud"])],
        "phase": [one["words"] for one in queries.events(METER, 10, phase="L2")],
        "from": [one["words"] for one in queries.events(METER, 10, start=noon + 50)],
        "to": [one["words"] for one in queries.events(METER, 10, end=noon + 50)],
    }
    first = queries.events(METER, 1, phase="L1")[0]
    queries.close()
    sag, other = "undervoltage L1", "undervoltage L2"
    assert words == {
        "all": ["swapped", other, sag],
        "kinds": ["swapped"],
        "phase": [other],
        "from": ["swapped", other],
        "to": [sag],
    }
    assert (first["seconds"], first["value"], first["unit"]) == (61.0, 198.4, "V")


def words_of(house: House) -> list[str]:
    return [str(one[0]) for one in house.rows("event", "words")]


def test_what_we_tell_of_ourselves_is_saved_once(house: House) -> None:
    house.recorder.deliver([house.see(second(0, 0))])
    for words in (STARTED, KILLED, STARTED):
        house.recorder.happened(METER, own_event(words, Received(NOON.timestamp(), 0.0)))
    house.looked()
    house.looked()
    assert words_of(house) == [STARTED, KILLED, STARTED]
    assert {one[0] for one in house.rows("event", "moment")} == {int(NOON.timestamp())}


def test_it_waits_until_the_host_knows_the_time(path: Path) -> None:
    house = House(path, trusted=False)
    house.recorder.happened(METER, own_event(STARTED, Received(5.0, house.clock.monotonic(), known=False)))
    house.looked()
    assert words_of(house) == []
    house.trusted = True
    came = house.clock.wall()
    house.looked()
    house.looked()
    assert house.rows("event", "received") == [(came - WANTED_S,)]
    house.recorder.close()


def test_it_is_kept_without_a_time_where_the_host_never_knew_it(path: Path) -> None:
    house = House(path, trusted=False)
    house.recorder.happened(METER, own_event(STARTED, Received(5.0, 5.0, known=False)))
    house.recorder.close()
    assert house.rows("event", "words, received, moment") == [(STARTED, None, None)]


def test_of_too_many_the_oldest_go() -> None:
    box = OwnEvents()
    for number in range(WAITING_MOST + 3):
        box.put(METER, own_event(f"{number}", None))
    assert box.waiting()[0].event.words == "3"
    taken = box.waiting()[:2]
    box.put(METER, own_event("new", None))  # one goes that was taken and is not written yet
    box.written(taken)
    assert box.waiting()[0].event.words == "5"
