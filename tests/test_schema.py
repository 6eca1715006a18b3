from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from p1monitor.afresh import rated
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.recorder import Queries, Store
from p1monitor.recorder.blocks import PACKED
from p1monitor.recorder.kept import Kept, Verdict
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.levels import load_profile
from p1monitor.recorder.packing import Packer
from p1monitor.recorder.remaking import How, rebuilt
from p1monitor.recorder.schema import APPLICATION, STEPS
from p1monitor.recorder.shapes import Shapes
from tests.readings import METER, device
from tests.recording import NOON, second

T0 = int(NOON.timestamp())
#: Midnight of that winter day.
MIDNIGHT = T0 - 12 * 3600


def version_1(path: Path) -> None:
    """A history as the first version left it, with rows of everything."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"BEGIN; {STEPS[0]} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1; COMMIT;")
        db.executescript(f"""
            INSERT INTO note VALUES ('installation', 'abc'), ('seq:{METER}', '90 closed'), ('failures:{METER}', '3,1');
            INSERT INTO meter VALUES (1, '{METER}');
            INSERT INTO device VALUES (1, 1, 'electricity', 'electricity'), (2, 1, 'gas', 'gas');
            INSERT INTO segment VALUES (1, 1, 'E1', 1, '{{}}'), (2, 2, 'G1', 1, '{{"gas_m3": 7}}');
            INSERT INTO minute VALUES (1, {T0}, 1, {T0 - 60}, 0, 6, {T0}, 291.5, 100, 700, 230.15, NULL, 231, 900000, 5);
            INSERT INTO minute VALUES (1, {T0 + 60}, 1, {T0}, 4, 3, {T0 + 60}, NULL, NULL, NULL, NULL, NULL, NULL, 900000, NULL);
            INSERT INTO mbus_profile VALUES (2, 'gas_m3', {T0}, 2, {T0 - 3600}, 0, 1, {T0}, 5000);
            INSERT INTO mbus_capture VALUES (2, 'gas_m3', {T0}, 2, 5000);
            INSERT INTO event VALUES (1, 1, 5, 0, NULL, 1.5, 'message', 1, 'words', NULL, NULL);
        """)
        for table, key in (("load_profile", T0), ("daily_profile", "2026-01-15")):
            own = "date" if table == "daily_profile" else '"end"'
            end = "" if own == '"end"' else ', "end"'
            marks = "" if own == '"end"' else f", {MIDNIGHT + 86_400}"
            sql = f"""INSERT INTO {table} (device, {own}, segment, start{end}, status, samples, registers_at, power_mean_w,
                power_min_w, power_max_w, energy_import_wh, energy_export_t8_wh)
                VALUES (1, ?, 1, {T0 - 900}{marks}, 8, 90, {T0}, {100 / 3}, -5, 99, 900000, 8)"""
            db.execute(sql, (key,))
        db.commit()


def version_2(path: Path) -> None:
    """A history as the second version left it."""
    version_1(path)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"BEGIN; {STEPS[1]} PRAGMA user_version = 2; COMMIT;")
        db.execute(f"INSERT INTO event VALUES (2, 1, 6, 0, '{NOON.isoformat()}', 1.5, 'swap', NULL, 'swapped', NULL, 1)")
        db.commit()


def version_3(path: Path) -> None:
    """A history as the third version left it, with an hour of telegrams."""
    version_2(path)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"BEGIN; {STEPS[2]} PRAGMA user_version = 3; COMMIT;")
        shapes = Shapes()
        packer = Packer(shapes)
        for number in range(60):
            at = T0 + 60 * number
            frame = render(MODELS["esmr5"].telegram(datetime.fromtimestamp(at, UTC), 0))
            packer.add(Kept(100 + number, at, 3600, 0, at, "valid", Verdict("E1", (), ()), frame))
        block = packer.pack()
        db.executemany("INSERT INTO shape VALUES (?, ?)", shapes.new())
        row = (1, T0 // 3600, 0, 100, 159, T0, T0 + 59 * 60, 60, len(block), PACKED, block)
        db.execute("INSERT INTO archive VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        db.commit()


#: What made a history of each earlier version.
EARLIER = (version_1, version_2, version_3)


def counted(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as db:
        tables = (
            "minute",
            "load_profile",
            "daily_profile",
            "mbus_profile",
            "mbus_capture",
            "event",
            "segment",
            "device",
            "meter",
            "note",
        )
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def test_a_history_of_version_1_comes_forward_without_losing_a_row(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    version_1(path)
    before = counted(path)
    Store(path).close()
    assert counted(path) == before
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT * FROM minute").fetchall() == [
            (1, T0, 1, T0 - 60, 0, 6, T0, 1749, 6, 100, 700, 13809, 6, None, None, 13860, 6, 900000, 5),
            (1, T0 + 60, 1, T0, 4, 3, T0 + 60, *(None,) * 10, 900000, None),
        ]
        load = "samples, status, power_sum_w, powers, power_min_w, power_max_w, energy_import_wh, energy_export_t8_wh"
        for table in ("load_profile", "daily_profile"):
            found = db.execute(f"SELECT {load} FROM {table}").fetchall()
            assert found == [(90, 8, 3000, 90, -5, 99, 900000, 8)]
        assert db.execute("SELECT power_mean_w, voltage_l1_v FROM minutes").fetchall() == [(291.5, 230.15), (None, None)]


def test_a_history_of_version_2_comes_forward_without_losing_a_row(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    version_2(path)
    before = counted(path)
    Store(path).close()
    assert counted(path) == before
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        events = db.execute("SELECT kind, code, words, channel, moment, seconds, unit FROM event ORDER BY id").fetchall()
        assert events == [("message", 1, "words", None, 1, None, ""), ("swap", None, "swapped", 1, T0, None, "")]
        assert db.execute("SELECT at, words FROM events").fetchall() == [
            ("1970-01-01T00:00:01Z", "words"),
            (NOON.isoformat(), "swapped"),
        ]
        assert db.execute("SELECT * FROM quality_profiles").fetchall() == []
    queries = Queries(path)
    assert [one["words"] for one in queries.events(METER, 5, start=T0)] == ["swapped"]
    queries.close()


@pytest.mark.parametrize("version", range(1, len(STEPS)))
def test_a_history_of_every_earlier_version_opens_and_a_copy_is_there(tmp_path: Path, version: int) -> None:
    path = tmp_path / "history.sqlite"
    EARLIER[version - 1](path)
    before = counted(path)
    Store(path).close()
    assert counted(path) == before
    copy = tmp_path / f"history.sqlite.version-{version}"
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (version,)
    assert counted(copy) == before
    queries = Queries(path)
    assert queries.series(METER, ["power_w"], T0 - 3600, T0 + 60, 10)["power_w"]["mean"][-1] is not None  # type: ignore[index]
    queries.close()


def test_hours_of_a_history_of_version_3_are_made_of_its_telegrams_when_somebody_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    version_3(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE note SET value = '159 closed' WHERE key = 'seq:{METER}'")
    Store(path).close()
    asked = (METER, ["current_l1_a"], T0, T0 + 40 * 3600, 40)
    queries = Queries(path)
    assert queries.series(*asked)["start"] == []
    assert any("summary" in line for line in rebuilt(path, 15, lambda _: How(), rated))
    found = queries.series(*asked)
    assert (found["start"], found["end"]) == ([T0], [T0 + 3600])
    queries.close()


def test_recording_goes_on_in_a_history_of_version_1(tmp_path: Path) -> None:
    """Its newest sample is all there is to go on from; its local time is known from the day it lies in."""
    path = tmp_path / "history.sqlite"
    version_1(path)
    store = Store(path)
    ledger = Ledger(store, METER, load_profile(15))
    gas = device(value="5.250", at=NOON.replace(hour=13))
    ledger.enter(second(3600, 901_000, devices=[gas], any_power_fail_count=4, long_power_fail_count=1), Stamp(T0 + 3600, 3600, 0))
    with store.transaction():
        ledger.write()
    store.close()
    with closing(sqlite3.connect(path)) as db:
        days = db.execute('SELECT date, start, "end", energy_import_wh, status FROM daily_profile').fetchall()
        assert days == [("2026-01-15", T0 - 900, MIDNIGHT + 86_400, 901_000, 8 | 4 | 128)]
        assert db.execute("SELECT samples FROM mbus_profile").fetchall() == [(1,), (1,)]
        assert db.execute("SELECT count(*) FROM segment").fetchone() == (2,)
    queries = Queries(path)
    assert queries.profile("mbus", METER, 0, 1e11)["rows"][-1][-1] == 5.257  # type: ignore[index]
    queries.close()
