"""A meter, its recorder, and a durable sink behind them; and what its archive says that the sink should have. Never judges."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from p1monitor.care.export import lines
from p1monitor.clock import SYSTEM, Clock
from p1monitor.fanout import SinkRunner
from p1monitor.owing import owing
from p1monitor.p1.records import Reading
from p1monitor.recorder.reading_back import EVER, Past
from p1monitor.settings import InfluxSettings
from p1monitor.sinks import Policy, Sink, influxdb
from p1monitor.status import Status
from tests.cutting import METER, Life
from tests.influxkit import HOUSE

#: How long anything may take on a busy machine.
PATIENCE_S = 30.0
#: A test waits for no server's nerves.
QUICK: dict[str, Any] = {"retry_first_s": 0.01, "retry_most_s": 0.02, "gather_s": 0.0}

#: (role, field) -> milliseconds -> value
Points = dict[tuple[str, str], dict[int, float]]


class Home:
    """One run of the daemon, on a clock that the test moves."""

    def __init__(
        self, path: Path, sink: Sink, policy: Policy, begin: int = 0, step: int = 1, clock: Clock = SYSTEM, noted: str = ""
    ) -> None:
        """`noted` is a cursor of before."""
        self.life = Life(path, begin, step)
        if noted:
            self.life.store.note(f"cursor:{policy.place}:{METER}", noted)
        self.status = Status("1")
        kept, cursors = self.life.recorder, self.life.cursors
        self.owing = owing(policy, [METER], self.life.store, kept.kept_to, cursors, lambda _: "auto", kept.stamp)
        self.life.store.opened_for([METER])  # as the daemon does: what was noted is in the file
        self.runner = SinkRunner(sink, policy, self.status, clock, self.owing)

    def start(self) -> Home:
        self.runner.start()
        return self

    def live(self, number: int) -> list[Reading]:
        """So many readings, recorded and offered."""
        found = []
        for _ in range(number):
            self.life.second()
            self.runner.offer(self.life.newest)
            found.append(self.life.newest)
        return found

    def told(self) -> dict[str, Any]:
        sinks: dict[str, dict[str, Any]] = self.status.snapshot()["sinks"]
        return next(iter(sinks.values()))

    def caught_up(self) -> None:
        until(lambda: self.told()["behind"] == 0 and self.told()["queued"] == 0)

    def close(self) -> None:
        """As the daemon does."""
        assert self.runner.stop()
        self.life.recorder.close()

    def killed(self) -> None:
        """No cursor is saved; the journal's tail stays."""
        self.life.cursors.notes().clear()
        self.life.recorder._notes = dict
        self.close()


def influx(url: str, **more: Any) -> tuple[Sink, Policy]:
    """The real sink, and how it is run."""
    settings = InfluxSettings(url, "home", "energy", **more)
    return influxdb.build(settings, HOUSE), replace(influxdb.policy(settings), **QUICK)


def until(done: Callable[[], object]) -> None:
    """Poll, with a deadline."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, "not within the deadline"
        time.sleep(0.005)


def archived(path: Path) -> Points:
    """The points of all that is in a history and its journal."""
    past = Past(path)
    try:
        return points(line.decode() for line in lines(past, "readings", "influx", None, EVER, lambda _: None))
    finally:
        past.close()


def points(found: Any) -> Points:
    """Lines as points; a point that stands twice must stand alike."""
    told: Points = defaultdict(dict)
    for line in found:
        head, fields, at = line.strip().rsplit(" ", 2)
        role = head.partition("role=")[2]
        for field in fields.split(","):
            name, _, value = field.partition("=")
            assert told[role, name].setdefault(int(at), float(value)) == float(value), line
    return told


def stored(export: Sequence[dict[str, Any]]) -> Points:
    """What VictoriaMetrics exported; of a long series it makes several."""
    told: Points = defaultdict(dict)
    for one in export:
        series = one["metric"]["role"], one["metric"]["__name__"].removeprefix("p1_")
        told[series] |= dict(zip(one["timestamps"], one["values"], strict=True))
    return told
