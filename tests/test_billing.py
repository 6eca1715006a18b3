from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from p1monitor.recorder import Queries
from p1monitor.recorder.levels import Bit
from tests.desk import Desk, desk, kwh
from tests.readings import METER, SUMMER, WINTER, measurement, reading

__all__ = ["desk"]


def month(desk: Desk, begin: datetime, days: float, watts: int, number: int = 1, register: int = 0, step: int = 300) -> int:
    """Some days of a constant power; the register at their end."""
    used = register
    for index in range(int(days * 86_400) // step + 1):
        used = register + watts * index * step // 3600
        desk.enter(reading(begin + timedelta(seconds=index * step), number + index, energy_import_kwh=kwh(used)))
    return used


def test_a_billing_period_begins_on_its_day_and_knows_its_highest_quarter(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "history.sqlite", billing_day=10)
    begin = datetime(2026, 1, 9, tzinfo=WINTER)
    register = month(desk, begin, 1, 1200)
    register = month(desk, begin + timedelta(days=1, minutes=15), 0, 0, 1000, register + 500)  # 2 kW for a quarter
    desk.restart()
    month(desk, begin + timedelta(days=1, minutes=20), 31, 600, 2000, register + 50)
    desk.close()
    found = desk.rows("billing_profile", 'date, start, "end", demand_max_w, demand_max_at, energy_import_wh')
    first, second = (int(datetime(2026, one, 10, tzinfo=WINTER).timestamp()) for one in (1, 2))
    assert [row[0] for row in found] == ["2025-12-10", "2026-01-10", "2026-02-10"]
    assert found[0][2:] == (first, 1200, int(begin.timestamp()) + 900, 28_800)
    assert found[1][1:5] == (first, second, 2000, first + 900)


def test_missed_billing_periods_are_caught_up_and_a_clock_that_was_set_makes_one(tmp_path: Path) -> None:
    for name, status, dates in (("away", 0, 4), ("set", Bit.CAD | Bit.DNV, 2)):
        desk = Desk(tmp_path / f"{name}.sqlite")
        desk.enter(reading(datetime(2026, 1, 15, tzinfo=WINTER), 1, energy_import_kwh="1"))
        desk.enter(reading(datetime(2026, 4, 15, tzinfo=SUMMER), 2, energy_import_kwh="9"), status)
        desk.close()
        found = desk.rows("billing_profile", 'date, start, "end", energy_import_wh')
        assert len(found) == dates
        assert [row[1] for row in found[1:]] == [row[2] for row in found[:-1]]
        assert (found[0][3], found[-1][3]) == (1000, 9000)


def test_the_meters_own_peak_is_worth_more_than_ours(desk: Desk) -> None:
    begin = datetime(2026, 1, 20, tzinfo=WINTER)
    month(desk, begin, 0.1, 3000)
    own = measurement("monthly_power_peak_w", 2987, begin + timedelta(minutes=30))
    one = reading(begin + timedelta(days=0.2), 500, energy_import_kwh="10")
    desk.enter(one._replace(values={**one.values, "monthly_power_peak_w": own}))
    desk.close()
    assert desk.rows("billing_profile", "demand_max_w, demand_max_at, demand_own") == [(2987, int(begin.timestamp()) + 1800, 1)]


def test_the_billing_profile_can_be_asked_for(desk: Desk) -> None:
    begin = datetime(2026, 1, 20, tzinfo=WINTER)
    month(desk, begin, 0.1, 3000)
    desk.close()
    queries = Queries(desk.path)
    found = queries.profile("billing", METER, 0, 1e11)
    queries.close()
    columns, rows = found["columns"], found["rows"]
    assert isinstance(columns, list)
    assert isinstance(rows, list)
    (row,) = (dict(zip(columns, row, strict=True)) for row in rows)
    assert (row["date"], row["demand_max_w"], row["energy_import_kwh"]) == ("2026-01-01", 3000, 7.0)
    assert row["demand_max_at"] == int(begin.timestamp()) + 900
