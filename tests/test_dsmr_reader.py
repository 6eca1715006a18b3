"""DSMR-reader's topics: what stands where, as values; and at a real broker, with a real Home Assistant where there is one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from p1monitor.p1.records import Measurement, Reading
from p1monitor.settings import MqttSettings
from p1monitor.sinks import House, Spent
from p1monitor.sinks.dsmr_reader import Tree
from p1monitor.sinks.mqtt import MqttSink
from p1monitor.sinks.retained import Retained
from p1monitor.sinks.topics import Topics
from tests.clocks import Hands
from tests.hass import HomeAssistant, homeassistant
from tests.hass import until as until_home
from tests.meter_with_gas import reading, with_device_value, with_value
from tests.mqttkit import clock, retained, settings, until
from tests.services import Mosquitto

__all__ = ["clock", "homeassistant", "settings"]  # fixtures

DAY = {"energy_import_t1_kwh": "1.250", "energy_import_t2_kwh": "3.000", "energy_export_t1_kwh": "0.100"}
DAY["gas_m3"] = "9.999"  # which the reading knows better
MONTH = {"energy_import_kwh": "120.001", "energy_export_kwh": "33.000", "gas_m3": "45.100"}


def spent(_reading: Reading) -> Mapping[str, Spent]:
    return {period: {name: Decimal(text) for name, text in told.items()} for period, told in (("day", DAY), ("month", MONTH))}


HOUSE = House("abc123", ("home", "shed"), "0.1.0", frames=lambda _: (100, 7), spent=spent, stale_after=lambda _: 60.0)
QUARTER = with_value(reading(1), "last_average_power_15m_w", Measurement(Decimal(1234), "W", ""))
QUARTER = with_value(QUARTER, "energy_import_today_kwh", Measurement(Decimal("4.250"), "kWh", ""))
QUARTER = with_device_value(QUARTER, "gas", "gas_today_m3", Measurement(Decimal("0.777"), "m3", ""))

#: Topic below dsmr/ -> text, of the reading above.
TOLD = {
    "reading/id": "1",
    "reading/timestamp": "2026-01-10T13:00:01+01:00",
    "reading/electricity_delivered_1": "12345.678",
    "reading/electricity_delivered_2": "2000.500",
    "reading/electricity_returned_1": "10.000",
    "reading/electricity_returned_2": "20.001",
    "reading/electricity_currently_delivered": "0.735",
    "reading/electricity_currently_returned": "0.000",
    "reading/phase_currently_delivered_l1": "0.735",
    "reading/phase_currently_returned_l1": "0.000",
    "reading/phase_voltage_l1": "230.1",
    "reading/phase_voltage_l2": "229.8",
    "reading/phase_power_current_l1": "3",
    "reading/extra_device_timestamp": "2026-01-10T11:55:00+01:00",
    "reading/extra_device_delivered": "4321.123",
    "consumption/gas/read_at": "2026-01-10T11:55:00+01:00",
    "consumption/gas/delivered": "4321.123",
    "consumption/quarter-hour-peak-electricity/average_delivered": "1.234",
    "consumption/quarter-hour-peak-electricity/read_at_start": "2026-01-10T12:45:00+01:00",
    "consumption/quarter-hour-peak-electricity/read_at_end": "2026-01-10T13:00:00+01:00",
    "meter-stats/dsmr_version": "50",
    "meter-stats/electricity_tariff": "2",
    "meter-stats/power_failure_count": "12",
    "meter-stats/voltage_sag_count_l1": "3",
    "meter-stats/rejected_telegrams": "7",
    "day-consumption/electricity_merged": "4.250",
    "day-consumption/gas": "0.777",
    "day-consumption/electricity1": "1.250",
    "day-consumption/electricity2": "3.000",
    "day-consumption/electricity1_returned": "0.100",
    "current-month/electricity_merged": "120.001",
    "current-month/electricity_returned_merged": "33.000",
    "current-month/gas": "45.100",
}


def told(messages: Mapping[str, str]) -> dict[str, str]:
    return {topic.removeprefix("dsmr/"): text for topic, text in messages.items() if topic.startswith("dsmr/")}


def test_what_stands_where() -> None:
    made = told(Retained(HOUSE, Topics("p1monitor", ""), 10, Tree()).take(QUARTER, 0.0))
    flat = json.loads(made.pop("json"))
    assert made.pop("raw") == ""
    assert made == TOLD
    assert flat["electricity_delivered_1"] == "12345.678"
    assert flat["phase_voltage_l3"] is None
    assert {f"reading/{leaf}": str(value) for leaf, value in flat.items() if value is not None}.items() <= TOLD.items()


def test_only_what_changes_is_told_and_only_of_the_first_meter() -> None:
    kept = Retained(HOUSE, Topics("p1monitor", ""), 10, Tree())
    assert told(kept.take(reading(1, meter="shed"), 0.0)) == {}
    kept.take(QUARTER, 0.0)
    assert told(kept.take(QUARTER._replace(seq=2), 5.0)) == {}
    assert {"reading/id", "json"} == told(kept.take(QUARTER._replace(seq=2), 10.0)).keys()


def test_gas_of_now_is_what_came_between_two_captures() -> None:
    kept = Retained(HOUSE, Topics("p1monitor", ""), 0, Tree())
    kept.take(reading(1), 0.0)
    assert "consumption/gas/currently_delivered" not in told(kept.take(reading(2), 1.0))
    later = told(kept.take(reading(3, captured="260110120000W", gas="04321.323"), 2.0))
    assert later["consumption/gas/currently_delivered"] == "0.200"
    swapped = told(kept.take(reading(4, captured="260110120500W", gas="00000.002"), 3.0))
    assert swapped["consumption/gas/currently_delivered"] == "0"


def test_what_is_doubtful_stays_as_it_was() -> None:
    held = with_value(reading(1), "energy_import_t1_kwh", Measurement(Decimal(9), "kWh", "", held=True))
    held = with_value(held, "tariff", held.values["tariff"]._replace(held=True))
    held = with_device_value(held, "gas", "gas_m3", Measurement(Decimal(1), "m3", "", held=True))
    made = told(Retained(HOUSE, Topics("p1monitor", ""), 10, Tree()).take(held, 0.0))
    assert not {"reading/electricity_delivered_1", "reading/extra_device_delivered", "consumption/gas/delivered"} & made.keys()
    assert "meter-stats/electricity_tariff" not in made
    assert made["reading/electricity_delivered_2"] == "2000.500"


@pytest.fixture
def sink(settings: MqttSettings, clock: Hands) -> Iterator[MqttSink]:
    made = MqttSink(replace(settings, compat="dsmr-reader"), HOUSE, clock)
    yield made
    made.close()


def test_a_broker_holds_the_tree_and_gets_it_again(sink: MqttSink, mosquitto: Mosquitto, clock: Hands) -> None:
    sink.open()
    sink.deliver([QUARTER])
    until(lambda: TOLD.items() <= told(retained(mosquitto)).items())
    mosquitto.kill()
    (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
    until(lambda: not sink._connected.is_set())
    mosquitto.start()
    until(sink._connected.is_set)
    sink.deliver(())
    until(lambda: TOLD.items() <= told(retained(mosquitto)).items())


#: What it has no sensor for.
NO_SENSOR = {"reading/id", "reading/extra_device_timestamp"}
#: What Home Assistant's integration makes of a text.
ITS_OWN = {
    "meter-stats/dsmr_version": "5.0",
    "meter-stats/electricity_tariff": "high",
}


@pytest.mark.homeassistant
def test_home_assistants_own_integration_shows_the_same(
    homeassistant: HomeAssistant, sink: MqttSink, mosquitto: Mosquitto, clock: Hands
) -> None:
    homeassistant.add_dsmr_reader()
    sink.open()
    sink.deliver([QUARTER])
    clock.now += 10
    sink.deliver([with_value(reading(2, captured="260110120000W", gas="04321.323"), "x", Measurement(None, "", ""))])
    expected = {**TOLD, "consumption/gas/currently_delivered": "0.200", "reading/id": "2"}
    expected |= dict.fromkeys(("reading/extra_device_delivered", "consumption/gas/delivered"), "4321.323")
    expected |= dict.fromkeys(("reading/extra_device_timestamp", "consumption/gas/read_at"), "2026-01-10T12:00:00+01:00")
    expected |= {"reading/timestamp": "2026-01-10T13:00:02+01:00"} | ITS_OWN

    def different() -> dict[str, object]:
        states = {one["entity_id"]: one["state"] for one in homeassistant.call("GET", "/api/states")}
        entities = {leaf: "sensor.dsmr_" + leaf.replace("/", "_").replace("-", "_") for leaf in expected if leaf not in NO_SENSOR}
        return {leaf: states.get(entity) for leaf, entity in entities.items() if not same(states.get(entity), expected[leaf])}

    try:
        until_home(lambda: not different(), 15)  # after half a minute it reloads all that was switched on
    except AssertionError:
        assert different() == {}
    assert [line for line in homeassistant.complaints() if "dsmr" in line] == []


def same(shown: object, sent: str) -> bool:
    """As numbers, as times, or as texts."""
    text = str(shown)
    for kind in (Decimal, datetime.fromisoformat):
        try:
            return bool(kind(text) == kind(sent))
        except (ArithmeticError, ValueError):
            continue
    return text == sent
