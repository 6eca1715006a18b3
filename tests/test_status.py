"""Health and counters."""

from __future__ import annotations

import json

from p1monitor.status import STALE_LEAST_S, Status
from tests.clocks import Hands


def test_counts_by_meter_sink_and_reason() -> None:
    status = Status("1.2", Hands())
    assert status.count("refused:crc", meter="home") == 1
    assert status.count("refused:crc", 2, meter="home") == 3
    status.count("refused:noise", meter="home")
    status.count("accepted", 5, sink="mqtt")
    status.set("source", "serial /dev/p1", meter="barn")
    told = status.snapshot()
    assert told["meters"]["home"]["refused"] == {"crc": 3, "noise": 1}
    assert told["meters"]["barn"]["refused"] == {}
    assert told["meters"]["barn"]["source"] == "serial /dev/p1"
    assert told["sinks"]["mqtt"]["accepted"] == 5
    assert json.loads(json.dumps(told)) == told


def test_a_snapshot_does_not_change_afterwards() -> None:
    status = Status("1", Hands())
    status.count("refused:crc", meter="home")
    before = status.snapshot()
    status.count("refused:crc", meter="home")
    assert before["meters"]["home"]["refused"] == {"crc": 1}


def test_age_and_staleness() -> None:
    clock = Hands()
    status = Status("1", clock)
    assert status.age("home") is None
    assert status.stale("home")
    status.telegram("home")
    clock.now += 29
    assert status.age("home") == 29
    assert not status.stale("home")  # the slowest meters send every ten seconds
    status.set("period_s", 1.0, meter="home")
    assert status.stale_after("home") == STALE_LEAST_S
    assert status.stale("home")
    status.telegram("home")
    assert not status.stale("home")
    assert status.snapshot()["meters"]["home"]["telegrams"] == 2
