"""A card that does not come back from a sync: an hour of readings waits for it, then the oldest go, counted and marked."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from p1monitor.fanout import SinkRunner
from p1monitor.p1.records import Reading, Received
from p1monitor.recorder import POLICY, Store, build
from p1monitor.recorder.levels import Bit
from p1monitor.settings import HistorySettings
from p1monitor.status import Status
from tests.archiving import folder, path
from tests.clocks import Hands
from tests.cutting import kept_of
from tests.lines import until
from tests.readings import reading
from tests.staged import rows_of

__all__ = ["folder", "path"]  # fixtures

BEGIN = int(datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp())
#: Seconds before the card stalls; what more comes than there is room for.
BEFORE, LOST = 600, 900


def second(number: int) -> Reading:
    at = datetime.fromtimestamp(BEGIN, UTC) + timedelta(seconds=number)
    one = reading(at, received=Received(at.timestamp(), float(number)), energy_import_kwh=f"{number / 1000:.3f}", power_w=3600)
    return one._replace(seq=number)


def test_a_card_that_stalls_is_waited_for_and_then_the_oldest_readings_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stalls, stalled, goes_on = [False], Event(), Event()
    fdatasync = os.fdatasync

    def card(file: int) -> None:
        if stalls[0]:
            stalled.set()
            assert goes_on.wait(30)
        fdatasync(file)

    clock, status = Hands(float(BEGIN)), Status("test")
    recorder = build(HistorySettings(path=path), Store(path), clock=clock, trusted=lambda: True)
    runner = SinkRunner(recorder, POLICY, status, clock)
    monkeypatch.setattr(os, "fdatasync", card)
    for number in range(1, BEFORE + 1):
        runner.offer(second(number))
    runner.start()
    until(lambda: status.snapshot()["sinks"]["recorder"].get("accepted") == BEFORE)
    stalls[0] = True
    clock.now += 60
    runner.offer(second(BEFORE + 1))
    assert stalled.wait(30)
    last = BEFORE + 1 + LOST + POLICY.queue
    for number in range(BEFORE + 2, last + 1):
        runner.offer(second(number))
    told = status.snapshot()["sinks"]["recorder"]
    assert (told["dropped"], told["queued"]) == (LOST, POLICY.queue + 1)
    goes_on.set()
    assert runner.stop(60)
    assert kept_of(path).keys() == set(range(1, last + 1)) - set(range(BEFORE + 2, BEFORE + 2 + LOST))
    quarters = {int(str(row[3])) - BEGIN: (int(str(row[4])) & Bit.DNV, row[5]) for row in rows_of(path)["load_profile"]}
    assert quarters[900] == (Bit.DNV, BEFORE + 1)
    assert quarters[1800] == (Bit.DNV, 1800 - (BEFORE + 1) - LOST)
    assert {quarters[end] for end in (2700, 3600, 4500)} == {(0, 900)}
