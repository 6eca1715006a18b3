"""Demand: what is made of the registers, and what is never made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.observer import Memory, Rules, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received, Value
from p1monitor.p1.scenes import Scene
from p1monitor.p1.telegram import parse, render
from tests.moments import number
from tests.readings import SUMMER, WINTER, reading

NOON = datetime(2026, 1, 15, 12, tzinfo=WINTER)
RUNNING, LAST, PEAK, LEFT = "average_power_15m_w", "last_average_power_15m_w", "monthly_power_peak_w", "power_left_w"
EXPORT = "energy_export_kwh"


def run(readings: Iterable[Reading], rules: Rules = Rules(), memory: Memory | None = None) -> tuple[Memory, list[Reading]]:  # noqa: B008 - frozen
    """Observe one after the other; what is remembered goes through JSON each time, as over a restart."""
    memory, seen = memory or Memory(), []
    for one in readings:
        memory, observed = observe(memory, one, WINTER, rules=rules)
        again = Memory.from_json(json.loads(json.dumps(memory.to_json())))
        assert again == memory
        memory = again
        seen.append(observed)
    return memory, seen


def telegram(second: float, register: str, *, clock: float | None = None, own: dict[str, Value | int] | None = None) -> Reading:
    """A reading so many seconds after noon; `clock`: what the meter's clock shows, where that is something else."""
    at = NOON + timedelta(seconds=second if clock is None else clock)
    values = {"energy_import_kwh": register, **(own or {})}
    return reading(at, received=Received(NOON.timestamp() + second, 1000 + second), values=values)


def told(seen: Reading, name: str) -> str | None:
    measurement = seen.values.get(name)
    assert measurement is None or (measurement.derived and measurement.unit == "W")
    return None if measurement is None else str(measurement.value)


@dataclass
class Case:
    """Seconds after noon and registers; what is known at the last reading."""

    steps: Sequence[tuple[float, str]]
    running: str | None = None
    last: str | None = None
    peak: str | None = None
    clock: dict[float, float] = field(default_factory=dict)  #: second -> what the meter's clock shows


CASES = {
    "the energy so far, by the whole period": Case([(0, "1.000"), (300, "1.100"), (600, "1.250")], running="1000"),
    "a period is over": Case([(0, "1.000"), (900, "1.250")], running="0", last="1000", peak="1000"),
    "the highest of two stays": Case([(0, "1.000"), (900, "1.250"), (1800, "1.300")], running="0", last="200", peak="1000"),
    "begun in the middle: the first whole period counts": Case(
        [(500, "1.000"), (900, "1.200"), (1800, "1.300")], running="0", last="400", peak="400"
    ),
    "begun in the middle: nothing before": Case([(500, "1.000"), (899, "1.200")]),
    "a slow meter: divided by the time between its registers": Case(
        [(4, "1.000"), (894, "1.247"), (910, "1.252")], running="20", last="999", peak="999"
    ),
    "silence within a period: both its ends are known": Case([(0, "1.000"), (10, "1.001"), (900, "1.250")], "0", "1000", "1000"),
    "silence over the end: neither period counts": Case([(0, "1.000"), (800, "1.200"), (1000, "1.300"), (1800, "1.500")], "0"),
    "the next whole one does": Case([(0, "1.000"), (1000, "1.300"), (1800, "1.500"), (2700, "1.600")], "0", "400", "400"),
    "silence over a whole period whose ends are known": Case([(0, "1.000"), (890, "1.250"), (1805, "1.660")], "0", "1613", "1613"),
    "hours of silence are no period": Case([(0, "1.000"), (9000, "3.000"), (9900, "3.100")], "0", "400", "400"),
    "the period that was whole before the silence counts": Case([(0, "1.000"), (899, "1.250"), (9000, "3.0")], "0", None, "1001"),
    "the clock put right by some seconds": Case(
        [(0, "1.000"), (895, "1.250"), (1795, "1.300")], "0", "200", "1000", {895: 900, 1795: 1800}
    ),
    "the clock stepped forward: that period does not count": Case(
        [(0, "1.000"), (600, "1.250"), (1500, "1.300")], "0", "200", "200", {600: 900, 1500: 1800}
    ),
    "the clock stepped back: that period does not count": Case(
        [(0, "1.000"), (1000, "1.250"), (1300, "1.300"), (2200, "1.500")], "0", "800", "800", {1000: 600, 1300: 900, 2200: 1800}
    ),
    "the clock stepped back over a period's beginning": Case(
        [(0, "1.000"), (900, "1.250"), (910, "1.260"), (1510, "1.300")], "0", None, "1000", {910: 300, 1510: 900}
    ),
    "a register that is held is no period's end": Case([(0, "1.000"), (880, "1.240"), (900, "901.000"), (1000, "1.300")], None),
    "a jump that is believed is no use": Case(
        [(0, "1.000"), (300, "99.000"), (310, "99.010"), (900, "99.100"), (1800, "99.200")], "0", "400", "400"
    ),
    "a roll-over": Case([(0, "99999999"), (300, "00000000"), (900, "00000000"), (1800, "00000001")], "0", "4000", "4000"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_the_registers_say(name: str) -> None:
    case = CASES[name]
    _, seen = run([telegram(second, text, clock=case.clock.get(second)) for second, text in case.steps])
    assert [told(seen[-1], one) for one in (RUNNING, LAST, PEAK)] == [case.running, case.last, case.peak]


def test_the_peak_has_the_time_at_which_its_period_ended() -> None:
    _, seen = run([telegram(0, "1.000"), telegram(900, "1.250"), telegram(1800, "1.300"), telegram(2000, "1.400")])
    assert seen[-1].values[PEAK].at == NOON + timedelta(minutes=15)


def test_a_replaced_meter_begins_a_period_anew_and_leaves_the_peak() -> None:
    new = [telegram(second, text)._replace(equipment_id="E2") for second, text in ((600, "0.000"), (900, "0.100"), (1800, "0.150"))]
    _, seen = run([telegram(-900, "1.000"), telegram(0, "1.250"), *new])
    assert [told(one, LAST) for one in seen] == [None, "1000", "1000", None, "200"]
    assert told(seen[-1], PEAK) == "1000"


def test_export_has_its_own_where_there_is_any() -> None:
    _, seen = run([telegram(0, "1.000", own={EXPORT: "5.000"}), telegram(900, "1.000", own={EXPORT: "5.500"})])
    assert told(seen[-1], "monthly_power_peak_export_w") == told(seen[-1], "last_average_power_export_15m_w") == "2000"
    assert told(seen[-1], "average_power_export_15m_w") == "0"
    _, seen = run([telegram(0, "1.000", own={EXPORT: "0.000"}), telegram(900, "1.000", own={EXPORT: "0.000"})])
    assert not [name for name in seen[-1].values if "power_export" in name]


def test_a_meter_without_a_clock_goes_by_the_hosts() -> None:
    steps = [telegram(second, text)._replace(at=None) for second, text in ((0, "1.000"), (900, "1.250"))]
    _, seen = run(steps)
    peak = seen[-1].values[PEAK]
    assert (str(peak.value), peak.at) == ("1000", NOON + timedelta(minutes=15))
    jumped = steps[1]._replace(received=Received(NOON.timestamp() + 900, 1300))  # the host's clock was set in between
    _, seen = run([steps[0], jumped])
    assert told(seen[-1], PEAK) is None


def test_the_month_begins_anew_on_its_day() -> None:
    def at(day: int, hour: int, minute: int, register: str) -> Reading:
        return reading(datetime(2026, 1, 1, hour, minute, tzinfo=WINTER) + timedelta(days=day - 1), energy_import_kwh=register)

    steps = [at(31, 23, 30, "1.000"), at(31, 23, 45, "1.100"), at(32, 0, 0, "2.100"), at(32, 0, 15, "2.200")]
    _, seen = run(steps)
    assert [told(one, PEAK) for one in seen] == [None, "400", None, "400"]
    assert [told(one, LAST) for one in seen] == [None, "400", "4000", "400"]
    _, seen = run(steps, Rules(billing_day=5))
    assert [told(one, PEAK) for one in seen] == [None, "400", "4000", "4000"]
    _, seen = run([*steps[:3], at(31, 23, 50, "2.100"), at(32, 0, 0, "2.150"), at(32, 0, 15, "2.200")])  # put back, and on again
    assert [told(one, PEAK) for one in seen] == [None, "400", None, None, None, "200"]
    back = [at(31, 23, 30, "2.210"), at(31, 23, 45, "2.900"), at(32, 0, 0, "3.900")]  # none of it is the new month's
    _, seen = run([*steps, *back])
    assert [told(one, PEAK) for one in seen[-4:]] == ["400"] * 4


@pytest.mark.parametrize("night", [datetime(2026, 3, 29, tzinfo=WINTER), datetime(2026, 10, 25, tzinfo=SUMMER)])
def test_the_nights_of_23_and_25_hours_have_their_quarters(night: datetime) -> None:
    hours = 23 if night.month == 3 else 25
    other = SUMMER if night.month == 3 else WINTER
    turn = night + timedelta(hours=2 if night.month == 3 else 3)
    moments = [night + timedelta(minutes=15 * n) for n in range(4 * hours + 1)]
    local = [one if one < turn else one.astimezone(other) for one in moments]
    _, seen = run(reading(one, energy_import_kwh=str(Decimal(n) / 10)) for n, one in enumerate(local))
    assert [told(one, LAST) for one in seen[1:]] == ["400"] * 4 * hours


def test_a_sliding_demand_goes_on_by_a_period_at_a_time() -> None:
    registers = ("1.000", "1.100", "1.300", "1.600", "1.600", "1.600")
    _, seen = run([telegram(300 * n, text) for n, text in enumerate(registers)], Rules(5, 3))
    assert [told(one, LAST) for one in seen] == [None, None, None, "2400", "2000", "1200"]
    assert [told(one, PEAK) for one in seen] == [None, None, None, "2400", "2400", "2400"]
    assert [told(one, RUNNING) for one in seen] == [None, None, "1200", "2000", "1200", "0"]
    _, seen = run([telegram(300 * n, text) for n, text in enumerate(registers) if n not in (1, 2)], Rules(5, 3))
    assert told(seen[1], LAST) == "2400"  # what came between its ends does not matter


def test_another_period_has_names_of_its_own_and_begins_anew() -> None:
    memory, _ = run([telegram(0, "1.000"), telegram(900, "1.250")])
    _, seen = run([telegram(3600, "2.000"), telegram(7200, "2.500")], Rules(60), memory)
    assert [told(seen[-1], name) for name in ("last_average_power_60m_w", PEAK)] == ["500", "500"]
    assert not {RUNNING, LAST} & set(seen[-1].values)


# What is left


def test_what_is_left_below_the_limit() -> None:
    steps = [telegram(0, "1.000"), telegram(450, "1.125"), telegram(630, "1.300"), telegram(899, "1.350"), telegram(900, "1.350")]
    _, seen = run(steps, Rules(limit_w=Decimal(1000)))
    # 250 Wh in all; 125 Wh in the other half; then too much; the last seconds as if a minute were left; then anew.
    assert [told(one, LEFT) for one in seen] == ["1000", "1000", "-667", "-6000", "1000"]
    _, seen = run(steps)
    assert LEFT not in seen[-1].values


def test_the_meters_own_figures_count_and_its_peak_is_paid_for() -> None:
    own: dict[str, Value | int] = {RUNNING: "500", PEAK: "3000"}
    _, seen = run([telegram(450, "1.000", own=own)], Rules(limit_w=Decimal(2500)))
    assert seen[0].values[RUNNING].value == 500
    assert not seen[0].values[PEAK].derived
    assert told(seen[0], LEFT) == "5000"
    _, seen = run([telegram(450, "1.000", own=own)], Rules(limit_w=Decimal(4000)))
    assert told(seen[0], LEFT) == "7000"


# Beside a meter that counts


def from_meter(moment: datetime, scenes: tuple[Scene, ...] = ()) -> Reading:
    told = MODELS["emucs3"].staged(moment, 7, scenes)
    assert told is not None
    (frame,) = Framer().feed(render(told))
    assert isinstance(frame, Frame)
    seconds = (moment - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds()
    return decode(parse(frame), Received(moment.timestamp(), 5000 + seconds))


def test_ours_are_a_belgian_meters_own_to_the_registers_resolution() -> None:
    begin = datetime(2026, 1, 31, 23, tzinfo=UTC)  # a month's first second
    moments = [begin + timedelta(seconds=300 * n) for n in range(12 * 30)]
    grain = 2 * 4 + 1  # two rates are printed in watt-hours, each rounded down; and the meter's own watts
    memory, quarters = Memory(), 0
    for moment in moments:
        memory, seen = observe(memory, from_meter(moment))
        assert memory.demand is not None
        ours = memory.demand.made
        assert abs(number(seen, RUNNING) - ours[RUNNING].value) <= grain  # type: ignore[operator]
        if PEAK in ours:
            quarters += 1
            assert abs(number(seen, PEAK) - ours[PEAK].value) <= grain  # type: ignore[operator]
            assert seen.values[PEAK].at == ours[PEAK].at
        assert not seen.values[PEAK].derived
    assert quarters > 300


# What holds for all

STEPS = st.lists(st.tuples(st.sampled_from([1, 10, 60, 300, 870, 900, 1800, 4000]), st.integers(0, 900)), min_size=2, max_size=40)


@given(STEPS, st.sampled_from([1, 5, 15, 60]))
@settings(deadline=None, max_examples=150)
def test_the_peak_is_the_highest_block_whatever_was_missed(steps: list[tuple[int, int]], minutes: int) -> None:
    rules, memory = Rules(minutes), Memory()
    second, register = 0, 1000
    blocks: list[Decimal] = []
    for step, more in steps:
        period = second // (60 * minutes)
        second, register = second + step, register + min(more, 10 * step)
        memory, seen = observe(memory, telegram(second, f"{register / 1000:.3f}"), WINTER, rules=rules)
        last = seen.values.get(f"last_average_power_{minutes}m_w")
        if second // (60 * minutes) != period and last is not None:
            assert isinstance(last.value, Decimal)
            blocks.append(last.value)
        if blocks:
            assert number(seen, PEAK) >= max(blocks)  # one that ended in a silence is seen in the peak only


@given(st.lists(st.integers(0, 400), min_size=2, max_size=200))
@settings(deadline=None, max_examples=50)
def test_blocks_add_up_to_the_register(rises: list[int]) -> None:
    memory, register, total = Memory(), 1000, Decimal(0)
    for index, rise in enumerate([0, *rises]):
        register += rise
        memory, seen = observe(memory, telegram(300 * index, f"{register / 1000:.3f}"))
        if index and index % 3 == 0:
            total += number(seen, LAST) / 4
            assert total == register - 1000


def hourly(seconds: int, watts: int) -> list[Reading]:
    """A meter that prints the registers of the last full hour, and its power now, every ten seconds."""
    power: dict[str, Value | int] = {"power_import_w": watts}
    return [telegram(second, str(1000 + Decimal(second // 3600) / 25), own=power) for second in range(0, seconds, 10)]


def test_registers_that_move_once_an_hour_say_nothing_of_a_quarter() -> None:
    _, seen = run(hourly(2 * 3600 + 1000, 200))
    assert {told(one, LAST) for one in seen} == {told(one, PEAK) for one in seen} == {None}
    _, idle = run(hourly(1000, 0))  # a home without any use has an average: none
    assert told(idle[-1], LAST) == "0"
