"""Units: exact, and never of another kind."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.p1.units import convert, number, quantity

QUANTITIES = [
    ("00.193*kW", "kW", "W", "193"),
    ("0000.89*kW", "kW", "W", "890"),
    ("1*MW", "kW", "W", "1000000"),
    ("123*W", "kW", "W", "123"),
    ("12345.678", "kWh", "kWh", "12345.678"),
    ("12345.678*KWH", "kWh", "kWh", "12345.678"),
    ("000000.123*kVArh", "kvarh", "kvarh", "0.123"),
    ("09916.665*m\xb3", "m3", "m3", "9916.665"),
    ("1500*dm3", "m3", "m3", "1.500"),
    ("1500*MJ", "GJ", "GJ", "1.500"),
    ("12.5*MVArh", "kvarh", "kvarh", "12500"),
    ("0.5*MWH", "kWh", "kWh", "500"),
    ("791*mA", "A", "A", "0.791"),
    ("123.456kWh ", "kWh", "kWh", "123.456"),
    ("-5*A", "A", "A", "-5"),
    ("12.*V", "V", "V", "12"),
]


@pytest.mark.parametrize(("text", "printed", "wanted", "expected"), QUANTITIES)
def test_quantity(text: str, printed: str, wanted: str, expected: str) -> None:
    found = quantity(text, printed, wanted)
    assert str(found) == expected
    split = number(text)
    assert split is not None
    assert convert(split[0], split[1] or printed, wanted) == found


@pytest.mark.parametrize(
    "text", ["", "abc", "1*kWh", "1,5*kW", "1e5*kW", "NaN*kW", "١*kW", "1_0*kW", "9" * 28 + "*kW", "--1*kW", "1**kW"]
)
def test_not_a_power(text: str) -> None:
    assert quantity(text, "kW", "W") is None


@given(st.integers(0, 10**9 - 1), st.integers(0, 6))
def test_exact(digits: int, decimals: int) -> None:
    value = Decimal(digits).scaleb(-decimals)
    assert quantity(f"{value:f}*kW", "kW", "W") == value * 1000
