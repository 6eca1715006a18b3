from __future__ import annotations

import csv
import io
import json
import os
import pty
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from p1monitor.care import export as leaving
from p1monitor.recorder import Queries, Store
from p1monitor.recorder.reading_back import EVER, Past
from p1monitor.recorder.rows import EVERY
from p1monitor.recorder.store import Segment
from tests.archiving import folder, lived, old, path
from tests.cutting import NOON
from tests.test_backup import sums
from tests.test_verify import runs

__all__ = ["folder", "lived", "old", "path"]  # fixtures


def exported(history: Path, out: Path, *words: str) -> str:
    assert runs("export", "--history", history, "-o", out, *words) == (0, "")
    return out.read_text()


def table(history: Path, out: Path, *words: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(history, out, *words))))


NO_NUMBERS = {"start", "end", "registers_at", "role", "equipment_id", "demand_max_at", "name", "date"}


def told_of(history: Path) -> list[tuple[object, ...]]:
    """Every row of every profile, by role and equipment in place of numbers."""
    found: list[tuple[object, ...]] = []
    with closing(sqlite3.connect(history)) as db:
        for one in EVERY.values():
            cells = ", ".join(f'p."{cell}"' for cell in one.all if cell not in {"device", "segment"})
            sql = f"""SELECT '{one.name}', d.role, s.equipment_id, s."offset", {cells} FROM {one.name} p
                JOIN segment s ON s.id = p.segment JOIN device d ON d.id = p.device ORDER BY d.role, p."end", p.{one.seen}"""
            found += db.execute(sql).fetchall()
    return found


@pytest.mark.parametrize("profile", ["load", "daily", "billing", "minute", "mbus", "quality"])
def test_a_profile_says_in_csv_and_json_what_the_api_says(lived: Path, tmp_path: Path, profile: str) -> None:
    queries = Queries(lived)
    answer: dict[str, Any] = queries.profile(profile, "home", 0, 1e11)
    queries.close()
    wanted = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    found = table(lived, tmp_path / "out.csv", profile)
    told = [json.loads(line) for line in exported(lived, tmp_path / "out.jsonl", profile, "--format", "jsonl").splitlines()]
    assert len(found) == len(told) == len(wanted) > 0
    for one, other, want in zip(found, told, wanted, strict=True):
        for name in set(want) & set(one) - {
            "start",
            "end",
            "registers_at",
            "role",
            "equipment_id",
            "demand_max_at",
            "name",
            "date",
        }:
            number = None if want[name] is None else float(want[name])
            assert (float(one[name]) if one[name] else None) == number
            assert other.get(name) == number
        assert one["role"] == other["role"] == want["role"]


def test_lines_for_influxdb_stand_at_the_rows_ends(lived: Path, tmp_path: Path) -> None:
    lines = exported(lived, tmp_path / "out", "daily", "--format", "influx").splitlines()
    assert lines[0].startswith("p1_daily,meter=home,role=electricity ")
    assert "energy_import_kwh=" in lines[0]
    assert lines[0].endswith(f" {int(NOON.timestamp() + 11 * 3600) * 1000}")
    gas = exported(lived, tmp_path / "out", "mbus", "--format", "influx").splitlines()
    assert all(line.startswith("p1_mbus,meter=home,role=gas gas_m3=") for line in gas)


def test_every_reading_is_exported_with_what_it_said(lived: Path, tmp_path: Path) -> None:
    found = table(lived, tmp_path / "out.csv", "readings")
    assert [int(one["seq"]) for one in found] == list(range(1, 381))
    assert found[0]["at"] == "2026-01-15T13:00:00+01:00"
    assert all(float(one["energy_import_t1_kwh"]) > 0 and float(one["gas/gas_m3"]) > 0 for one in found)
    assert set(table(lived, tmp_path / "out.csv", "readings", "--from", "2026-01-15T13:00:00Z", "--to", "2026-01-15T13:01:00Z")[0])
    told = [json.loads(line) for line in exported(lived, tmp_path / "out.jsonl", "readings", "--format", "jsonl").splitlines()]
    assert [one["power_w"] for one in told] == [float(one["power_w"]) for one in found]
    lines = exported(lived, tmp_path / "out", "readings", "--format", "influx").splitlines()
    assert sum(",role=electricity " in line for line in lines) == 380


@pytest.mark.parametrize("what", ["readings", "load", "--telegrams"])
def test_a_meter_that_there_is_none_of_is_refused(lived: Path, tmp_path: Path, what: str) -> None:
    out = tmp_path / "out"
    told = runs("export", "--history", lived, "-o", out, what, "--meter", "garage")
    assert told == (1, f'p1monitor: {lived}: there is no meter "garage"; there is home\n')
    assert not out.exists()


@pytest.mark.parametrize("words", ["export --telegrams", "verify", "backup {0}", "import {1}"])
def test_the_bar_is_on_a_terminals_standard_error_only(lived: Path, tmp_path: Path, words: str) -> None:
    (tmp_path / "days.csv").write_text(exported(lived, tmp_path / "days", "daily"))
    main, other = pty.openpty()
    given = words.format(tmp_path / "copy.sqlite", tmp_path / "days.csv").split()
    command = [sys.executable, "-m", "p1monitor", *given, "--history", str(lived)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=other, check=True)
    os.close(other)
    assert b"100 %" in os.read(main, 10_000)
    os.close(main)
    assert b"#" not in done.stdout
    (tmp_path / "copy.sqlite").unlink(missing_ok=True)
    assert "%" not in runs(*command[3:])[1]


def test_a_disk_that_is_full_is_one_sentence(lived: Path) -> None:
    command = [sys.executable, "-m", "p1monitor", "export", "--telegrams", "--history", str(lived)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"p1monitor: standard output: No space left on device\n")
    done = subprocess.run([*command, "-o", "/dev/full"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"p1monitor: /dev/full: No space left on device\n")


def test_an_export_that_is_interrupted_leaves_no_half_file(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[bytes]:
        yield b"half a line"
        raise KeyboardInterrupt

    monkeypatch.setattr("p1monitor.care.export.export", interrupted)
    out = tmp_path / "out.csv"
    assert runs("export", "load", "--history", lived, "-o", out) == (130, "p1monitor: interrupted\n")
    assert not out.exists()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_that_is_imported_is_the_same_history_again_and_twice_is_once(lived: Path, tmp_path: Path, form: str) -> None:
    files = [tmp_path / f"{profile}.{form}" for profile in ("load", "daily", "billing", "minute", "mbus", "quality")]
    for file in files:
        exported(lived, file, file.stem, "--format", form)
    other = tmp_path / "other" / "history.sqlite"
    code, told = runs("import", "--history", other, *files)
    assert code == 0, told
    assert "home/electricity, daily: 1 rows put in, 2026-01-15 to 2026-01-15" in told
    assert runs("verify", "--history", other) == (0, "")

    assert told_of(other) == told_of(lived)
    before = sums(other)
    code, told = runs("import", "--history", other, *files)
    assert code == 0
    assert "1 rows put in" not in told
    assert sums(other) == before


@pytest.mark.parametrize("form", ["csv", "jsonl", "influx"])
def test_memory_is_flat_however_long_an_export_is(path: Path, form: str) -> None:
    store = Store(path)
    device = store.device("home", "electricity", "electricity")
    with store.transaction():
        store.keep(Segment(1, device, "E1", 1, {}))
        for minute in range(60, 60 * 20_000, 60):
            row = f"({device}, {minute}, 1, {minute - 60}, 0, 6, {minute}, 600, 6, 1, 2, {minute})"
            store.execute(
                f"""INSERT INTO minute (device, "end", segment, start, status, samples, registers_at, power_sum_w, powers,
                power_min_w, power_max_w, energy_import_wh) VALUES {row}"""
            )
    store.close()
    with closing(Past(path)) as past:
        lines = leaving.lines(past, "minute", form, None, EVER, lambda _: None)
        next(lines)
        tracemalloc.start()
        size = sum(map(len, lines))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size > 1_500_000
    assert most < 300_000


def test_a_reader_that_has_had_enough_is_no_fault(lived: Path) -> None:
    command = f"{sys.executable} -m p1monitor export readings --history {lived} | head -1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True)
    assert done.stdout.startswith(b"meter,seq,")
    assert done.stderr == b""
