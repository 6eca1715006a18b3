"""A real Home Assistant lets go of what is not announced any more."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from paho.mqtt import publish

from p1monitor.sinks import House
from p1monitor.sinks.retained import GONE_S, Retained
from p1monitor.sinks.topics import Topics
from tests.hass import HomeAssistant, homeassistant, until
from tests.meter_with_gas import reading
from tests.services import Mosquitto

__all__ = ["homeassistant"]  # a fixture

pytestmark = pytest.mark.homeassistant

MAIN = "p1monitor-abc123-home-"


def test_a_device_that_is_gone_vanishes_and_so_does_an_entity(homeassistant: HomeAssistant, mosquitto: Mosquitto) -> None:
    retained = Retained(House("abc123", ("home",), "0.1.0"), Topics("p1monitor", "homeassistant"), 10)
    house = f"homeassistant/device/{MAIN.removesuffix('-')}/config"

    def send(messages: Mapping[str, str]) -> None:
        outgoing: publish.MessagesList = [(topic, text, 1, True) for topic, text in messages.items()]
        publish.multiple(outgoing, hostname=mosquitto.host, port=mosquitto.port)

    before = retained.take(reading(), 0.0)
    old = json.loads(before[house])
    old["cmps"]["of_old"] = {"p": "sensor", "uniq_id": MAIN + "of_old", "name": "Of old", "val_tpl": "1"}
    send({**before, house: json.dumps(old)})
    send({**retained.ages(0.0), **retained.everything(), house: json.dumps(old)})
    until(lambda: {MAIN + "of_old", MAIN + "gas-gas_m3", MAIN + "power_w"} <= homeassistant.states().keys())

    again = Retained(House("abc123", ("home",), "0.1.0"), Topics("p1monitor", "homeassistant"), 10)
    again.recall(house, json.dumps(old), 0.0)
    again.recall(house.replace("-home/", "-home-water/"), before[house.replace("-home/", "-home-water/")], 0.0)
    send(again.take(reading(2, water=None), 0.0))
    until(lambda: MAIN + "of_old" not in homeassistant.states())
    send(again.take(reading(3, water=None), 10.0))
    assert MAIN + "water-water_m3" in homeassistant.states()
    send(again.take(reading(4, water=None), GONE_S))
    until(lambda: MAIN + "water-water_m3" not in homeassistant.states())
    assert {MAIN + "gas-gas_m3", MAIN + "power_w"} <= homeassistant.states().keys()
    assert homeassistant.complaints() == []
