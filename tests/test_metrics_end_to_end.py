"""What a Prometheus and the Grafana dashboards are told by a real daemon: all sinks on, two meters, messages and swapped meters."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from p1monitor.settings import InfluxSettings, MqttSettings, RelaySettings
from tests.services import Mosquitto, Victoria, free_port, program
from tests.street import NOON, ROUND_S, SETTLED, Street, until
from tests.test_grafana import dashboard, questions

#: One has gas, the other gas and water, the month's peak and all three phases; both get another gas meter and another meter.
MODELS = ("esmr5", "emucs3")
CALM = SETTLED + 1
SCENES = [f"message@+{CALM * ROUND_S}", f"gas-swap@+{CALM * ROUND_S}", f"meter-swap@+{(CALM + 1) * ROUND_S}"]


@dataclass(frozen=True)
class Told:
    """What was answered, and what was stored."""

    metrics: bytes
    stored: dict[str, set[str]]  #: of InfluxDB: role -> fields, of both meters
    events: set[str]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    broker, victoria = Mosquitto(tmp_path_factory.mktemp("mosquitto")), Victoria(tmp_path_factory.mktemp("victoria"))
    sinks = {
        "mqtt": MqttSettings(broker.host, broker.port),
        "influxdb": InfluxSettings(url=victoria.url, bucket="home"),
        "relay": RelaySettings(f"127.0.0.1:{free_port()}"),
    }
    try:
        broker.start()
        victoria.start()
        with Street(tmp_path_factory.mktemp("street"), NOON, models=MODELS, scenes=SCENES, **sinks) as street:
            street.round(CALM + 4)
            with urllib.request.urlopen(f"{street.url}/metrics", timeout=10) as answer:
                metrics = answer.read()
            events = {event["kind"] for model in MODELS for event in street.ask("events", meter=model, limit=50)["events"]}
            until(lambda: street.daemon.status.snapshot()["sinks"]["influxdb"]["queued"] == 0)
        victoria.flush()
        stored: dict[str, set[str]] = {}
        for series in victoria.export('{__name__=~"p1_.*"}'):
            labels: Any = series["metric"]
            stored.setdefault(labels["role"], set()).add(labels["__name__"].removeprefix("p1_"))
        yield Told(metrics, stored, events)
    finally:
        victoria.stop()
        broker.stop()


def test_promtool_finds_nothing_after_events_and_swaps(told: Told) -> None:
    assert {"swap", "message"} <= told.events, "there were some"
    found = subprocess.run(
        [program("promtool", "prometheus"), "check", "metrics"], input=told.metrics, capture_output=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
    samples = [one for family in text_string_to_metric_families(told.metrics.decode()) for one in family.samples]
    up = {one.labels["sink"]: one.value for one in samples if one.name == "p1monitor_sink_up"}
    assert up == dict.fromkeys(("recorder", "mqtt", "influxdb", "relay"), 1.0)
    keys = [(one.name, *sorted(one.labels.items())) for one in samples]
    assert len(set(keys)) == len(keys), "no sample stands twice"
    assert {one.labels["meter"] for one in samples if one.name == "p1_gas_cubic_meters_total"} == set(MODELS)


def test_each_dashboard_asks_for_what_is_there(told: Told) -> None:
    there: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(told.metrics.decode()):
        for one in family.samples:
            there.setdefault(one.name, set()).update(f'{label}="{value}"' for label, value in one.labels.items())
    for question in questions("prometheus.json", "expr"):
        for metric, selector in re.findall(r"(p1\w+)(?:\{([^}]*)\})?", question):
            assert metric in there, question
            assert {one for one in selector.split(",") if one and "$" not in one} <= there[metric], question
    for question in questions("influxdb.json", "query"):
        (role,) = re.findall(r'r\.role == "(\w+)"', question)
        assert set(re.findall(r'r\._field == "(\w+)"', question)) <= told.stored[role], question
    assert "$meter" in json.dumps(dashboard("influxdb.json"))
