from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime

import pytest

from p1monitor.p1.records import Event, Received
from p1monitor.recorder import Queries, Store, StoreError
from p1monitor.recorder.profiles import CAPTURES, HOURLY, Fold, Sample
from tests.storing import METER, T0, Meter, begin, path, queries, store

__all__ = ["path", "queries", "store"]


def test_series_chooses_the_profile_that_suits_the_span(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    meter.run(60, 10 * 86_400, 60)
    meter.save()
    with store.transaction():
        store.forget(meter.device, T0 + 10 * 86_400)
    end = T0 + 10 * 86_400
    lengths = {}
    for name, span, points in (("day", 86_400, 500), ("hour", 3600, 300), ("week", 7 * 86_400, 500), ("all", 10 * 86_400, 20)):
        found = queries.series(METER, ["power_w"], end - span, end, points)
        starts, ends = found["start"], found["end"]
        assert isinstance(starts, list)
        assert isinstance(ends, list)
        assert len(starts) <= points
        lengths[name] = (len(starts), ends[1] - starts[1])
    assert lengths["hour"] == (60, 60)
    assert lengths["day"] == (480, 180)  # three minutes together
    assert lengths["week"][1] == 1800
    assert lengths["all"][1] == 86_400


def test_series_has_minimum_mean_and_maximum_and_gaps_are_gaps(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    for at, watts in ((10, 100), (20, 200), (30, 600), (610, -50)):
        meter.take(at, at, watts, volts=(2300, None, None))
    meter.save()
    found = queries.series(METER, ["power_w", "voltage_l1_v", "nonsense"], T0, T0 + 3600, 300)
    assert found["start"] == [T0, T0 + 60, T0 + 600]
    assert found["end"] == [T0 + 60, T0 + 600, T0 + 660]
    assert found["power_w"] == {"min": [100, None, -50], "mean": [300, None, -50], "max": [600, None, -50]}
    assert found["voltage_l1_v"]["mean"] == [230, None, 230]  # type: ignore[index]
    assert found["nonsense"] == {"min": [None] * 3, "mean": [None] * 3, "max": [None] * 3}


def test_a_meter_without_history_has_empty_answers(store: Store, queries: Queries) -> None:
    assert queries.series("none", ["power_w"], 0, 1, 10) == {"start": [], "end": [], "power_w": {"min": [], "mean": [], "max": []}}
    assert queries.profile("daily", "none", 0, 1e10) == {"columns": [], "rows": []}
    assert queries.used("none", 0, 1) == {}
    assert queries.events("none", 5) == []
    assert queries.meters() == []


def test_used_is_the_difference_of_registers(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    meter.run(10, 7200)
    meter.save()
    used = queries.used(METER, T0 + 900, T0 + 4505)
    assert used == {"electricity": {"energy_import_kwh": 3.6, "energy_export_kwh": 0.0}}  # minutes: to 4500
    assert queries.used(METER, T0 - 600, T0 + 900)["electricity"]["energy_import_kwh"] is None
    assert queries.used(METER, T0 + 900, T0 + 7200 + 3601)["electricity"]["energy_import_kwh"] is None


def test_used_goes_on_over_a_new_meter(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    meter.run(10, 3600)
    meter.segment = begin(store, meter.device, "E2", 99, {"energy_import_kwh": 3600 - 5})
    meter.run(3610, 7200, register=5)
    meter.save()
    assert queries.used(METER, T0 + 1800, T0 + 7200)["electricity"]["energy_import_kwh"] == 1.8 + 3.59
    profile = queries.profile("load", METER, T0, T0 + 7200)
    columns, found = profile["columns"], profile["rows"]
    assert isinstance(columns, list)
    assert isinstance(found, list)
    totals = [row[columns.index("energy_import_kwh")] for row in found]
    assert totals == [0.9, 1.8, 2.7, 3.6, 4.49, 5.39, 6.29, 7.19]
    assert {row[columns.index("equipment_id")] for row in found} == {"E1", "E2"}
    assert "energy_import_t1_kwh" not in columns


def test_gas_is_asked_by_its_captures(store: Store, queries: Queries) -> None:
    device = store.device(METER, "gas", "gas")
    segment = begin(store, device, "G1", 1, {}).id
    fold = Fold([HOURLY], CAPTURES)
    with store.transaction():
        for hour in range(6):
            fold.add(Sample(segment, T0 + hour * 3600 + 600, registers=(hour * 500,)))
            store.add_capture(device, segment, "gas_m3", T0 + hour * 3600 + 600, hour * 500)
        store.add(device, "gas_m3", fold.take())
    assert queries.used(METER, T0 + 3600, T0 + 5 * 3600) == {"gas": {"gas_m3": 2.0}}
    found = queries.profile("mbus", METER, T0, T0 + 2 * 3600)
    assert found["columns"] == ["role", "equipment_id", "start", "end", "status", "samples", "registers_at", "name", "value"]
    assert found["rows"] == [
        ["gas", "G1", T0, T0 + 3600, 0, 1, T0 + 600, "gas_m3", 0.0],
        ["gas", "G1", T0 + 3600, T0 + 7200, 0, 1, T0 + 4200, "gas_m3", 0.5],
    ]


def test_events_are_newest_first_and_kept_once(store: Store, queries: Queries) -> None:
    store.device(METER, "electricity", "electricity")
    when = datetime(2026, 1, 15, 12, tzinfo=UTC)
    events = [Event(when, Received(1.5, 2.0), "message", 42, f"words {n}") for n in range(2)]
    with store.transaction():
        store.add_events(METER, 5, events)
        store.add_events(METER, 5, events)
    found = queries.events(METER, 10)
    assert [event["words"] for event in found] == ["words 1", "words 0"]
    assert (found[0]["at"], found[0]["received"], found[0]["kind"], found[0]["code"]) == (when.isoformat(), 1.5, "message", 42)
    assert len(queries.events(METER, 1)) == 1


def test_devices_and_their_segments(store: Store, queries: Queries) -> None:
    gas = store.device(METER, "gas", "gas")
    begin(store, gas, "G1", 1, {})
    begin(store, gas, "G2", 70, {})
    assert queries.meters() == [METER]
    assert queries.devices(METER) == [
        {
            "role": "gas",
            "medium": "gas",
            "equipment_id": "G2",
            "segments": [{"equipment_id": "G1", "from_seq": 1}, {"equipment_id": "G2", "from_seq": 70}],
        }
    ]


def test_questions_come_from_any_thread_while_the_writer_writes(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    wrong: list[Exception] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                queries.used(METER, T0, T0 + 600)
                queries.series(METER, ["power_w"], T0, T0 + 86_400, 100)
        except (sqlite3.Error, StoreError) as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(0, 20_000, 1000):
        meter.run(start + 10, start + 1000)
        meter.save()
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert queries.used(METER, T0 + 60, T0 + 19_980)["electricity"]["energy_import_kwh"] == 19.92


def test_a_reader_can_write_nothing(store: Store, queries: Queries) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        queries._db.execute("INSERT INTO note VALUES ('key', 'value')")
