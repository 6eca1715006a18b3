"""Today and yesterday, also when the clocks change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from p1monitor import days
from p1monitor.p1.times import central


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "UTC"], indirect=True)
@pytest.mark.parametrize(
    ("now", "hours", "shift_hour", "by"),
    [
        (datetime(2026, 3, 29, 14, tzinfo=timezone(timedelta(hours=2))), 23, 2, 3600),
        (datetime(2026, 10, 25, 14, tzinfo=timezone(timedelta(hours=1))), 25, 3, -3600),
        (datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2))), 24, None, 0),
    ],
)
def test_a_day_may_have_23_or_25_hours(now: datetime, hours: int, shift_hour: int | None, by: float) -> None:
    today, yesterday, until = days.today_and_yesterday(now)
    assert today.end - today.start == hours * 3600
    assert yesterday.end == today.start
    assert today.shift_by == by
    assert today.shift_at == (None if shift_hour is None else today.start + shift_hour * 3600)
    assert central(datetime.fromtimestamp(until, UTC)).hour == now.hour


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_host_in_another_zone_uses_the_meters_offset() -> None:
    offset = timezone(timedelta(hours=11, minutes=30))
    today, yesterday, until = days.today_and_yesterday(datetime(2026, 5, 5, 1, 0, tzinfo=offset))
    assert datetime.fromtimestamp(today.start, offset) == datetime(2026, 5, 5, tzinfo=offset)
    assert today.start - yesterday.start == 86400
    assert until == yesterday.start + 3600


def test_without_a_meters_clock_the_hosts_is_used() -> None:
    assert days.moment(None, 1.0, 86400.0) == datetime.fromtimestamp(86400.0, UTC)
