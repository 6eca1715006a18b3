"""The profile of power quality as it is kept: whole numbers, each row once, also after a kill."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from p1monitor.p1.records import Reading, Received
from p1monitor.recorder import Queries
from p1monitor.recorder.quality_rows import HEADS
from tests.cutting import METER as HOME
from tests.cutting import Life
from tests.readings import METER, reading
from tests.recording import NOON, House, path

__all__ = ["path"]  # fixtures

T0 = int(NOON.timestamp())
STEP = 10


def telegram(at: int, equipment_id: str = "E1", reactive: bool = True) -> Reading:
    """230 to 231 V, 2 A, 400 W; a current of 0.3 kvar on top of it."""
    when = NOON + timedelta(seconds=at)
    values = {"voltage_l1_v": "231.0" if at % 20 else "230.0", "current_l1_a": "2", "power_import_w": "400", "power_export_w": "0"}
    more = {"power_reactive_import_var": "300", "power_reactive_export_var": "0"} if reactive else {}
    received = Received(when.timestamp(), float(at))
    return reading(when, received=received, equipment_id=equipment_id, values={**values, **more}, energy_import_kwh="1.000")


def told(path: Path, meter: str = METER) -> list[dict[str, object]]:
    queries = Queries(path)
    answer = queries.profile("quality", meter, 0, 1e11)
    queries.close()
    columns, rows = answer["columns"], answer["rows"]
    assert isinstance(columns, list)
    assert isinstance(rows, list)
    return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.fixture
def house(path: Path) -> Iterator[House]:
    house = House(path)
    yield house
    house.recorder.close()


def feed(house: House, *spans: range, **more: object) -> None:
    for span in spans:
        house.recorder.deliver([house.see(telegram(at, **more)) for at in span])  # type: ignore[arg-type]  # what it takes
    house.clock.now += 3600
    house.looked()


def test_ten_minutes_are_a_row(house: House) -> None:
    feed(house, range(0, 1210, STEP))
    first, second = told(house.path)
    assert first == {
        "role": "electricity",
        "equipment_id": "E1",
        "start": T0,
        "end": T0 + 600,
        "status": 0,
        "samples": 60,
        "voltage_l1_v": 230.5,
        "voltage_l1_min_v": 230.0,
        "voltage_l1_max_v": 231.0,
        "current_l1_a": 2.0,
        "power_import_w": 400.0,
        "power_export_w": 0.0,
        "power_reactive_import_var": 300.0,
        "power_reactive_export_var": 0.0,
        "power_factor": 0.8,
    }
    assert (second["start"], second["end"]) == (T0 + 600, T0 + 1200)
    assert set(first) <= set(HEADS)
    view = house.rows("quality_profiles", 'meter, equipment_id, "from", "to", status, samples, voltage_l1_v, power_factor')
    assert view[0] == (METER, "E1", "2026-01-15T11:00:00Z", "2026-01-15T11:10:00Z", "", 60, 230.5, 0.8)


def test_what_the_meter_does_not_send_is_left_out(house: House) -> None:
    feed(house, range(0, 610, STEP), reactive=False)
    (row,) = told(house.path)
    assert "power_factor" not in row
    assert "voltage_l2_v" not in row


@pytest.mark.parametrize(
    ("spans", "missing"),
    [
        ([range(0, 600, STEP), range(600, 1210, STEP)], [False, False]),
        ([range(0, 570, STEP), range(600, 1210, STEP)], [True, False]),  # the last at 560
        ([range(0, 580, STEP), range(600, 1210, STEP)], [False, False]),  # … at 570
        ([range(0, 600, STEP), range(640, 1210, STEP)], [False, True]),
        ([range(0, 300, STEP), range(400, 1210, STEP)], [True, False]),
        ([range(0, 300, STEP), range(1800, 2410, STEP)], [True, False]),  # nothing between
    ],
)
def test_a_row_says_that_samples_are_missing(house: House, spans: list[range], missing: list[bool]) -> None:
    feed(house, *spans)
    assert [bool(int(str(row["status"])) & 4) for row in told(house.path)] == missing


def test_a_row_belongs_to_the_meter_that_measured_it(house: House) -> None:
    feed(house, range(0, 600, STEP))
    feed(house, range(600, 1210, STEP), equipment_id="E2")
    assert [row["equipment_id"] for row in told(house.path)] == ["E1", "E2"]


def test_a_restart_and_a_reading_that_comes_twice_change_nothing(path: Path) -> None:
    house = House(path)
    batch = [house.see(telegram(at)) for at in range(0, 610, STEP)]
    house.recorder.deliver(batch)
    house.recorder.deliver(batch)
    house.recorder.close()
    once = told(path)
    again = House(path)
    row = next(one.quality for one in batch if one.quality is not None)
    with again.store.transaction():
        again.store.add_quality(1, 1, int(str(once[0]["status"])), row)
    again.recorder.close()
    assert told(path) == once
    assert len(once) == 1


@pytest.mark.parametrize("at", [250, 610, 900])
def test_rows_are_made_again_after_a_kill(tmp_path: Path, at: int) -> None:
    """What was not saved is in the journal only: in the midst of a row, just after its end, and later."""
    begin = 50  # saves are at 350 and 650
    killed, whole = (Life(tmp_path / name, begin=begin, step=STEP) for name in ("killed.sqlite", "whole.sqlite"))
    for now in range(begin, 1300, STEP):
        if now == at:
            os.close(killed.store._claim)
            killed.archive.journal.close()
            killed = Life(tmp_path / "killed.sqlite", begin=at, step=STEP)
            assert killed.entered
        whole.second()
        killed.second()
    for life in (killed, whole):
        life.recorder.close()
    rows = told(tmp_path / "whole.sqlite", HOME)
    assert len(rows) == 2
    assert told(tmp_path / "killed.sqlite", HOME) == rows
