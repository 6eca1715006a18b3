"""A sink's thread outlives what readers do beside it, and what nobody expected of a reading."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event, Thread

import pytest

from p1monitor import fanout
from p1monitor.fanout import SinkRunner
from p1monitor.p1.records import Reading
from p1monitor.sinks import Policy, SinkError
from p1monitor.status import Status
from p1monitor.trouble import Aside
from tests.test_fanout import QUICK, Fake, reading, told, until


class Interrupted(deque[Reading]):
    """A queue at which another thread gets its turn as soon as somebody looks."""

    looked, turn_s = Event(), 0.05

    def __iter__(self) -> Iterator[Reading]:
        found = super().__iter__()
        self.looked.set()
        Event().wait(self.turn_s)
        return found


def test_a_reading_that_comes_while_the_queue_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "deque", Interrupted)
    sink, status = Fake(), Status("1")
    runner = SinkRunner(sink, Policy(live=False, queue=9), status)
    runner.offer(reading(1))
    Interrupted.looked.clear()
    runner.start()
    until(lambda: sink.taken == [1])

    def offer() -> None:
        Interrupted.looked.wait(1.0)
        runner.offer(reading(2))

    meter = Thread(target=offer)
    meter.start()
    until(lambda: sink.taken == [1, 2])
    meter.join()
    assert runner.stop()
    assert told(status)["retries"] == 0


class Lunar(datetime):
    """A moment that nobody can count."""

    def timestamp(self) -> float:
        raise ZeroDivisionError("which moon?")


def test_a_fault_about_one_reading_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    sink, status = Fake(), Status("1")
    runner = SinkRunner(sink, Policy(live=False, durable=True, queue=9, **QUICK), status)
    runner.offer(reading(1)._replace(at=Lunar(2026, 1, 12, tzinfo=UTC)))
    runner.start()
    until(lambda: "which moon?" in caplog.text)
    runner.offer(reading(2)._replace(at=datetime(2026, 1, 12, tzinfo=UTC)))
    until(lambda: sink.taken == [2])
    assert told(status)["state"] == "ok"
    assert runner.stop()


def test_a_server_that_quotes_each_point_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    status = Status("1")
    aside = Aside("fake", status)
    for seq in range(10):
        aside.put([reading(seq)], SinkError(f"refuses the points (422): p1 power_w={seq - 5}.25 {1790000000 + seq} is too old"))
        aside.put([reading(seq)], SinkError("refuses the points (422): gas is no float"))
    assert caplog.text.count("set aside") == 2
    assert told(status)["set_aside"] == 20
