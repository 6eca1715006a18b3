"""What registers went on by, in ranges and in bars: it adds up to the registers, whatever lies in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from p1monitor.recorder import Queries, Store
from p1monitor.recorder.profiles import CAPTURES, HOURLY, Fold, Sample
from p1monitor.webapp.periods import local, period
from tests.storing import METER, T0, Meter, begin, path, queries, store

__all__ = ["path", "queries", "store"]

HOUR = 3600
SUMMER = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
WINTER = datetime(2026, 1, 15, 12, tzinfo=timezone(timedelta(hours=1)))


def bars(queries: Queries, edges: list[int], name: str = "energy_import_kwh", role: str = "electricity") -> list[float | None]:
    return queries.steps(METER, [T0 + edge for edge in edges])[role][name]


def test_bars_are_differences_of_registers(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    meter.run(0, 4 * HOUR)
    meter.save()
    assert bars(queries, [HOUR, 2 * HOUR, 3 * HOUR]) == [3.6, 3.6]
    assert bars(queries, [HOUR, HOUR + 120]) == [0.12], "to the minute"
    assert queries.steps(METER, [T0, T0 + HOUR])["electricity"].keys() == {"energy_import_kwh", "energy_export_kwh"}


def test_a_history_that_begins_or_ends_within_the_bars(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    meter.run(HOUR + 10, 3 * HOUR - 600)
    meter.save()
    found = bars(queries, [0, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR])
    assert found[0] is None
    assert found[1:3] == [3.54, 3.0], "known from the end of the first minute on, until the last reading"
    assert found[3] is None
    assert bars(queries, [0, 4 * HOUR]) == [6.54]
    assert queries.first(METER) == T0 + HOUR + 900
    assert queries.steps(METER, [T0 - HOUR, T0]) == {"electricity": {}}


def test_a_gap_is_a_gap_and_its_energy_comes_after_it(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    meter.run(0, HOUR)
    meter.run(3 * HOUR + 10, 5 * HOUR, register=3 * HOUR + 10)
    meter.save()
    found = bars(queries, [0, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 5 * HOUR])
    assert found == [3.6, None, None, 10.8, 3.6]
    assert sum(one for one in found if one is not None) == pytest.approx(bars(queries, [0, 5 * HOUR])[0], abs=1e-9)


def test_a_new_meter_goes_on_where_the_old_one_stood(store: Store, queries: Queries) -> None:
    meter = Meter(store)
    meter.run(0, HOUR)
    meter.segment = begin(store, meter.device, "E2", 99, {"energy_import_kwh": 3600 - 5})
    meter.run(HOUR + 10, 2 * HOUR, register=5)
    meter.save()
    assert bars(queries, [0, HOUR, 2 * HOUR]) == [3.6, 3.59]


def test_other_meters_go_by_their_captures(store: Store, queries: Queries) -> None:
    device = store.device(METER, "gas", "gas")
    segment = begin(store, device, "G1", 1, {}).id
    fold = Fold([HOURLY], CAPTURES)
    with store.transaction():
        for hour in (0, 1, 2, 5, 6):
            fold.add(Sample(segment, T0 + hour * HOUR, registers=(hour * 500,)))
            store.add_capture(device, segment, "gas_m3", T0 + hour * HOUR, hour * 500)
        store.add(device, "gas_m3", fold.take())
    edges = [hour * HOUR for hour in range(-1, 8)]
    assert bars(queries, edges, "gas_m3", "gas") == [0.0, 0.5, 0.5, None, None, 1.5, 0.5, None]


@pytest.mark.parametrize("days", [1, 3])
def test_powers_tell_mean_and_peak_with_its_minute(store: Store, queries: Queries, days: int) -> None:
    meter = Meter(store)
    for at in range(60, days * 86_400 + 1, 60):
        meter.take(at, at, 9000 if at == 7260 else -700 if at == 10_800 else 400)
    meter.save()
    powers = queries.powers(METER, T0, T0 + days * 86_400)
    samples = days * 1440
    assert powers["mean_w"] == pytest.approx((400 * (samples - 2) + 9000 - 700) / samples)
    assert powers["highest"] == (9000, T0 + 7200, T0 + 7260)
    assert powers["lowest"] == (-700, T0 + 10_740, T0 + 10_800)
    assert queries.powers("none", T0, T0 + 60) == {}


@pytest.mark.parametrize(
    ("name", "date", "now", "bars", "begins", "hours"),
    [
        ("day", "2026-03-29", SUMMER, 23, "2026-03-29T00:00:00+01:00", 23),
        ("day", "2026-10-25", SUMMER, 25, "2026-10-25T00:00:00+02:00", 25),
        ("day", "2026-10-25", WINTER, 25, "2026-10-25T00:00:00+02:00", 25),
        ("day", "", WINTER, 24, "2026-01-15T00:00:00+01:00", 24),
        ("week", "2026-03-26", WINTER, 167, "2026-03-23T00:00:00+01:00", 167),
        ("month", "2026-10", WINTER, 31, "2026-10-01T00:00:00+02:00", 745),
        ("month", "2024-02-29", WINTER, 29, "2024-02-01T00:00:00+01:00", 696),
        ("year", "2026", WINTER, 12, "2026-01-01T00:00:00+01:00", 8760),
    ],
)
def test_periods_are_those_of_the_wall_clock(name: str, date: str, now: datetime, bars: int, begins: str, hours: int) -> None:
    found = period(name, date, now)
    assert len(found.edges) == len(found.local) == bars + 1
    assert found.local[0] == begins
    assert found.edges[-1] - found.edges[0] == hours * HOUR
    assert all(at.endswith("00:00:00" + at[-6:]) for at in (found.local[0], found.local[-1])), "midnights"
    assert period(name, found.after.isoformat(), now).before == found.first
    assert period(name, found.before.isoformat(), now).after == found.first


def test_an_hour_that_comes_twice_is_told_apart() -> None:
    found = period("day", "2026-10-25", SUMMER)
    assert found.local[2:4] == ("2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00")
    assert local(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp(), SUMMER).hour == 2


@pytest.mark.parametrize("date", ["2026-13", "1999", "yesterday", "2026-02-30", "20"])
def test_a_date_that_is_none_is_refused(date: str) -> None:
    with pytest.raises(ValueError, match=f"{date}|month|day"):
        period("month", date, WINTER)
