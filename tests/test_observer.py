from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.observer import Memory, observe
from p1monitor.p1.records import Device, Reading, Received
from tests.observing import NOON, run
from tests.readings import SUMMER, WINTER, device, reading

NIGHT = datetime(2026, 1, 15, 23, 59, 50, tzinfo=WINTER)


def today(seen: Reading, name: str = "energy_import_today_kwh") -> Decimal | None:
    measurement = seen.values.get(name)
    assert measurement is None or (measurement.derived and isinstance(measurement.value, Decimal))
    return measurement.value if measurement else None  # type: ignore[return-value]


def gas_today(seen: Reading, role: str = "gas") -> object:
    return next(one.values["gas_today_m3"].value for one in seen.devices if one.role == role)


# Sequence


def test_readings_are_numbered_from_memory() -> None:
    memory, seen = run([reading(NOON), reading(NOON), reading(NOON)])
    assert [one.seq for one in seen] == [1, 2, 3]
    _, seen = run([reading(NOON)], Memory.from_json(memory.to_json()))
    assert seen[0].seq == 4


def test_memory_of_an_older_program_is_filled_up_with_nothing() -> None:
    assert Memory.from_json({"seq": 7}) == Memory(7)


# Today


def test_today_counts_from_the_first_reading_of_the_local_day() -> None:
    at = [NIGHT, NIGHT + timedelta(seconds=9), NIGHT + timedelta(seconds=12), NIGHT + timedelta(seconds=3600)]
    values = ("10.000", "10.001", "10.003", "10.500")
    _, seen = run(reading(when, energy_import_kwh=value) for when, value in zip(at, values, strict=True))
    assert [str(today(one)) for one in seen] == ["0.000", "0.001", "0.000", "0.497"]


@pytest.mark.parametrize(
    ("silent_from", "expected"),
    [(timedelta(minutes=-10), "0.300"), (timedelta(minutes=-16), "0.000")],
    ids=["the last register before midnight counts", "it is too old"],
)
def test_a_midnight_without_telegrams(silent_from: timedelta, expected: str) -> None:
    midnight = datetime(2026, 1, 16, tzinfo=WINTER)
    before = reading(midnight + silent_from, energy_import_kwh="10.000")
    _, seen = run([before, reading(midnight + timedelta(minutes=20), energy_import_kwh="10.300")])
    assert str(today(seen[1])) == expected


def test_the_printed_offset_decides_about_the_date() -> None:
    late, next_day = datetime(2026, 6, 30, 23, 59, tzinfo=SUMMER), datetime(2026, 7, 1, 0, 0, 1, tzinfo=SUMMER)
    _, seen = run([reading(late, energy_import_kwh="1"), reading(next_day, energy_import_kwh="2")])
    assert today(seen[1]) == 0


def test_a_clock_set_back_over_midnight_does_not_begin_yesterday_again() -> None:
    at = [NIGHT, NIGHT + timedelta(seconds=20), NIGHT, NIGHT + timedelta(seconds=30)]
    _, seen = run(reading(when, energy_import_kwh=str(n)) for n, when in enumerate(at, 1))
    assert [today(one) for one in seen] == [0, 0, 1, 2]


def test_totals_go_on_over_a_new_meter_and_are_never_negative() -> None:
    story = [("E1", "500.0"), ("E1", "501.5"), ("E2", "0.0"), ("E2", "0.25")]
    _, seen = run(
        reading(NOON + timedelta(hours=hour), equipment_id=name, energy_import_kwh=value)
        for hour, (name, value) in enumerate(story)
    )
    assert [today(one) for one in seen] == [Decimal(value) for value in ("0", "1.5", "1.5", "1.75")]


def test_totals_go_on_over_a_roll_over() -> None:
    _, seen = run(reading(NOON, energy_export_kwh=value) for value in ("999999.98", "999999.99", "0.01"))
    assert [today(one, "energy_export_today_kwh") for one in seen][-1] == Decimal("0.01")


def test_gas_counts_by_its_own_capture_time() -> None:
    midnight = datetime(2026, 1, 16, tzinfo=WINTER)
    captures = [(midnight - timedelta(minutes=50), "7.0"), (midnight + timedelta(minutes=10), "7.4")]
    story = [
        reading(at + timedelta(minutes=minutes), devices=[device(value=value, at=at)])
        for at, value in captures
        for minutes in (1, 55)
    ]
    _, seen = run(story)
    assert [gas_today(one) for one in seen] == [Decimal(value) for value in ("0", "0", "0.4", "0.4")]


def test_two_gas_meters_are_counted_apart() -> None:
    def both(one: str, two: str) -> Sequence[Device]:
        return [device(value=one, at=NOON), device(value=two, at=NOON - timedelta(1), channel=2, equipment_id="G2")]

    _, seen = run([reading(NOON, devices=both("1", "9")), reading(NOON, devices=both("2", "9"))])
    assert (gas_today(seen[1]), gas_today(seen[1], "gas_2")) == (1, 0)


def test_a_meter_without_a_clock_gets_the_date_of_the_host() -> None:
    zone = timezone(timedelta(hours=2))
    memory = Memory()
    found = []
    for wall, value in (("2026-06-30T21:59:59", "1"), ("2026-06-30T22:00:01", "2"), ("2026-06-30T22:30:00", "3")):
        received = Received(datetime.fromisoformat(wall).replace(tzinfo=UTC).timestamp(), 0.0)
        memory, seen = observe(memory, reading(None, received=received, energy_import_kwh=value), zone)
        found.append(today(seen))
    assert found == [0, 0, 1]


def test_without_any_time_there_are_no_totals() -> None:
    _, (seen,) = run([reading(None, energy_import_kwh="1")])
    assert today(seen) is None


@given(st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 5000), st.booleans()), max_size=40))
def test_the_days_of_one_meter_add_up_to_its_register(steps: list[tuple[int, int, bool]]) -> None:
    """However telegrams come, no day is negative, and none has more than the register went."""
    at, register, first = NOON, 0, 0
    memory, equipment = Memory(), 1
    for pause, energy, swap in steps:
        at += timedelta(seconds=pause)
        register += energy
        if swap:
            equipment, register = equipment + 1, 0
        one = reading(at, equipment_id=f"E{equipment}", energy_import_kwh=str(Decimal(register) / 1000))
        memory, seen = observe(memory, one)
        first += energy
        total = today(seen)
        assert total is not None
        assert 0 <= total <= Decimal(first) / 1000


def test_nothing_new_costs_little() -> None:
    one = reading(NOON, devices=[device(at=NOON)], energy_import_kwh="1.000", energy_export_kwh="2.000", power_w=5)
    memory, _ = observe(Memory(), one)
    began = time.process_time()
    for _ in range(2000):
        memory, _ = observe(memory, one)
    assert (time.process_time() - began) / 2000 < 250e-6  # some 25 µs; the limit is for machines under load
