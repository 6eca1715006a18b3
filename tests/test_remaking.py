"""A store that the recorder filled is made again of its own telegrams, and nobody sees a difference."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from p1monitor.afresh import rated
from p1monitor.cli import main
from p1monitor.p1.scenes import Scene
from p1monitor.recorder import Queries, Store
from p1monitor.recorder.journal import path_of
from p1monitor.recorder.rebuild import Made
from p1monitor.recorder.remaking import How, remade
from p1monitor.recorder.rows import EVERY
from p1monitor.recorder.verify import faults
from tests.archiving import folder
from tests.readings import METER
from tests.staged import Staged, rows_of

__all__ = ["folder"]  # fixture

HOUR_S, STEP_S = 3600, 50
#: The clocks are put forward in the night that follows.
BEGIN = int(datetime(2026, 3, 28, 13, 7, tzinfo=UTC).timestamp())
SCENES = (
    Scene("meter-swap", BEGIN + 3 * HOUR_S, 300),
    Scene("gas-swap", BEGIN + 5 * HOUR_S, 0),
    Scene("power-failure", BEGIN + 7 * HOUR_S, 900),
    Scene("clock-hour", BEGIN + 13 * HOUR_S, HOUR_S),
    Scene("message", BEGIN + 15 * HOUR_S, HOUR_S),
    Scene("gas-lost", BEGIN + 18 * HOUR_S, HOUR_S),
)
#: Those of them that tell voltages.
VOLTS = ("esmr5", "emucs3", "me381")
MODELS = ("esmr5", "emucs3", "me381", "dsmr22")
#: Bits that the scenes bring: the meter lost power, readings are missing, summer time.
PDN, DNV, DST = 0x80, 4, 8


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A day of a meter, with a stop, a kill and the scenes; each is lived once."""
    known: dict[str, Path] = {}

    def life(model: str) -> Path:
        if model not in known:
            known[model] = path = tmp_path_factory.mktemp(model) / "history.sqlite"
            one = Staged(path, model, BEGIN, SCENES)
            one.run(10 * HOUR_S, STEP_S)
            one.recorder.close()
            two = Staged(path, model, one.now + 400, SCENES)
            two.run(9 * HOUR_S + 1230, STEP_S)
            two.kill()
            three = Staged(path, model, two.now + 60, SCENES)
            three.run(8 * HOUR_S, STEP_S)
            three.recorder.close()
        return known[model]

    return life


def again(path: Path) -> list[tuple[str, Made]]:
    store = Store(path)
    try:
        return list(remade(store, 15, lambda _: How(), rated))
    finally:
        store.close()


@pytest.mark.parametrize("model", MODELS)
def test_profiles_of_the_archive_are_those_that_were_recorded(lived: Callable[[str], Path], model: str) -> None:
    path = lived(model)
    before = rows_of(path)
    assert all(before[name] for name in EVERY if name != "quality_profile" or model in VOLTS)
    statuses = {row[4] for row in before["load_profile"]}
    assert any(int(str(one)) & bit for one in statuses for bit in (PDN, DNV, DST))
    ((meter, made),) = again(path)
    assert (meter, made.others) == (METER, {})
    assert made.rows == sum(len(rows) for rows in before.values())
    assert rows_of(path) == before
    assert not list(faults(path))


@pytest.mark.parametrize("table", EVERY)
def test_a_row_that_is_not_what_the_telegrams_say_is_made_right(lived: Callable[[str], Path], table: str) -> None:
    path = lived("esmr5")
    before = rows_of(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE {table} SET {EVERY[table].columns[-1]} = 1, status = 0")
    ((_, made),) = again(path)
    assert list(made.others) == [table]
    assert rows_of(path) == before


def test_rows_whose_telegrams_were_dropped_stay(lived: Callable[[str], Path], tmp_path: Path) -> None:
    path = copied(lived("esmr5"), tmp_path)
    before = rows_of(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM archive WHERE rowid <= 5 OR rowid IN (9, 10)")
        db.execute("UPDATE archive SET block = x'00' WHERE rowid = 19")
    ((_, made),) = again(path)
    assert made.others == {}
    assert made.rows < sum(len(rows) for rows in before.values()) * 0.8
    assert rows_of(path) == before


def test_a_damaged_block_beside_an_hour_that_came_twice_changes_no_row(tmp_path: Path) -> None:
    """Which of both passes closed a row hangs on every reading of that time: without some of them nobody can tell."""
    path = tmp_path / "history.sqlite"
    life = Staged(path, "esmr5", BEGIN, [Scene("clock-hour", BEGIN + HOUR_S + 600, 3 * HOUR_S // 2)])
    life.run(4 * HOUR_S, STEP_S)
    life.recorder.close()
    before = rows_of(path)
    for number in range(1, 7):
        (tmp_path / str(number)).mkdir()
        one = copied(path, tmp_path / str(number))
        with closing(sqlite3.connect(one)) as db, db:
            assert db.execute("UPDATE archive SET block = x'00' WHERE rowid = ?", (number,)).rowcount == 1
        ((_, made),) = again(one)
        assert (made.others, rows_of(one)) == ({}, before)


def test_a_minute_that_lacks_in_an_hour_that_comes_twice_makes_no_register_go_back(tmp_path: Path) -> None:
    """The quarter keeps what it was closed with, so its minutes have to."""
    path, scenes = tmp_path / "history.sqlite", [Scene("clock-hour", BEGIN + HOUR_S, 6100)]
    life = Staged(path, "esmr5", BEGIN, scenes)
    life.run(2 * HOUR_S, STEP_S)
    life.recorder.close()
    life = Staged(path, "esmr5", life.now + 60, scenes)
    life.run(2 * HOUR_S, STEP_S)
    life.recorder.close()
    before = rows_of(path)
    assert list(faults(path)) == []
    with closing(Queries(path)) as queries:
        steps = queries.steps(METER, range(BEGIN, BEGIN + 4 * HOUR_S, 60))["electricity"]["energy_import_kwh"]
    assert min(one for one in steps if one is not None) == 0
    ((_, made),) = again(path)
    assert (made.others, rows_of(path)) == ({}, before)


def test_verify_rebuilds_and_says_what_was_not_right(lived: Callable[[str], Path], tmp_path: Path) -> None:
    path = copied(lived("esmr5"), tmp_path)
    before = rows_of(path)
    config = tmp_path / "config.toml"
    config.write_text(f'[[meter]]\nsource = {{ type = "simulated" }}\n[history]\npath = "{path}"\n')
    assert runs("verify", "-c", config, "--rebuild") == (0, "")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE daily_profile SET power_max_w = 1, energy_import_t1_wh = energy_import_t1_wh - 1")
    code, told = runs("verify", "-c", config, "--rebuild")
    assert code == 1
    assert "home: the registers of daily_profile at 2026-03-28T16:06:10Z are not those of load_profile" in told
    assert told.endswith("home: 3 rows of daily_profile were not what the telegrams say; they are now\n")
    assert runs("verify", "-c", config, "--rebuild") == (0, "")
    assert rows_of(path) == before
    store = Store(path)
    assert "another p1monitor writes to this history" in runs("verify", "-c", config, "--rebuild")[1]
    store.close()


def copied(path: Path, folder: Path) -> Path:
    shutil.copy(path_of(path), folder)
    return Path(shutil.copy(path, folder))


def runs(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output
