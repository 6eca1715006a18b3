"""Codes that mean several things: the shape of the value decides first, then what else the telegram carries."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from p1monitor.p1.framer import Frame
from p1monitor.p1.reading import decode, describe
from p1monitor.p1.records import Reading
from p1monitor.p1.telegram import parse

EMUCS = "0-0:96.1.4(50217)"
AT = datetime(2022, 1, 27, 10, 0, 4, tzinfo=UTC)


def read(*lines: str, crc: str = "valid") -> Reading:
    """Decode data lines; both ways of decoding give each object the same name."""
    parsed = parse(Frame("\r\n".join(("/TST5P1", "", *lines, "!", "")).encode("latin-1"), crc))
    reading = decode(parsed)
    seen = {name for values in (reading.values, *(one.values for one in reading.devices)) for name in values}
    assert {view.name for view in describe(parsed) if view.name} - {"device_type", "equipment_id"} <= seen
    return reading


def names(*lines: str, crc: str = "valid") -> set[str]:
    reading = read(*lines, crc=crc)
    return {name for values in (reading.values, *(one.values for one in reading.devices)) for name in values}


def test_31_4_0_is_a_limit_in_belgium_and_hungary_and_an_average_in_an_idis_meter() -> None:
    line = "1-0:31.4.0(040.00*A)"
    assert "current_limit_l1_a" in names(EMUCS, line)
    assert "current_limit_l1_a" in names("0-0:42.0.0(53414731)", line)
    assert "current_average_l1_a" in names(line, crc="absent")
    assert "current_average_l1_a" in names("1-0:32.24.0(230.1*V)", line)
    assert "current_limit_l1_a" in names("1-0:31.4.0(999*A)", crc="absent")
    for average in ("1.24.0(01.500*kW)", "15.24.0(01.500*kW)", "16.24.0(01.500*kW)"):  # Lithuania: with a CRC
        assert "current_average_l1_a" in names(f"1-0:{average}", line)
    assert "current_limit_l1_a" in names(EMUCS, "1-0:1.24.0(01.500*kW)", line)
    three = [line.replace("31", c) for c in ("31", "51", "71")]
    assert names(*three, crc="absent") == {f"current_average_l{n}_a" for n in (1, 2, 3)}


def test_31_4_0_is_two_limits_in_luxembourg() -> None:
    values = read("1-1:31.4.0(200*A)(-150*A)").values
    assert values["current_limit_import_a"].value == 200
    assert values["current_limit_export_a"].value == -150
    assert set(names("1-1:31.4.0(200*A)")) == {"current_limit_import_a"}


def test_98_1_0_is_a_history_of_peaks_a_months_end_or_a_billing_profile() -> None:
    peaks = "0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(230901000000S)(230831181500S)(04.318*kW)"
    month_end = "0-0:98.1.0(230701000000S)(000040.777*kWh)(03.564*kW)"
    billing = "0-0:98.1.0(1)(0-0:1.0.0)(1-0:1.8.0)(1-0:1.6.0)(230701000000S)(000040.777*kWh)(03.564*kW)"
    assert names(peaks) == {"monthly_power_peak_history"}
    assert names(month_end) == {"month_end_registers"}
    assert names(billing) == {"billing_profile"}
    row = (datetime(2023, 6, 30, 22, tzinfo=UTC), Decimal("40.777"), Decimal(3564))
    assert read(billing).values["billing_profile"].value == (row,)


THIRD = "0-1:24.2.3(220127110004W)(00112.384*m3)"


def test_24_2_3_is_the_register_in_belgium_and_the_third_result_of_an_idis_meter() -> None:
    gas = ("0-1:24.1.0(003)", "0-1:96.1.1(37464C4F)")
    (belgian,) = read(EMUCS, *gas, THIRD).devices
    assert {name: one.value for name, one in belgian.values.items()} == {"gas_m3": Decimal("112.384")}
    results = ("0-1:24.2.1(220127110004W)(00500.000*m3)", "0-1:24.2.2(00001.000*m3)", THIRD, "0-1:24.2.4(17.5*kW)")
    (idis,) = read(*gas, *results).devices
    assert {name: str(one.value) for name, one in idis.values.items()} == {
        "gas_m3": "500.000",
        "gas_result_2_m3": "1.000",
        "gas_result_3_m3": "112.384",
        "gas_result_4_kw": "17.5",
    }
    assert idis.at == AT
    never_read = "0-1:24.2.1(632525252525S)(00000.000)"
    assert read(EMUCS, *gas, never_read, THIRD).devices[0].values["gas_m3"].value == Decimal("112.384")


def test_24_1_0_is_a_device_type_or_the_setup_of_the_mbus_client() -> None:
    register = "0-1:24.2.1(220127110004W)(00500.000*m3)"
    assert read("0-1:24.1.0(007)", register).devices[0].medium == "water"
    (device,) = read("0-1:24.1.0(0-1:24.6.0)(0)(12345678)(03)", register).devices
    assert device.medium == "gas"
    assert device.values["mbus_setup"].value == "(0-1:24.6.0)(0)(12345678)(03)"


def test_96_1_1_is_the_identifier_or_a_second_one() -> None:
    alone = read("0-0:96.1.1(4530303031)")
    assert alone.equipment_id == "E0001"
    both = read("0-0:96.1.0(4930303031)", "0-0:96.1.1(4930303032)", crc="absent")
    assert (both.equipment_id, both.values["device_id_2"].value) == ("I0001", "I0002")
    assert "equipment_id" not in both.values
    register = "0-2:24.2.1(220127110004W)(00500.000*m3)"
    (device,) = read("0-2:24.1.0(003)", "0-2:96.1.1(4732)", "0-2:96.1.0(4731)", register).devices
    assert (device.equipment_id, device.values["device_id_2"].value) == ("G1", "G2")
    (belgian,) = read("0-2:24.1.0(003)", "0-2:96.1.1(4732)", register).devices
    assert belgian.equipment_id == "G2"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("353431343430303132333435363738393030", "ean"),
        ("2D2D2D2D2D2D2D2D2D2D2D2D2D2D2D2D2D2D", "ean"),
        ("", "ean"),
        ("43656C6C61722C206C656674", "device_id_3"),
    ],
)
def test_96_1_2_is_the_ean_or_a_location(text: str, name: str) -> None:
    assert names(f"0-0:96.1.2({text})") == {name}


def test_96_1_4_is_the_emucs_version_or_an_identifier() -> None:
    assert names("0-0:96.1.4(50221)") == {"emucs_version"}
    assert names("0-0:96.1.4(3231313130)") == {"emucs_version"}
    assert names("0-0:96.1.4(50726F6A6563742041)") == {"device_id_5"}


def test_0_2_8_is_the_p1_version_or_a_firmwares_signature() -> None:
    found = read("1-3:0.2.8(50)", "1-0:0.2.8(EDEBDA49)", "1-1:0.2.8(27940EEC)").values
    assert {name: one.value for name, one in found.items()} == {
        "dsmr_version": "50",
        "firmware_signature": "EDEBDA49",
        "firmware_signature_module": "27940EEC",
    }


def test_96_11_4_is_the_power_quality_event_or_a_channels() -> None:
    assert names("0-0:96.11.4(76)", "0-3:96.11.4(180)") == {"event_power_quality", "mbus_3_event"}
