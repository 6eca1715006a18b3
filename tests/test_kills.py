"""Kills and power cuts at random moments; `make endure` has two hundred of each."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from p1monitor.daemon import Daemon
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.recorder.verify import faults
from p1monitor.settings import HistorySettings, MeterSettings, Settings, SourceSettings
from tests.archiving import folder, moments, path
from tests.cutting import METER, Life, cut, kept_of, killed, samples
from tests.lines import until

__all__ = ["folder", "path"]  # fixtures


def test_kills_lose_nothing(path: Path) -> None:
    assert "none lost" in killed(path, iter((0.02, 0.3, 0.7)))


def test_power_cuts_lose_no_more_than_was_promised(tmp_path: Path) -> None:
    assert cut(tmp_path / "cuts", 6, 3)


def test_a_kill_forgets_nothing_that_was_observed(path: Path) -> None:
    life = Life(path)
    for _ in range(30):
        life.second()
    again = Life(path.with_name("other.sqlite"))  # the same without a kill
    for _ in range(31):
        again.second()
    shutil.copy(path, path.with_name("killed.sqlite"))
    os.close(life.store._claim)
    life.archive.journal.close()
    after = Life(path, begin=30)
    assert after.entered == 30
    assert after.memory._replace(seq=30).totals == life.memory.totals
    assert after.memory.marks.keys() == life.memory.marks.keys()
    after.second()
    assert after.memory.totals == again.memory.totals


def test_the_daemon_goes_on_where_it_was_killed(path: Path, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    life = Life(path)
    for _ in range(30):
        life.second()
    os.close(life.store._claim)
    sent = folder / "sent.txt"
    sent.write_bytes(b"".join(render(MODELS["esmr5"].telegram(one, 0)) for one in moments(30, 40, 1)))
    source = SourceSettings(type="replay", path=sent, speed=None)
    settings = Settings((MeterSettings(name=METER, source=source),), HistorySettings(path=path), web=None)
    with caplog.at_level(logging.INFO):
        daemon = Daemon(settings)
    assert "30 readings of before were in its journal only" in caplog.text
    with daemon:
        until(daemon.ended)
    assert samples(path) == 40
    assert len(kept_of(path)) == 40
    assert not list(faults(path))
