"""The table itself: one truth, without contradictions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from p1monitor.p1 import objects
from p1monitor.p1.catalogue import BY_OBIS, CRC_MARKS, ROWS, device_value, obis_of, row_of
from p1monitor.p1.records import Measurement
from p1monitor.p1.telegram import data_object, normal_code
from p1monitor.p1.units import UNITS


def test_every_row_can_be_decoded() -> None:
    assert {row.kind for row in ROWS} <= set(objects._DECODERS)


def test_every_code_is_in_its_normal_form() -> None:
    assert all(normal_code(obis) == obis for obis in BY_OBIS)


def test_names_are_told_apart() -> None:
    """A name stands for one quantity: rows that share it share kind and unit. Those of M-Bus devices live in the device."""
    seen: dict[str, tuple[str, str]] = {}
    for row in ROWS:
        if not row.kind.startswith(("mbus_", "nta_")):
            assert seen.setdefault(row.name, (row.kind, row.unit)) == (row.kind, row.unit), row.name


def test_the_unit_is_the_names_last_word() -> None:
    for row in ROWS:
        if row.unit:
            assert row.name.endswith("_" + row.unit.lower()), row
            assert row.printed in UNITS
            assert UNITS[row.printed][0] == row.unit


def test_names_of_the_design() -> None:
    names = """power_w power_import_w power_export_w power_l1_w voltage_l1_v current_l1_a energy_import_kwh energy_import_t1_kwh
        energy_export_t2_kwh tariff frequency_hz average_power_15m_w monthly_power_peak_w voltage_sag_l1_count long_power_fail_count
        gas_m3 water_m3 heat_gj message_text message_code power_failure_log gas_today_m3 energy_import_today_kwh"""
    for name in names.split():
        row = row_of(name)
        assert row is not None, name
        assert row.name == name
        assert row.title
    assert row_of("1-0:0.2.99") is None


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("power_import_w", "00.193*kW", Decimal(193)),
        ("energy_import_t1_kwh", "000001.000*kWh", Decimal("1.000")),
        ("voltage_l2_v", "230.1*V", Decimal("230.1")),
    ],
)
def test_from_the_name_to_the_code_and_back(name: str, text: str, expected: Decimal) -> None:
    found = objects.decoded(data_object(obis_of(name), text))
    assert isinstance(found[1], Measurement)
    assert (found[0], found[1].value) == (name, expected)


def test_codes_with_a_place_to_fill() -> None:
    assert obis_of("power_import_w", b=1).startswith("1-1:")
    with pytest.raises(KeyError):
        obis_of("power_l1_w")  # made, never sent


def test_small_tables() -> None:
    assert device_value("heat", "GJ") == "heat_gj"
    assert device_value("heat_cost", "") == "heat_cost"
    assert [code for code, _ in CRC_MARKS] == [b"1-3:0.2.8", b"0-0:96.1.4"]
