from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from p1monitor.care.backup import backup, restore
from p1monitor.recorder import Store, StoreError
from p1monitor.recorder.forward import COPY
from p1monitor.recorder.schema import APPLICATION, STEPS
from p1monitor.recorder.verify import faults
from tests.archiving import HOUR_S, folder, lived, old, path
from tests.cutting import Life, kept_of, samples
from tests.test_schema import counted, version_1

__all__ = ["folder", "lived", "old", "path"]  # fixtures


def sums(path: Path) -> list[tuple[object, ...]]:
    """Every row of every profile."""
    tables = ("minute", "load_profile", "daily_profile", "billing_profile", "mbus_profile")
    with closing(sqlite3.connect(path)) as db:
        return [row for table in tables for row in db.execute(f"SELECT * FROM {table}").fetchall()]


def test_a_backup_under_load_is_whole_and_restores_to_the_same_sums(path: Path, tmp_path: Path) -> None:
    """Hours are sealed, and the journal changes hands, while it is copied again and again."""
    life = Life(path, step=120)
    life.second()
    done, wrote = threading.Event(), threading.Event()

    def write() -> None:
        while not done.is_set():
            life.second()
            wrote.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        copies = []
        for number in range(6):
            seen = life.now
            copies.append((tmp_path / f"copy{number}.sqlite", seen))
            backup(path, copies[-1][0])
            while life.now < seen + HOUR_S // 2:  # however quick a backup is
                wrote.clear()
                assert wrote.wait(10)
    finally:
        done.set()
        thread.join()
    assert life.now > 2 * HOUR_S
    life.recorder.close()
    every = kept_of(path)
    for copy, seen in copies:
        found = kept_of(copy)
        assert list(found) == list(range(1, len(found) + 1))
        assert {seq: kept.frame for seq, kept in found.items()} == {seq: every[seq].frame for seq in found}
        assert len(found) >= seen // 120
        assert samples(copy) == len(found)
        home = copy.with_suffix("") / "history.sqlite"
        home.parent.mkdir()
        restore(copy, home)
        assert sums(home) == sums(copy)
        assert not list(faults(home))
        last = Life(home, begin=life.now)  # and a daemon goes on in it
        assert last.second() == len(found) + 1
        last.recorder.close()
    assert not list(tmp_path.glob("*.part*"))


def test_a_backup_has_what_the_daemon_would_have_kept(path: Path, tmp_path: Path) -> None:
    """Closed right after the backup, the history has the same rows as the backup, whatever the configuration at hand says."""
    life = Life(path, step=30)
    while life.now < HOUR_S + 700:
        life.second()
    backup(path, tmp_path / "copy.sqlite", minutes=60)
    life.recorder.close()
    assert sums(tmp_path / "copy.sqlite") == sums(path)


def test_a_backup_is_one_file_and_never_written_over_unasked(lived: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(b"mine")
    with pytest.raises(StoreError, match="--force"):
        backup(lived, copy)
    assert copy.read_bytes() == b"mine"
    backup(lived, copy, force=True)
    assert [one.name for one in tmp_path.glob("copy*")] == ["copy.sqlite"]
    with pytest.raises(StoreError, match="history itself"):
        backup(lived, lived, force=True)


def test_a_damaged_history_gives_no_backup_and_a_damaged_backup_no_history(lived: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    backup(lived, copy)
    with closing(sqlite3.connect(copy)) as db:
        db.execute("UPDATE archive SET block = x'0102'")
        db.commit()
    before = lived.read_bytes()
    with pytest.raises(StoreError, match="is not whole"):
        restore(copy, lived)
    assert lived.read_bytes() == before
    copy.unlink()
    with closing(sqlite3.connect(lived)) as db:
        db.execute("UPDATE archive SET block = x'0102'")
        db.commit()
    with pytest.raises(StoreError, match="is not whole"):
        backup(lived, copy)
    assert not list(tmp_path.glob("copy*"))


def test_restore_keeps_the_old_one_and_waits_for_the_daemon_to_stop(path: Path, tmp_path: Path) -> None:
    life = Life(path, step=30)
    life.second()
    copy = tmp_path / "copy.sqlite"
    backup(path, copy)
    with pytest.raises(StoreError, match="another p1monitor writes"):
        restore(copy, path)
    life.second()
    life.recorder.close()
    restore(copy, path)
    assert len(kept_of(path)) == 1
    assert len(kept_of(path.with_name("history.sqlite.old"))) == 2
    assert not list(faults(path))


def test_what_a_killed_daemon_left_in_memory_goes_aside_too(path: Path, tmp_path: Path) -> None:
    life = Life(path)
    life.second()
    copy = tmp_path / "copy.sqlite"
    backup(path, copy)
    for _ in range(9):
        life.second()
    life.store._db.close()  # killed: nothing is saved, the lock goes
    os.close(life.store._claim)
    restore(copy, path)
    assert len(kept_of(path)) == 1
    assert len(kept_of(path.with_name("history.sqlite.old"))) == 10


# Steps


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_a_history_of_every_step_opens_and_is_copied_before_it_changes(tmp_path: Path, version: int) -> None:
    path = tmp_path / "history.sqlite"
    version_1(path)
    with closing(sqlite3.connect(path)) as db:
        for number, step in enumerate(STEPS[1:version], 2):
            db.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
    stale = tmp_path / f"history.sqlite{COPY}0"
    stale.touch()
    before = counted(path)
    Store(path).close()
    assert counted(path) == before
    copy = tmp_path / f"history.sqlite{COPY}{version}"
    assert copy.exists() == (version < len(STEPS))
    if copy.exists():
        assert not stale.exists()
        assert counted(copy) == before
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (version,)
            assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION,)


def test_without_room_for_a_copy_a_history_is_not_brought_forward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.sqlite"
    version_1(path)
    before = path.read_bytes()
    monkeypatch.setattr("p1monitor.recorder.forward.ROOM_TIMES", 10**12)
    with pytest.raises(StoreError, match="no room for a copy"):
        Store(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(f"*{COPY}*"))
