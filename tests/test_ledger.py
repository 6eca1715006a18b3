from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p1monitor.p1.records import Measurement, Reading, Received
from p1monitor.recorder.levels import Bit
from tests.desk import Desk, desk, kwh
from tests.readings import SUMMER, WINTER, device, measurement, reading

START = datetime(2026, 3, 28, 22, 50, tzinfo=UTC)  # before the night in which summer time begins
__all__ = ["desk"]

TABLES = ("minute", "load_profile", "daily_profile", "billing_profile", "mbus_profile", "mbus_capture")


def at(seconds: int) -> datetime:
    moment = START + timedelta(seconds=seconds)
    return moment.astimezone(SUMMER if moment >= datetime(2026, 3, 29, 1, tzinfo=UTC) else WINTER)


def held(one: Reading, name: str) -> Reading:
    return one._replace(values={**one.values, name: one.values[name]._replace(held=True)})


#: seconds since the one before (of the meter, and of the host), power, Wh, what else befalls it
Step = tuple[int, int, int, int, str]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, 10, 10, 10, 10, 11, 60, 300, 900, 4000, 30_000, -5, -600, -5000]),
        st.sampled_from([0, 0, 0, 3, 8, 500]),
        st.integers(-3000, 5000),
        st.integers(0, 900),
        st.sampled_from(["", "", "", "", "", "held", "swap", "gas", "fail", "roll", "error", "peak"]),
    ),
    min_size=3,
    max_size=50,
)


def story(steps: Iterable[Step]) -> list[Reading]:
    now, host, imported, fails, meter, gas, error, peak = 0, 1000.0, 99_990_000_000, 0, 1, 5000, "00000000", (START, 5)
    found = []
    for number, (passed, drift, watts, used, what) in enumerate(steps, 1):
        now, host, imported = now + passed, host + max(passed, 0) + drift % 9, imported + used
        if what == "swap":
            imported, meter = 17, meter + 1
        if what == "roll":
            imported = (imported + 10_000_000) % 100_000_000_000
        fails += what == "fail"
        gas += 250 * (what == "gas")
        error = {"error": "00000100"}.get(what, "00000000")
        peak = (at(now), peak[1] + 300) if what == "peak" else peak
        one = reading(
            at(now),
            number,
            received=Received(1.7e9 + host, host),
            equipment_id=f"E{meter}",
            devices=[device(value=kwh(gas), at=at(now - now % 300))],
            energy_import_kwh=kwh(imported),
            energy_export_t1_kwh=kwh(number),
            power_w=watts,
            voltage_l1_v=f"{2300 + watts % 37}e-1",
            any_power_fail_count=fails,
        )
        more = {
            "error_register": Measurement(error, "", ""),
            "monthly_power_peak_w": measurement("monthly_power_peak_w", peak[1], peak[0]),
        }
        one = one._replace(values={**one.values, **more})
        found.append(held(one, "energy_import_kwh") if what == "held" else one)
    return found


def told(desk: Desk) -> list[list[tuple[object, ...]]]:
    return [desk.rows(table) for table in (*TABLES, "segment")]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.lists(st.sampled_from(["", "", "save", "restart"]), min_size=50, max_size=50), st.sampled_from([5, 15]))
def test_saves_and_restarts_at_any_moment_leave_no_trace(
    tmp_path: Path, steps: list[Step], breaks: Sequence[str], minutes: int
) -> None:
    found = []
    for number, plan in enumerate(([""] * 50, breaks)):
        path = tmp_path / f"{number}.sqlite"
        path.unlink(missing_ok=True)
        desk = Desk(path, minutes=minutes)
        statuses = []
        for one, what in zip(story(steps), plan, strict=False):
            statuses.append(desk.enter(one))
            if what:
                getattr(desk, what)()
        desk.close()
        found.append([statuses, *told(desk)])
    assert found[0] == found[1]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_what_was_entered_once_is_the_same_entered_again_by_its_final_status(tmp_path: Path, steps: list[Step]) -> None:
    """A kept reading has no time of the host's; what that proved is in its status."""
    found = []
    statuses: list[int] = []
    for number in range(2):
        path = tmp_path / f"{number}.sqlite"
        path.unlink(missing_ok=True)
        desk = Desk(path)
        for index, one in enumerate(story(steps)):
            if number == 0:
                statuses.append(desk.enter(one))
            else:
                assert desk.enter(one._replace(received=None), statuses[index]) == statuses[index]
        desk.close()
        found.append(told(desk))
    assert found[0] == found[1]


# Segments


def test_a_register_that_was_held_when_the_meter_was_replaced_goes_on_when_it_is_told(desk: Desk) -> None:
    def one(number: int, equipment_id: str, imported: int, exported: int) -> Reading:
        return reading(
            at(number * 10), number, equipment_id=equipment_id, energy_import_kwh=kwh(imported), energy_export_kwh=kwh(exported)
        )

    desk.enter(one(1, "E1", 5000, 700))
    desk.enter(held(one(2, "E2", 10, 0), "energy_export_kwh"))
    desk.restart()
    desk.enter(held(one(3, "E2", 11, 1), "energy_export_kwh"))
    desk.enter(one(4, "E2", 12, 2))
    desk.enter(one(5, "E2", 13, 5))
    desk.close()
    totals = desk.rows("load_profiles", "equipment_id, energy_import_total_kwh, energy_export_total_kwh")
    assert totals == [("E1", 5.0, 0.7), ("E2", 5.003, 0.703)]


@pytest.mark.parametrize(
    ("before", "after", "total"),
    [
        ("999999.990", "0.015", 1_000_000.015),  # over its range
        ("99999.990", "0.015", 100_000.015),
        ("5.000", "1.000", 5.0),  # set back for a reason of its own: nothing was used
    ],
)
def test_a_register_that_rolls_over_goes_on(desk: Desk, before: str, after: str, total: float) -> None:
    desk.enter(reading(at(10), 1, energy_import_kwh=before))
    desk.restart()
    desk.enter(reading(at(20), 2, energy_import_kwh=after))
    desk.close()
    assert desk.rows("load_profiles", "energy_import_total_kwh") == [(float(before),), (total,)]
    assert [row[0] for row in desk.rows("segment", "equipment_id")] == ["E1", "E1"]


def test_a_total_of_two_rates_rolls_over_with_one_of_them(desk: Desk) -> None:
    for number, (low, high) in enumerate((("99999.999", "20000.000"), ("0.001", "20000.000")), 1):
        both = str(Decimal(low) + Decimal(high))
        values = {"energy_import_t1_kwh": low, "energy_import_t2_kwh": high, "energy_import_kwh": both}
        desk.enter(reading(at(number * 10), number, values=values))
    desk.close()
    assert [row[0] for row in desk.rows("load_profiles", "energy_import_total_kwh")] == [119_999.999, 120_000.001]


def test_a_gas_value_that_was_held_is_captured_when_it_is_believed(desk: Desk) -> None:
    gas = device(value="5.000", at=at(0))
    doubtful = {name: one._replace(held=True) for name, one in gas.values.items()}
    desk.enter(reading(at(10), 1, devices=[device(value=None, at=at(0))]))
    desk.enter(reading(at(20), 2, devices=[type(gas)(1, "gas", "gas", "G1", at(0), doubtful)]))
    desk.enter(reading(at(30), 3, devices=[gas]))
    desk.close()
    assert desk.rows("mbus_capture", "value") == [(5000,)]


# Status


def test_a_critical_error_stands_in_the_rows_as_long_as_in_its_register(desk: Desk) -> None:
    for number, text in enumerate(("00000100", "00000100", "00000002"), 1):
        one = reading(at(number * 900), number, energy_import_kwh="1")
        values = {**one.values, "error_register": Measurement(text, "", "")}
        status = desk.enter(one._replace(values=values))
        assert status & (Bit.ERR | Bit.DNV) == (Bit.ERR | Bit.DNV if number < 3 else 0)


@pytest.mark.parametrize(
    ("minutes", "steps", "set_"),
    [
        (15, [(100, 5)], False),
        (15, [(100, 5), (300, 5)], True),  # two small ones within a period count as one
        (15, [(100, 5), (300, -5)], False),
        (15, [(100, 5), (1000, 5)], False),  # in two periods
        (5, [(100, 3)], False),
        (5, [(100, 4)], True),  # more than 1 % of the period
        (60, [(100, 8)], True),
    ],
)
def test_small_steps_of_the_clock(tmp_path: Path, minutes: int, steps: list[tuple[int, int]], set_: bool) -> None:
    desk = Desk(tmp_path / "history.sqlite", minutes=minutes)
    begin = datetime(2026, 1, 15, 12, tzinfo=WINTER)
    shift, statuses = 0, 0
    for second in range(1, 1500):
        shift += dict(steps).get(second, 0)
        when = begin + timedelta(seconds=second + shift)
        statuses |= desk.enter(reading(when, second, received=Received(1.7e9 + second, 50.0 + second), energy_import_kwh="1"))
    desk.close()
    assert bool(statuses & Bit.CAD) == set_
    assert any(int(str(row[0])) & Bit.CAD for row in desk.rows("load_profile", "status")) == set_
