"""The MQTT sink against a real Home Assistant and a real mosquitto: what a user would see there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from p1monitor.p1.catalogue import ROWS, Row, device_value, row_of
from p1monitor.p1.codes import MEDIA
from p1monitor.p1.records import Device, Measurement
from p1monitor.sinks import House
from p1monitor.sinks.homeassistant import entities
from p1monitor.sinks.homeassistant_extras import EXTRAS
from p1monitor.sinks.retained import Retained
from p1monitor.sinks.topics import Topics
from tests.hass import HomeAssistant, homeassistant, until
from tests.meter_with_gas import reading
from tests.services import Mosquitto

__all__ = ["homeassistant"]  # a fixture

pytestmark = pytest.mark.homeassistant

#: What runs the sink: it takes one JSON object of arguments for tests.meter_with_gas.reading() per line, and says when it is done.
STORY = """\
import json, sys, time
from p1monitor.settings import MqttSettings
from p1monitor.sinks import House
from p1monitor.sinks.mqtt import build
from tests.hass import HomeAssistant, until
from tests.meter_with_gas import reading
from p1monitor.p1.records import Event
from decimal import Decimal
def spent(reading):
    return {"month": {"energy_import_kwh": Decimal("120.001"), "energy_import_t1_kwh": Decimal("1")}}
told = {"stale_after": lambda _: 5.0, "frames": lambda _: (3, 1), "spent": spent}
house = House("abc123", ("home",), "0.1.0", "http://127.0.0.1:8080", **told)
sink = build(MqttSettings(host="127.0.0.1", port=int(sys.argv[1]), interval=0), house)
sink.open()
for line in sys.stdin:
    order = json.loads(line)
    if order is None:
        sink.deliver(())
    else:
        happened = order.pop("happened", None)
        one = reading(monotonic=time.monotonic(), **order)
        events = (Event(one.at, one.received, happened[0], None, happened[1]),) if happened else ()
        sink.deliver([one._replace(events=events)])
    print("done", flush=True)
sink.close()
"""


class Daemon:
    """A process of its own that runs the sink, so that it can be killed."""

    def __init__(self, broker: Mosquitto) -> None:
        command = [sys.executable, "-c", STORY, str(broker.port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, order: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def deliver(self, seq: int, **values: object) -> None:
        self.order({"seq": seq, **values})

    def heartbeat(self) -> None:
        self.order(None)

    def stop(self) -> None:
        """As the service manager does: it may say goodbye."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        assert self.process.wait(10) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


MAIN = "p1monitor-abc123-home-"
#: Unique id -> state, device class, state class, unit.
EXPECTED = {
    MAIN + "power_w": ("735", "power", "measurement", "W"),
    MAIN + "power_l1_w": ("735", "power", "measurement", "W"),
    MAIN + "voltage_l1_v": ("230.1", "voltage", "measurement", "V"),
    MAIN + "current_l1_a": ("3", "current", "measurement", "A"),
    MAIN + "frequency_hz": ("50.01", "frequency", "measurement", "Hz"),
    MAIN + "energy_import_t1_kwh": ("12345.678", "energy", "total_increasing", "kWh"),
    MAIN + "energy_import_kwh": ("14346.178", "energy", "total_increasing", "kWh"),
    MAIN + "energy_export_t2_kwh": ("20.001", "energy", "total_increasing", "kWh"),
    MAIN + "month_energy_import_kwh": ("120.001", "energy", "total_increasing", "kWh"),
    MAIN + "tariff": ("2", None, None, None),
    MAIN + "voltage_sag_l1_count": ("3", None, "total_increasing", None),
    MAIN + "monthly_power_peak_w": ("2345", "power", "measurement", "W"),
    MAIN + "monthly_power_peak_timestamp": ("2026-01-05T17:45:00+00:00", "timestamp", None, None),
    MAIN + "gas-gas_m3": ("4321.123", "gas", "total_increasing", "m³"),
    MAIN + "water-water_m3": ("987.654", "water", "total_increasing", "m³"),
}
PEAK = [["1-0:1.6.0", "260105184500W", "02.345*kW"], ["1-0:0.2.99", "unknown"]]


def never_yet(unique: str) -> bool:
    """Whether it is an event entity: they have no state until something happens."""
    return unique.endswith("events")


def outlives(unique: str) -> bool:
    return unique.removeprefix(MAIN) in {name for name, extra in EXTRAS.items() if extra.outlives}


def seen(state: Any) -> tuple[object, ...]:
    about = state["attributes"]
    return (state["state"], *(about.get(key) for key in ("device_class", "state_class", "unit_of_measurement")))


def test_a_meters_life_in_home_assistant(homeassistant: HomeAssistant, mosquitto: Mosquitto) -> None:
    daemon = Daemon(mosquitto)
    daemon.deliver(1, extra=PEAK)
    until(lambda: EXPECTED.keys() <= homeassistant.states().keys())
    until(lambda: all(seen(homeassistant.states()[unique]) == wanted for unique, wanted in EXPECTED.items()))
    first = homeassistant.states()
    print(len(first), "entities")
    assert MAIN + "message_text" not in first
    assert not [unique for unique, state in first.items() if state["state"] in {"unknown", "unavailable"} and not never_yet(unique)]
    assert (first[MAIN + "link_quality"]["state"], first[MAIN + "link_quality"]["attributes"]["unit_of_measurement"]) == (
        "75.0",
        "%",
    )
    assert first[MAIN + "last_telegram"]["state"] == "2026-01-10T12:00:01+00:00"

    # What happened, and what the grid company said: told once, as events
    daemon.deliver(1, extra=PEAK, happened=["swap", "another meter"])
    until(lambda: homeassistant.states()[MAIN + "events"]["attributes"]["event_type"] == "swap")
    assert homeassistant.states()[MAIN + "events"]["attributes"]["words"] == "another meter"
    daemon.deliver(1, extra=PEAK, happened=["power quality", "a sag"])
    until(lambda: homeassistant.states()[MAIN + "events"]["attributes"]["event_type"] == "power_quality")
    daemon.deliver(1, extra=PEAK, happened=["comet", "was not announced"])
    until(lambda: homeassistant.states()[MAIN + "events"]["attributes"]["event_type"] == "other")
    assert homeassistant.states()[MAIN + "message_events"]["state"] == "unknown"
    daemon.deliver(1, extra=PEAK, happened=["message", "message: hello"])
    until(lambda: homeassistant.states()[MAIN + "message_events"]["attributes"]["event_type"] == "message")
    assert homeassistant.states()[MAIN + "message_events"]["attributes"]["words"] == "message: hello"
    assert homeassistant.states()[MAIN + "events"]["attributes"]["words"] == "was not announced"

    devices = {
        next(iter(device["identifiers"]))[1]: device
        for device in homeassistant.ask("config/device_registry/list")
        if device["identifiers"]
    }
    main, gas = devices["p1monitor-abc123-home"], devices["p1monitor-abc123-home-gas"]
    assert gas["via_device_id"] == devices["p1monitor-abc123-home-water"]["via_device_id"] == main["id"]
    assert (main["name"], gas["name"]) == ("Home smart meter", "Home gas meter")
    assert (main["serial_number"], gas["serial_number"]) == ("E0099000000000001", "G0099000000000001")

    # A message of the greatest length, and its end
    long = "Storing \"x\" <b> 'y' {{ 1 }} " * 36 + "end"
    daemon.deliver(2, extra=PEAK, message=long)
    until(lambda: homeassistant.states().get(MAIN + "message_text", {}).get("attributes", {}).get("text") == long)
    assert homeassistant.states()[MAIN + "message_text"]["state"] == long[:250].strip()
    daemon.deliver(3, extra=PEAK)
    until(lambda: homeassistant.states()[MAIN + "message_text"]["state"] == "")

    # A meter that falls silent, and one that stops, and one that dies
    def all_unavailable() -> bool:
        told = {unique: state["state"] for unique, state in homeassistant.states().items()}
        return {state for unique, state in told.items() if not outlives(unique)} == {"unavailable"}

    def silent() -> bool:
        daemon.heartbeat()
        return all_unavailable()

    until(silent)
    assert homeassistant.states()[MAIN + "last_telegram"]["state"] != "unavailable", "it is wanted most of all now"
    daemon.deliver(4, extra=PEAK)
    until(lambda: seen(homeassistant.states()[MAIN + "power_w"])[0] == "735")
    daemon.stop()
    until(all_unavailable)
    daemon = Daemon(mosquitto)
    daemon.deliver(5, extra=PEAK)
    until(lambda: seen(homeassistant.states()[MAIN + "power_w"])[0] == "735")
    daemon.kill()
    until(all_unavailable)

    # Another meter in the same place: new serial numbers, registers from zero; and a restart of Home Assistant after it
    daemon = Daemon(mosquitto)
    daemon.deliver(
        6, serial="E-NEW", gas_serial="G-NEW", import_t1="000000.001", gas="00000.002", captured="260110120000W", extra=PEAK
    )
    until(lambda: seen(homeassistant.states()[MAIN + "gas-gas_m3"])[0] == "0.002")
    until(lambda: seen(homeassistant.states()[MAIN + "energy_import_t1_kwh"])[0] == "0.001")
    after = homeassistant.states()
    assert {unique: state["entity_id"] for unique, state in first.items()}.items() <= {
        unique: state["entity_id"] for unique, state in after.items()
    }.items()
    serials = {device["serial_number"] for device in homeassistant.ask("config/device_registry/list")}
    assert {"E-NEW", "G-NEW"} <= serials
    assert len([device for device in homeassistant.ask("config/device_registry/list") if device["via_device_id"]]) == 2

    homeassistant.stop()
    homeassistant.start()
    until(lambda: seen(homeassistant.states().get(MAIN + "gas-gas_m3", after[MAIN + "gas-gas_m3"]))[0] == "0.002")
    daemon.deliver(7, serial="E-NEW", gas_serial="G-NEW", import_t1="000000.001", power="01.000", extra=PEAK)
    until(lambda: seen(homeassistant.states()[MAIN + "power_w"])[0] == "1000")
    daemon.stop()
    assert homeassistant.complaints() == []


def test_home_assistant_that_comes_later_finds_everything(mosquitto: Mosquitto, tmp_path: Path) -> None:
    daemon = Daemon(mosquitto)
    daemon.deliver(1, extra=PEAK)
    late = HomeAssistant(os.environ["P1MONITOR_HASS"], tmp_path)
    try:
        late.start()
        late.add_broker(mosquitto)
        daemon.deliver(2, extra=PEAK)
        until(lambda: EXPECTED.keys() <= late.states().keys())
        until(lambda: all(seen(late.states()[unique]) == wanted for unique, wanted in EXPECTED.items()))
        assert late.complaints() == []
    finally:
        late.stop()
        daemon.stop()


def test_home_assistant_accepts_every_row_of_the_catalogue(homeassistant: HomeAssistant, mosquitto: Mosquitto) -> None:
    """As if one meter sent all there is, and had a submeter of every medium."""
    values = {row.name: measured(row) for row in ROWS if row_of(row.name) and not row.kind.startswith(("mbus", "nta"))}
    devices = tuple(
        Device(1, medium, medium, f"serial of {medium}", AT, {name: measured(row) for name, row in registers(medium)})
        for medium in sorted({*MEDIA.values(), "unknown"})
    )
    everything = reading()._replace(values=values, devices=devices)
    retained = Retained(House("abc123", ("home",), "0.1.0", frames=lambda _: (3, 1)), Topics("p1monitor", "homeassistant"), 10)
    messages = {**retained.take(everything, 0.0), **retained.ages(0.0), **retained.everything()}
    # What is announced switched off is never looked at closely: here all of it is switched on.
    switched_on = {topic: text.replace('"en": false', '"en": true') for topic, text in messages.items()}
    outgoing: publish.MessagesList = [(topic, text, 1, True) for topic, text in switched_on.items()]
    publish.multiple(outgoing, hostname=mosquitto.host, port=mosquitto.port)
    wanted = len(entities(everything)) + len(EXTRAS)
    print(wanted, "entities")
    until(lambda: len(homeassistant.states()) == wanted)
    idle = {MAIN + name for name in EXTRAS if never_yet(name)}
    until(lambda: idle == {name for name, one in homeassistant.states().items() if one["state"] in {"unknown", "unavailable"}})
    assert homeassistant.complaints() == []


AT = datetime(2026, 1, 10, 11, 55, tzinfo=UTC)


def registers(medium: str) -> Iterator[tuple[str, Row]]:
    for name in (device_value(stem, unit) for stem in (medium, f"{medium}_today") for unit in ("m3", "GJ", "kWh", "")):
        if (row := row_of(name)) is not None:
            yield name, row


def measured(row: Row) -> Measurement:
    """A value such as a row of this kind has."""
    number = row.unit or row.kind in {"count", "factor", "tariff", "register"}
    value = AT if row.kind == "time" else Decimal("1.5") if number else "text"
    return Measurement(value, row.unit, row.pattern, AT if row.kind == "peak" else None)


def test_the_driver_sees_a_warning_when_there_is_one(homeassistant: HomeAssistant, mosquitto: Mosquitto) -> None:
    wrong = {"dev": {"ids": ["x"]}, "o": {"name": "x"}, "cmps": {"a": {"p": "sensor", "uniq_id": "x", "stat_cla": "bogus"}}}
    topic = "homeassistant/device/wrong/config"
    publish.single(topic, json.dumps(wrong), retain=True, hostname=mosquitto.host, port=mosquitto.port)
    until(homeassistant.complaints)
