"""Ten minutes: levels, asymmetry, a missing neutral, the row of the profile (ME381 §6.12.1.1, .6, .9; KWHIQ §9.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from p1monitor.observer import Rules
from p1monitor.observer.levels import level
from p1monitor.p1.records import Reading
from p1monitor.settings import Thresholds
from tests.qualitykit import NOON, NOTHING, RULES, More, Seen, counters, others, play, telegram

PERIOD = 600
WELL = others(1, "230.0")


def periods(*volts: Sequence[str], rules: Rules = RULES, restart: bool = False, more: More = NOTHING, step: int = 10) -> Seen:
    """So many periods of ten minutes, after one in which all is well, and the reading that ends the last."""
    parts = [["230.0"] * len(volts[0]), *volts]
    readings = [telegram(second, parts[second // PERIOD], more) for second in range(0, PERIOD * len(parts), step)]
    return play([*readings, telegram(PERIOD * len(parts), parts[-1], more)], rules, restart=restart)


BORDERS = {
    "253.1": 1, "253.0": 2, "241.6": 2, "241.5": 3, "230.1": 3, "230.0": 3, "229.9": 4, "218.5": 4, "218.4": 5,
    "207.0": 5, "206.9": 6, "195.5": 6, "195.4": 7, "0.0": 7,
}  # fmt: skip


@pytest.mark.parametrize("mean", BORDERS)
def test_levels_and_their_borders(mean: str) -> None:
    assert level(Decimal(230), Decimal(mean)) == BORDERS[mean]
    assert level(Decimal(133), Decimal(mean) * 133 / 230) == BORDERS[mean]


@pytest.mark.parametrize("mean", [mean for mean in BORDERS if mean != "230.0"])
@pytest.mark.parametrize("phase", [1, 2, 3])
def test_counters_of_a_phase_and_of_any(mean: str, phase: int) -> None:
    seen = periods(others(phase, mean, "235.0"), others(phase, mean, "235.0"))
    expected = {f"voltage_level_3_l{n}_count": 1 for n in (1, 2, 3)} | {"voltage_level_3_any_count": 1}
    for of in {BORDERS[mean], 3}:
        expected[f"voltage_level_{of}_any_count"] = expected.get(f"voltage_level_{of}_any_count", 0) + 2
    for n in (1, 2, 3):
        name = f"voltage_level_{BORDERS[mean] if n == phase else 3}_l{n}_count"
        expected[name] = expected.get(name, 0) + 2
    assert counters(seen, "voltage_level") == expected


def test_the_mean_counts_not_the_moment() -> None:
    """ME381 figure 104: a sag within ten minutes, and the mean is 214 V."""
    readings = [telegram(second, ["246.0" if second < 300 else "182.0"]) for second in range(0, 610, 10)]
    assert counters(play(readings), "voltage_level") == {"voltage_level_5_l1_count": 1, "voltage_level_5_any_count": 1}


def test_the_row_is_of_the_samples_there_are() -> None:
    """KWHIQ §9.3: five minutes without the meter leave 220 V, not 110 V."""
    powers: More = {"power_import_w": 500, "power_export_w": 0, "power_reactive_import_var": 1200, "power_reactive_export_var": 0}
    more = {"current_l1_a": Decimal("2.5"), **powers}
    readings = [telegram(second, [f"{219 + second % 3}.0"], more) for second in [*range(0, 150, 1), *range(450, 601, 1)]]
    seen = play(readings)
    (row,) = seen.rows
    start = NOON.astimezone(UTC)
    assert (row.start, row.end) == (start, start + timedelta(minutes=10))
    assert row.counts["voltage_l1_v"] == 300
    assert row.mean("voltage_l1_v") == 220
    assert (row.least, row.most) == ({"voltage_l1_v": 219_000}, {"voltage_l1_v": 221_000})
    assert [row.mean(name) for name in ("current_l1_a", "power_import_w", "power_export_w")] == [Decimal("2.5"), 500, 0]
    assert row.power_factor == Decimal(500) / 1300
    assert row.mean("voltage_l2_v") is None
    assert seen.last is not None
    assert seen.last.quality is row


def test_the_meters_own_power_factor_counts() -> None:
    (_, row) = periods(["230.0"], more={"power_factor": Decimal("0.950"), "power_import_w": 500}).rows
    assert row.power_factor == Decimal("0.950")
    (_, row) = periods(["230.0"], more={"power_import_w": 500}).rows
    assert row.power_factor is None


def test_a_value_that_comes_and_goes_has_its_own_count() -> None:
    readings = [telegram(second, ["230.0"], {"power_import_w": 300} if second % 20 else {}) for second in range(0, 610, 10)]
    (row,) = play(readings, restart=True).rows
    assert row.counts == {"voltage_l1_v": 60, "power_import_w": 30}
    assert row.mean("power_import_w") == 300


def test_every_period_has_one_row_also_over_a_restart_a_gap_and_a_clock_put_right() -> None:
    seconds = [*range(1201), *range(1197, 1500), *range(4000, 4300)]
    readings = [telegram(second, WELL) for second in seconds]
    rows = play(readings, restart=True).rows
    found = [(int((row.start - NOON).total_seconds()), row.counts["voltage_l1_v"]) for row in rows]
    assert found == [(0, 600), (600, 600), (1200, 304), (3600, 200)]
    assert play(readings).rows == rows


def test_sums_are_exact() -> None:
    values = [f"{225 + second * 7 % 11}.{second % 10}" for second in range(601)]
    (row,) = play(telegram(second, [text] * 3, {"power_import_w": second}) for second, text in enumerate(values)).rows
    volts = [int(Decimal(text) * 1000) for text in values[:600]]
    assert row.sums["voltage_l2_v"] == sum(volts)
    assert row.sums["power_import_w"] == 1000 * sum(range(600))
    assert (row.least["voltage_l2_v"], row.most["voltage_l2_v"]) == (min(volts), max(volts))


# The three phases beside each other

ASKEW = {
    "at the upper limit": (["236.9", "226.55", "226.55"], None),
    "over it": (["237.0", "226.5", "226.5"], ("L1", "103.0")),
    "at the lower": (["223.1", "233.45", "233.45"], None),
    "under it": (["233.5", "223.0", "233.5"], ("L2", "97.0")),
    "all low alike": (["215.0", "215.0", "215.0"], None),
}


@pytest.mark.parametrize("name", ASKEW)
def test_asymmetry(name: str) -> None:
    volts, told = ASKEW[name]
    seen = periods(volts, volts, WELL, restart=True)
    if told is None:
        assert seen.events == []
        return
    assert seen.events == [(90, 600, None, told[1]), (None, 1800, 1200.0, told[1])]
    assert [(event.phase, event.unit) for event in seen.told] == [(told[0], "%"), (None, "%")]


def test_the_owners_asymmetry() -> None:
    rules = Rules(quality=Thresholds(asymmetry_upper_permille=1050, asymmetry_lower_permille=950))
    assert periods(["239.0", "226.0", "226.0"], rules=rules).events == []


@pytest.mark.parametrize("low", ["160.9", "161.0"])
@pytest.mark.parametrize("high", ["294.5", "294.4"])
def test_a_missing_neutral(low: str, high: str) -> None:
    quiet = Rules(quality=Thresholds(sag_v=120, swell_v=300))
    seen = periods([high, high, low], [high, high, low], rules=quiet)
    missing = [(89, 600, None, high)] if (low, high) == ("160.9", "294.5") else []
    assert [one for one in seen.events if one[0] == 89] == missing


# What is connected


@pytest.mark.parametrize("zero", [1, 2, 3])
def test_a_phase_that_was_never_live_is_not_connected(zero: int) -> None:
    seen = play(telegram(second, others(zero, "0.0")) for second in range(0, 7201, 10))
    assert seen.events == []
    assert {name[-8:-6] for name in counters(seen, "voltage_level")} == {f"l{n}" for n in (1, 2, 3) if n != zero} | {"ny"}
    assert seen.memory.quality is not None
    assert [phase.nominal for phase in seen.memory.quality.state.phases] == [None if n == zero else 230 for n in (1, 2, 3)]


def test_a_delta_nets_own_star_point() -> None:
    star = ["133.0", "139.2", "145.8"]
    calm = [telegram(second, star) for second in range(1200)]
    seen = play([*calm, *(telegram(second, ["110.0", "139.2", "145.8"]) for second in range(1200, 1300)), telegram(1300, star)])
    assert seen.events == [(76, 1200, None, "110.0"), (85, 1300, 100.0, "110.0")]
    assert set(counters(seen, "voltage_level")) >= {"voltage_level_3_l2_count", "voltage_level_3_any_count"}


def test_what_a_phase_has_is_learnt_in_a_minute() -> None:
    assert play(telegram(second, ["230.0" if second < 59 else "140.0"]) for second in range(300)).events == []
    seen = play(telegram(second, ["230.0" if second < 62 else "140.0"]) for second in range(300))
    assert seen.events == [(76, 62, None, "140.0")]


def test_what_was_learnt_in_a_very_low_voltage_is_put_right() -> None:
    seen = play(telegram(second, ["130.0" if second < 100 else "230.0"]) for second in range(3600))
    assert seen.events == []
    assert seen.memory.quality is not None
    assert seen.memory.quality.state.phases[0].nominal == 230
    assert not seen.memory.quality.state.phases[0].busy


def test_a_meter_that_says_that_it_has_a_neutral_needs_not_learn() -> None:
    more: More = {"nominal_voltage_v": 400}
    readings = [telegram(0, WELL, more), *(telegram(second, others(1, "133.0"), more) for second in range(1, 100))]
    assert play(readings).events == [(76, 1, None, "133.0")]
    assert play(telegram(second, WELL, {"nominal_voltage_v": 230}) for second in range(100)).events == []


def test_the_same_trace_without_a_clock_goes_by_the_hosts() -> None:
    def clockless(second: int, volts: str, host: float = 0) -> Reading:
        one = telegram(second, [volts])
        assert one.received is not None
        return one._replace(at=None, received=one.received._replace(wall=one.received.wall + host))

    well, low = [clockless(s, "230.0") for s in range(100)], [clockless(s, "200.0") for s in range(100, 200)]
    seen = play([*well, *low])
    assert seen.events == [(76, 100, None, "200.0")]
    # The host's clock is set in the middle: the monotonic one counts.
    jumped = [clockless(s, "200.0", 86_400) for s in range(130, 150)]
    assert play([*well, *low[:30], *jumped, clockless(150, "230.0", 86_400)]).events == []


def test_a_long_time_ago_is_no_period() -> None:
    assert play([telegram(0, WELL, begin=datetime(2026, 1, 1, tzinfo=UTC))]).rows == []
