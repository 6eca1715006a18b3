"""What may befall a simulated meter: each scene does what it says, on every model that can show it, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from p1monitor.p1.meters import MODELS
from p1monitor.p1.records import Reading
from p1monitor.p1.scenes import CODE, KINDS, TEXT, Scene
from p1monitor.p1.telegram import render
from tests.moments import AUTUMN, NOON, number
from tests.test_models import read

SECOND = timedelta(seconds=1)
WITH_CLOCK = ("esmr5", "mt381", "kwhiq", "emucs3", "delta")
NO_MESSAGES = ("clms100", "sweden")
WITH_GAS = ("esmr5", "me381", "mt381", "emucs3", "dsmr22", "delta")


def scene(name: str, at: datetime = NOON, seconds: int | None = None) -> Scene:
    return Scene(name, int(at.timestamp()), KINDS[name].seconds if seconds is None else seconds)


def energy(reading: Reading) -> Decimal:
    return number(reading, "energy_import_kwh")


def gas(reading: Reading) -> Decimal:
    value = reading.devices[0].values["gas_m3"].value
    assert isinstance(value, Decimal)
    return value


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_before_it_begins_a_scene_changes_nothing(name: str, kind: str) -> None:
    model, moment = MODELS[name], NOON - SECOND
    assert model.staged(moment, 7, (scene(kind),)) == model.telegram(moment, 7)


@pytest.mark.parametrize("kind", ["message", "message-code", "message-text", "message-cleared", "gas-lost", "clock-unset",
                                  "clock-frozen", "clock-hour"])  # fmt: skip
@pytest.mark.parametrize("name", MODELS)
def test_what_passes_leaves_nothing_behind(name: str, kind: str) -> None:
    model, moment = MODELS[name], NOON + timedelta(seconds=KINDS[kind].seconds)
    assert model.staged(moment, 7, (scene(kind),)) == model.telegram(moment, 7)


# Messages


@pytest.mark.parametrize("name", MODELS)
def test_a_message_is_set_and_cleared(name: str) -> None:
    hour = NOON + timedelta(hours=1)  # of the ME381's own messages it has none at 13:00
    before, during, after = (
        read(name, hour + at, scenes=(scene("message", hour, 60),)).values for at in (-SECOND, SECOND, timedelta(minutes=1))
    )
    if name in NO_MESSAGES:
        assert "message_text" not in during
        return
    assert during["message_text"].value == TEXT
    assert "message_code" not in during or during["message_code"].value == CODE
    assert after["message_text"].value is None
    assert before["message_text"].value == (TEXT if name == "me381" else None)  # it has one of its own until then


@pytest.mark.parametrize(("kind", "code", "text"), [("message-code", CODE, None), ("message-text", None, TEXT)])
def test_code_and_text_are_independent(kind: str, code: str | None, text: str | None) -> None:
    values = read("dsmr22", NOON + SECOND, scenes=(scene(kind),)).values
    assert (values["message_code"].value, values["message_text"].value) == (code, text)


def test_a_message_of_the_model_itself_can_be_cleared() -> None:
    assert read("me381", NOON).values["message_text"].value == TEXT
    sent = MODELS["me381"].staged(NOON, 7, (scene("message-cleared"),))
    assert sent is not None
    assert b"0-0:96.13.1()\r\n0-0:96.13.0()\r\n" in render(sent)


# Power failures


@pytest.mark.parametrize("name", MODELS)
def test_a_power_failure_is_a_gap_in_which_the_registers_stand_still(name: str) -> None:
    cut = (scene("power-failure", seconds=1800),)
    assert MODELS[name].staged(NOON, 7, cut) is None
    assert MODELS[name].staged(NOON + 1799 * SECOND, 7, cut) is None
    before, after, later = (read(name, NOON + at * SECOND, scenes=cut) for at in (-1, 1800, 5400))
    assert energy(after) - energy(before) <= Decimal("0.011")
    usual = [energy(read(name, NOON + at * SECOND)) for at in (1800, 5400)]
    assert abs((energy(later) - energy(after)) - (usual[1] - usual[0])) <= Decimal("0.021")  # rounded down, up to four times


def test_a_long_power_failure_is_counted_and_logged() -> None:
    cut = (scene("power-failure", seconds=600),)
    before, after = (read("esmr5", NOON + at * SECOND, scenes=cut).values for at in (-1, 600))
    for counter in ("any_power_fail_count", "long_power_fail_count"):
        assert Decimal(str(after[counter].value)) == Decimal(str(before[counter].value)) + 1
    old, log = before["power_failure_log"].value, after["power_failure_log"].value
    assert log == ((NOON + 600 * SECOND, 600), *(old if isinstance(old, tuple) else ()))


def test_a_short_power_failure_is_counted_but_not_logged() -> None:
    cut = (scene("power-failure", seconds=30),)
    before, after = (read("esmr5", NOON + at * SECOND, scenes=cut).values for at in (-1, 30))
    assert Decimal(str(after["any_power_fail_count"].value)) == Decimal(str(before["any_power_fail_count"].value)) + 1
    assert after["long_power_fail_count"].value == before["long_power_fail_count"].value
    assert after["power_failure_log"].value == before["power_failure_log"].value


def test_overlapping_power_failures_are_missed_once() -> None:
    both = (scene("power-failure", seconds=1800), scene("power-failure", NOON + 900 * SECOND, 1800))
    one = (scene("power-failure", seconds=2700),)
    at = NOON + timedelta(hours=2)
    assert energy(read("esmr5", at, scenes=both)) == energy(read("esmr5", at, scenes=one))


def test_a_quarter_hour_without_power_is_no_peak() -> None:
    usual = read("emucs3", NOON).values["monthly_power_peak_w"]
    assert usual.at is not None
    cut = (scene("power-failure", usual.at.astimezone(UTC) - timedelta(minutes=15), 900),)
    staged = read("emucs3", NOON, scenes=cut).values["monthly_power_peak_w"]
    assert staged.at != usual.at
    assert Decimal(str(staged.value)) < Decimal(str(usual.value))


# Sags and swells


@pytest.mark.parametrize("phase", [1, 2, 3])
@pytest.mark.parametrize(("kind", "low", "high"), [("sag", 190, 207), ("swell", 253, 260)])
def test_a_dip_is_on_its_phase_and_counts_when_it_is_over(kind: str, phase: int, low: int, high: int) -> None:
    dip = (scene(f"{kind}-l{phase}"),)
    during, after = (read("esmr5", NOON + at * SECOND, scenes=dip) for at in (30, 75))
    usual, then = read("esmr5", NOON + 30 * SECOND), read("esmr5", NOON + 75 * SECOND)
    for each in (1, 2, 3):
        volts = number(during, f"voltage_l{each}_v")
        assert low < volts < high if each == phase else volts == number(usual, f"voltage_l{each}_v")
        counter = f"voltage_{kind}_l{each}_count"
        assert number(during, counter) == number(usual, counter)
        assert number(after, counter) == number(then, counter) + (each == phase)
        assert number(after, f"voltage_l{each}_v") == number(then, f"voltage_l{each}_v")


def test_a_dip_of_less_than_a_minute_is_seen_but_not_counted() -> None:
    dip = (scene("sag-l1", seconds=20),)
    assert number(read("esmr5", NOON + SECOND, scenes=dip), "voltage_l1_v") < 207
    assert read("esmr5", NOON + 20 * SECOND, scenes=dip).telegram == read("esmr5", NOON + 20 * SECOND).telegram


# Swapped meters


@pytest.mark.parametrize("name", MODELS)
def test_a_new_meter_has_another_number_and_begins_at_zero(name: str) -> None:
    swap = (scene("meter-swap", seconds=600),)
    assert MODELS[name].staged(NOON + 599 * SECOND, 7, swap) is None
    old, new, later = (read(name, NOON + at * SECOND, scenes=swap) for at in (-1, 600, 86_400 + 600))
    assert new.equipment_id != old.equipment_id or name == "sweden"  # which sends none
    assert new.equipment_id == later.equipment_id
    registers = [value for value in new.values if value.startswith("energy_")]
    assert registers
    assert all(number(new, value) == 0 for value in registers)
    usual = [energy(read(name, NOON + at * SECOND)) for at in (600, 86_400 + 600)]
    assert abs(energy(later) - (usual[1] - usual[0])) <= Decimal("0.021")
    assert new.devices == read(name, NOON + 600 * SECOND).devices


def test_a_new_meters_counters_and_peaks_are_its_own() -> None:
    swap = (scene("power-failure", NOON - timedelta(days=1)), scene("meter-swap"))
    values = read("esmr5", NOON, scenes=swap).values
    assert all(values[f"voltage_{kind}_l{phase}_count"].value == 0 for kind in ("sag", "swell") for phase in (1, 2, 3))
    assert values["any_power_fail_count"].value == 0
    assert values["power_failure_log"].value == ()
    belgian = read("emucs3", NOON, scenes=swap).values
    assert belgian["monthly_power_peak_history"].value == ()
    assert belgian["monthly_power_peak_w"].at is None
    later = read("emucs3", NOON + timedelta(days=20), scenes=swap).values["monthly_power_peak_history"].value
    assert isinstance(later, tuple)
    (row,) = later
    assert isinstance(row[1], datetime)
    assert row[1] > NOON


@pytest.mark.parametrize("name", WITH_GAS)
def test_a_new_gas_meter_has_another_number_and_begins_at_zero(name: str) -> None:
    swap = (scene("gas-swap"),)
    old, new, later = (read(name, NOON + at, scenes=swap) for at in (-SECOND, SECOND, timedelta(days=1)))
    assert old.devices[0].equipment_id != new.devices[0].equipment_id
    assert gas(old) > 0
    assert gas(new) == 0
    assert gas(later) == gas(read(name, NOON + timedelta(days=1))) - gas(read(name, NOON))
    assert new.equipment_id == old.equipment_id


@pytest.mark.parametrize("name", WITH_GAS)
def test_gas_reads_zero_after_the_loss_of_its_radio(name: str) -> None:
    lost = (scene("gas-lost"),)
    device = read(name, NOON + SECOND, scenes=lost).devices[0]
    assert device.values["gas_m3"].value == 0
    assert device.at is not None
    assert device.equipment_id == read(name, NOON).devices[0].equipment_id


# The clock


@pytest.mark.parametrize("name", WITH_CLOCK)
def test_a_clock_that_is_not_set_begins_in_the_year_2000(name: str) -> None:
    sent = MODELS[name].staged(NOON + 61 * SECOND, 7, (scene("clock-unset"),))
    assert sent is not None
    assert b"0-0:1.0.0(000101000101W)" in render(sent)
    assert read(name, NOON + SECOND, scenes=(scene("clock-unset"),)).at is None


@pytest.mark.parametrize("name", WITH_CLOCK)
def test_a_frozen_clock_stands_still_while_the_registers_go_on(name: str) -> None:
    frozen = (scene("clock-frozen"),)
    one, other = (read(name, NOON + at * SECOND, scenes=frozen) for at in (1, 3000))
    assert one.at == other.at == NOON
    assert energy(one) <= energy(other) == energy(read(name, NOON + 3000 * SECOND))


@pytest.mark.parametrize("name", WITH_CLOCK)
def test_a_clock_may_be_an_hour_fast(name: str) -> None:
    assert read(name, NOON + SECOND, scenes=(scene("clock-hour"),)).at == NOON + SECOND + timedelta(hours=1)


@pytest.mark.parametrize("name", WITH_CLOCK)
def test_the_night_with_the_hour_that_comes_twice(name: str) -> None:
    texts = [render(MODELS[name].telegram(AUTUMN + timedelta(hours=hour), 7)) for hour in (2, 3)]
    assert b"(261025020000S)" in texts[0]
    assert b"(261025020000W)" in texts[1]


def test_scenes_come_together_in_their_order() -> None:
    together = (scene("message"), scene("sag-l1", NOON + 10 * SECOND), scene("clock-hour"))
    reading = read("esmr5", NOON + 20 * SECOND, scenes=together[::-1])
    assert reading.values["message_text"].value == TEXT
    assert number(reading, "voltage_l1_v") < 207
    assert reading.at == NOON + 20 * SECOND + timedelta(hours=1)
    assert reading.telegram == read("esmr5", NOON + 20 * SECOND, scenes=together).telegram
