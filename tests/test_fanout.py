"""The runner of sinks: nobody waits for anybody, every queue is bounded, every change is told once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import pytest

from p1monitor.fanout import Fanout, SinkRunner
from p1monitor.p1.framer import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading
from p1monitor.p1.telegram import parse
from p1monitor.sinks import Policy, SinkError
from p1monitor.status import Status
from p1monitor.trouble import RETRY_AFTER_MOST_S
from tests.clocks import Hands

QUICK: dict[str, Any] = {"retry_first_s": 0.01, "retry_most_s": 0.02}
DEADLINE_S = 5.0


def reading(seq: int) -> Reading:
    """A reading with a number."""
    return decode(parse(Frame(b"/T\r\n\r\n1-0:1.7.0(00.193*kW)\r\n!\r\n")))._replace(seq=seq)


class Fake:
    """A sink that does as it is told, and notes what it was given."""

    name = "fake"

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.calls: list[str] = []
        self.trouble: Callable[[], Exception | None] = lambda: None
        self.hang = Event()
        self.hang.set()

    def open(self) -> None:
        self.calls.append("open")
        if (error := self.trouble()) is not None:
            raise error

    def deliver(self, readings: Sequence[Reading]) -> None:
        self.hang.wait(DEADLINE_S)
        self.calls.append(f"deliver {len(readings)}")
        if (error := self.trouble()) is not None:
            raise error
        self.taken += [reading.seq for reading in readings]

    def close(self) -> None:
        self.calls.append("close")


def until(done: Callable[[], bool]) -> None:
    """Poll, with a deadline."""
    end = time.monotonic() + DEADLINE_S
    while not done():
        assert time.monotonic() < end, "not within the deadline"
        time.sleep(0.002)


def told(status: Status) -> dict[str, object]:
    """What the status says of the sink."""
    found: dict[str, object] = status.snapshot()["sinks"]["fake"]
    return found


def test_delivers_in_order_and_what_is_queued_at_the_end() -> None:
    sink, status = Fake(), Status("1")
    runner = SinkRunner(sink, Policy(live=False, queue=100, batch=7), status)
    for seq in range(30):
        runner.offer(reading(seq))
    runner.start()
    until(lambda: len(sink.taken) == 30)
    sink.hang.clear()
    runner.offer(reading(30))
    runner.offer(reading(31))
    sink.hang.set()
    assert runner.stop()
    assert sink.taken == list(range(32))
    assert sink.calls[0] == "open"
    assert sink.calls[-1] == "close"
    assert (told(status)["state"], told(status)["accepted"], told(status)["dropped"]) == ("stopped", 32, 0)


def test_a_full_queue_loses_its_oldest_and_counts_them() -> None:
    sink, status = Fake(), Status("1")
    runner = SinkRunner(sink, Policy(live=False, queue=10, batch=10), status)
    for seq in range(25):
        runner.offer(reading(seq))
    runner.start()
    until(lambda: len(sink.taken) == 10)
    runner.stop()
    assert sink.taken == list(range(15, 25))
    assert told(status)["dropped"] == 15


def test_what_waits_is_told() -> None:
    sink, status = Fake(), Status("1")
    sink.hang.clear()
    runner = SinkRunner(sink, Policy(live=False, queue=10, batch=2), status)
    runner.start()
    for seq in range(5):
        runner.offer(reading(seq))
    until(lambda: told(status)["queued"] == 5)  # those that are being delivered among them
    sink.hang.set()
    until(lambda: told(status)["queued"] == 0)
    runner.stop()


def test_a_server_that_asks_for_patience_gets_it() -> None:
    sink, status, clock = Fake(), Status("1"), Hands()
    errors = iter([None, SinkError("later", retry_after=120.0), SinkError("later", retry_after=1e9)])
    sink.trouble = lambda: next(errors, None)
    runner = SinkRunner(sink, Policy(live=False, queue=9), status, clock)
    runner.offer(reading(1))
    runner.start()
    until(lambda: sink.taken == [1])
    runner.stop()
    assert clock.now == 1000.0 + 120.0 + RETRY_AFTER_MOST_S


def test_a_hanging_sink_delays_nobody() -> None:
    stuck, well, status = Fake(), Fake(), Status("1")
    stuck.hang.clear()
    well.name = "well"
    runners = [SinkRunner(sink, Policy(live=True, queue=5), status) for sink in (stuck, well)]
    fanout = Fanout([], runners)
    for runner in runners:
        runner.start()
    for seq in range(200):
        fanout.publish(reading(seq))
        until(lambda seq=seq: len(well.taken) == seq + 1)  # type: ignore[misc]
    assert stuck.taken == []
    assert runners[0].stop(timeout=0.05) is False
    stuck.hang.set()
    assert runners[1].stop()


def test_a_durable_sink_gets_the_same_readings_again(caplog: pytest.LogCaptureFixture) -> None:
    sink, status = Fake(), Status("1")
    errors = iter([SinkError("the server is away")] * 3)
    sink.trouble = lambda: next(errors, None)
    runner = SinkRunner(sink, Policy(live=False, queue=100, batch=100, **QUICK), status)
    with caplog.at_level(logging.INFO):
        for seq in range(4):
            runner.offer(reading(seq))
        runner.start()
        until(lambda: len(sink.taken) == 4)
        runner.stop()
    assert sink.taken == [0, 1, 2, 3]
    assert [record.getMessage() for record in caplog.records] == ["fake: the server is away", "fake: working again"]
    assert told(status)["retries"] == 3
    assert told(status)["last_error"] == "the server is away"


def test_a_live_sink_skips_to_the_newest() -> None:
    sink, status = Fake(), Status("1")
    away = Event()
    away.set()
    runner = SinkRunner(sink, Policy(live=True, queue=3, batch=1, **QUICK), status)
    runner.start()
    until(lambda: sink.calls == ["open"])
    sink.trouble = lambda: SinkError("the broker is away") if away.is_set() else None
    for seq in range(20):
        runner.offer(reading(seq))
    until(lambda: told(status)["dropped"] == 20)
    away.clear()
    runner.offer(reading(20))
    until(lambda: sink.taken == [20])
    runner.stop()


def test_of_a_batch_that_is_refused_for_good_only_the_culprits_are_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    sink, status = Fake(), Status("1")
    bad = {23, 24, 77}
    deliver = sink.deliver

    def picky(readings: Sequence[Reading]) -> None:
        if any(reading.seq in bad for reading in readings):
            raise SinkError("that is no number", permanent=True)
        deliver(readings)

    sink.deliver = picky  # type: ignore[method-assign]
    runner = SinkRunner(sink, Policy(live=False, durable=True, queue=100, batch=50, **QUICK), status)
    for seq in range(100):
        runner.offer(reading(seq))
    runner.start()
    until(lambda: len(sink.taken) == 97)
    runner.stop()
    assert sink.taken == [seq for seq in range(100) if seq not in bad]
    assert (told(status)["accepted"], told(status)["set_aside"], told(status)["dropped"]) == (97, 3, 0)
    assert str(told(status)["last_set_aside"]).startswith("reading 77 of ")
    assert str(told(status)["last_set_aside"]).endswith("that is no number")
    assert caplog.text.count("that is no number") == 1


def test_batches_shrink_where_a_server_takes_less_and_grow_again() -> None:
    sink, status = Fake(), Status("1")
    sizes = list[int]()
    deliver = sink.deliver

    def narrow(readings: Sequence[Reading]) -> None:
        sizes.append(len(readings))
        if len(readings) > 20 and len(sink.taken) < 400:
            raise SinkError("too large", permanent=True)
        deliver(readings)

    sink.deliver = narrow  # type: ignore[method-assign]
    runner = SinkRunner(sink, Policy(live=False, durable=True, queue=1000, batch=500, **QUICK), status)
    for seq in range(1000):
        runner.offer(reading(seq))
    runner.start()
    until(lambda: len(sink.taken) == 1000)
    runner.stop()
    assert sink.taken == list(range(1000))
    assert told(status)["set_aside"] == 0
    assert sizes[:4] == [64, 32, 16, 21]
    assert max(sizes[-5:]) > 64


def test_after_a_timeout_fewer_go_at_once() -> None:
    sink, status = Fake(), Status("1")
    errors = iter([None, SinkError("no answer", too_many=True), SinkError("no answer", too_many=True)])
    sink.trouble = lambda: next(errors, None)
    runner = SinkRunner(sink, Policy(live=False, durable=True, queue=99, batch=50, **QUICK), status)
    for seq in range(40):
        runner.offer(reading(seq))
    runner.start()
    until(lambda: len(sink.taken) == 40)
    runner.stop()
    assert sink.calls[1:4] == ["deliver 40", "deliver 20", "deliver 10"]


def test_readings_that_are_refused_for_good_are_dropped() -> None:
    sink, status = Fake(), Status("1")
    errors = iter([None, SinkError("that is no number", permanent=True)])
    sink.trouble = lambda: next(errors, None)
    runner = SinkRunner(sink, Policy(live=False, queue=9, batch=1, **QUICK), status)
    runner.offer(reading(1))
    runner.offer(reading(2))
    runner.start()
    until(lambda: sink.taken == [2])
    runner.stop()
    assert told(status)["dropped"] == 1


def test_an_unexpected_error_is_told_with_its_traceback_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    sink, status = Fake(), Status("1")
    errors = iter([None, ZeroDivisionError("oh")])
    sink.trouble = lambda: next(errors, None)
    runner = SinkRunner(sink, Policy(live=False, queue=9, **QUICK), status)
    runner.offer(reading(1))
    runner.start()
    until(lambda: sink.taken == [1])
    runner.stop()
    assert "ZeroDivisionError: oh" in caplog.text
    assert "Traceback" in caplog.text


def test_the_heartbeat_is_a_delivery_of_nothing() -> None:
    sink, status = Fake(), Status("1")
    runner = SinkRunner(sink, Policy(live=True, queue=9, heartbeat_s=0.01), status)
    runner.start()
    until(lambda: sink.calls.count("deliver 0") >= 3)
    runner.stop()
    assert told(status)["accepted"] == 0


def test_waits_for_a_batch_to_fill() -> None:
    sink, status = Fake(), Status("1")
    runner = SinkRunner(sink, Policy(live=False, queue=99, batch=4, gather_s=DEADLINE_S), status)
    runner.start()
    for seq in range(4):
        runner.offer(reading(seq))
    until(lambda: sink.calls == ["open", "deliver 4"])
    runner.offer(reading(4))
    runner.stop()
    assert sink.calls == ["open", "deliver 4", "deliver 1", "close"]


def test_open_is_tried_again_and_close_comes_even_if_it_never_worked() -> None:
    sink, status = Fake(), Status("1")
    sink.trouble = lambda: SinkError("the port is taken")
    runner = SinkRunner(sink, Policy(live=True, queue=9, **QUICK), status)
    runner.start()
    until(lambda: sink.calls.count("open") >= 3)
    assert told(status)["state"] == "retrying"
    assert runner.stop()
    assert sink.calls[-1] == "close"
