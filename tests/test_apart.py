"""Readings that share a moment stay apart, and stand where they stood when they are sent once more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from p1monitor.apart import KEPT, REACH, Apart
from p1monitor.p1.records import Reading, Received
from tests.influxkit import lines, reading, telegram


def at(one: Reading) -> datetime:
    assert one.at is not None
    return one.at


def test_readings_with_the_same_stamp_stay_apart_by_milliseconds() -> None:
    apart = Apart()
    same = [apart.placed(reading(telegram(7))) for _ in range(3)]
    later, again = apart.placed(reading(telegram(8))), apart.placed(reading(telegram(7)))
    stamps = [int(line.rsplit(" ", 1)[1]) for line in lines(*same, later, again) if "electricity" in line]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 1, 2, 1000, 3]


def test_a_reading_with_a_moment_of_its_own_is_not_touched() -> None:
    one = reading(telegram())
    assert Apart().placed(one) is one


def test_a_meter_without_a_clock_is_stamped_as_the_archive_does_it() -> None:
    apart = Apart()
    came = [Received(1_790_000_000.25 + part, part) for part in (0.0, 0.6, 0.9)]
    found = [apart.placed(reading(telegram(), received=one)._replace(at=None)) for one in came]
    first = datetime.fromtimestamp(1_790_000_000, UTC)
    assert [at(one) - first for one in found] == [timedelta(milliseconds=ms) for ms in (0, 1, 1000)]
    unknown = reading(telegram(), received=Received(12.5, 40.0, known=False))._replace(at=None)
    assert apart.placed(unknown) is unknown


def test_what_was_before_tells_where_a_reading_stands() -> None:
    moments = [*range(50), *range(30, 300), *[299] * 200, *range(290, 900), *range(880, 2000)]
    whole = Apart()
    expected = [whole.see(moment) for moment in moments]
    for begin in range(0, len(moments), 97):
        again = Apart()
        for moment in moments[max(0, begin - REACH) : begin]:
            again.see(moment)
        assert [again.see(moment) for moment in moments[begin:]] == expected[begin:]


def test_it_remembers_a_bounded_number_of_moments() -> None:
    apart = Apart()
    for moment in range(KEPT + 1):
        apart.see(moment)
    assert apart.see(0) == (0, True)
    assert apart.see(KEPT) == (1, True)


def test_of_an_interval_only_the_first_reading_has_values_and_devices_are_always_there() -> None:
    apart = Apart(10)
    found = [apart.placed(reading(telegram(second))) for second in (3, 9, 9, 10, 19, 20)]
    assert [bool(one.values) for one in found] == [True, False, False, True, False, True]
    assert all(one.devices for one in found)


def test_positions_of_intervals_do_not_depend_on_where_one_begins() -> None:
    opens = {}
    for begin in (0, 7):
        apart = Apart(60)
        apart.see(begin - 1)
        opens[begin] = [second for second in range(begin, 300) if apart.see(second)[1]]
    assert opens[0] == [0, *opens[7]]
