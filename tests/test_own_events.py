"""What p1monitor tells of itself: starts, stops and kills of the daemon, links that are lost and regained."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from p1monitor.daemon import Daemon
from p1monitor.news import LOST, LOST_S, REGAINED
from p1monitor.observer import Memory
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.reader import Reader
from p1monitor.settings import HistorySettings, MeterSettings, Settings, SourceSettings
from p1monitor.sources import SourceError
from p1monitor.status import Status
from tests.archiving import moments
from tests.lines import FakeClock, dsmr5, until
from tests.readerkit import METER, Script, Step


class Listener:
    """A reader, and what it tells."""

    def __init__(self, *lives: list[Step] | SourceError) -> None:
        self.clock = FakeClock()
        self.script = Script(self.clock, *lives)
        self.told: list[tuple[str, float | None]] = []
        status = Status("test", self.clock)
        self.reader = Reader(METER, self.script, lambda _: None, status, Memory(), clock=self.clock, tell=self._tell)

    def _tell(self, meter: str, words: str, seconds: float | None) -> None:
        assert meter == METER.name
        self.told.append((words, seconds))

    def play(self, done: Callable[[], object]) -> Sequence[tuple[str, float | None]]:
        self.reader.start()
        until(done)
        assert self.reader.stop()
        return self.told


def gone(times: int) -> list[SourceError]:
    return [SourceError("unplugged")] * times


def test_a_link_that_is_lost_for_a_while_is_told_and_when_it_comes_again() -> None:
    one = Listener([dsmr5(0), SourceError("unplugged")], *gone(6), [dsmr5(1), 1.0, dsmr5(2)])
    (lost, seconds), (regained, gap) = one.play(lambda: len(one.told) > 1 or one.reader.ended)[:2]
    assert (lost, seconds, regained) == (LOST, None, REGAINED)
    assert gap is not None
    assert gap == pytest.approx(one.script.opened[7] - one.script.opened[0])


def test_a_link_that_is_back_at_once_is_no_event() -> None:
    one = Listener([dsmr5(0), SourceError("unplugged")], *gone(2), [dsmr5(1), 1.0, dsmr5(2)])
    one.play(lambda: one.script.proofs >= 3 or one.reader.ended)
    assert one.script.opened[3] - one.script.opened[0] < LOST_S
    assert REGAINED not in [words for words, _ in one.told]


def test_a_meter_that_never_spoke_has_no_link_to_lose() -> None:
    one = Listener(*gone(9))
    assert one.play(lambda: len(one.script.opened) > 8) == []


def own(path: Path) -> list[str]:
    """Without the version."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT words FROM events WHERE kind = 'p1monitor' ORDER BY rowid").fetchall()
    return [re.sub(r" \d+\.\d+\.\d+\S*", "", words) for (words,) in rows]


def test_starts_stops_and_kills_are_in_the_book(tmp_path: Path) -> None:
    path, sent = tmp_path / "history.sqlite", tmp_path / "sent.txt"
    sent.write_bytes(b"".join(render(MODELS["esmr5"].telegram(one, 0)) for one in moments(0, 5, 1)))
    source = SourceSettings(type="replay", path=sent, speed=None)
    settings = Settings((MeterSettings(source=source),), HistorySettings(path=path), web=None)
    for _ in range(2):
        with Daemon(settings) as daemon:
            until(daemon.ended)
    started, stopped = "p1monitor started", "p1monitor stopped"
    assert own(path) == [started, stopped] * 2
    with closing(sqlite3.connect(path)) as db:  # as a kill leaves it
        db.execute("UPDATE note SET value = 'runs' WHERE key = 'life'")
        db.commit()
    with Daemon(settings) as daemon:
        until(daemon.ended)
    killed = "p1monitor started again: it had been killed, or the power went"
    assert own(path) == [*[started, stopped] * 2, killed, stopped]


def test_a_daemon_that_runs_says_so_in_its_history(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    settings = Settings(
        (MeterSettings(source=SourceSettings(type="simulated", model="esmr5")),), HistorySettings(path=path), web=None
    )

    def life() -> object:
        with closing(sqlite3.connect(path)) as db:
            return db.execute("SELECT value FROM note WHERE key = 'life'").fetchone()

    with Daemon(settings):
        assert life() == ("runs",)
    assert life() == ("ended",)
