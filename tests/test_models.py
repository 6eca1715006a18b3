"""Every simulated meter says what its household and its net did, in its own formats; each model's own traits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.p1 import peaks
from p1monitor.p1.catalogue import PHASES
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.household import LOW, NORMAL, Household
from p1monitor.p1.meters import MODELS, Model
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading
from p1monitor.p1.scenes import Scene
from p1monitor.p1.state import State, begin
from p1monitor.p1.telegram import parse, render
from p1monitor.p1.times import central
from tests.moments import AUTUMN, DUTCH, JOULES, LOOSE, MOMENTS, NOON, SEEDS, TARIFFS, number

BELGIAN = ("emucs3", "delta")
ENERGY_DECIMALS = {"me381": 2, "mt381": 2}


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Model:
    return MODELS[request.param]


def read(name: str, moment: datetime, seed: int = 7, scenes: tuple[Scene, ...] = ()) -> Reading:
    """What comes out of the other end of the cable."""
    telegram = MODELS[name].staged(moment, seed, scenes)
    assert telegram is not None
    frame, *more = Framer().feed(render(telegram))
    assert isinstance(frame, Frame)
    assert not more
    return decode(parse(frame))


def state_of(name: str, moment: datetime, seed: int) -> State:
    model = MODELS[name]
    return begin(Household(seed, model.panels_w, model.normal_until), moment)


def floor(grains: int, grain: int, decimals: int) -> Decimal:
    """As a meter prints a register: rounded down, to its digits."""
    return (Decimal(grains) / grain).quantize(Decimal(1).scaleb(-decimals), ROUND_FLOOR)


def expected(name: str, state: State) -> Iterator[tuple[str, Decimal]]:
    """What the decoded values of a model have to be, by the household alone."""
    decimals = ENERGY_DECIMALS.get(name, 3)
    tariffs = dict(zip((NORMAL, LOW), TARIFFS.get(name, DUTCH), strict=False))
    for which, tariff in tariffs.items():
        yield f"energy_import_t{tariff}_kwh", floor(state.load.imported[which - 1], JOULES, decimals)
        yield f"energy_export_t{tariff}_kwh", floor(state.load.exported[which - 1], JOULES, decimals)
    if tariffs:
        yield "tariff", Decimal(tariffs[state.load.tariff])
    else:
        yield "energy_import_kwh", floor(sum(state.load.imported), JOULES, decimals)
        yield "energy_export_kwh", floor(sum(state.load.exported), JOULES, decimals)
    net, step = sum(state.load.watts), 10 if name == "dsmr22" else 1
    yield "power_import_w", Decimal(max(net, 0) // step * step)
    yield "power_export_w", Decimal(max(-net, 0) // step * step)
    for phase, tenths, watts in zip(PHASES, state.volts, state.load.watts, strict=True):
        if name in {"esmr5", "mt381", "emucs3", "sweden"}:
            yield f"voltage_l{phase}_v", Decimal(tenths) / 10
        if name in {"esmr5", "emucs3", "sweden"}:
            yield f"power_l{phase}_w", Decimal(watts)
            yield f"power_import_l{phase}_w", Decimal(max(watts, 0))


def twice(at: datetime) -> bool:
    """Whether the wall clock shows this time again an hour later."""
    return central(at).replace(tzinfo=None) == central(at + timedelta(hours=1)).replace(tzinfo=None)


@LOOSE
@given(name=st.sampled_from(list(MODELS)), moment=MOMENTS, seed=SEEDS)
def test_the_decoded_values_are_the_households(name: str, moment: datetime, seed: int) -> None:
    reading, state = read(name, moment, seed), state_of(name, moment, seed)
    for value, meant in expected(name, state):
        assert number(reading, value) == meant, value
    for device in reading.devices:
        at = device.at or moment
        litres = {"gas": state.gas_at(at), "water": state.load.water}[device.medium]
        register = device.values[f"{device.medium}_m3"]
        if register.obis.endswith(":24.3.0") and twice(at):  # without a flag it is taken for the first of the two
            litres = state.gas_at(central(moment).replace(minute=0, second=0))
        assert register.value == Decimal(litres) / 1000
    assert reading.at in (moment, None)


@LOOSE
@given(name=st.sampled_from(list(MODELS)), moment=MOMENTS, seconds=st.integers(10, 900))
def test_registers_never_fall_and_are_the_integral_of_the_power(name: str, moment: datetime, seconds: int) -> None:
    before, after = (read(name, at) for at in (moment, moment + timedelta(seconds=seconds)))
    for flow in ("import", "export"):
        moved = number(after, f"energy_{flow}_kwh") - number(before, f"energy_{flow}_kwh")
        house = [sum(state_of(name, moment + timedelta(seconds=second), 7).load.watts) for second in range(seconds)]
        used = sum(max(watts if flow == "import" else -watts, 0) for watts in house)
        assert moved >= 0
        assert abs(moved - Decimal(used) / JOULES) <= Decimal("0.021")  # two registers of up to two decimals, rounded down


def test_currents_belong_to_powers_and_voltages() -> None:
    for name in ("esmr5", "mt381", "emucs3", "delta"):
        reading = read(name, NOON)
        watts = state_of(name, NOON, 7).load.watts
        for phase, drawn in zip(PHASES, watts, strict=True):
            meant = abs(drawn) / number(reading, f"voltage_l{phase}_v")
            assert abs(number(reading, f"current_l{phase}_a") - meant) <= Decimal("0.005" if name in BELGIAN else "0.5")


# Iskraemeco MT381, KWHIQ, DSMR 2.2


def test_mt381_sends_no_more_objects_than_its_readout_list_holds() -> None:
    telegram = MODELS["mt381"].telegram(NOON, 7)
    assert len(telegram.objects) == 32
    text = render(telegram).decode()
    assert text.startswith("/ISk5\\2MT381-")
    assert text.endswith("!\r\n")
    assert re.search(r"1-0:1\.6\.0\(26\d{10}S\)\(\d{3}\.\d{3}\*kW\)", text)
    assert re.search(r"1-0:3\.8\.0\(\d{6}\.\d\d\*kvarh\)", text)
    reading = read("mt381", NOON)
    assert number(reading, "power_factor") == Decimal("0.958")
    assert 49 < number(reading, "frequency_hz") < 51
    assert all(":" not in name for name in reading.values)


def test_kwhiq_sends_identifier_energy_power_and_short_messages() -> None:
    codes = [item.obis for item in MODELS["kwhiq"].telegram(NOON, 7).objects]
    assert codes == [
        "1-3:0.2.8", "0-0:1.0.0", "0-0:96.1.1", "1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.1", "1-0:2.8.2", "0-0:96.14.0",
        "1-0:1.7.0", "1-0:2.7.0", "0-0:96.13.0",
    ]  # fmt: skip


def test_dsmr22_prints_the_formats_of_its_time() -> None:
    text = render(MODELS["dsmr22"].telegram(NOON, 7)).decode()
    assert re.search(r"1-0:1\.8\.1\(\d{5}\.\d{3}\*kWh\)", text)
    assert re.search(r"1-0:1\.7\.0\(\d{4}\.\d\d\*kW\)", text)
    assert "0-0:17.0.0(0999.00*kW)" in text
    assert "0-0:1.0.0" not in text
    assert text.endswith("!\r\n")


# Belgium


def test_belgian_gas_and_water_come_on_their_own_codes() -> None:
    reading = read("emucs3", NOON)
    assert [(device.medium, device.channel) for device in reading.devices] == [("gas", 1), ("water", 2)]
    assert reading.devices[0].values["gas_m3"].obis == "0-1:24.2.3"
    litres = [number_of_water(NOON + timedelta(minutes=5 * at)) for at in range(0, 12 * 24 * 3, 7)]
    assert litres == sorted(litres)
    assert Decimal("0.2") < litres[-1] - litres[0] < 3  # m³ in three days


def number_of_water(moment: datetime) -> Decimal:
    value = read("emucs3", moment).devices[1].values["water_m3"].value
    assert isinstance(value, Decimal)
    return value


@pytest.mark.parametrize("name", BELGIAN)
def test_the_months_peak_is_the_highest_quarter_hour_of_the_registers(name: str) -> None:
    """October: with the hour that comes twice."""
    first, last = datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)
    highest, at = Decimal(0), first
    before = number(read(name, first), "energy_import_kwh")
    quarter = first
    while quarter < last:
        quarter += timedelta(minutes=15)
        after = number(read(name, quarter), "energy_import_kwh")
        if (after - before) * 4000 > highest + 10:  # registers are rounded down to a Wh, a quarter's to 4 W
            highest, at = (after - before) * 4000, quarter
        before = after
        if quarter == last - timedelta(minutes=15):
            told = read(name, quarter).values["monthly_power_peak_w"]
            assert abs(Decimal(str(told.value)) - highest) <= 18
            assert told.at is not None
            assert told.at.month == 10
    assert central(at).month == 10


def test_a_months_end_moves_its_peak_into_the_history() -> None:
    end = datetime(2026, 10, 31, 23, tzinfo=UTC)
    before, after = read("emucs3", end - timedelta(seconds=1)), read("emucs3", end)
    peak, history = before.values["monthly_power_peak_w"], after.values["monthly_power_peak_history"].value
    assert isinstance(history, tuple)
    assert len(history) == peaks.MONTHS
    assert history[0] == (end, peak.at, peak.value)
    started = after.values["monthly_power_peak_w"]
    assert started.at is None
    assert started.value == 0
    assert number(after, "average_power_15m_w") == 0
    quarter = read("emucs3", end + timedelta(minutes=15)).values["monthly_power_peak_w"]
    assert quarter.at == end + timedelta(minutes=15)


def test_a_running_quarter_ends_as_its_mean() -> None:
    begin_, end = (number(read("emucs3", AUTUMN + timedelta(minutes=at)), "energy_import_kwh") for at in (0, 15))
    average = number(read("emucs3", AUTUMN + timedelta(minutes=14, seconds=59)), "average_power_15m_w")
    assert abs((end - begin_) * 4000 - average) < 10


def test_a_meter_without_a_past_has_no_history() -> None:
    early = datetime(2023, 9, 20, tzinfo=UTC)
    assert read("emucs3", early).values["monthly_power_peak_history"].value == ()
    later = read("emucs3", early + timedelta(days=75)).values["monthly_power_peak_history"].value
    assert isinstance(later, tuple)
    ends = [datetime(2023, 11, 30, 23, tzinfo=UTC), datetime(2023, 10, 31, 23, tzinfo=UTC), datetime(2023, 9, 30, 22, tzinfo=UTC)]
    assert [row[0] for row in later] == ends


def test_a_delta_net_has_no_voltage_on_its_second_phase_or_133_volts_on_each() -> None:
    even, odd = read("delta", NOON, 8), read("delta", NOON, 7)
    assert [round(number(even, f"voltage_l{phase}_v"), -1) for phase in PHASES] == [230, 0, 230]
    assert number(even, "current_l2_a") == number(even, "power_import_l2_w") == 0
    assert all(125 < number(odd, f"voltage_l{phase}_v") < 140 for phase in PHASES)
    for reading in (even, odd):
        assert number(reading, "power_import_w") == sum(number(reading, f"power_import_l{phase}_w") for phase in PHASES)
