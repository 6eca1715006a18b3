"""The newest reading and its listeners: bounded, never blocking, ended by close."""

from __future__ import annotations

import threading

from p1monitor.live import QUEUE, RECENT_POINTS, Live
from p1monitor.p1.records import Received
from tests.webhouse import METER, reading_of


def test_a_listener_gets_what_comes_after_it() -> None:
    live = Live([METER])
    live.publish(reading_of(seq=1))
    subscription = live.subscribe(METER)
    live.publish(reading_of(seq=2))
    told = subscription.next(1)
    assert told is not None
    assert told.seq == 2
    assert subscription.next(0) is None
    latest = live.latest(METER)
    assert latest is not None
    assert latest.seq == 2


def test_a_slow_listener_loses_the_oldest() -> None:
    live = Live([METER])
    subscription = live.subscribe(METER)
    for seq in range(100):
        live.publish(reading_of(seq=seq))
    got = [reading.seq for reading in iter(lambda: subscription.next(0), None)]
    assert got == list(range(100 - QUEUE, 100))


def test_a_listener_that_left_is_forgotten() -> None:
    live = Live([METER])
    subscription = live.subscribe(METER)
    subscription.close()
    subscription.close()
    live.publish(reading_of())
    assert subscription.next(0) is None
    assert live._listeners[METER] == ()


def test_close_wakes_everybody_and_lets_nobody_wait_again() -> None:
    live = Live([METER])
    subscription = live.subscribe(METER)
    waiting = threading.Thread(target=subscription.next, args=(60,))
    waiting.start()
    live.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert live.subscribe(METER).closed


def test_the_last_ten_minutes_are_remembered_and_no_more() -> None:
    live = Live([METER])
    for second in range(2 * RECENT_POINTS):
        live.publish(reading_of({"1-0:1.7.0": (f"{second / 1000:06.3f}*kW",)}, received=Received(0.0, float(second))))
    recent = live.recent(METER, 1200.0)
    assert len(recent) == RECENT_POINTS
    assert recent[0] == (600.0, 600.0)
    assert recent[-1] == (1.0, 1199.0)
    assert live.recent(METER, 5000.0) == []
