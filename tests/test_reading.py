"""Decoding: what the lines of every variant become."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1.framer import Frame
from p1monitor.p1.reading import decode, describe
from p1monitor.p1.records import Device, Measurement, Reading, Received
from p1monitor.p1.telegram import parse


def read(*lines: str, profile: str = "auto") -> Reading:
    """Decode data lines under a header of ours."""
    text = "\r\n".join(("/TST5P1", "", *lines, "!", ""))
    return decode(parse(Frame(text.encode("latin-1"))), profile=profile)


def value(line: str, name: str) -> object:
    """The value of a name in a telegram of one line."""
    return read(line).values[name].value


def rows(line: str, name: str) -> tuple[tuple[object, ...], ...]:
    """The rows of a history."""
    found = read(line).values[name].value
    assert isinstance(found, tuple)
    return found


VALUES = [
    ("1-0:1.8.1(012345.678*kWh)", "energy_import_t1_kwh", Decimal("12345.678")),
    ("1-0:1.8.0(000317695*Wh)", "energy_import_kwh", Decimal("317.695")),
    ("1-0:1.8.0(0012.3*MWh)", "energy_import_kwh", Decimal(12300)),
    ("1-0:1.8.1(001247.747kWh)", "energy_import_t1_kwh", Decimal("1247.747")),
    ("1-0:1.8.1(001247.747*kWh )", "energy_import_t1_kwh", Decimal("1247.747")),
    ("1-0:3.8.0(000000.123*kVArh)", "energy_reactive_import_kvarh", Decimal("0.123")),
    ("1-1:1.8.1(000001.000*kWh)", "energy_import_t1_kwh", Decimal("1.000")),
    ("1-0:2.8.16(000001.000*kWh)", "energy_export_t16_kwh", Decimal("1.000")),
    ("1-0:1.7.0(01.193*kW)", "power_import_w", Decimal(1193)),
    ("1-0:1.7.0(0000.89*kW)", "power_import_w", Decimal(890)),
    ("1-0:1.7.0(002124.86*W)", "power_import_w", Decimal("2124.86")),
    ("1-0:3.7.0(00.007)", "power_reactive_import_var", Decimal(7)),
    ("1-0:16.7.0(-01.250*kW)", "power_w", Decimal(-1250)),
    ("1-0:32.7.0(0000.229*kV)", "voltage_l1_v", Decimal(229)),
    ("1-0:31.7.0(791*mA)", "current_l1_a", Decimal("0.791")),
    ("1-0:51.7.0(001.78*A)", "current_l2_a", Decimal("1.78")),
    ("1-0:14.7.0(0000.049*kHz)", "frequency_hz", Decimal(49)),
    ("1-0:33.7.0(01000)", "power_factor_l1", Decimal("1.000")),
    ("1-0:13.7.0(4.556)", "power_factor", Decimal("4.556")),
    ("1-0:32.32.0(00192)", "voltage_sag_l1_count", Decimal(192)),
    ("0-0:96.7.21(00005)", "any_power_fail_count", Decimal(5)),
    ("1-3:0.2.8(50)", "dsmr_version", "50"),
    ("1-3:0.2.8(P)", "dsmr_version", "P"),
    ("1-0:0.2.8(EDEBDA49)", "firmware_signature", "EDEBDA49"),
    ("0-0:96.1.4(50217)", "emucs_version", "50217"),
    ("0-0:96.1.4(3231313130)", "emucs_version", "21110"),
    ("0-0:96.14.0(0002)", "tariff", Decimal(2)),
    ("0-0:96.14.0(01)", "tariff", Decimal(1)),
    ("0-0:96.14.0(5431)", "tariff", Decimal(1)),
    ("0-0:96.14.0(TARIFF 1)", "tariff", Decimal(1)),
    ("0-0:96.14.0(night)", "tariff", "night"),
    ("0-0:17.0.0(016*A)", "limiter_threshold_a", Decimal(16)),
    ("0-0:17.0.0(999.9*kW)", "limiter_threshold_w", Decimal(999900)),
    ("0-0:17.0.0(999.9*kVA)", "limiter_threshold_va", Decimal(999900)),
    ("1-1:31.4.0(200*A)(-200*A)", "current_limit_import_a", Decimal(200)),
    ("1-0:31.4.0(040.00*A)", "current_limit_l1_a", Decimal("40.00")),
    ("0-0:96.3.10(1)", "breaker_state", "connected"),
    ("0-0:96.3.10(ON)", "breaker_state", "connected"),
    ("0-0:96.3.10(7)", "breaker_state", "7"),
    ("0-0:96.1.1(4530303030)", "equipment_id", "E0000"),
    ("0-0:96.1.1(12047847)", "equipment_id", "12047847"),
    ("0-0:96.1.1(xxx)", "equipment_id", "xxx"),
    ("0-0:96.1.1(ADC3100000064761)", "equipment_id", "ADC3100000064761"),
    ("0-0:96.1.1()", "equipment_id", None),
    ("0-0:96.13.1(74457374313233)", "message_code", "tEst123"),
    ("0-0:96.13.0(30313233343536373839)", "message_text", "0123456789"),
    ("0-0:96.13.0()", "message_text", None),
    ("0-0:96.13.0(Work on the net, 9-12 h)", "message_text", "Work on the net, 9-12 h"),
    ("0-0:96.13.0(333)", "message_text", "333"),
    ("0-0:96.13.0(\xff\xff\xff\xff)", "message_text", None),
    ("0-0:96.13.0(FFFFFFFF)", "message_text", None),
    ("0-0:96.13.0(4D656C64696E67FFFF)", "message_text", "Melding"),
    ("0-0:96.13.0(0102)", "message_text", "0102"),
    ("0-0:96.13.0(656C656B7472696369746569742069E96E)", "message_text", "elektriciteit i\xe9n"),
    ("0-0:96.13.0(DEAD)", "message_text", "DEAD"),
    ("0-0:96.13.0(2020202020)", "message_text", None),
    ("0-0:98.1.0()", "monthly_power_peak_history", ()),
    ("1-0:1.7.0()", "power_import_w", None),
    ("1-0:1.4.0(02.351*kW)", "average_power_15m_w", Decimal(2351)),
    ("1-0:1.6.0(200509134558S)(02.589*kW)", "monthly_power_peak_w", Decimal(2589)),
    ("1-0:1.6.0(08.832*kW)(260112223000)", "monthly_power_peak_w", Decimal(8832)),
    ("1-1:1.6.0(02.589*kW)", "monthly_power_peak_w", Decimal(2589)),
]


@pytest.mark.parametrize(("line", "name", "expected"), VALUES, ids=[line for line, _, _ in VALUES])
def test_value(line: str, name: str, expected: object) -> None:
    found = value(line, name)
    assert found == expected
    assert str(found) == str(expected)  # the digits as the meter printed them, too


def test_unknown_objects_are_kept_under_their_code() -> None:
    reading = read("1-0:0.2.99(abc)(def)", "1-0:1.7.0(nonsense)")
    assert reading.values["1-0:0.2.99"] == Measurement("(abc)(def)", "", "1-0:0.2.99")
    assert reading.values["1-0:1.7.0"].value == "(nonsense)"
    assert "power_import_w" not in reading.values


def test_a_unit_of_another_kind_is_not_believed() -> None:
    assert "power_import_w" not in read("1-0:1.7.0(01.193*kWh)").values


def test_time_is_what_the_flag_says() -> None:
    assert read("0-0:1.0.0(190320181403W)").at == datetime(2019, 3, 20, 17, 14, 3, tzinfo=UTC)
    assert read("0-0:1.0.0(201025023000S)").at == datetime(2020, 10, 25, 0, 30, tzinfo=UTC)
    assert read("0-0:1.0.0(201025023000W)").at == datetime(2020, 10, 25, 1, 30, tzinfo=UTC)
    assert read("0-0:1.0.0(190320181403W)", profile="fi").at == datetime(2019, 3, 20, 16, 14, 3, tzinfo=UTC)
    assert read("1-0:0.9.1(222553)", "1-0:0.9.2(251002)").at == datetime(2025, 10, 2, 20, 25, 53, tzinfo=UTC)
    assert read("0-0:1.0.0(632525252525W)").at is None
    assert read("1-0:1.7.0(00.193*kW)").at is None


def test_net_power_and_totals_are_made_and_marked() -> None:
    reading = read(
        "1-0:1.8.1(000001.001*kWh)",
        "1-0:1.8.2(000002.002*kWh)",
        "1-0:1.7.0(00.000*kW)",
        "1-0:2.7.0(00.177*kW)",
        "1-0:21.7.0(00.100*kW)",
        "1-0:22.7.0(00.000*kW)",
        "1-0:41.7.0(00.020*kW)",
    )
    assert reading.values["power_w"] == Measurement(Decimal(-177), "W", "1-0:1.7.0", derived=True)
    assert reading.values["power_l1_w"].value == Decimal(100)
    assert reading.values["power_l2_w"].value == Decimal(20)
    assert "power_l3_w" not in reading.values
    assert reading.values["energy_import_kwh"] == Measurement(Decimal("3.003"), "kWh", "1-0:1.8.1+1-0:1.8.2", derived=True)
    assert "energy_export_kwh" not in reading.values


def test_the_meters_own_total_stands() -> None:
    reading = read("1-0:1.8.0(000009.000*kWh)", "1-0:1.8.1(000001.000*kWh)", "1-0:1.8.2(000002.000*kWh)")
    assert reading.values["energy_import_kwh"] == Measurement(Decimal("9.000"), "kWh", "1-0:1.8.0")


def test_a_total_is_made_of_this_telegrams_rates_only() -> None:
    two = ("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.2(000002.000*kWh)")
    for lines, total in ((two, "3.000"), ((*two, "1-0:1.8.3(000005.000*kWh)"), "8.000"), (two, "3.000"), (two[:1], "1.000")):
        assert str(read(*lines).values["energy_import_kwh"].value) == total
    assert "energy_import_kwh" not in read(two[0], "1-0:1.8.2()").values
    assert "power_w" not in read("1-0:1.7.0(00.100*kW)", "1-0:2.7.0()").values


def test_numbers_that_cannot_be_cost_only_their_line() -> None:
    for line in ("0-0:96.14.0(" + "9" * 5000 + ")", "1-0:1.7.0(" + "9" * 26 + "*kW)", "1-0:1.7.0(" + "9" * 23 + "*MW)"):
        assert "power_import_w" not in read(line).values


def test_what_cannot_be_read_of_a_device_is_shown_raw() -> None:
    lines = ("0-1:24.2.1(240101120000W)(abc*m3)", "0-2:24.1.0(abc)", "0-0:98.1.0(2)(1-0:1.6.0)(1)(2)(3)")
    telegram = parse(Frame("\r\n".join(("/T", "", *lines, "!", "")).encode()))
    assert [view.name for view in describe(telegram)] == [None, "mbus_setup", None]
    assert [view.raw for view in describe(telegram)] == [line[line.index("(") :] for line in lines]


def test_the_last_of_two_equal_codes_counts() -> None:
    assert read("1-0:1.7.0(00.001*kW)", "1-0:1.7.0(00.002*kW)").values["power_import_w"].value == Decimal(2)


def test_failure_log() -> None:
    def log(groups: str) -> object:
        return value(f"1-0:99.97.0{groups}", "power_failure_log")

    old, new = datetime(2019, 2, 1, 22, 52, 31, tzinfo=UTC), datetime(2019, 3, 16, 7, 54, 47, tzinfo=UTC)
    pairs = "(190201235231W)(0000003231*s)", "(190316085447W)(0000000230*s)"
    for order in (pairs, pairs[::-1]):
        assert log("(2)(0-0:96.7.19)" + "".join(order)) == ((new, 230), (old, 3231))
    assert log("(2)(0-0:96.7.19)(190316085447W)(230)(000101000001W)(2147483647*s)") == ((new, 230),)
    assert log("(1)(0:96.7.19)(190316085447W)(00000000230*s)") == ((new, 230),)
    for nothing in ("()", "(0)", "(0)()", "(0)(0-0:96.7.19)", "(1)()()()"):
        assert log(nothing) == ()


def test_peak_history() -> None:
    line = "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(230801000000S)(632525252525W)(00.000*kW)(230901000000S)(230831181500S)(04.318*kW)"
    newest, oldest = rows(line, "monthly_power_peak_history")
    assert newest == (
        datetime(2023, 8, 31, 22, tzinfo=UTC),
        datetime(2023, 8, 31, 16, 15, tzinfo=UTC),
        Decimal(4318),
    )
    assert oldest[1:] == (None, Decimal(0))
    assert value("0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)()", "monthly_power_peak_history") == ()
    assert value("0-0:98.1.0(12)", "monthly_power_peak_history") == ()
    wrong = line.replace("(2)", "(13)")  # the count is not believed where the columns say otherwise
    assert rows(wrong, "monthly_power_peak_history") == rows(line, "monthly_power_peak_history")
    (row,) = rows("0-0:98.1.0(220201000000T)(000040.777*kWh)", "month_end_registers")  # Holley: no flag that anybody knows
    assert row == (None, Decimal("40.777"))
    (row,) = rows("0-0:98.1.0(230701000000S)(000040.777*kWh)(03.564*kW)", "month_end_registers")
    assert row == (datetime(2023, 6, 30, 22, tzinfo=UTC), Decimal("40.777"), Decimal(3564))


GAS = ("0-1:24.1.0(003)", "0-1:96.1.0(4730303030)", "0-1:24.2.1(220127110004W)(09916.665*m3)")
ELEVEN = datetime(2022, 1, 27, 10, 0, 4, tzinfo=UTC)


def devices(*lines: str) -> list[tuple[int, str, str, datetime | None, dict[str, object]]]:
    """What the M-Bus lines become."""

    def row(device: Device) -> tuple[int, str, str, datetime | None, dict[str, object]]:
        return device.channel, device.medium, device.equipment_id, device.at, {n: m.value for n, m in device.values.items()}

    return [row(device) for device in read(*lines).devices]


def test_any_medium_on_any_channel() -> None:
    for channel in "1234":
        for code, medium, unit, name in (
            ("003", "gas", "m3", "gas_m3"),
            ("007", "water", "m3", "water_m3"),
            ("012", "heat", "GJ", "heat_gj"),
        ):
            lines = [line.replace("0-1:", f"0-{channel}:").replace("(003)", f"({code})").replace("m3", unit) for line in GAS]
            assert devices(*lines) == [(int(channel), medium, "G0000", ELEVEN, {name: Decimal("9916.665")})]
            assert devices(*reversed(lines)) == devices(*lines)


def test_mbus_styles() -> None:
    belgian = devices("0-1:24.1.0(003)", "0-1:96.1.1(37464C4F)", "0-1:24.4.0(1)", "0-1:24.2.3(220127110004W)(00112.384*m3)")
    assert belgian == [(1, "gas", "7FLO", ELEVEN, {"valve_state": "connected", "gas_m3": Decimal("112.384")})]
    old = devices("0-2:24.1.0(3)", "0-2:96.1.0(4730)", "0-2:24.3.0(220127110004)(08)(60)(1)(0-1:24.2.0)(m3)", "(13368.864)")
    assert old == [(2, "gas", "G0", ELEVEN, {"gas_m3": Decimal("13368.864")})]
    older = devices("7-0:23.1.0*255(01239.860*m3)(22-01-27 10:00:04)", "7-0:23.1.0*255(01237.560*m3)(22-01-26 14:00:00)")
    assert older == [(0, "gas", "", datetime(2022, 1, 27, 9, 0, 4, tzinfo=UTC), {"gas_m3": Decimal("1239.860")})]
    latin = devices("0-1:24.1.0(003)", "0-1:24.2.1(220127110004W)(09916.665*m\xb3)")
    assert latin[0][4] == {"gas_m3": Decimal("9916.665")}


def test_medium_by_unit_where_there_is_no_type() -> None:
    assert devices("0-1:24.1.0()", *GAS[1:])[0][1] == "gas"
    assert devices("0-1:24.2.1(220127110004W)(00001.000*GJ)")[0][1] == "heat"


@pytest.mark.parametrize(
    "line",
    ["(632525252525S)(00000.000)", "(700101010000W)(00000000)", "(0)", "()", "(000101000000W)(00000.000*m3)", "(220127110004W)()"],
)
def test_never_read_is_nothing(line: str) -> None:
    assert devices("0-2:24.1.0(000)", "0-2:96.1.0()", f"0-2:24.2.1{line}") == []
    assert devices(*GAS, "0-2:24.1.0(003)", "0-2:96.1.0()", f"0-2:24.2.1{line}") == devices(*GAS)
    (view,) = describe(parse(Frame(f"/T\r\n\r\n0-2:24.2.1{line}\r\n!\r\n".encode())))
    assert view.measurement is not None
    assert view.measurement.value is None


def test_a_value_without_a_sane_time_is_kept_without_it() -> None:
    assert devices("0-1:24.1.0(003)", "0-1:24.2.1(632525252525S)(00012.345*m3)") == [
        (1, "gas", "", None, {"gas_m3": Decimal("12.345")})
    ]


def test_two_gas_meters_are_two_devices() -> None:
    found = devices(*GAS, *(line.replace("0-1:", "0-2:") for line in GAS))
    assert [(channel, medium) for channel, medium, *_ in found] == [(1, "gas"), (2, "gas")]


def test_describe_names_registers_by_their_medium() -> None:
    telegram = parse(Frame("\r\n".join(("/T", "", *GAS, "1-0:0.2.99(abc)", "1-0:1.7.0(01.193*kW)", "!", "")).encode()))
    views = list(describe(telegram))
    assert [(view.obis, view.name, view.channel) for view in views] == [
        ("0-1:24.1.0", "device_type", 1),
        ("0-1:96.1.0", "equipment_id", 1),
        ("0-1:24.2.1", "gas_m3", 1),
        ("1-0:0.2.99", None, None),
        ("1-0:1.7.0", "power_import_w", None),
    ]
    assert views[2].measurement is not None
    assert views[2].measurement.at == ELEVEN
    assert views[3].raw == "(abc)"


def test_what_was_received_is_carried_along() -> None:
    telegram = parse(Frame(b"/T\r\n\r\n0-0:96.1.0(4830)\r\n!\r\n"))
    reading = decode(telegram, Received(1.5, 2.5), meter="home", frame=b"x")
    assert (reading.received, reading.meter, reading.frame) == (Received(1.5, 2.5), "home", b"x")
    assert (reading.equipment_id, reading.seq, reading.events, reading.telegram) == ("H0", 0, (), telegram)


CODES = st.sampled_from(
    [
        *("1-0:1.8.1", "1-0:1.7.0", "0-0:1.0.0", "0-1:24.2.1", "0-1:24.1.0", "0-1:24.3.0", "1-0:99.97.0", "0-0:98.1.0"),
        *(
            "1-0:1.6.0",
            "0-0:96.13.0",
            "0-0:96.14.0",
            "0-0:17.0.0",
            "7-0:23.1.0",
            "0-1:96.1.0",
            "1-1:31.4.0",
            "0-0:96.3.10",
            "1-0:33.7.0",
        ),
    ]
)
GROUP = st.one_of(
    st.text(alphabet="0123456789.*WkhmA3GJSWT:-\xff\xb3²٣ ", max_size=24),
    st.sampled_from(["220127110004W", "00*kW", "9" * 40, "1e9*kW", "NaN*kW", "0-0:96.7.19", "4" * 2048]),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(CODES, st.lists(GROUP, min_size=1, max_size=9)), max_size=12))
def test_never_raises(lines: list[tuple[str, list[str]]]) -> None:
    text = "".join(f"{code}{''.join(f'({group})' for group in groups)}\r\n" for code, groups in lines)
    telegram = parse(Frame(f"/T\r\n\r\n{text}!\r\n".encode("latin-1", "replace")))
    reading = decode(telegram)
    assert len(list(describe(telegram))) == len(telegram.objects) == len(lines)
    for measurement in reading.values.values():
        assert not isinstance(measurement.value, Decimal) or measurement.value.is_finite()
