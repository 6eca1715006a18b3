"""What is announced to Home Assistant, as values: no broker, no Home Assistant."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from p1monitor.p1.catalogue import ROWS, row_of
from p1monitor.p1.records import Measurement, Reading
from p1monitor.sinks import House
from p1monitor.sinks.homeassistant import Announcer, Entity, device_name, entities, shape_of
from p1monitor.sinks.retained import Retained
from p1monitor.sinks.topics import Topics
from tests.meter_with_gas import reading, with_device_value, with_value

TOPICS = Topics("p1monitor", "homeassistant")
HOUSE = House("abc123", ("home",), "0.1.0", "http://p1.example:8080")
MAIN, GAS, WATER = (f"homeassistant/device/p1monitor-abc123-home{role}/config" for role in ("", "-gas", "-water"))


def announced(source: Reading, house: House = HOUSE, interval: float = 10) -> dict[str, Any]:
    payloads = Announcer(house, TOPICS, interval).payloads(source, entities(source))
    return {topic: json.loads(payload) for topic, payload in payloads.items()}


def test_one_device_per_physical_meter_the_electricity_meter_first() -> None:
    found = announced(reading())
    assert list(found) == [MAIN, GAS, WATER]
    assert found[MAIN]["dev"] == {
        "ids": ["p1monitor-abc123-home"],
        "name": "Home smart meter",
        "sn": "E0099000000000001",
        "mdl": "TST5\\model-1",
        "cu": "http://p1.example:8080",
    }
    assert found[GAS]["dev"] == {
        "ids": ["p1monitor-abc123-home-gas"],
        "name": "Home gas meter",
        "sn": "G0099000000000001",
        "via_device": "p1monitor-abc123-home",
        "cu": "http://p1.example:8080",
    }


def test_golden_gas_announcement() -> None:
    payloads = Announcer(replace(HOUSE, url=None), TOPICS, 10).payloads(reading(), entities(reading()))
    assert payloads[GAS] == (
        '{"dev": {"ids": ["p1monitor-abc123-home-gas"], "name": "Home gas meter", "sn": "G0099000000000001", '
        '"via_device": "p1monitor-abc123-home"}, "o": {"name": "p1monitor", "sw": "0.1.0"}, '
        '"avty": [{"t": "p1monitor/status"}, {"t": "p1monitor/home/status"}], "avty_mode": "all", '
        '"pl_avail": "online", "pl_not_avail": "offline", "stat_t": "p1monitor/home/gas", '
        '"cmps": {"gas_m3": {"p": "sensor", "uniq_id": "p1monitor-abc123-home-gas-gas_m3", "name": "Gas", '
        '"default_entity_id": "sensor.p1_home_gas_m3", "dev_cla": "gas", "stat_cla": "total_increasing", '
        '"unit_of_meas": "m³", "sug_dsp_prc": 3, "val_tpl": "{{ value_json.gas_m3 | default(\'\') }}"}}}'
    )


@pytest.mark.parametrize(
    ("name", "device_class", "state_class", "unit"),
    [
        ("energy_import_t1_kwh", "energy", "total_increasing", "kWh"),
        ("energy_export_kwh", "energy", "total_increasing", "kWh"),
        ("energy_import_today_kwh", "energy", "total_increasing", "kWh"),
        ("energy_net_kwh", "energy", "total", "kWh"),
        ("gas_m3", "gas", "total_increasing", "m³"),
        ("gas_today_m3", "gas", "total_increasing", "m³"),
        ("gas_gj", "energy", "total_increasing", "GJ"),
        ("water_m3", "water", "total_increasing", "m³"),
        ("warm_water_m3", "water", "total_increasing", "m³"),
        ("waste_water_m3", "volume", "total_increasing", "m³"),
        ("heat_gj", "energy", "total_increasing", "GJ"),
        ("electricity_kwh", "energy", "total_increasing", "kWh"),
        ("power_w", "power", "measurement", "W"),
        ("power_l1_w", "power", "measurement", "W"),
        ("monthly_power_peak_w", "power", "measurement", "W"),
        ("average_power_15m_w", "power", "measurement", "W"),
        ("voltage_l2_v", "voltage", "measurement", "V"),
        ("current_l3_a", "current", "measurement", "A"),
        ("frequency_hz", "frequency", "measurement", "Hz"),
        ("power_reactive_import_var", "reactive_power", "measurement", "var"),
        ("energy_reactive_import_kvarh", None, "total_increasing", "kvarh"),
        ("voltage_sag_l1_count", None, "total_increasing", None),
        ("tariff", None, None, None),
        ("breaker_state", None, None, None),
        ("dsmr_version", None, None, None),
    ],
)
def test_classes_and_units_that_the_energy_dashboard_accepts(
    name: str, device_class: str | None, state_class: str | None, unit: str | None
) -> None:
    row = row_of(name)
    assert row is not None
    shape = shape_of(row)
    assert (shape.device_class, shape.state_class, shape.unit) == (device_class, state_class, unit)


def test_every_row_with_a_unit_is_a_number_in_home_assistant() -> None:
    plain = {row.name for row in ROWS if row.unit and shape_of(row).state_class is None}
    assert plain == set()


def test_diagnostics_are_diagnostic_and_power_is_not() -> None:
    components = announced(reading())[MAIN]["cmps"]
    assert components["voltage_sag_l1_count"]["ent_cat"] == "diagnostic"
    assert components["dsmr_version"]["ent_cat"] == "diagnostic"
    assert "ent_cat" not in components["power_w"]
    assert "ent_cat" not in components["energy_import_t1_kwh"]


def test_what_few_want_is_announced_but_not_switched_on() -> None:
    extra = (("0-0:96.11.0", "0002"), ("0-0:128.7.41", "00004"), ("0-0:97.97.0", "00000000"), ("0-0:96.1.7", "4142"))
    components = announced(reading(extra=extra))[MAIN]["cmps"]
    for name in ("event_standard", "voltage_level_1_any_count", "device_id_8"):
        assert components[name]["ent_cat"] == "diagnostic"
        assert components[name]["en"] is False
    switched_on = {name for name, component in components.items() if component.get("en", True)}
    plain = set(announced(reading())[MAIN]["cmps"]) | {"error_register"}
    assert switched_on == plain


def test_serial_numbers_and_clocks_are_no_entities_and_unknown_objects_neither() -> None:
    components = announced(reading(extra=(("1-0:0.2.99", "abc"),)))[MAIN]["cmps"]
    assert not {"equipment_id", "clock", "power_failure_log", "1-0:0.2.99", "message_text"} & set(components)


def test_identities_are_free_of_serial_numbers_and_channels() -> None:
    before = announced(reading())
    after = announced(reading(serial="E-NEW", gas_serial="G-NEW", import_t1="000000.000", gas="00000.000"))
    assert after[MAIN]["dev"]["sn"] == "E-NEW"
    assert after[GAS]["dev"]["sn"] == "G-NEW"
    for topic, payload in before.items():
        assert {**after[topic], "dev": None} == {**payload, "dev": None}
        assert after[topic]["dev"]["ids"] == payload["dev"]["ids"]


def test_identities_of_meters_with_awkward_names_never_meet() -> None:
    two = reading()._replace(meter="home-gas")
    topics = [*announced(reading()), *announced(two)]
    assert len(set(topics)) == 6
    assert all(re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic) for topic in topics)


def test_entities_of_all_meters_have_names_of_their_own() -> None:
    components = [component for payload in announced(reading()).values() for component in payload["cmps"].values()]
    for key in ("uniq_id", "default_entity_id"):
        assert len({component[key] for component in components}) == len(components)
    assert all(re.fullmatch(r"(sensor|event)\.p1[a-z0-9]*(_[a-z0-9]+)*", item["default_entity_id"]) for item in components)
    for payload in announced(reading()).values():
        name = payload["dev"]["name"]
        assert not any(item["name"].startswith(name) for item in payload["cmps"].values())


def test_a_held_value_is_not_announced_and_neither_is_an_empty_one() -> None:
    row = reading()
    held = with_value(row, "power_w", row.values["power_w"]._replace(held=True))
    held = with_device_value(held, "gas", "gas_m3", Measurement(Decimal(1), "m3", "0-1:24.2.1", held=True))
    assert Entity("", "power_w") not in entities(held)
    assert GAS not in announced(held)
    empty = with_value(row, "power_w", Measurement(None, "W", "1-0:16.7.0"))
    assert Entity("", "power_w") not in entities(empty)


def test_a_peak_has_its_time_beside_it() -> None:
    components = announced(reading(extra=(("1-0:1.6.0", "260105184500W", "02.345*kW"),)))[MAIN]["cmps"]
    stamp = components["monthly_power_peak_timestamp"]
    assert stamp["dev_cla"] == "timestamp"
    assert "stat_cla" not in stamp
    assert "monthly_power_peak_w" in components


def test_a_message_is_a_short_state_and_a_whole_attribute() -> None:
    message = announced(reading(message="x" * 900))[MAIN]["cmps"]["message_text"]
    assert message["stat_t"] == message["json_attr_t"] == "p1monitor/home/message"
    assert message["val_tpl"] == "{{ value[:250] }}"


def test_only_momentary_values_expire_and_never_before_three_intervals() -> None:
    components = announced(reading(), interval=600)[MAIN]["cmps"]
    assert components["power_w"]["exp_aft"] == 1800
    assert announced(reading())[MAIN]["cmps"]["power_w"]["exp_aft"] == 300
    assert "exp_aft" not in components["energy_import_kwh"]


def test_availability_wants_both_statuses() -> None:
    for payload in announced(reading()).values():
        assert payload["avty"] == [{"t": "p1monitor/status"}, {"t": "p1monitor/home/status"}]
        assert payload["avty_mode"] == "all"


def test_no_link_to_a_page_that_nobody_can_reach() -> None:
    assert "cu" not in announced(reading(), replace(HOUSE, url=None))[MAIN]["dev"]


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("", "Home smart meter"),
        ("gas", "Home gas meter"),
        ("gas_2", "Home gas meter 2"),
        ("warm_water", "Home warm water meter"),
    ],
)
def test_devices_are_named_after_the_meter(role: str, name: str) -> None:
    assert device_name("home", role) == name


def test_an_announcement_grows_with_the_first_value_and_never_shrinks() -> None:
    retained = Retained(HOUSE, TOPICS, 10)
    first = retained.take(reading(1, water=None), 0.0)
    assert MAIN in first
    assert GAS in first
    assert WATER not in first
    assert not [topic for topic in retained.take(reading(2, water=None), 1.0) if topic.endswith("config")]
    second = retained.take(reading(3, message="hello"), 2.0)
    assert {topic for topic in second if topic.endswith("config")} == {MAIN, WATER}
    third = retained.take(reading(4, water=None, serial="E-NEW"), 3.0)
    assert {topic for topic in third if topic.endswith("config")} == {MAIN}
    assert "message_text" in json.loads(third[MAIN])["cmps"]
    assert WATER in retained.everything()


def test_announcements_come_before_values_and_our_own_status_last() -> None:
    retained = Retained(HOUSE, TOPICS, 10)
    retained.take(reading(), 0.0)
    retained.ages(0.0)
    order = list(retained.everything())
    assert order[:3] == [MAIN, GAS, WATER]
    assert order[-2:] == ["p1monitor/home/status", "p1monitor/status"]


def test_without_a_discovery_prefix_nothing_is_announced() -> None:
    retained = Retained(HOUSE, Topics("p1monitor", ""), 10)
    assert not [topic for topic in retained.take(reading(), 0.0) if topic.endswith("config")]


def test_a_cleared_message_code_is_none_and_an_absent_text_unknown() -> None:
    code = with_value(reading(), "message_code", Measurement("tEst123", "", "0-0:96.13.1"))
    components = announced(code)[MAIN]["cmps"]
    assert components["message_code"]["val_tpl"] == "{{ (value_json.message_code | default('', true) | string)[:250] }}"
    # A number that is 0 counts as absent for Jinja's default(…, true): only messages, which are never numbers, have it.
    assert components["tariff"]["val_tpl"] == "{{ (value_json.tariff | default('None') | string)[:250] }}"
