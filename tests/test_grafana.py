"""The Grafana dashboards of docs/grafana/: every metric, label and field that they name is one that there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from p1monitor.p1.catalogue import row_of
from p1monitor.settings import InfluxSettings
from p1monitor.sinks.influxdb import ELECTRICITY
from p1monitor.sinks.prometheus import page
from tests.test_metrics import everything, health

FOLDER = Path(__file__).parent.parent / "docs" / "grafana"


def dashboard(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return told


def questions(name: str, key: str) -> list[str]:
    return [target[key] for panel in dashboard(name)["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("name", ["prometheus.json", "influxdb.json"])
def test_a_dashboard_can_be_imported_and_read(name: str) -> None:
    told = dashboard(name)
    panels = told["panels"]
    assert told["uid"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken), "no panel lies on another"
    assert max(x for x, _ in taken) < 24
    variables = {variable["name"] for variable in told["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(told)))
    assert used == variables
    for panel in panels:
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


def test_every_metric_and_label_of_the_prometheus_dashboard_exists() -> None:
    text = page([everything()], health().snapshot(), {"store": 1, "written": 1}).decode()
    there = {sample.name: set(sample.labels) for family in text_string_to_metric_families(text) for sample in family.samples}
    asked = questions("prometheus.json", "expr")
    named = [pair for question in asked for pair in re.findall(r"(p1\w+)(?:\{([^}]*)\})?", question)]
    assert len(named) >= len(asked)
    for metric, selector in named:
        assert metric in there
        assert set(re.findall(r"(\w+)=", selector)) <= there[metric]
    for panel in dashboard("prometheus.json")["panels"]:
        for target in panel["targets"]:
            metric = re.findall(r"p1\w+", target["expr"])[0]
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= there[metric]


def test_every_field_of_the_influxdb_dashboard_exists() -> None:
    asked = questions("influxdb.json", "query")
    for question in asked:
        fields = re.findall(r'r\._field == "(\w+)"', question)
        assert fields
        assert {field for field in fields if row_of(field) is None or not row_of(field).unit} == set()  # type: ignore[union-attr]
        (role,) = re.findall(r'r\.role == "(\w+)"', question)
        assert role == ELECTRICITY or all(field.startswith(role) for field in fields)
        assert f'r._measurement == "{InfluxSettings().measurement}"' in question
