"""From the cable to every place where a value is shown: what the seven simulated meters send is what arrives, and nothing else."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from p1monitor.p1 import tariffs
from p1monitor.p1.catalogue import row_of
from p1monitor.p1.records import Measurement, Reading
from p1monitor.settings import InfluxSettings, MqttSettings, RelaySettings
from tests.browser import DESK, PHONE
from tests.mqttkit import Subscriber
from tests.services import Mosquitto, Victoria, free_port
from tests.street import MODELS, NOON, SETTLED, Street, until

#: Rounds that are compared, after those in which meters without CRC are listened to twice.
COMPARED = 3
#: What the daemon adds: the day so far.
OURS = {"energy_import_today_kwh", "energy_export_today_kwh"}
#: Values that have a time which is ours: since when a message stands. And all times that stand beside their value on MQTT.
MESSAGES = {"message_text", "message_code"}
STAMPS = {"monthly_power_peak_timestamp", *(f"{name}_timestamp" for name in MESSAGES)}

every_model = pytest.mark.parametrize("model", MODELS)


@dataclass(frozen=True)
class Town:
    """All that stands around the street, after the rounds were made."""

    street: Street
    subscriber: Subscriber
    victoria: Victoria

    def last(self, model: str) -> Reading:
        return self.street.sent[model][-1]

    def points(self, model: str, role: str) -> dict[str, dict[int, float]]:
        """Field -> milliseconds -> value, as stored."""
        series = self.victoria.export(f'{{__name__=~"p1_.*",meter="{model}",role="{role}"}}')
        return {_field(one): dict(zip(_list(one, "timestamps"), _list(one, "values"), strict=True)) for one in series}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    broker, victoria = Mosquitto(tmp_path_factory.mktemp("mosquitto")), Victoria(tmp_path_factory.mktemp("victoria"))
    broker.start()
    victoria.start()
    mqtt = MqttSettings(host=broker.host, port=broker.port)
    influx = InfluxSettings(url=victoria.url, bucket="home")
    street = Street(tmp_path_factory.mktemp("street"), NOON, mqtt=mqtt, influxdb=influx)
    try:
        with closing(Subscriber(broker)) as subscriber, street:
            street.round(SETTLED + COMPARED)
            until(lambda: all(_delivered(subscriber, street, model) for model in MODELS))
            until(lambda: street.daemon.status.snapshot()["sinks"]["influxdb"]["queued"] == 0)
            victoria.flush()
            yield Town(street, subscriber, victoria)
    finally:
        victoria.stop()
        broker.stop()


def _delivered(subscriber: Subscriber, street: Street, model: str) -> bool:
    last = subscriber.last(f"p1monitor/{model}/live")
    return last is not None and json.loads(last)["seq"] == len(street.sent[model])


def _list(series: Mapping[str, object], key: str) -> list[Any]:
    found = series[key]
    assert isinstance(found, list)
    return found


def _field(series: Mapping[str, object]) -> str:
    metric = series["metric"]
    assert isinstance(metric, dict)
    return str(metric["__name__"]).removeprefix("p1_")


def told(value: object) -> object:
    """The value as JSON shows it; an entry of a log as the list of its parts."""
    if isinstance(value, tuple):
        return [told(part) for part in value]
    return value.isoformat() if isinstance(value, datetime) else value


def shown(values: Mapping[str, Any]) -> dict[str, object]:
    """What the page is told, with no names for the parts of a log's entries."""
    return {
        name: [list(entry.values()) if isinstance(entry, dict) else entry for entry in value] if isinstance(value, list) else value
        for name, value in values.items()
        if name not in OURS and "_today_" not in name
    }


def printed(measurement: Measurement) -> object:
    """The value as MQTT says it: a number with the very digits of the telegram."""
    value = measurement.value
    return ("number", format(value, "f")) if isinstance(value, Decimal) else told(value)


def numbers(text: str) -> dict[str, Any]:
    """A payload, with numbers as they were printed."""
    found: dict[str, Any] = json.loads(
        text, parse_float=lambda digits: ("number", digits), parse_int=lambda digits: ("number", digits)
    )
    return found


def meant(values: Mapping[str, Measurement]) -> dict[str, object]:
    return {name: told(one.value) for name, one in values.items()}


@every_model
def test_the_page_is_told_what_the_meter_said(town: Town, model: str) -> None:
    sent, live = town.last(model), town.street.ask("live", meter=model)
    assert live["at"] == told(sent.at)
    assert shown(live["values"]) == meant(sent.values)
    times = {name: at for name, at in live["times"].items() if name not in MESSAGES}  # since when those stand is ours
    assert times == {name: told(one.at) for name, one in sent.values.items() if one.at is not None}
    assert live["held"] == []
    for device, one in zip(live["devices"], sent.devices, strict=True):
        assert (device["role"], device["equipment_id"], device["at"]) == (one.role, one.equipment_id, told(one.at))
        assert shown(device["values"]) == meant(one.values)
        assert device["held"] == []


@every_model
@pytest.mark.parametrize("leaf", ["live", "reading"])
def test_mqtt_says_it_digit_by_digit(town: Town, model: str, leaf: str) -> None:
    payloads = {int(payload["seq"][1]): payload for payload in map(numbers, town.subscriber.texts(f"p1monitor/{model}/{leaf}"))}
    came = [seq for seq in payloads if seq > SETTLED]  # who wants the newest may skip one
    assert came
    for seq in came:
        sent = town.street.sent[model][seq - 1]
        flat = {name: one for name, one in sent.values.items() if not isinstance(one.value, tuple)}
        assert {name: payloads[seq].get(name, "absent") for name in flat} == {name: printed(one) for name, one in flat.items()}
        extra = payloads[seq].keys() - flat.keys() - OURS
        assert extra - STAMPS == {"meter", "seq", "at", "received"}
        assert payloads[seq]["at"] == told(sent.at)


@every_model
def test_mqtt_says_what_the_submeters_said(town: Town, model: str) -> None:
    for device in town.last(model).devices:
        payload = numbers(town.subscriber.last(f"p1monitor/{model}/{device.role}") or "{}")
        assert {name: payload[name] for name in device.values} == {name: printed(one) for name, one in device.values.items()}
        assert payload["at"] == told(device.at)


@every_model
def test_influxdb_holds_every_number_at_its_time(town: Town, model: str) -> None:
    points = town.points(model, "electricity")
    for seq, sent in enumerate(town.street.sent[model], 1):
        if seq <= SETTLED:
            continue
        stamp = (town.street.start + seq * 10) * 1000
        assert sent.at is None or sent.at.timestamp() * 1000 == stamp
        wanted = {name: float(one.value) for name, one in sent.values.items() if isinstance(one.value, Decimal)}
        assert {name: points.get(name, {}).get(stamp) for name in wanted} == wanted
        assert points.keys() - OURS == wanted.keys()
    for device in town.last(model).devices:
        stored = town.points(model, device.role)
        for name, one in device.values.items():
            if isinstance(one.value, Decimal):
                assert list(stored[name].values())[-1] == float(one.value)
                assert device.at is None or list(stored[name])[-1] == device.at.timestamp() * 1000


@every_model
def test_the_status_names_the_meter(town: Town, model: str) -> None:
    health, sent = town.street.ask("status")["meters"][model], town.last(model)
    assert health["equipment_id"] == sent.equipment_id != ""
    assert (health["identification"], health["crc"]) == (sent.telegram.identification, sent.telegram.crc)
    assert health["telegrams"] == SETTLED + COMPARED
    assert sum(health.get("refused", {}).values()) == 0


@pytest.mark.parametrize("size", [PHONE, DESK])
@every_model
def test_the_page_shows_every_value(town: Town, chromium: Browser, model: str, size: tuple[int, int]) -> None:
    sent = town.last(model)
    with closing(chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB")) as context:
        page = context.new_page()
        page.goto(f"{town.street.url}/#{model}")
        page.locator("#every summary").click()
        rows = [*sent.values.items(), *(item for device in sent.devices for item in device.values.items())]
        expect(page.locator("#every dt")).to_have_count(len(rows) + len(OURS) + len(sent.devices))
        expect(page.locator("#watts")).to_have_text(f"{sent.values['power_w'].value:,}".replace("-", "−"))
        # Names are told by the catalogue, which comes by itself
        first = tariffs.titled(getattr(row_of(rows[0][0]), "title", ""), rows[0][0], tariffs.labels("auto", sent))
        expect(page.locator("#every dt").filter(has_text=first).first).to_be_visible()
        labels, shown = page.locator("#every dt").all_inner_texts(), page.locator("#every dd > span:first-child").all_inner_texts()
        seen = dict(zip((label.rpartition(": ")[2] for label in labels), shown, strict=True))
        for name, one in rows:
            row = row_of(name)
            assert row is not None
            text = seen[tariffs.titled(row.title, name, tariffs.labels("auto", sent))]
            if isinstance(one.value, Decimal):
                assert Decimal(text.replace(",", "").replace("−", "-")) == one.value, name
            elif isinstance(one.value, str) or one.value is None:
                assert text == (one.value or "–"), name
        assert not [text for text in seen.values() if text in {"", "NaN", "undefined", "null", "unknown"}]
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@every_model
def test_whoever_else_listens_gets_the_telegram_itself(model: str, tmp_path: Path) -> None:
    port = free_port()
    street = Street(tmp_path, NOON, models=[model], relay=RelaySettings(f"127.0.0.1:{port}"), history=None, web=None)
    with street:
        street.round()
        until(lambda: street.daemon.status.snapshot()["sinks"]["relay"]["state"] == "ok")
        with socket.create_connection(("127.0.0.1", port), 10) as client, client.makefile("rb") as incoming:
            street.round(2)
            whole = b"".join(sent.frame for sent in street.sent[model])
            assert incoming.read(len(whole)) == whole
