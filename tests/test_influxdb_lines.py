"""Readings as lines of InfluxDB's line protocol: names, stamps, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from p1monitor.p1.records import Device, Measurement, Reading, Received
from p1monitor.sinks import SinkError
from p1monitor.sinks.influxdb import Encoder, Memory
from tests.influxkit import lines, numbers, reading, telegram


def test_a_reading_is_one_point_of_electricity_and_one_of_gas_at_its_own_time() -> None:
    electricity, gas = lines(reading(telegram()))
    assert electricity.startswith("p1,meter=home,role=electricity ")
    assert electricity.endswith(f" {int(datetime(2026, 3, 20, 17, 14, 3, tzinfo=UTC).timestamp()) * 1000}")
    assert gas == f"p1,meter=home,role=gas gas_m3=26.713 {int(datetime(2026, 3, 20, 17, 10, tzinfo=UTC).timestamp()) * 1000}"
    fields = numbers(electricity)
    assert fields["power_import_w"] == "1193.0"
    assert fields["power_w"] == "1193.0"
    assert fields["energy_import_t1_kwh"] == "56123.444"
    assert fields["energy_import_kwh"] == "105226.222"
    assert fields["tariff"] == "2.0"


def test_texts_and_unknown_objects_are_left_out() -> None:
    names = set(numbers(lines(reading(telegram()))[0]))
    assert not names & {"message_text", "equipment_id", "clock", "1-0:0.2.99", "dsmr_version"}


def test_every_number_is_a_float() -> None:
    for line in lines(reading(telegram())):
        for value in numbers(line).values():
            assert "." in value or "e" in value
            assert not value.endswith(("i", "u"))


def test_held_and_missing_values_are_left_out() -> None:
    whole = reading(telegram())
    values = dict(whole.values)
    values["power_import_w"] = values["power_import_w"]._replace(held=True)
    values["voltage_l1_v"] = values["voltage_l1_v"]._replace(value=None)
    names = numbers(lines(whole._replace(values=values))[0])
    assert "power_import_w" not in names
    assert "voltage_l1_v" not in names
    assert "power_export_w" in names


def test_gas_is_written_once_per_capture() -> None:
    readings = [reading(telegram(second)) for second in (1, 2, 3)]
    readings.append(reading(telegram(4, ("260320181500W", "26.801"))))
    gas = [line for line in lines(*readings) if "role=gas" in line]
    assert [numbers(line)["gas_m3"] for line in gas] == ["26.713", "26.801"]


def test_a_device_without_capture_time_is_written_when_its_value_changes() -> None:
    def with_device(second: int, value: str) -> Reading:
        register = Measurement(Decimal(value), "m3", "7-0:23.1.0")
        return reading(telegram(second))._replace(devices=(Device(0, "gas", "gas", "", None, {"gas_m3": register}),))

    gas = [line for line in lines(*(with_device(*x) for x in ((1, "5"), (2, "5"), (3, "6")))) if "role=gas" in line]
    assert [numbers(line)["gas_m3"] for line in gas] == ["5.0", "6.0"]
    stamps = [int(line.rsplit(" ", 1)[1]) for line in gas]
    assert stamps[1] - stamps[0] == 2000


def test_a_device_value_that_was_held_is_written_when_it_is_confirmed() -> None:
    confirmed = reading(telegram())
    device = confirmed.devices[0]
    register = device.values["gas_m3"]._replace(held=True)
    held = confirmed._replace(devices=(replace(device, values={**device.values, "gas_m3": register}),))
    gas = [line for line in lines(held, confirmed, confirmed) if "role=gas" in line]
    assert len(gas) == 1


def test_two_meters_do_not_share_stamps_and_captures() -> None:
    home, shed = lines(reading(telegram())), lines(reading(telegram()), reading(telegram(), "shed"))
    assert len(shed) == 2 * len(home)
    assert shed[2:] == [line.replace("meter=home", "meter=shed") for line in home]


def test_names_of_users_are_escaped() -> None:
    line = lines(reading(telegram(), "a b,c=d\\"), measurement="my p1,x")[0]
    assert line.startswith(r"my\ p1\,x,meter=a\ b\,c\=d,role=electricity ")


def test_a_meter_without_a_clock_is_stamped_by_the_host() -> None:
    without = reading(telegram())._replace(at=None)
    assert lines(without)[0].endswith(" 1790000000250")


def test_a_host_that_does_not_know_the_time_waits_and_then_knows_when_it_was() -> None:
    early = reading(telegram(), received=Received(12.5, 40.0, known=False))._replace(at=None)
    with pytest.raises(SinkError, match="clock of this host is not set"):
        list(Encoder("p1", Memory(), None).lines(early))
    late = Encoder("p1", Memory(), 1_790_000_000.0).lines(early)
    assert next(late).endswith(b" 1790000040000")
