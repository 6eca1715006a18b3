"""Times as meters print them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.p1.times import central, meter_text, meter_time


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


TIMES = {
    "190320181403W": utc(2019, 3, 20, 17, 14, 3),
    "190720181403S": utc(2019, 7, 20, 16, 14, 3),
    "190720181403s": utc(2019, 7, 20, 16, 14, 3),
    "190720181403W": utc(2019, 7, 20, 17, 14, 3),  # a Swedish meter keeps W in summer: the flag is believed, not the calendar
    "240927144404": utc(2024, 9, 27, 12, 44, 4),  # Belgian IE.5: no flag
    "260115201009": utc(2026, 1, 15, 19, 10, 9),
    "201025023000": utc(2020, 10, 25, 0, 30),  # without a flag, the hour that comes twice is its first
    "19-01-01 13:00:00": utc(2019, 1, 1, 12),
    "07E8061C050A2B2B00FF8880": utc(2024, 6, 28, 8, 43, 43),
    "07EA080B0208151900007880": utc(2026, 8, 11, 6, 21, 25),  # the other sign of the deviation
    "07E8061C050A2B2B00800080": utc(2024, 6, 28, 8, 43, 43),  # deviation unspecified: the status says summer
    "07E8011C050A2B2B00800000": utc(2024, 1, 28, 9, 43, 43),
    "632525252525S": None,
    "700101010000W": None,
    "000101000000W": None,
    "000101000001W": None,
    "000000000000W": None,
    "250000000000W": None,
    "35255255255255255S": None,
    "220201000000T": None,
    "190320251403W": None,
    "19032018140W": None,
    "١٩0320181403W": None,
    "FFFFFFFFFFFFFFFFFFFFFFFF": None,
    "": None,
}


@pytest.mark.parametrize(("text", "expected"), TIMES.items())
def test_time(text: str, expected: datetime | None) -> None:
    assert meter_time(text) == expected


@given(st.datetimes(datetime(2001, 1, 1), datetime(2069, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_both_ways(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert meter_time(meter_text(central(moment))) == moment


def test_the_offset_is_the_meters_own() -> None:
    moment = meter_time("190720181403S")
    assert moment is not None
    assert moment.utcoffset() == timedelta(hours=2)
    assert moment.date().isoformat() == "2019-07-20"


def test_switches_of_central_european_time() -> None:
    assert central(utc(2026, 3, 29, 0, 59, 59)).utcoffset() == timedelta(hours=1)
    assert central(utc(2026, 3, 29, 1)).utcoffset() == timedelta(hours=2)
    assert central(utc(2026, 10, 25, 0, 59, 59)).utcoffset() == timedelta(hours=2)
    assert central(utc(2026, 10, 25, 1)).utcoffset() == timedelta(hours=1)
