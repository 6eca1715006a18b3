from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p1monitor import past
from p1monitor.recorder import Queries, Store, StoreError
from p1monitor.recorder.store import MINUTES_S, SEQ_MARGIN, Segment
from tests.storing import METER, T0, Meter, begin, path, rows, store

__all__ = ["path", "store"]


# The file


def test_the_first_start_makes_the_file_and_an_installation_for_good(path: Path) -> None:
    store = Store(path)
    made = store.installation()
    store.close()
    assert len(made) == 16
    assert int(made, 16) >= 0
    again = Store(path)
    assert again.installation() == made
    again.close()


def test_a_file_of_a_newer_program_is_refused_untouched(path: Path) -> None:
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer p1monitor .*version 99.* it was not touched"):
        Store(path)
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_untouched(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (value)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="database of another program"):
        Store(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_untouched(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(StoreError, match=r"history\.sqlite: this file is no history"):
        Store(path)
    assert path.read_bytes().startswith(b"no database")


def test_a_place_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="the history cannot be") as told:
        Store(tmp_path / "file" / "history.sqlite")
    assert "\n" not in str(told.value)


def test_there_is_one_writer(path: Path, store: Store) -> None:
    with pytest.raises(StoreError, match="another p1monitor writes to this history"):
        Store(path)


def test_a_missing_history_is_told_to_who_asks(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Queries(tmp_path / "none.sqlite").meters()


def test_every_table_is_strict_and_every_view_can_be_read(store: Store) -> None:
    tables = store._db.execute("SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main'").fetchall()
    assert {name for name, strict in tables if not strict} <= {"sqlite_schema"}
    for (view,) in store._db.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall():
        store._db.execute(f"SELECT * FROM {view}").fetchall()


# Small facts


def notes(path: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT * FROM note").fetchall()
    finally:
        db.close()


def test_facts_are_there_at_once_and_on_file_with_the_next_transaction(path: Path) -> None:
    store = Store(path)
    store.note("settings:home", "9600 7E1")
    assert store.noted("settings:home") == "9600 7E1"
    assert store.noted("other") is None
    with store.transaction():
        pass
    assert notes(path) == [("settings:home", "9600 7E1")]
    store.note("settings:home", "115200 8N1")
    store.close()
    again = Store(path)
    assert again.noted("settings:home") == "115200 8N1"
    again.close()


def test_facts_may_be_noted_by_any_thread(store: Store) -> None:
    threads = [threading.Thread(target=store.note, args=(f"key {n}", str(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.transaction():
        pass
    assert [store.noted(f"key {n}") for n in range(8)] == [str(n) for n in range(8)]


def test_a_transaction_that_fails_keeps_nothing_and_forgets_no_fact(path: Path, store: Store) -> None:
    store.note("key", "value")

    def fail() -> None:
        with store.transaction():
            store.device(METER, "electricity", "electricity")
            store._db.execute("INSERT INTO segment VALUES (1, 1, 'E', NULL, '{}')")

    with pytest.raises(sqlite3.IntegrityError):
        fail()
    assert store._db.execute("SELECT count(*) FROM meter").fetchone() == (0,)
    with store.transaction():
        pass
    assert notes(path) == [("key", "value")]


def test_sqlites_own_check_finds_nothing(path: Path) -> None:
    past.fill(path, "home", "esmr5", 0, 1)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_numbers_are_never_given_twice_though_nothing_was_saved_since_the_start(path: Path) -> None:
    """Stopped well, started, killed before the first save; a meter that was silent all the time loses no number."""
    store = Store(path)
    with store.transaction():
        store.record(METER, 40, closed=True)
        store.record("silent", 7, closed=True)
    store.opened_for([METER, "silent"])
    killed = sqlite3.connect(path)
    assert dict(killed.execute("SELECT key, value FROM note WHERE key LIKE 'seq:%'")) == {
        f"seq:{METER}": "40 open",
        "seq:silent": "7 open",
    }
    killed.close()
    store.record(METER, 41, closed=True)
    store.close()
    store = Store(path)
    assert (store.last_seq(METER), store.last_seq("silent")) == (41, 7)
    store.close()


def test_numbers_are_never_given_twice_even_after_a_kill(store: Store) -> None:
    assert store.remembered(METER) is None
    store.remember(METER, {"seq": 41, "roles": []})
    store.record(METER, 40, closed=True)
    assert store.remembered(METER) == {"seq": 41, "roles": []}
    assert store.last_seq(METER) == 40
    store.record(METER, 50, closed=False)
    assert (store.recorded(METER), store.last_seq(METER)) == (50, 50 + SEQ_MARGIN)


# Rows


def test_an_interval_saved_in_parts_is_the_same_as_saved_at_once(tmp_path: Path) -> None:
    found = []
    for parts in (1, 7):
        store = Store(tmp_path / f"{parts}.sqlite")
        meter = Meter(store)
        for at in range(10, 1801, 10):
            meter.take(at, at, at % 700, volts=(2300 + at % 3, None, None))
            if parts > 1 and at % 70 == 0:
                meter.save()
        meter.save()
        columns = "start, end, status, samples, registers_at, power_sum_w, powers, power_min_w, power_max_w, energy_import_wh"
        found.append([rows(store, table, columns) for table in ("minute", "load_profile", "daily_profile")])
        found[-1].append(rows(store, "minute", "voltage_l1_sum_dv, voltage_l1_count, voltage_l2_count"))
        store.close()
    assert found[0] == found[1]
    assert found[0][1][0][3:] == (90, T0 + 900, 26_250, 90, 0, 690, 900)


def test_after_a_restart_the_running_interval_goes_on(store: Store) -> None:
    first = Meter(store)
    first.run(10, 400)
    first.save()
    second = Meter(store)
    second.run(405, 900, 5)
    second.save()
    assert rows(store, "load_profile", "start, end, status, samples, energy_import_wh")[0][2:] == (0, 140, 900)


def test_after_an_outage_the_interval_before_it_is_marked(store: Store) -> None:
    first = Meter(store)
    first.run(10, 400)
    first.save()
    second = Meter(store)
    second.run(2000, 2700)
    second.save()
    found = rows(store, "load_profile", "end, status, samples, energy_import_wh")
    assert found == [(T0 + 900, 4, 40, 400), (T0 + 1800, 4, 0, None), (T0 + 2700, 4, 71, 2700)]


def test_a_repeated_hour_of_meter_time_overwrites_nothing(store: Store) -> None:
    """The clock restarts where it was at the last power-down; the registers went on."""
    meter = Meter(store)
    meter.run(10, 3600)
    meter.save()
    before = rows(store, "load_profile", "end, energy_import_wh")
    meter.run(910, 2700, register=3600)
    meter.save()
    repeated = rows(store, "load_profile", "end, energy_import_wh")
    assert repeated == before
    assert [row[0] for row in rows(store, "load_profile", "samples")] == [90, 180, 180, 90]
    assert [bool(row[0] & 0x20) for row in rows(store, "load_profile", "status")] == [False, True, False, True]  # type: ignore[operator]
    meter.run(3610, 5400, register=3600 + 1790)
    meter.save()
    energies = [int(str(row[0])) for row in rows(store, "load_profile", "energy_import_wh")]
    assert energies == sorted(energies)
    assert energies[-1] == 3600 + 1790 + 1790  # nothing is lost: the repeated time is in the first row after it


@pytest.mark.parametrize("ahead", [3 * 3600, 400 * 86_400])
def test_a_clock_that_was_ahead_for_a_moment_takes_no_registers_away(store: Store, ahead: int) -> None:
    meter = Meter(store)
    meter.run(10, 300)
    meter.take(ahead, 305)
    for start in range(310, 5400, 50):  # saved often, as it is in life
        meter.run(start, start + 40)
        meter.save()
    known = "SELECT energy_import_wh FROM load_profile WHERE registers_at IS NOT NULL ORDER BY end"
    assert [row[0] for row in store._db.execute(known)] == [300, 1800, 2700, 3600, 4500, 5400]  # a closed row stays


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-9000, 9000), st.integers(0, 50), st.booleans()), max_size=30))
def test_no_period_is_negative_whatever_the_clock_does(tmp_path: Path, steps: list[tuple[int, int, bool]]) -> None:
    path = tmp_path / "any.sqlite"
    path.unlink(missing_ok=True)
    store = Store(path)
    meter = Meter(store)
    at = register = 50_000
    for step, used, save in steps:
        at, register = max(0, at + step), register + used
        meter.take(at, register, used)
        if save:
            meter.save()
    meter.save()
    for table in ("minute", "load_profile", "daily_profile"):
        known = f"SELECT energy_import_wh FROM {table} WHERE registers_at IS NOT NULL ORDER BY end"
        found = [row[0] for row in store._db.execute(known)]
        assert found == sorted(found)
        assert store._db.execute(f"SELECT coalesce(sum(samples), 0) FROM {table}").fetchone() == (len(steps),)
    store.close()


def test_the_october_night_has_two_hours_between_two_and_three(store: Store) -> None:
    meter = Meter(store)
    night = int(datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp()) - T0
    for at in range(night, night + 7201, 10):
        meter.take(at, at - night, 5, offset=7200 if at < night + 3600 else 3600)
    meter.save()
    found = rows(store, "load_profile", "status, samples")
    assert [row[1] for row in found[1:]] == [90] * 8
    assert [row[0] for row in found[1:]] == [0] * 8
    ((start, end),) = store._db.execute("SELECT start, end FROM daily_profile").fetchall()
    assert end - start == 25 * 3600


def test_two_segments_share_an_interval(store: Store) -> None:
    meter = Meter(store)
    meter.run(10, 450)
    new = begin(store, meter.device, "E2", 99, {"energy_import_kwh": 450})
    meter.segment = new
    meter.run(460, 900, register=0)
    meter.save()
    assert rows(store, "load_profile", "segment, end, samples, energy_import_wh") == [
        (1, T0 + 900, 45, 450),
        (2, T0 + 900, 45, 440),
    ]
    total = store._db.execute("SELECT equipment_id, energy_import_total_kwh FROM load_profiles").fetchall()
    assert total == [("E1", 0.45), ("E2", 0.89)]


def test_status_words_are_spelt_out_for_people(store: Store) -> None:
    meter = Meter(store)
    meter.take(500, 1, 5, status=0x80 | 0x08)
    meter.save()
    found = store._db.execute('SELECT meter, "from", "to", status FROM load_profiles').fetchall()
    assert found == [(METER, "2026-01-15T00:00:00Z", "2026-01-15T00:15:00Z", "PDN DST DNV")]


def test_two_years_of_minutes_are_kept(store: Store) -> None:
    meter = Meter(store)
    meter.run(60, 3 * 86_400, 60)
    meter.save()
    with store.transaction():
        store.forget(meter.device, T0 + MINUTES_S + 86_400)
    assert rows(store, "minute", "count(*), min(end)") == [(2880, T0 + 86_460)]
    assert len(rows(store, "load_profile", "end")) == 3 * 96


def test_segments_get_their_identifier_later(store: Store) -> None:
    device = store.device(METER, "gas", "gas")
    assert store.segment(device) is None
    nameless = begin(store, device, "", 1, {})
    named = nameless._replace(equipment_id="G1", offset={"gas_m3": 5})
    store.keep(named)
    assert store.segment(device) == named == Segment(nameless.id, device, "G1", 1, {"gas_m3": 5})
