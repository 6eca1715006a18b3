"""What was used today, this month and this year: from a history of closed form."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

from p1monitor.days import starts
from p1monitor.recorder.increments import Sample
from p1monitor.recorder.queries import Queries
from p1monitor.recorder.samples import REGISTERS
from p1monitor.recorder.store import Store
from p1monitor.spent import spent
from tests.storing import METER, T0, Meter, path, queries, store

__all__ = ["path", "queries", "store"]  # fixtures

WINTER, SUMMER = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))


def test_a_year_that_began_in_winter_began_in_winter_time() -> None:
    began = starts(datetime(2026, 7, 14, 15, 16, 17, tzinfo=SUMMER))
    assert began == {
        "day": datetime(2026, 7, 14, tzinfo=SUMMER).timestamp(),
        "month": datetime(2026, 7, 1, tzinfo=SUMMER).timestamp(),
        "year": datetime(2026, 1, 1, tzinfo=WINTER).timestamp(),
    }


def test_what_is_known_since_midnight_and_what_is_not(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    midnight = datetime.fromtimestamp(T0, WINTER).replace(hour=0, minute=0, second=0) + timedelta(days=1)
    begin = int(midnight.timestamp()) - T0
    meter.run(begin - 3600, begin + 7200, register=1000)
    meter.save()
    told = spent(queries, METER, midnight + timedelta(seconds=7200))
    assert told["day"]["energy_import_kwh"] == Decimal("7.200")
    assert told["day"]["energy_export_kwh"] == 0
    assert "energy_import_t1_kwh" not in told["day"], "this meter has no rates"
    assert told["year"] == {}, "the history begins later"


def test_rates_go_by_the_quarter_hour(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    midnight = datetime.fromtimestamp(T0, WINTER).replace(hour=0, minute=0, second=0) + timedelta(days=1)
    begin = int(midnight.timestamp())
    for at in range(-3600, 7201, 10):
        registers: list[int | None] = [None] * len(REGISTERS)
        registers[REGISTERS.index("energy_import_kwh")] = 50_000 + at
        registers[REGISTERS.index("energy_import_t1_kwh")] = 9_000 + min(at, 1800)
        registers[REGISTERS.index("energy_import_t2_kwh")] = 41_000 + max(at - 1800, 0)
        meter.fold.add(Sample(meter.segment.id, begin + at, registers=tuple(registers), power=360, offset=3600))
    meter.save()
    day = spent(queries, METER, midnight + timedelta(seconds=7200))["day"]
    assert (day["energy_import_t1_kwh"], day["energy_import_t2_kwh"]) == (Decimal("1.800"), Decimal("5.400"))
    assert day["energy_import_kwh"] == Decimal("7.200")


def test_a_history_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    nowhere = Queries(tmp_path / "none")
    assert spent(nowhere, METER, datetime(2026, 7, 14, tzinfo=SUMMER)) == {}
    nowhere.close()
