"""Simulated meters: telegrams that are right in form, and whose values belong together."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.p1 import belgian, dutch, household, iskra, layout, meters, writing
from p1monitor.p1.catalogue import row_of
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.household import FIRST_YEAR, LOW, NORMAL
from p1monitor.p1.meters import MODELS, Model
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Measurement, Reading
from p1monitor.p1.telegram import parse, render
from p1monitor.p1.times import central
from tests.moments import AUTUMN, DUTCH, JOULES, LOOSE, MOMENTS, NOON, SEEDS, SPRING, TARIFFS, number

REGISTERS = tuple(f"energy_{flow}_t{tariff}_kwh" for flow in ("import", "export") for tariff in (LOW, NORMAL))


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Model:
    return MODELS[request.param]


def read(model: Model, moment: datetime, seed: int = 7) -> Reading:
    """What comes out of the other end of the cable."""
    frame, *more = Framer().feed(render(model.telegram(moment, seed)))
    assert isinstance(frame, Frame)
    assert not more
    return decode(parse(frame))


def gas_of(reading: Reading) -> Measurement:
    (device,) = (device for device in reading.devices if device.medium == "gas")
    return device.values["gas_m3"]


def every(step: timedelta, begin: datetime, end: datetime) -> Iterator[datetime]:
    while begin < end:
        yield begin
        begin += step


# Telegrams


def test_the_meters_are_there_with_their_line_settings() -> None:
    assert [(name, model.name, model.period_s, model.settings) for name, model in MODELS.items()] == [
        ("esmr5", "esmr5", 1.0, "115200 8N1"),
        ("me381", "me381", 10.0, "9600 7E1"),
        ("mt381", "mt381", 10.0, "9600 7E1"),
        ("kwhiq", "kwhiq", 1.0, "115200 8N1"),
        ("emucs3", "emucs3", 1.0, "115200 8N1"),
        ("dsmr22", "dsmr22", 10.0, "9600 7E1"),
        ("lux", "lux", 10.0, "115200 8N1"),
        ("sweden", "sweden", 10.0, "115200 8N1"),
        ("clms100", "clms100", 10.0, "300 7E1"),
        ("delta", "delta", 1.0, "115200 8N1"),
    ]


@LOOSE
@given(name=st.sampled_from(list(MODELS)), moment=MOMENTS, seed=SEEDS)
def test_what_is_sent_is_what_is_parsed(name: str, moment: datetime, seed: int) -> None:
    sent = MODELS[name].telegram(moment, seed)
    (frame,) = Framer().feed(render(sent))
    assert isinstance(frame, Frame)
    assert parse(frame) == sent
    assert sent.crc == ("valid" if MODELS[name].settings == "115200 8N1" else "absent")


def test_the_same_question_has_the_same_answer_whatever_was_asked_before(model: Model) -> None:
    asked = [NOON + timedelta(hours=hour) for hour in range(0, 2000, 97)]
    before = [model.telegram(moment, 7) for moment in asked]
    for cache in (household._year, household._day, household._before, household._midnights, household._twin):
        cache.cache_clear()
    assert [model.telegram(moment, 7) for moment in reversed(asked)] == before[::-1]


def test_another_seed_is_another_home(model: Model) -> None:
    one, other = (read(model, NOON, seed) for seed in (7, 8))
    assert one.equipment_id != other.equipment_id or model.name == "sweden"  # sends no number
    assert one.values["energy_import_kwh"] != other.values["energy_import_kwh"]


def test_the_zone_in_which_the_moment_is_given_does_not_matter(model: Model) -> None:
    assert model.telegram(NOON, 7) == model.telegram(central(NOON), 7)


def test_the_clock_before_the_first_year_and_far_after_it_does_no_harm(model: Model) -> None:
    for year in (1971, 2001, FIRST_YEAR - 1, 2068):
        assert read(model, NOON.replace(year=year), 0).telegram == model.telegram(NOON.replace(year=year), 0)


def test_every_value_has_its_row_and_the_codes_stand_in_the_catalogue_only(model: Model) -> None:
    assert all(row_of(name) for name in read(model, NOON).values)
    for module in (meters, layout, household, dutch, iskra, belgian, writing):
        assert not re.search(r'"\d-\d:', Path(str(module.__file__)).read_text())


def test_esmr5_sends_the_objects_of_the_standard_in_its_order() -> None:
    text = render(MODELS["esmr5"].telegram(NOON, 7)).decode()
    form = re.sub(r"\d", "9", "\r\n".join(line.partition("(")[2] for line in text.split("\r\n") if "(" in line))
    codes = [line.partition("(")[0] for line in text.split("\r\n") if "(" in line]
    phases = [f"1-0:{2 + phase}{rest}" for rest in ("2.32.0", "2.36.0") for phase in (1, 3, 5)]
    phases += ["0-0:96.13.0"]
    phases += [f"1-0:{c + phase}.7.0" for c in (12, 11, 1, 2) for phase in (20, 40, 60)]
    assert codes == [
        "1-3:0.2.8", "0-0:1.0.0", "0-0:96.1.1", "1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.1", "1-0:2.8.2", "0-0:96.14.0",
        "1-0:1.7.0", "1-0:2.7.0", "0-0:96.7.21", "0-0:96.7.9", "1-0:99.97.0", *phases,
        "0-1:24.1.0", "0-1:96.1.0", "0-1:24.2.1",
    ]  # fmt: skip
    assert form.startswith("99)\r\n999999999999S)\r\n")
    for sample in ("999999.999*kWh)", "99.999*kW)", "999.9*V)", "999*A)", "99999)", "9999)", "(99999.999*m9)", ")(9999999999*s)"):
        assert sample in form


def test_me381_prints_its_own_formats() -> None:
    text = render(MODELS["me381"].telegram(NOON, 7)).decode()
    assert text.startswith("/ISk5\\2ME381-1007\r\n\r\n")
    assert text.endswith("!\r\n")
    assert re.search(r"1-0:1\.8\.0\(\d{6}\.\d\d\*kWh\)\r\n", text)
    assert re.search(r"1-0:1\.4\.0\(\d{3}\.\d{3}\*kW\)\r\n", text)
    assert re.search(r"0-1:24\.3\.0\(260617120000\)\(00\)\(60\)\(1\)\(0-1:24\.2\.1\)\(m3\)\r\n\(\d{5}\.\d{3}\)\r\n", text)
    assert read(MODELS["me381"], NOON).at is None


def test_a_register_rolls_over_at_its_first_digit() -> None:
    register = layout.line("energy_import_kwh", (8, 2))
    assert register.text(999_999 * JOULES + JOULES - 1) == "999999.99*kWh"
    assert register.text(1_000_000 * JOULES) == "000000.00*kWh"


def test_messages_come_together_alone_and_not_at_all() -> None:
    asked = (read(MODELS["me381"], NOON + timedelta(hours=hour, minutes=20)).values for hour in range(6))
    pairs = [(values["message_code"].value, values["message_text"].value) for values in asked]
    assert set(pairs) == {("tEst123", "0123456789"), ("tEst123", None), (None, "0123456789"), (None, None)}
    assert b"0-0:96.13.1(74457374313233)\r\n0-0:96.13.0(30313233343536373839)" in render(MODELS["me381"].telegram(NOON, 7))


def test_a_message_is_repeated_for_as_long_as_it_is_set() -> None:
    hour = every(timedelta(seconds=10), NOON, NOON + timedelta(hours=1))
    assert {read(MODELS["me381"], moment).values["message_text"].value for moment in hour} == {"0123456789"}


# Registers and power


def test_tariffs_follow_the_calendar_of_the_country_also_when_the_clock_is_changed(model: Model) -> None:
    for begin in (NOON - timedelta(days=3), SPRING - timedelta(days=2), AUTUMN - timedelta(days=2)):
        for moment in every(timedelta(minutes=20), begin, begin + timedelta(days=4)):
            local = central(moment)
            normal = local.weekday() < 5 and 7 <= local.hour < model.normal_until
            for tariff in TARIFFS.get(model.name, DUTCH)[0 if normal else 1 :][:1]:
                assert number(read(model, moment), "tariff") == tariff


@pytest.mark.parametrize("begin", [NOON, SPRING + timedelta(minutes=50), AUTUMN + timedelta(hours=3, minutes=40)])
def test_the_power_in_the_telegrams_adds_up_to_the_registers_in_the_telegrams(begin: datetime) -> None:
    readings = [read(MODELS["esmr5"], begin + timedelta(seconds=second)) for second in range(1201)]
    for flow in ("import", "export"):
        used = sum((number(reading, f"power_{flow}_w") for reading in readings[:-1]), Decimal()) / JOULES
        counted = number(readings[-1], f"energy_{flow}_kwh") - number(readings[0], f"energy_{flow}_kwh")
        assert abs(used - counted) <= Decimal("0.002")  # two registers, each rounded down


def test_a_day_of_the_three_phase_meter_has_no_surprise() -> None:
    last: Reading | None = None
    for moment in every(timedelta(seconds=50), AUTUMN, AUTUMN + timedelta(hours=25)):
        reading = read(MODELS["esmr5"], moment)
        assert reading.at == moment
        assert min(number(reading, "power_import_w"), number(reading, "power_export_w")) == 0
        assert number(reading, "power_w") == sum(number(reading, f"power_l{phase}_w") for phase in (1, 2, 3))
        for phase in (1, 2, 3):
            volts = number(reading, f"voltage_l{phase}_v")
            assert 207 < volts < 253
            amperes = abs(number(reading, f"power_l{phase}_w")) / volts
            assert abs(number(reading, f"current_l{phase}_a") - amperes) <= Decimal("0.5")
        gas = gas_of(reading)
        assert gas.at is not None
        assert timedelta() <= moment - gas.at < timedelta(minutes=5)
        assert reading.values["message_text"].value is None
        if last:
            assert all(number(last, name) <= number(reading, name) for name in REGISTERS)
            assert gas_of(last) == gas or gas_of(last).at != gas.at
        last = reading


def test_a_day_of_the_single_phase_meter_has_no_surprise() -> None:
    last: Reading | None = None
    for moment in every(timedelta(seconds=60), SPRING, SPRING + timedelta(hours=23)):
        reading = read(MODELS["me381"], moment)
        assert 0 < number(reading, "power_import_w") < 9000
        assert number(reading, "energy_import_kwh") - sum(number(reading, name) for name in REGISTERS[:2]) <= Decimal("0.01")
        assert 0 <= number(reading, "average_power_15m_w") < 9000
        assert gas_of(reading).at == moment.replace(minute=0)
        if last:
            assert all(number(last, name) <= number(reading, name) for name in REGISTERS)
        last = reading


def test_the_running_average_ends_as_the_mean_of_its_quarter() -> None:
    begin, end = (number(read(MODELS["me381"], NOON + timedelta(minutes=at)), "energy_import_kwh") for at in (0, 15))
    average = number(read(MODELS["me381"], NOON + timedelta(minutes=14, seconds=59)), "average_power_15m_w")
    assert abs((end - begin) * 4000 - average) < 60  # registers of two decimals


def test_the_hour_that_comes_twice_counts_twice() -> None:
    frames = [render(MODELS["esmr5"].telegram(AUTUMN + timedelta(hours=hour, minutes=30), 7)) for hour in (2, 3)]
    assert b"0-0:1.0.0(261025023000S)" in frames[0]
    assert b"0-0:1.0.0(261025023000W)" in frames[1]
    first, second = (read(MODELS["esmr5"], AUTUMN + timedelta(hours=hour, minutes=30)) for hour in (2, 3))
    assert number(first, "energy_import_kwh") < number(second, "energy_import_kwh")


# Gas


@pytest.mark.parametrize(("name", "minutes"), [("esmr5", 5), ("emucs3", 5), ("me381", 60), ("dsmr22", 60)])
def test_gas_changes_only_with_its_capture_time(name: str, minutes: int) -> None:
    begin = datetime(2026, 1, 14, 16, tzinfo=UTC)
    seen: dict[datetime | None, set[object]] = {}
    for moment in every(timedelta(seconds=20), begin, begin + timedelta(hours=4)):
        gas = gas_of(read(MODELS[name], moment))
        seen.setdefault(gas.at, set()).add(gas.value)
    assert [len(values) for values in seen.values()] == [1] * (4 * 60 // minutes)
    registers = [value for values in seen.values() for value in values if isinstance(value, Decimal)]
    assert registers == sorted(registers)
    assert registers[0] < registers[-1]
    assert {after - before for before, after in pairwise(at for at in seen if at)} == {timedelta(minutes=minutes)}


def test_all_meters_of_one_seed_have_one_gas_meter() -> None:
    moment = NOON.replace(minute=0)
    gas = [device for model in MODELS.values() for device in read(model, moment).devices if device.medium == "gas"]
    assert len(gas) == len(MODELS) - 4  # those that are for electricity only: KWHIQ, CLMS100, Luxembourg, Sweden
    assert len({device.equipment_id for device in gas}) == 1


# The grid


def test_a_sag_lowers_the_voltage_and_then_counts() -> None:
    model, low = MODELS["esmr5"], NOON
    high = low + timedelta(days=61)

    def count(moment: datetime) -> Decimal:
        return number(read(model, moment), "voltage_sag_l1_count")

    assert count(high) == count(low) + 1
    before = count(low)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if count(middle) == before else (low, middle)
    assert all(number(read(model, high - timedelta(seconds=back)), "voltage_l1_v") < 207 for back in (1, 30, 70))
    assert number(read(model, high), "voltage_l1_v") > 207
    assert number(read(model, high - timedelta(seconds=30)), "voltage_l2_v") > 207


def test_the_failure_log_never_tells_of_the_future() -> None:
    now, before = (read(MODELS["esmr5"], moment).values for moment in (NOON, datetime(2023, 10, 2, tzinfo=UTC)))
    log = now["power_failure_log"].value
    assert isinstance(log, tuple)
    assert len(log) == now["long_power_fail_count"].value == 2
    assert before["power_failure_log"].value == log[1:]
    assert before["long_power_fail_count"].value == 1


def test_a_month_of_telegrams_is_made_in_two_seconds(model: Model) -> None:
    seed = 7_000_000 + int(time.monotonic())  # a home that nobody has added up yet
    began = time.process_time()
    for quarter in range(10_000):
        model.telegram(NOON + timedelta(seconds=259 * quarter), seed)
    took = time.process_time() - began
    print(f"{model.name}: {took * 100:.0f} µs a telegram, the home's years included")
    assert took < 2
