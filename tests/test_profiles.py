from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.recorder.profiles import (
    CAPTURES,
    DAILY,
    FILL_MOST,
    HOURLY,
    MINUTE,
    TELEGRAMS,
    Bit,
    Fold,
    Increment,
    Level,
    Sample,
    load_profile,
)

QUARTER = load_profile(15)
#: A quarter's edge.
T0 = int(datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp())
WINTER_S, SUMMER_S = 3600, 7200


def sample(at: int, register: int = 0, **more: object) -> Sample:
    return Sample(1, at, registers=(register,), **more)  # type: ignore[arg-type]  # tests give what Sample takes


def folded(samples: Iterable[Sample], level: Level = QUARTER, last: Sample | None = None) -> list[Increment]:
    fold = Fold([level], TELEGRAMS if level is not HOURLY else CAPTURES, last)
    for one in samples:
        fold.add(one)
    return fold.take()


def every(seconds: int, start: int, end: int, **more: object) -> list[Sample]:
    return [sample(at, at - T0, **more) for at in range(start, end + 1, seconds)]


def spans(increments: Sequence[Increment]) -> list[tuple[int, int, int, int]]:
    """Start and end in seconds from T0, status, samples."""
    return [(one.span.start - T0, one.span.end - T0, int(one.status), one.samples) for one in increments]


def local(text: str, offset: int, register: int = 0) -> Sample:
    at = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) - offset
    return Sample(1, at, offset, registers=(register,))


# Intervals


def test_the_reading_at_the_edge_closes_the_interval_before_it() -> None:
    rows = folded(every(10, T0, T0 + 1800))
    assert spans(rows) == [(-900, 0, Bit.DNV, 1), (0, 900, 0, 90), (900, 1800, 0, 90)]
    assert [row.registers for row in rows] == [(0,), (900,), (1800,)]
    assert [row.registers_at for row in rows] == [T0, T0 + 900, T0 + 1800]


@pytest.mark.parametrize("minutes", [5, 10, 15, 30, 60])
def test_intervals_are_aligned_to_the_hour(minutes: int) -> None:
    rows = folded(every(10, T0, T0 + 7200), load_profile(minutes))
    assert {row.span.end % (minutes * 60) for row in rows} == {0}
    assert {row.samples for row in rows[1:]} == {minutes * 6}


def test_averages_are_over_the_samples_there_are() -> None:
    rows = folded([sample(T0 + at, power=watts) for at, watts in ((10, 100), (20, -50), (30, 400))])
    assert (rows[0].power_mean, rows[0].power_min, rows[0].power_max) == (150.0, -50, 400)


def test_a_meter_that_sends_no_power_has_none() -> None:
    (row,) = folded(every(10, T0 + 10, T0 + 60))
    assert (row.power_mean, row.power_min, row.power_max, row.volts) == (None, None, None, ())


def test_a_phase_without_voltage_takes_no_part_in_the_mean() -> None:
    (row,) = folded([sample(T0 + 1, volts=(2300, None)), sample(T0 + 2, volts=(2320, 2280))])
    assert row.volts == ((4620, 2), (2280, 1))


# Gaps


def test_a_few_lost_telegrams_are_no_gap() -> None:
    lost = [one for one in every(1, T0, T0 + 900) if not T0 + 300 < one.at < T0 + 310]
    assert spans(folded(lost))[1] == (0, 900, 0, 891)


def test_a_gap_inside_an_interval_marks_it() -> None:
    rows = folded([*every(10, T0, T0 + 300), *every(10, T0 + 400, T0 + 900)])
    assert spans(rows)[1][2] == Bit.DNV


def test_the_energy_of_a_gap_is_booked_to_the_gap_and_nothing_is_invented() -> None:
    rows = folded([*every(10, T0, T0 + 1200), *every(10, T0 + 4600, T0 + 5400)])
    assert spans(rows) == [
        (-900, 0, Bit.DNV, 1),
        (0, 900, 0, 90),
        (900, 1800, Bit.DNV, 30),
        (1800, 2700, Bit.DNV, 0),
        (2700, 3600, Bit.DNV, 0),
        (3600, 4500, Bit.DNV, 0),
        (4500, 5400, Bit.DNV, 81),
    ]
    assert [row.registers[0] if row.registers else None for row in rows[2:]] == [1200, None, None, None, 5400]
    assert [row.filler for row in rows[2:]] == [False, True, True, True, False]


def test_a_gap_that_ends_at_an_edge_spares_the_next_interval() -> None:
    rows = folded([*every(10, T0, T0 + 600), *every(10, T0 + 910, T0 + 1800)])
    assert spans(rows)[1:] == [(0, 900, Bit.DNV, 60), (900, 1800, 0, 90)]


def test_a_very_long_gap_has_bounded_rows_that_leave_no_hole() -> None:
    rows = folded([sample(T0), sample(T0 + 400 * 86_400)])
    fillers = [row for row in rows if row.filler]
    assert len(fillers) == FILL_MOST + 1
    assert [one.span.end for one in rows[:-1]] == [one.span.start for one in rows[1:]]


def test_readings_rarer_than_minutes_make_rows_that_touch() -> None:
    rows = folded(every(300, T0, T0 + 1500), MINUTE)
    assert spans(rows)[1:3] == [(0, 300, 0, 1), (300, 600, 0, 1)]


def test_minutes_are_not_filled_up() -> None:
    rows = folded([*every(1, T0, T0 + 60), *every(1, T0 + 600, T0 + 660)], MINUTE)
    assert [(start, end) for start, end, _, _ in spans(rows)] == [(-60, 0), (0, 60), (540, 600), (600, 660)]


def test_the_pause_since_the_last_run_is_a_gap_at_once() -> None:
    rows = folded(every(10, T0 + 1000, T0 + 1800), last=sample(T0 + 300, 300))
    assert spans(rows) == [(0, 900, Bit.DNV, 0), (900, 1800, Bit.DNV, 81)]


# Status


def test_power_down_only_on_evidence_and_then_in_every_interval_of_the_gap() -> None:
    rows = folded([*every(10, T0, T0 + 600), sample(T0 + 2000, status=Bit.PDN), *every(10, T0 + 2010, T0 + 2700)])
    assert [row.status & Bit.PDN for row in rows] == [0, Bit.PDN, Bit.PDN, Bit.PDN]


def paced(start: int, end: int, began: float, seconds: int = 10) -> list[Sample]:
    """Samples on schedule, with the host's own time."""
    return [sample(at, monotonic=began + at - start) for at in range(start, end + 1, seconds)]


@pytest.mark.parametrize(("step", "set_"), [(7, False), (8, True), (600, True), (-7, False), (-8, True), (-600, True)])
def test_a_clock_that_steps_by_more_than_seven_seconds_was_set(step: int, set_: bool) -> None:
    rows = folded([*paced(T0 + 10, T0 + 700, 0.0), *paced(T0 + 710 + step, T0 + 1500 + step, 700.0)])
    assert any(row.status & Bit.CAD for row in rows) == set_


def test_late_telegrams_and_fast_replays_are_no_clock_steps() -> None:
    stalled = [one._replace(monotonic=400.0) if 100 < one.at - T0 <= 400 else one for one in paced(T0, T0 + 900, 0.0)]
    replayed = [one._replace(monotonic=(one.monotonic or 0.0) / 1000) for one in paced(T0, T0 + 900, 0.0)]
    holes = [one for one in replayed if not T0 + 100 < one.at < T0 + 300]
    for story in (stalled, replayed, holes):
        assert not any(row.status & Bit.CAD for row in folded(story))


def test_a_clock_set_back_into_an_older_interval_adds_to_that_interval() -> None:
    rows = folded([*paced(T0 + 10, T0 + 1200, 0.0), *paced(T0 + 310, T0 + 900, 1200.0)])
    step = Bit.CAD | Bit.DNV
    assert spans(rows) == [(0, 900, 0, 90), (900, 1800, step, 30), (0, 900, step, 60)]


# Days


def test_a_day_is_local_by_the_printed_offset() -> None:
    rows = folded([local("2026-01-15T23:59:59", WINTER_S), local("2026-01-16T00:00:00", WINTER_S)], DAILY)
    assert [row.span.key for row in rows] == ["2026-01-15"]
    assert rows[0].span.end - rows[0].span.start == 86_400


@pytest.mark.parametrize(
    ("date", "before", "after", "hours"),
    [("2026-03-29", WINTER_S, SUMMER_S, 23), ("2026-10-25", SUMMER_S, WINTER_S, 25)],
)
def test_the_days_on_which_the_clocks_change(date: str, before: int, after: int, hours: int) -> None:
    story = [local(f"{date}T00:10:00", before), local(f"{date}T12:00:00", after), local(f"{date}T23:59:00", after)]
    rows = folded(story, DAILY)
    assert [row.span.key for row in rows] == [date]
    assert rows[0].span.end - rows[0].span.start == hours * 3600


def test_missed_days_get_rows() -> None:
    rows = folded([local("2026-03-27T22:00:00", WINTER_S, 5), local("2026-03-30T02:00:00", SUMMER_S, 9)], DAILY)
    assert [(row.span.key, row.samples) for row in rows] == [
        ("2026-03-27", 1),
        ("2026-03-28", 0),
        ("2026-03-29", 0),
        ("2026-03-30", 1),
    ]
    assert [one.span.end for one in rows[:-1]] == [one.span.start for one in rows[1:]]


# M-Bus


def test_captures_a_few_minutes_past_the_hour_belong_to_the_hour_they_fall_in() -> None:
    rows = folded([sample(T0 + 600 + hour * 3600, hour) for hour in range(3)], HOURLY)
    assert spans(rows) == [(0, 3600, 0, 1), (3600, 7200, 0, 1), (7200, 10800, 0, 1)]


def test_an_hour_without_capture_gets_a_row_once_hours_are_usual() -> None:
    rows = folded([sample(T0 + hour * 3600, hour) for hour in (1, 2, 3, 5)], HOURLY)
    assert spans(rows)[-2:] == [(10800, 14400, Bit.DNV, 0), (14400, 18000, 0, 1)]


# However it comes


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 100), st.booleans()), min_size=1, max_size=60))
def test_taking_increments_at_any_moment_loses_nothing(steps: list[tuple[int, int, bool]]) -> None:
    whole, split = Fold([QUARTER, DAILY], TELEGRAMS), Fold([QUARTER, DAILY], TELEGRAMS)
    parts: list[Increment] = []
    at = T0
    for pause, watts, take in steps:
        at += pause
        for fold in (whole, split):
            fold.add(sample(at, at, power=watts))
        if take:
            parts += split.take()
    assert _added(whole.take()) == _added(parts + split.take())


def _added(increments: Sequence[Increment]) -> dict[object, tuple[object, ...]]:
    rows: dict[object, tuple[object, ...]] = {}
    for one in increments:
        key = one.level.table, one.span
        status, samples, total, at = rows.get(key, (0, 0, 0, None))
        newest = max(filter(None, (at, one.registers_at)), default=None)  # type: ignore[type-var]  # both are whole numbers
        rows[key] = (status | one.status, samples + one.samples, total + one.power_sum, newest)  # type: ignore[operator]
    return rows


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=40))
def test_rows_are_in_order_without_holes_and_add_up_to_the_register(pauses: list[int]) -> None:
    at, story = T0, [sample(T0, T0)]
    for pause in pauses:
        at += pause
        story.append(sample(at, at))
    rows = folded(story)
    assert [one.span.end for one in rows[:-1]] == [one.span.start for one in rows[1:]]
    known = [row.registers[0] for row in rows if row.registers]
    assert known == sorted(known, key=lambda value: value or 0)
    assert known[-1] == at
    assert sum(row.samples for row in rows) == len(story)
