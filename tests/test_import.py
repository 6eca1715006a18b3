from __future__ import annotations

import gzip
import itertools
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from p1monitor.care.incoming import beside
from p1monitor.care.merging import merge
from p1monitor.care.sealing import seal as sealed
from p1monitor.p1.frames import Frame
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import Queries, Store
from p1monitor.recorder.reading_back import EVER, telegrams
from p1monitor.recorder.rows import QUALITY
from p1monitor.recorder.verify import faults
from tests.archiving import HOUR_S, folder, lived, moments, old, path
from tests.cutting import NOON, Life, kept_of
from tests.test_backup import sums
from tests.test_verify import runs

__all__ = ["folder", "lived", "old", "path"]  # fixtures

T0 = int(NOON.timestamp())
#: What the hours and days were like.
SUMMARY = """SELECT seconds, "end", start, samples, names, hex(numbers) FROM summary JOIN summary_layout l ON l.id = layout
    ORDER BY seconds, "end" """


def log(begin: int, end: int, step: int = 30) -> bytes:
    """Telegrams of the same meter, from so many seconds after noon."""
    return b"".join(render(MODELS["esmr5"].telegram(moment, 0)) for moment in moments(begin, end, step))


def rows(history: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(history)) as db:
        return db.execute(sql).fetchall()


def totals(history: Path, start: int, end: int) -> dict[str, dict[str, float | None]]:
    queries = Queries(history)
    found = queries.used("home", start, end)
    queries.close()
    return found


def register(at: int) -> float:
    """What the meter has counted so many seconds after noon."""
    frame = render(MODELS["esmr5"].telegram(NOON + timedelta(seconds=at), 0))
    value = decode(parse(Frame(frame)), None).values["energy_import_kwh"].value
    assert isinstance(value, Decimal)
    return float(value)


# Telegrams


def test_a_telegram_log_in_an_empty_history_is_what_recording_would_have_made_of_it(old: Path, lived: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.txt"
    assert runs("export", "--telegrams", "--history", lived, "-o", out)[0] == 0
    other = tmp_path / "other" / "history.sqlite"
    code, told = runs("import", "--history", other, out)
    assert code == 0, told
    assert "380 telegrams" in told
    assert "no gap" in told
    assert b"".join(telegrams(other, None, *EVER)) == out.read_bytes()
    assert runs("verify", "--history", other) == (0, "")
    numbers = "energy_import_wh, energy_export_wh, power_sum_w, powers, registers_at"
    for table in ("load_profile", "daily_profile", "minute"):
        sql = f'SELECT "end", {numbers} FROM {table} ORDER BY "end"'
        assert rows(other, sql) == rows(lived, sql)
    rated = f"SELECT start, status, samples, {', '.join(QUALITY.columns)} FROM quality_profile ORDER BY start"
    assert rows(other, rated) == rows(lived, rated) != []
    before, blocks = sums(other), rows(other, "SELECT * FROM archive")
    code, told = runs("import", "--history", other, out)
    assert (code, sums(other), rows(other, "SELECT * FROM archive")) == (0, before, blocks)
    assert "0 kept, 380 were there already" in told


def test_logs_before_and_between_what_is_there_touch_nothing_and_the_sums_hold(path: Path, tmp_path: Path) -> None:
    """Recorded are the first and the fourth hour; logs tell the day before and the two hours in between, zipped, out of order."""
    for begin in (0, 3 * HOUR_S):
        life = Life(path, begin=begin, step=30)
        while life.now < begin + HOUR_S:
            life.second()
        life.recorder.close()
    own, recorded = sums(path), kept_of(path)
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(log(HOUR_S, 3 * HOUR_S)))
    (tmp_path / "a.log").write_bytes(log(-5 * HOUR_S, -4 * HOUR_S))
    (tmp_path / "c.log").write_bytes(b"noise\r\n" + log(HOUR_S // 2, HOUR_S))  # was recorded, too
    (tmp_path / "d.log").write_bytes(log(7 * HOUR_S // 2, 4 * HOUR_S))  # is in the journal only
    code, told = runs("import", "--history", path, *sorted(tmp_path.glob("?.log*"), reverse=True))
    assert code == 0, told
    assert set(own) <= set(sums(path))
    found = kept_of(path)
    assert {seq: kept for seq, kept in found.items() if seq > 0} == recorded
    assert len(found) == len(recorded) + 120 + 240
    assert "120 were there already" in told
    assert not list(faults(path))
    between = f'registers_at IS NOT NULL AND "end" > {T0 + HOUR_S} AND "end" <= {T0 + 3 * HOUR_S}'
    assert rows(path, f"SELECT count(*) FROM load_profile WHERE {between}") == [(8,)]
    start, end = HOUR_S + 900, 3 * HOUR_S - 900
    used = totals(path, T0 + start, T0 + end)["electricity"]["energy_import_kwh"]
    assert used == pytest.approx(register(end) - register(start), abs=1e-9)
    life = Life(path, begin=5 * HOUR_S, step=30)
    assert life.second() == max(recorded) + 1
    life.recorder.close()
    assert not list(faults(path))


def test_two_meters_in_one_quarter_are_both_taken_over(path: Path) -> None:
    store = Store(path)
    with beside(path) as incoming:
        device = incoming.device("home", "electricity", "electricity")
        for seen, equipment in enumerate(("E1", "E2")):
            cells = {"start": T0, "end": T0 + 900, "registers_at": T0 + 100 + seen, "energy_import_wh": 5 * seen}
            incoming.add("load_profile", device, incoming.segment(device, equipment, equipment), cells)
        assert [(one.rows, one.there) for one in merge(store, incoming)] == [(2, 0)]
    store.close()


def test_a_device_has_the_role_in_old_telegrams_that_it_has_here(lived: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(lived)) as db:
        db.execute("UPDATE device SET role = 'gas_2' WHERE role = 'gas'")
        db.commit()
    (tmp_path / "a.log").write_bytes(log(-5 * HOUR_S, -4 * HOUR_S))
    code, told = runs("import", "--history", lived, tmp_path / "a.log")
    assert code == 0, told
    assert "home/gas_2, mbus: " in told
    assert rows(lived, "SELECT role FROM device WHERE medium = 'gas'") == [("gas_2",)]


@pytest.mark.parametrize("hours", [1, 2, 3])
def test_an_import_that_is_interrupted_has_taken_nothing(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """By Ctrl-C after so many hours are sealed, the last time while profiles are taken over."""
    (tmp_path / "a.log").write_bytes(log(-5 * HOUR_S, -3 * HOUR_S))
    before, blocks, hours_before = sums(lived), rows(lived, "SELECT * FROM archive"), rows(lived, SUMMARY)
    calls = itertools.count(1)

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    def seal(*given: Any, **more: Any) -> int:
        return sealed(*given, **more) if next(calls) != hours else interrupted()

    with monkeypatch.context() as broken:
        broken.setattr("p1monitor.care.logs.seal", seal)
        if hours == 3:
            broken.setattr("p1monitor.care.merging._sums", interrupted)
        assert runs("import", "--history", lived, tmp_path / "a.log") == (130, "p1monitor: interrupted\n")
    assert (sums(lived), rows(lived, "SELECT * FROM archive")) == (before, blocks)
    assert rows(lived, SUMMARY) == hours_before
    assert not list(lived.parent.glob(".import-*"))
    code, told = runs("import", "--history", lived, tmp_path / "a.log")
    assert (code, "240 kept" in told) == (0, True), told
    assert not list(faults(lived))
    assert len(rows(lived, SUMMARY)) > len(hours_before)
    assert_hours_are_those_of_their_telegrams(lived)


def test_hours_whose_telegrams_were_dropped_are_not_counted_twice_when_those_come_again(lived: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.txt"
    assert runs("export", "--telegrams", "--history", lived, "-o", out)[0] == 0
    before = rows(lived, SUMMARY)
    with closing(sqlite3.connect(lived)) as db, db:
        assert db.execute("DELETE FROM archive WHERE rowid <= 2").rowcount == 2
    code, told = runs("import", "--history", lived, out)
    assert (code, " 0 kept" in told) == (0, False), told
    assert rows(lived, SUMMARY) == before
    assert_hours_are_those_of_their_telegrams(lived)


def assert_hours_are_those_of_their_telegrams(history: Path) -> None:
    before = rows(history, SUMMARY)
    with closing(sqlite3.connect(history)) as db, db:
        db.execute("DELETE FROM summary")
    runs("verify", "--history", history, "--rebuild")
    assert rows(history, SUMMARY) == before != []


@pytest.fixture
def told_wrong(tmp_path: Path) -> Path:
    (tmp_path / "words").write_text("hello there")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bad.jsonl").write_text('{"meter": "home"}\n')
    (tmp_path / "undated.txt").write_bytes(b"/TST5\r\n\r\n1-0:1.7.0(01.193*kW)\r\n!\r\n")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"/TST5")[:-3])
    with closing(sqlite3.connect(tmp_path / "x.db")) as db:
        db.execute("CREATE TABLE theirs (value)")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "words"),
    {
        "words": "neither telegrams",
        "other.csv": "no export that p1monitor knows",
        "bad.jsonl": "row 1 is no row of an export",
        "undated.txt": "no good telegram with a time",
        "cut.gz": "cut.gz: ",
        "x.db": "no database of Home Assistant",
    }.items(),
)
def test_each_wrong_file_is_one_sentence_and_changes_nothing(told_wrong: Path, lived: Path, file: str, words: str) -> None:
    before = sums(lived)
    code, told = runs("import", "--history", lived, told_wrong / file)
    assert code == 1
    assert words in told
    assert told.count("\n") == 1
    assert sums(lived) == before
    assert not list(lived.parent.glob(".import-*"))


def test_nobody_imports_beside_a_daemon(path: Path, tmp_path: Path) -> None:
    life = Life(path)
    life.second()
    (tmp_path / "a.log").write_bytes(log(-5 * HOUR_S, -4 * HOUR_S))
    code, told = runs("import", "--history", path, tmp_path / "a.log")
    assert (code, "another p1monitor writes" in told) == (1, True)
    life.recorder.close()


@pytest.mark.parametrize(
    "words",
    [
        ("verify",), ("export", "load"), ("export", "--telegrams"),
        ("backup", "copy.sqlite"), ("restore", "{0}"), ("import", "{1}"),
    ],
)  # fmt: skip
def test_a_newer_history_is_refused_untouched_by_every_command(lived: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "a.log").write_bytes(log(-600, 0))
    with closing(sqlite3.connect(lived)) as db:
        db.execute("PRAGMA user_version = 99")
    before = lived.read_bytes()
    newer = tmp_path / "newer.sqlite"
    newer.write_bytes(before)
    given = [word.format(newer, tmp_path / "a.log") for word in words]
    given = [str(tmp_path / word) if word == "copy.sqlite" else word for word in given]
    code, told = runs(*given, "--history", lived)
    assert code == 1
    assert "was written by a newer p1monitor (version 99" in told
    assert told.count("\n") == 1
    assert lived.read_bytes() == before
    assert not (tmp_path / "copy.sqlite").exists()
