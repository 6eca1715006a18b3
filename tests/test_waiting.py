"""Readings of a meter without a clock that wait for the host's: in the journal, over stops and kills of the daemon."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from p1monitor.p1.records import Event, Reading, Received
from p1monitor.p1.scenes import Scene
from p1monitor.recorder.kept import verdict
from p1monitor.recorder.reading_back import EVER, telegrams
from p1monitor.recorder.verify import faults
from p1monitor.recorder.waiting import from_bytes, to_bytes
from tests.archiving import folder, path
from tests.meter_with_gas import reading
from tests.staged import Staged, rows_of

__all__ = ["folder", "path"]  # fixtures

BEGIN = int(datetime(2026, 1, 15, 12, 0, 5, tzinfo=UTC).timestamp())
STEP_S = 10
SCENES = (Scene("message", BEGIN + 300, 900),)


def events(path: Path) -> list[tuple[object, ...]]:
    """Without their words: those of a host that knew the time tell more."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT kind, seq > 0, at, cast(received AS INTEGER) FROM event ORDER BY id").fetchall()


def usual(path: Path) -> Staged:
    """The same life without any trouble."""
    life = Staged(path.with_name("usual.sqlite"), "dsmr22", BEGIN, SCENES)
    life.run(3600, STEP_S)
    life.recorder.close()
    return life


@pytest.mark.parametrize("end", ["kill", "close"])
@pytest.mark.parametrize("again", [0, 1, 2])
def test_readings_that_wait_outlive_the_daemon(path: Path, end: str, again: int) -> None:
    """Ended, and more than once, before the host knew the time: then all is as if it had always known."""
    frames, now = list[bytes](), BEGIN
    for _ in range(again + 1):
        life = Staged(path, "dsmr22", now, SCENES, ahead=None)
        life.run(1200 // (again + 1), STEP_S)
        life.kill() if end == "kill" else life.recorder.close()
        frames, now = frames + life.frames, life.now
        assert rows_of(path)["minute"] == []
        assert list(telegrams(path, None, *EVER)) == frames
    last = Staged(path, "dsmr22", now, SCENES, ahead=None)
    last.run(600, STEP_S)
    last.set_clock()
    last.run(3600 - (last.now - BEGIN), STEP_S)
    last.recorder.close()
    assert not last.counted
    other = usual(path)
    assert list(telegrams(path, None, *EVER)) == frames + last.frames == other.frames
    assert rows_of(path) == rows_of(other.store.path)
    assert events(path) == events(other.store.path)
    assert [kind for kind, *_ in events(path)] == ["message"] * 4
    assert not list(faults(path))


def test_after_a_start_of_the_host_nobody_knows_when_they_came(path: Path) -> None:
    life = Staged(path, "dsmr22", BEGIN, ahead=None)
    life.run(600, STEP_S)
    life.kill()
    last = Staged(path, "dsmr22", BEGIN + 900, boot="two")
    last.run(600, STEP_S)
    last.recorder.close()
    assert last.counted == {"held": 60}
    assert list(telegrams(path, None, *EVER)) == last.frames


def test_those_that_have_their_stamp_wait_no_more(path: Path) -> None:
    """Killed right after the host was told the time: each reading is there twice, with and without a stamp."""
    life = Staged(path, "dsmr22", BEGIN, ahead=None)
    life.run(600, STEP_S)
    life.set_clock()
    life.run(60, STEP_S)
    life.kill()
    last = Staged(path, "dsmr22", life.now)
    last.run(7200, STEP_S)
    last.recorder.close()
    assert list(telegrams(path, None, *EVER)) == life.frames + last.frames
    assert sum(int(str(row[5])) for row in rows_of(path)["daily_profile"]) == len(life.frames + last.frames)


@pytest.mark.parametrize("at", [None, datetime(2026, 1, 10, 12, 0, 1, tzinfo=UTC)])
def test_a_reading_without_a_stamp_comes_back_of_its_bytes(at: datetime | None) -> None:
    received = Received(12.5, 900.25, known=False)
    told = (
        Event(at, received, "message", 42, "words „x“", None, None, since=BEGUN),
        Event(None, None, "swap", None, "", "l1", 2),
    )
    one: Reading = reading(7)._replace(at=at, events=told)
    kept, came, boot, happened = from_bytes(to_bytes(one, received, "boot"))
    assert (kept.seq, kept.frame, kept.crc, kept.verdict) == (7, one.frame, "valid", verdict(one))
    assert kept.at == (int(at.timestamp()) if at else 0)
    assert (came, boot, happened) == (received, "boot", told)


BEGUN = datetime(2026, 1, 10, 11, tzinfo=UTC)


def test_bytes_of_another_program_are_told() -> None:
    with pytest.raises(ValueError, match="a record of"):
        from_bytes(b"x")
