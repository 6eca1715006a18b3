"""The simulated household: registers that are the integral of its power, to the joule, and days that look like somebody's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1 import household
from p1monitor.p1.household import NORMAL, Household
from p1monitor.p1.times import central
from tests.moments import AUTUMN, JOULES, LOOSE, MOMENTS, NOON, SPRING

HOMES = st.sampled_from((Household(0, 4000), Household(7, 4000), Household(7)))
#: (second, watts, phase): not as houses are, but as numbers can be.
STEPS = st.lists(st.tuples(st.integers(0, 300), st.integers(-20, 20) | st.integers(-4000, 4000), st.integers(0, 2)), max_size=30)


@given(steps=STEPS)
@settings(deadline=None)
def test_a_days_sums_are_its_watts_second_by_second(steps: list[tuple[int, int, int]]) -> None:
    day = household._day_of([(0, 100, 0), *steps], 300, (100, 200), [0] * 25, [0] * 25)
    drawn = fed = 0
    for second in range(300):
        assert day.energy(second) == (drawn, fed)
        watts = sum(day.watts(second))
        drawn, fed = drawn + max(watts, 0), fed + max(-watts, 0)
    assert day.energy(300) == (drawn, fed)


@LOOSE
@given(home=HOMES, moment=MOMENTS, seconds=st.integers(1, 4000))
def test_registers_are_the_integral_of_the_power(home: Household, moment: datetime, seconds: int) -> None:
    watts = [sum(home.at(moment + timedelta(seconds=second)).watts) for second in range(seconds)]
    before, after = home.at(moment), home.at(moment + timedelta(seconds=seconds))
    assert sum(after.imported) - sum(before.imported) == sum(power for power in watts if power > 0)
    assert sum(after.exported) - sum(before.exported) == -sum(power for power in watts if power < 0)


@LOOSE
@given(home=HOMES, moments=st.tuples(MOMENTS, MOMENTS))
def test_registers_never_fall(home: Household, moments: tuple[datetime, datetime]) -> None:
    before, after = (home.at(moment) for moment in sorted(moments))
    registers = ((*load.imported, *load.exported, load.gas) for load in (before, after))
    assert all(one <= other for one, other in zip(*registers, strict=True))


@LOOSE
@given(home=HOMES, moment=MOMENTS, seconds=st.integers(1, 100_000))
def test_only_the_register_of_the_tariff_counts(home: Household, moment: datetime, seconds: int) -> None:
    before, after = home.at(moment), home.at(moment + timedelta(seconds=seconds))
    if before.tariff == after.tariff and seconds < 7 * 3600:  # no tariff comes and goes in less
        idle = NORMAL - before.tariff  # index of the other one
        assert (before.imported[idle], before.exported[idle]) == (after.imported[idle], after.exported[idle])


@pytest.mark.parametrize("midnight", [SPRING, AUTUMN, NOON - timedelta(hours=12)])
def test_what_the_wall_shows_is_what_has_passed_also_when_the_clock_is_changed(midnight: datetime) -> None:
    length = int((central(midnight + timedelta(hours=30)).replace(hour=0) - midnight).total_seconds())
    seen = set()
    for passed in range(0, length, 900):
        local = central(midnight + timedelta(seconds=passed))
        wall = local.hour * 3600 + local.minute * 60
        assert household._shown(passed, length) == wall
        if wall not in seen:
            assert household._passed(wall, length) == passed
        seen.add(wall)
    assert len(seen) == {23: 92, 24: 96, 25: 96}[length // 3600]


def used(home: Household, begin: datetime, hours: float) -> float:
    """Mean watts drawn from the grid less those fed into it."""
    before, after = home.at(begin), home.at(begin + timedelta(hours=hours))
    net = sum(after.imported) - sum(before.imported) - sum(after.exported) + sum(before.exported)
    return net / (hours * 3600)


def test_a_household_sleeps_cooks_and_heats() -> None:
    home = Household(7)
    nights = [used(home, datetime(2026, 2, day, 1, tzinfo=UTC), 3) for day in range(2, 16)]
    evenings = [used(home, datetime(2026, 2, day, 16, 30, tzinfo=UTC), 3) for day in range(2, 16)]
    assert all(80 < night < 300 for night in nights)
    assert sum(evenings) > 2.5 * sum(nights)
    year = home.at(datetime(2026, 12, 31, tzinfo=UTC)), home.at(datetime(2026, 1, 1, tzinfo=UTC))
    assert 2000 < (sum(year[0].imported) - sum(year[1].imported)) / JOULES < 4500
    assert 800 < (year[0].gas - year[1].gas) / 1000 < 2500
    winter, summer = (home.at(at + timedelta(days=14)).gas - home.at(at).gas for at in (datetime(2026, 1, 5, tzinfo=UTC), NOON))
    assert winter > 8 * summer > 0


def test_panels_feed_on_bright_days_and_never_at_night() -> None:
    home, dark = Household(7, 4000), Household(7)
    noons = [used(home, NOON + timedelta(days=day), 2) for day in range(30)]
    assert min(noons) < -1500
    assert max(noons) > min(noons) + 1500  # there are clouds, too
    assert used(home, NOON + timedelta(hours=12), 3) == used(dark, NOON + timedelta(hours=12), 3)


def test_no_day_is_like_the_one_before() -> None:
    home = Household(7, 4000)
    curves = [tuple(used(home, NOON + timedelta(days=day, hours=hour), 1) for hour in range(24)) for day in range(-30, 1)]
    assert len(set(curves)) == len(curves)


def test_the_last_second_of_a_year_is_followed_by_the_first() -> None:
    for year in range(2024, 2029):
        turn = datetime(year, 12, 31, 23, tzinfo=UTC)
        last, first = Household(7).at(turn - timedelta(seconds=1)), Household(7).at(turn)
        assert first.local.month == 1
        assert sum(first.imported) - sum(last.imported) == sum(last.watts)
