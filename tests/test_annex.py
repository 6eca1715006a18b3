"""Every simple-valued object of the ME381/MT381 manual's Annex 1, and KWHIQ's, is known by name and unit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from p1monitor.p1.catalogue import BY_OBIS, ROWS, row_of
from p1monitor.p1.framer import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.telegram import parse

#: C.D.E without their place, as the annex lists them; what is left out are scripts, schedules, profiles, tables and keys.
SINGLE_0 = """1.0.0 13.0.0 17.0.0 17.0.1 42.0.0 43.1.0 43.1.1 96.2.0 96.2.1 96.2.4 96.3.1 96.3.2 96.3.10 96.5.0 96.6.0 96.6.6
    96.10.1 96.10.2 96.10.3 96.10.4 96.10.128 96.13.0 96.13.1 96.14.0 96.15.0 96.15.1 96.63.10 96.96.0 96.128.0 96.128.1
    96.128.2 97.97.0 97.97.1 97.98.0 97.98.1 97.98.10 97.98.11 98.1.0 128.1.0 128.1.1 128.1.2 128.1.3 128.5.0 128.6.0 128.6.1
    128.7.50 128.7.51 128.8.50 128.10.0 128.10.1 128.30.0 128.30.2 128.30.3 128.30.10 128.30.12 128.30.13 128.30.14 128.30.20
    128.30.24 128.50.1 128.62.10 128.70.0 128.70.1 128.103.0 128.103.1 128.103.2 196.0.0 196.0.1 196.0.23 196.1.0 196.1.1
    196.1.3 196.3.0 196.3.6 196.60.0 196.97.0 196.97.1 196.97.10 196.97.11"""
SINGLE_1 = """0.0.0 0.1.0 0.2.0 0.2.8 0.3.0 0.3.1 0.3.2 0.3.3 0.3.4 0.3.5 0.4.2 0.4.3 0.4.5 0.4.6 0.6.0 0.8.0 0.8.2 0.9.1 0.9.2
    0.9.11 12.31.0 12.31.129 12.35.0 12.35.129 12.39.0 12.43.0 12.44.0 12.45.0 13.3.0 13.5.0 13.7.0 14.7.0 1.24.0 15.24.0
    16.24.0 16.8.0 90.7.0 96.5.1 96.241.0 96.242.0 96.242.10 96.243.0 96.243.10 96.245.0 96.246.0 99.97.0"""
KWHIQ = """1-0:16.7.0 1-0:21.7.0 1-0:22.7.0 1-0:23.7.0 1-0:24.7.0 1-0:1.27.0 1-0:2.27.0 1-0:3.27.0 1-0:4.27.0 1-0:32.25.0
    1-0:31.25.0 1-0:13.25.0 1-0:33.25.0 0-1:94.31.4 0-1:94.31.6 0-1:94.31.7 0-1:94.31.8 0-1:94.31.9 0-0:25.1.0 0-0:25.4.0
    0-0:25.6.0 1-1:0.2.0 1-1:0.2.8"""
DEMANDS = (1, 2, 3, 4, 9, 10, 15)


def annex() -> Iterator[str]:
    """All codes."""
    yield from (f"0-0:{code}" for code in SINGLE_0.split())
    yield from (f"1-0:{code}" for code in SINGLE_1.split())
    yield from KWHIQ.split()
    yield from (f"0-0:96.1.{e}" for e in range(9))
    yield from (f"0-0:96.7.{e}" for e in range(22) if e != 4)
    yield from (f"0-0:96.11.{e}" for e in range(5))
    yield from (f"0-0:128.7.{10 * whom + level}" for whom in (1, 2, 3, 4) for level in range(1, 8))
    yield from (f"0-0:128.8.{10 * whom + e}" for whom in range(4) for e in range(4))
    yield from (f"0-0:128.60.{e}" for e in (*range(5), 10, 11, 12, *range(20, 29), 30, 31, 32, *range(40, 49)))
    yield from (f"0-0:196.98.{e}" for e in range(6))
    yield from (f"1-0:{c}.8.{e}" for c in (*range(1, 11), 15) for e in range(9))
    yield from (f"1-0:{c}.{d}.0" for c in DEMANDS for d in (4, 5, 7))
    yield from (f"1-0:{c}.6.{e}" for c in DEMANDS for e in range(9))
    yield from (f"1-0:{c}.{d}.0" for c in (12, 32, 52, 72) for d in (32, 33, 34, 36, 37, 38))
    yield from (f"1-0:{c + 20 * n}.{d}.0" for n in (1, 2, 3) for c, d in ((11, 4), (11, 7), (12, 7), (12, 24), (13, 7)))
    for n in (1, 2, 3, 4):
        yield from (f"0-{n}:24.{e}" for e in ("1.0", "2.1", "2.2", "2.3", "2.4", "3.0", "4.0"))
        yield from (f"0-{n}:96.{e}" for e in ("1.0", "1.1", "3.10", "10.3", "10.128", "11.4"))
        yield from (f"0-{n}:128.70.{e}" for e in (0, 1))


def test_every_one_is_known() -> None:
    assert [code for code in annex() if code not in BY_OBIS] == []


def test_no_name_stands_for_two_codes_by_chance() -> None:
    """The same quantity may have two codes (a version per country), but never two objects of one meter's annex."""
    codes = [code for code in annex() if not code.startswith(("0-1:", "0-2:", "0-3:", "0-4:"))]
    first = [BY_OBIS[code][0].name for code in codes]
    assert sorted({name for name in first if first.count(name) > 1}) == []


def test_every_new_name_is_found_and_has_a_title_and_a_source() -> None:
    for row in ROWS:
        assert row.title
        assert row.source
        if not row.kind.startswith(("mbus_", "nta_")):
            found = row_of(row.name)
            assert found is not None
            assert (found.kind, found.unit) == (row.kind, row.unit)


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("0-0:128.8.21(0241*V)", "daily_voltage_peak_previous_l2_v", Decimal(241)),
        ("0-0:128.8.2(228.4)", "daily_voltage_minimum_average_v", Decimal("228.4")),
        ("0-0:128.7.37(00012)", "voltage_level_7_l3_count", Decimal(12)),
        ("0-0:128.7.50(1030)", "voltage_asymmetry_upper_permille", Decimal(1030)),
        ("1-0:12.31.0(207*V)", "voltage_sag_threshold_v", Decimal(207)),
        ("1-0:12.43.0(60*s)", "voltage_sag_time_threshold_s", Decimal(60)),
        ("0-0:96.7.16(0000000310*s)", "long_power_fail_l1_s", Decimal(310)),
        ("0-0:96.6.6(0631152000)", "battery_remaining_s", Decimal(631152000)),
        ("0-0:96.11.2(0062)", "event_disconnector", Decimal(62)),
        ("0-0:128.60.1(0012.50*EUR)", "prepayment_credit", Decimal("12.50")),
        ("0-1:94.31.7(-97*dBm)", "modem_rsrp_dbm", Decimal(-97)),
        ("0-0:96.10.1(84)", "profile_status_0", "data not valid, power down"),
        ("0-0:96.10.2(08)", "profile_status_1", "daylight saving time"),
        ("0-0:96.10.3(136)", "profile_status_2", "daylight saving time, power down"),
        ("0-0:96.10.4(00100110)", "profile_status_3", "clock invalid, data not valid, clock adjusted"),
        ("0-0:96.10.1(40)", "profile_status_0", "power up"),
        ("0-0:96.10.1(00)", "profile_status_0", "none"),
        ("0-0:96.10.1(1F)", "profile_status_0", "1F"),
        ("0-0:96.10.1()", "profile_status_0", None),
        ("0-1:94.31.7(-120*dBm)", "modem_reception", "insufficient"),
        ("0-1:94.31.7(-121*dBm)", "modem_reception", "none"),
        ("0-1:94.31.7(-101*dBm)", "modem_reception", "insufficient"),
        ("0-1:94.31.7(-100*dBm)", "modem_reception", "sufficient"),
        ("0-1:94.31.7(-90*dBm)", "modem_reception", "good"),
        ("0-1:94.31.7(-80*dBm)", "modem_reception", "excellent"),
        ("0-0:97.97.1(00000100)", "error_register_2", "00000100"),
        ("1-0:1.27.0(00.512*kW)", "power_average_10m_import_w", Decimal(512)),
        ("1-0:15.6.8(260115180000W)(001.250*kW)", "monthly_power_peak_absolute_t8_w", Decimal(1250)),
    ],
)
def test_as_a_meter_prints_them(line: str, name: str, expected: object) -> None:
    reading = decode(parse(Frame(f"/ISk5\\2ME381-1007\r\n\r\n{line}\r\n!\r\n".encode(), "absent")))
    assert reading.values[name].value == expected


def test_a_stamp_is_a_time_and_nonsense_is_kept() -> None:
    def read(text: str) -> dict[str, object]:
        lines = f"/T\r\n\r\n0-0:96.7.12({text})\r\n!\r\n"
        return {name: one.value for name, one in decode(parse(Frame(lines.encode()))).values.items()}

    assert str(read("260115120000W")["long_power_fail_l2_timestamp"]) == "2026-01-15 12:00:00+01:00"
    assert read("000000000000") == {"long_power_fail_l2_timestamp": None}
    assert read("abc") == {"0-0:96.7.12": "(abc)"}
