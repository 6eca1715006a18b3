from __future__ import annotations

import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest

from p1monitor.p1.records import Event
from p1monitor.recorder import POLICY, Queries, Store
from p1monitor.recorder.pace import SAVE_S
from p1monitor.sinks import Sink, SinkError
from tests.readings import METER, device
from tests.recording import NOON, House, house, lives, path, second

__all__ = ["house", "path"]


def test_it_is_a_sink_that_takes_each_reading_at_once_and_everything_in_order(house: House) -> None:
    sink: Sink = house.recorder
    assert sink.name == "recorder"
    assert (POLICY.live, POLICY.queue, POLICY.batch, POLICY.gather_s) == (False, 3600, 60, 0)


def test_readings_become_profiles_devices_and_memory(path: Path) -> None:
    house = House(path)
    house.run(10, 1800)
    house.recorder.close()
    assert house.rows("load_profile", "samples, status, energy_import_wh") == [(90, 0, 890), (90, 0, 1790)]
    assert house.rows("device", "role") == [("electricity",)]
    store = Store(path)
    assert store.remembered(METER) == house.memory.to_json()
    store.close()


@pytest.mark.parametrize("minutes", [5, 60])
def test_the_interval_of_the_load_profile_is_settable(path: Path, minutes: int) -> None:
    house = House(path, minutes=minutes)
    house.run(10, 3600)
    house.recorder.close()
    assert len(house.rows("load_profile")) == 60 // minutes


def test_what_no_hour_saves_waits_for_long_and_the_heartbeat_saves_too(house: House) -> None:
    one = house.see(second(10, 10))
    house.recorder.deliver([one])
    assert house.rows("minute") == []
    house.clock.now += SAVE_S
    house.recorder.deliver([])
    assert house.rows("minute", "samples") == [(1,)]


def test_the_same_batch_twice_is_recorded_once(house: House) -> None:
    batch = [house.see(second(at, at)) for at in range(10, 310, 10)]
    for _ in range(3):
        house.clock.now += SAVE_S
        house.recorder.deliver(batch)
    assert house.rows("load_profile", "samples") == [(30,)]


def test_a_code_that_changed_is_kept_with_all_it_says(house: House, path: Path) -> None:
    for at, code in ((10, 0), (20, 77)):
        house.recorder.deliver([house.see(second(at, at, event_power_quality=code))])
    house.looked()
    queries = Queries(path)
    (event,) = queries.events(METER, 5)
    queries.close()
    assert {name: event[name] for name in ("kind", "code", "words", "phase", "channel")} == {
        "kind": "power quality",
        "code": 77,
        "words": "undervoltage L2",
        "phase": "L2",
        "channel": None,
    }


def test_a_restart_goes_on_where_it_was(path: Path) -> None:
    house = lives(path, *([second(at, at) for at in part] for part in (range(10, 401, 10), range(410, 901, 10))))
    assert house.rows("load_profile", "samples, status, energy_import_wh") == [(90, 0, 900)]
    assert [row[0] for row in house.rows("segment", "from_seq")] == [1]
    assert house.memory.seq == 90


def test_a_new_electricity_meter_is_a_new_segment_and_totals_go_on(path: Path) -> None:
    house = House(path)
    house.run(10, 900, register=500_000)
    house.run(910, 1800, equipment_id="E2")
    house.recorder.close()
    assert house.rows("segment", 'equipment_id, from_seq, json_extract("offset", "$.energy_import_kwh")') == [
        ("E1", 1, None),
        ("E2", 91, 500_890),
    ]
    assert house.rows("load_profiles", "equipment_id, energy_import_kwh, energy_import_total_kwh") == [
        ("E1", 500.89, 500.89),
        ("E2", 0.89, 501.78),
    ]
    queries = Queries(path)
    start = NOON.timestamp()
    assert queries.used(METER, start + 900, start + 1800)["electricity"]["energy_import_kwh"] == 0.89
    assert [event["kind"] for event in queries.events(METER, 5)] == ["swap"]
    queries.close()


def test_a_meter_that_was_replaced_while_p1monitor_was_off(path: Path) -> None:
    old = [second(at, 500_000 + at, "E1") for at in range(10, 901, 10)]
    new = [second(at, at - 4500, "E2") for at in range(4510, 5401, 10)]
    house = lives(path, old, new)
    totals = [row[0] for row in house.rows("load_profiles", "energy_import_total_kwh")]
    assert totals == [500.9, None, None, None, None, 501.79]


def test_gas_is_recorded_by_its_captures_with_its_segments(path: Path) -> None:
    house = House(path)
    story = [(0, "5.000", "G1"), (1, "5.250", "G1"), (2, "0.100", "G2"), (3, "0.200", "G2")]
    for hour, value, name in story:
        captured = NOON + timedelta(hours=hour)
        gas = device(value=value, at=captured, equipment_id=name)
        house.recorder.deliver([house.see(second(hour * 3600 + minute * 300, 0, devices=[gas])) for minute in range(1, 12)])
    house.recorder.close()
    assert house.rows("mbus_profiles", "role, equipment_id, name, value, total, samples") == [
        ("gas", "G1", "gas_m3", 5.0, 5.0, 1),
        ("gas", "G1", "gas_m3", 5.25, 5.25, 1),
        ("gas", "G2", "gas_m3", 0.1, 5.25, 1),
        ("gas", "G2", "gas_m3", 0.2, 5.35, 1),
    ]
    assert house.rows("mbus_capture", "count(*)") == [(4,)]


def test_a_submeter_without_capture_times_counts_once_an_hour(path: Path) -> None:
    house = House(path)
    for hour in range(3):
        house.recorder.deliver([house.see(second(hour * 3600 + s, 0, devices=[device(value="5.0")])) for s in range(10, 600, 10)])
    house.recorder.close()
    assert house.rows("mbus_profile", "samples") == [(1,), (1,), (1,)]


def test_power_failures_are_told_by_the_meters_own_counters_even_over_a_restart(path: Path) -> None:
    stories = (
        [second(at, at, any_power_fail_count=count) for at in range(start, start + 300, 10)]
        for count, start in ((3, 10), (4, 2000))
    )
    house = lives(path, *stories)
    assert [row[0] & 0x80 for row in house.rows("load_profile", "status")] == [0x80, 0x80, 0x80]  # type: ignore[operator]


def test_a_power_cut_without_evidence_is_only_missing_data(path: Path) -> None:
    house = lives(path, *([second(at, at) for at in range(start, start + 300, 10)] for start in (10, 2000)))
    assert [row[0] for row in house.rows("load_profile", "status")] == [4, 4, 4]


def test_a_register_that_is_held_back_at_the_end_of_a_row_is_what_it_was_before(house: House) -> None:
    house.run(10, 880)
    house.clock.now += SAVE_S
    house.recorder.deliver([])
    for at in (890, 900):  # one beside what is saved, and one in the next batch
        fallen = house.see(second(at, -500_000))
        assert fallen.values["energy_import_kwh"].held
        house.clock.now += SAVE_S
        house.recorder.deliver([fallen])
    assert house.rows("load_profile", "energy_import_wh, samples") == [(870, 90)]


# Trouble


def test_trouble_is_one_sentence_and_nothing_is_lost_or_doubled_by_it(house: House, path: Path) -> None:
    house.store._db.execute("PRAGMA busy_timeout = 0")
    house.run(10, 60)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    batch = [house.see(second(at, at)) for at in range(70, 310, 10)]
    house.clock.now += SAVE_S
    for _ in range(3):
        with pytest.raises(SinkError, match="another process writes to this history") as told:
            house.recorder.deliver(batch)
        assert not told.value.permanent
    other.execute("ROLLBACK")
    other.close()
    house.recorder.deliver(batch)
    assert house.rows("load_profile", "samples, energy_import_wh") == [(30, 300)]


def test_a_disk_that_is_full_loses_nothing_that_can_wait(house: House) -> None:
    house.run(10, 60)
    (pages,) = house.store._db.execute("PRAGMA page_count").fetchone()
    house.store._db.execute(f"PRAGMA max_page_count = {pages}")
    event = Event(NOON, None, "message", None, "x" * 80_000)
    batch = [house.see(second(70, 70, events=[event]))]
    house.clock.now += SAVE_S
    with pytest.raises(SinkError, match="no room left"):
        house.recorder.deliver(batch)
    house.store._db.execute("PRAGMA max_page_count = 100000")
    house.recorder.deliver(batch)
    assert house.rows("load_profile", "samples") == [(7,)]
    assert house.rows("event", "length(words)") == [(80_000,)]


# A past


def test_a_month_of_the_past_is_fed_through_the_same_sink_quickly(path: Path) -> None:
    house = House(path)
    readings = [
        house.see(second(at, at // 10, devices=[device(at=NOON + timedelta(seconds=at // 3600 * 3600))]))
        for at in range(0, 30 * 86_400, 300)
    ]
    began = time.perf_counter()
    house.recorder.deliver(readings)
    house.recorder.close()
    rate = len(readings) / (time.perf_counter() - began)
    assert rate > 1000  # some 10 000 a second; the limit is for machines under load
    days = house.rows("daily_profile", "status, energy_import_wh")
    assert len(days) == 31
    assert [status for status, _ in days[1:-1]] == [0] * 29
    assert len(house.rows("load_profile")) == 30 * 96 + 1
    assert len(house.rows("minute")) == 30 * 288
    queries = Queries(path)
    end = NOON.timestamp() + 30 * 86_400 - 300
    found = queries.series(METER, ["power_w"], end - 86_400, end, 500)["power_w"]
    assert isinstance(found, dict)
    assert None not in found["mean"]
    queries.close()
