"""History of other programs: day totals are theirs, and ours goes on from them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from p1monitor.care.hass import PATTERNS
from p1monitor.care.local import local, midnight
from p1monitor.recorder import Queries
from p1monitor.recorder.verify import faults
from tests.archiving import folder, lived, old, path
from tests.cutting import NOON, Life
from tests.test_backup import sums
from tests.test_import import rows
from tests.test_verify import runs

__all__ = ["folder", "lived", "old", "path"]  # fixtures

#: The day on which `lived` begins is theirs no more.
LAST = date(2026, 1, 14)
DAYS = [LAST - timedelta(days=back) for back in range(399, -1, -1)]
TITLES = {
    18: "Date,Electricity Tariff 1 Diff,Electricity Tariff 2 Diff,Electricity Tariff 1 Returned Diff,"
    "Electricity Tariff 2 Returned Diff,Gas Diff,Electricity Tariff 1 Cost,Electricity Tariff 2 Cost,"
    "Gas Cost,Fixed Cost,Total Cost,Electricity Reading Timestamp,"
    "Electricity Tariff 1 Reading,Electricity Tariff 2 Reading,Electricity Tariff 1 Reading,Electricity Tariff 2 Reading,"
    "Gas Reading Timestamp,Gas Reading",
    16: "Date,Electricity 1,Electricity 2,Electricity 1 Returned,Electricity 2 Returned,Gas,Electricity 1 Cost,Electricity 2 Cost,"
    "Gas Cost,Fixed Cost,Total Cost,Electricity 1 Reading,Electricity 2 Reading,Electricity 1 Returned Reading,"
    "Electricity 2 Returned Reading,Gas Reading",
    11: "Date,Electricity 1,Electricity 2,Electricity 1 Returned,Electricity 2 Returned,Gas,Electricity 1 Cost,Electricity 2 Cost,"
    "Gas Cost,Fixed Cost,Total Cost",
    10: "Datum,Stroomverbruik 1,Stroomverbruik 2,Teruglevering 1,Teruglevering 2,Gas,Kosten 1,Kosten 2,Kosten Gas,Totaal",
}


def used(number: int) -> list[float]:
    """What was used on the n-th day: both rates, both returned, gas."""
    return [round(value, 3) for value in (3 + number % 7 / 8, 4.001 + number % 5, number % 3 * 0.777, 0.0, 1.234 + number % 11 / 9)]


def begun(history: Path) -> list[float]:
    """Where our registers begin: the rates, returned, gas."""
    rates = "energy_import_t1_wh, energy_import_t2_wh, energy_export_t1_wh, energy_export_t2_wh"
    found = rows(history, f'SELECT {rates} FROM load_profile ORDER BY "end" LIMIT 1')[0]
    gas = rows(history, 'SELECT value FROM mbus_profile ORDER BY "end" LIMIT 1')[0]
    return [float(value or 0) / 1000 for value in (*found, *gas)]  # type: ignore[arg-type]


def exported(history: Path, shape: int, *, dutch: bool = True) -> str:
    """DSMR-reader's day statistics, up to the day before ours; a little is used between the last reading of a day and the first."""
    stood = [value - 0.25 for value in begun(history)]  # used before ours began
    lines: list[str] = []
    for number in reversed(range(len(DAYS))):
        stood = [value - more for value, more in zip(stood, used(number), strict=True)]
        day = DAYS[number].strftime("%d-%m-%Y" if dutch else "%Y-%m-%d")
        cells = [day, *map(str, used(number)), *["1.0"] * (5 if shape > 10 else 4)]
        if shape == 18:
            at = f"{DAYS[number]}T00:00:05+01:00"
            cells += [at, *(f"{value:.3f}" for value in stood[:4]), at, f"{stood[4]:.3f}"]
        elif shape == 16:
            cells += [f"{value:.3f}" for value in stood]
        lines.insert(0, ",".join(cells))
        stood = [value - 0.001 for value in stood]
    return "\r\n".join([TITLES[shape], *lines, ""])


def day_totals(history: Path) -> dict[str, float]:
    """Import per day by the totals that go on, as charts make them."""
    found = rows(history, "SELECT date, energy_import_total_kwh FROM daily_profiles ORDER BY date")
    return {str(day): round(total - before, 3) for (_, before), (day, total) in pairwise(found)}  # type: ignore[operator]


@pytest.mark.parametrize("shape", TITLES)
@pytest.mark.parametrize("dutch", [True, False])
def test_day_totals_of_dsmr_reader_are_theirs(lived: Path, tmp_path: Path, shape: int, dutch: bool) -> None:
    (tmp_path / "days.csv").write_text(exported(lived, shape, dutch=dutch))
    own = sums(lived)
    code, told = runs("import", "--history", lived, tmp_path / "days.csv")
    assert code == 0, told
    assert "daily: 401 rows put in" in told
    assert set(own) <= set(sums(lived))
    found = day_totals(lived)
    assert {day: found[day] for day in map(str, DAYS)} == {str(day): round(sum(used(n)[:2]), 3) for n, day in enumerate(DAYS)}
    queries = Queries(lived)
    gas = queries.used("home", midnight(DAYS[7]), midnight(DAYS[8]))["gas"]["gas_m3"]
    power: Any = next(device for device in queries.devices("home") if device["role"] == "electricity")
    segment, ours = power["segments"]
    queries.close()
    assert gas == pytest.approx(used(7)[4], abs=1e-9)
    assert (segment["equipment_id"], segment["from_seq"] < ours["from_seq"]) == ("DSMR-reader", True)
    # The day on which ours began has what was used in it before; where no register was told, it begins with ours.
    gap = (
        rows(lived, "SELECT min(energy_import_total_kwh) FROM minutes")[0][0]
        - rows(  # type: ignore[operator]
            lived, f"SELECT energy_import_total_kwh FROM daily_profiles WHERE date = '{LAST}'"
        )[0][0]
    )
    assert gap == pytest.approx(0.5 + 0.002 if shape > 11 else 0.0, abs=0.003)
    before = sums(lived)
    code, told = runs("import", "--history", lived, tmp_path / "days.csv")
    assert (code, sums(lived)) == (0, before)
    assert "daily: 0 rows put in" in told
    assert not list(faults(lived))


def test_a_meter_that_was_replaced_there_is_two_segments_here(lived: Path, tmp_path: Path) -> None:
    lines = exported(lived, 18).splitlines()
    for index in range(1, 101):  # another meter, which stood at much more
        cells = lines[index].split(",")
        cells[12:16] = [f"{float(cell) + 50_000:.3f}" for cell in cells[12:16]]
        lines[index] = ",".join(cells)
    (tmp_path / "days.csv").write_text("\n".join(lines))
    code, told = runs("import", "--history", lived, tmp_path / "days.csv")
    assert code == 0, told
    assert day_totals(lived)[str(DAYS[150])] == round(sum(used(150)[:2]), 3)
    found = day_totals(lived)
    assert {day: found[day] for day in map(str, DAYS)} == {str(day): round(sum(used(n)[:2]), 3) for n, day in enumerate(DAYS)}
    assert len(rows(lived, "SELECT * FROM segment WHERE equipment_id = 'DSMR-reader' AND device = 1")) == 2


def test_hours_of_dsmr_reader(lived: Path, tmp_path: Path) -> None:
    titles = "Hour Start,Electricity 1,Electricity 2,Electricity 1 Returned,Electricity 2 Returned,Gas\n"
    hours = [f"2026-01-14T{hour:02}:00:00+01:00,0.{hour + 100},0.2,0.0,0.05,0.{hour + 10}\n" for hour in range(24)]
    (tmp_path / "hours.csv").write_text(titles + "".join(hours))
    code, told = runs("import", "--history", lived, tmp_path / "hours.csv")
    assert code == 0, told
    assert "load: 25 rows put in" in told
    found = rows(lived, f"SELECT energy_import_total_kwh FROM load_profiles WHERE [to] <= '{'2026-01-14T23:00:00Z'}' ORDER BY [to]")
    went = [round(after[0] - before[0], 3) for before, after in pairwise(found)]  # type: ignore[operator]
    assert went == [round(0.2 + (hour + 100) / 1000, 3) for hour in range(24)]


def test_what_ours_has_not_seen_cannot_be_joined(tmp_path: Path, lived: Path) -> None:
    (tmp_path / "days.csv").write_text(exported(lived, 18))
    code, told = runs("import", "--history", tmp_path / "new.sqlite", tmp_path / "days.csv")
    assert (code, "let p1monitor read the meter home first" in told) == (1, True)


def test_local_time_of_both_switches() -> None:
    assert midnight(date(2026, 3, 30)) - midnight(date(2026, 3, 29)) == 23 * 3600
    assert midnight(date(2026, 10, 26)) - midnight(date(2026, 10, 25)) == 25 * 3600
    assert local(datetime.fromisoformat("2026-07-01T12:00")) == local(datetime.fromisoformat("2026-07-01T12:00+02:00"))
    assert local(datetime.fromisoformat("2026-03-29T03:00")) == local(datetime.fromisoformat("2026-03-29T03:00+02:00"))
    assert local(datetime.fromisoformat("2026-10-25T02:30")) == local(datetime.fromisoformat("2026-10-25T02:30+02:00"))


# Home Assistant

#: As its recorder makes them (schema 50, of 2025.4), without what p1monitor does not read.
TABLES = """
CREATE TABLE statistics_meta (id INTEGER NOT NULL, statistic_id VARCHAR(255), source VARCHAR(32), unit_of_measurement VARCHAR(255),
    has_mean BOOLEAN, has_sum BOOLEAN, name VARCHAR(255), mean_type SMALLINT NOT NULL, PRIMARY KEY (id));
CREATE TABLE statistics (id INTEGER NOT NULL, created CHAR(0), created_ts FLOAT, metadata_id INTEGER, start CHAR(0), start_ts FLOAT,
    mean FLOAT, mean_weight FLOAT, min FLOAT, max FLOAT, last_reset CHAR(0), last_reset_ts FLOAT, state FLOAT, sum FLOAT,
    PRIMARY KEY (id), FOREIGN KEY(metadata_id) REFERENCES statistics_meta (id) ON DELETE CASCADE);
"""
#: As the models of a Home Assistant on this machine make them.
GENUINE = """
import sys
from homeassistant.components.recorder.db_schema import Base
from sqlalchemy import create_engine
Base.metadata.create_all(create_engine(f"sqlite:///{sys.argv[1]}"))
"""
SENSORS = {
    "sensor.electricity_meter_energy_consumption_tarif_1": ("kWh", 0),
    "sensor.electricity_meter_energy_consumption_tarif_2": ("kWh", 1),
    "sensor.electricity_meter_energy_production_tarif_1": ("kWh", 2),
    "sensor.gas_meter_gas_consumption": ("m³", 4),
    "sensor.fridge_energy": ("kWh", 0),
    "sensor.solar_power": ("W", 3),
}


def fill(database: Path, history: Path) -> None:
    """Hours of three weeks, over the end of summer time there, until ours began; one hour is missing."""
    last = int(NOON.timestamp()) - 3600
    ends = begun(history)
    with closing(sqlite3.connect(database)) as db:
        for number, (known_as, (unit, place)) in enumerate(SENSORS.items(), 1):
            meta = "INSERT INTO statistics_meta (id, statistic_id, source, unit_of_measurement, has_mean, has_sum, mean_type)"
            db.execute(f"{meta} VALUES (?, ?, 'recorder', ?, 0, ?, 0)", (number, known_as, unit, unit != "W"))
            hours = range(last - 90 * 86_400, last + 1, 3600)
            for hour in hours:
                total = (hour - hours[0]) / 3600 * 0.125 * (place + 1) + 0.125
                state = ends[place] - 0.5 - (hours[-1] - hour) / 3600 * 0.125 * (place + 1)
                if hour != hours[40]:
                    add = "INSERT INTO statistics (metadata_id, start_ts, state, sum) VALUES (?, ?, ?, ?)"
                    db.execute(add, (number, float(hour), state, total))
        db.commit()


def check(database: Path, history: Path) -> None:
    fill(database, history)
    own = sums(history)
    code, told = runs("import", "--history", history, database)
    assert code == 0, told
    assert "sensor.electricity_meter_energy_consumption_tarif_2 is energy_import_t2_kwh" in told
    assert "fridge" not in told
    assert set(own) <= set(sums(history))
    first = LAST - timedelta(days=80)
    found = day_totals(history)
    for days in range(80):
        day = first + timedelta(days=days)
        hours = (midnight(day + timedelta(days=1)) - midnight(day)) / 3600
        assert found[str(day)] == round(hours * 0.125 * 3, 3), day
    queries = Queries(history)
    start = midnight(first)
    used_there = queries.used("home", start, start + 86_400)
    queries.close()
    assert used_there["gas"]["gas_m3"] == pytest.approx(24 * 0.125 * 5)
    assert used_there["electricity"] == {"energy_import_kwh": pytest.approx(9.0), "energy_export_kwh": pytest.approx(9.0)}
    before = sums(history)
    assert runs("import", "--history", history, database)[0] == 0
    assert sums(history) == before
    assert not list(faults(history))
    life = Life(history, begin=6 * 3600, step=30)
    life.second()
    life.recorder.close()
    assert not list(faults(history))


def test_day_totals_of_home_assistant_are_theirs(lived: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "home-assistant_v2.db")) as db:
        db.executescript(TABLES)
    check(tmp_path / "home-assistant_v2.db", lived)


@pytest.mark.homeassistant
def test_day_totals_of_a_genuine_schema(lived: Path, tmp_path: Path) -> None:
    python = Path(os.environ["P1MONITOR_HASS"]).parent / "python"
    subprocess.run([python, "-c", GENUINE, tmp_path / "home-assistant_v2.db"], check=True, cwd=tmp_path)
    check(tmp_path / "home-assistant_v2.db", lived)


def test_where_two_statistics_could_be_meant_it_asks(lived: Path, tmp_path: Path) -> None:
    database = tmp_path / "home-assistant_v2.db"
    with closing(sqlite3.connect(database)) as db:
        db.executescript(TABLES)
    fill(database, lived)
    with closing(sqlite3.connect(database)) as db:
        db.execute("UPDATE statistics_meta SET statistic_id = 'sensor.p1_meter_energy_import_tariff_1' WHERE id = 5")
        db.commit()
    code, told = runs("import", "--history", lived, database)
    assert code == 1
    assert "which one is energy_import_t1_kwh" in told
    chosen = "energy_import_t1_kwh=sensor.p1_meter_energy_import_tariff_1"
    code, told = runs("import", "--history", lived, database, "--statistic", chosen)
    assert code == 0, told
    code, told = runs("import", "--history", lived, database, "--statistic", "energy_import_t1_kwh=sensor.none")
    assert (code, "there is no statistic sensor.none" in told) == (1, True)
    code, told = runs("import", "--history", lived, database, "--statistic", "power=sensor.none")
    assert (code, '"power" is no name of a statistic' in told) == (2, True)


@pytest.mark.parametrize(
    ("name", "sensor"),
    [
        ("energy_import_t1_kwh", "electricity_meter_energy_consumption_tarif_1"),
        ("energy_import_t1_kwh", "electricity_meter_energieverbruik_tarief_1"),
        ("energy_export_t2_kwh", "p1_meter_energy_export_tariff_2"),
        ("energy_import_t2_kwh", "dsmr_reading_electricity_delivered_2"),
        ("energy_export_t1_kwh", "dsmr_reading_electricity_returned_1"),
        ("energy_import_t1_kwh", "slimmelezer_energy_consumed_tariff_1"),
        ("energy_export_t2_kwh", "slimmelezer_energy_produced_tariff_2"),
        ("energy_import_t2_kwh", "p1_home_energy_import_t2_kwh"),
        ("gas_m3", "gas_meter_gas_consumption"),
        ("gas_m3", "dsmr_consumption_gas_delivered"),
        ("gas_m3", "slimmelezer_gas_consumed"),
        ("gas_m3", "p1_home_gas_gas_m3"),
        (None, "solar_energy_today"),
        (None, "washing_machine_energy"),
        (None, "gas_meter_costs"),
    ],
)
def test_names_of_sensors(name: str | None, sensor: str) -> None:
    assert next((one for one, pattern in PATTERNS.items() if pattern.fullmatch(sensor)), None) == name
