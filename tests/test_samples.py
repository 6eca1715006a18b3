from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.p1.records import Measurement
from p1monitor.recorder.profiles import (
    Bit,
)
from p1monitor.recorder.samples import FAILURES, REGISTERS, captures, failures, grew, power, registers, scaled, summer, volts
from tests.readings import UTC_DAY, device, measurement, reading

WINTER_S, SUMMER_S = 3600, 7200


def test_registers_become_watt_hours_exactly() -> None:
    one = reading(UTC_DAY, energy_import_t1_kwh="56123.444", energy_import_kwh="999999.999", energy_export_t8_kwh="0.001")
    found = dict(zip(REGISTERS, registers(one), strict=True))
    assert {name: value for name, value in found.items() if value is not None} == {
        "energy_import_kwh": 999_999_999,
        "energy_import_t1_kwh": 56_123_444,
        "energy_export_t8_kwh": 1,
    }


@given(st.decimals(min_value=0, max_value=Decimal("99999999.999"), places=3))
def test_what_goes_in_comes_out(value: Decimal) -> None:
    assert Decimal(scaled(Measurement(value, "kWh", "")) or 0) / 1000 == value


def test_doubtful_and_absent_values_are_nothing() -> None:
    assert scaled(None) is None
    assert scaled(Measurement(Decimal(1), "kWh", "", held=True)) is None
    assert scaled(Measurement(Decimal("NaN"), "kWh", "")) is None
    assert scaled(Measurement("text", "", "")) is None


def test_power_and_voltages() -> None:
    one = reading(UTC_DAY, power_w="-1234", voltage_l1_v="230.1", voltage_l3_v="231.0")
    assert (power(one), volts(one)) == (-1234, (2301, None, 2310))
    assert (power(reading(UTC_DAY)), volts(reading(UTC_DAY))) == (None, ())


def test_failures_are_evidence_when_they_grow() -> None:
    counted = failures([measurement(name, count) for name, count in zip(FAILURES, (4, 2), strict=True)])
    assert counted == (4, 2)
    assert failures([None, None]) is None
    assert not grew(None, counted)
    assert not grew((4, 2), counted)
    assert not grew((5, 3), counted)  # another meter
    assert grew((4, 1), counted)


def test_only_the_register_of_a_submeter_is_captured() -> None:
    one = device(value="12.345", at=UTC_DAY)
    assert [(name, value) for name, _, value in captures(one)] == [("gas_m3", 12_345)]


@pytest.mark.parametrize(
    ("moment", "offset", "bit"),
    [
        ("2026-07-01T12:00", SUMMER_S, Bit.DST),
        ("2026-07-01T12:00", WINTER_S, 0),  # a meter that keeps winter time all year
        ("2026-01-01T12:00", WINTER_S, 0),
        ("2026-01-01T12:00", SUMMER_S, 0),  # eastern Europe in winter
        ("2026-07-01T12:00", 10_800, Bit.DST),  # and in summer
        ("2026-10-25T00:59", SUMMER_S, Bit.DST),
        ("2026-10-25T01:00", WINTER_S, 0),
    ],
)
def test_summer_time_is_a_bit(moment: str, offset: int, bit: int) -> None:
    assert summer(int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()), offset) == bit
