"""The description of the HTTP API holds: whatever it allows is asked of the running app, and what comes back is as it says."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from p1monitor.live import Live
from p1monitor.p1.records import Event, Received
from p1monitor.recorder import Queries
from p1monitor.settings import WebSettings
from p1monitor.status import Status
from p1monitor.webapp.app import create_app
from p1monitor.webapp.ask import NO_VOLTAGE, SPANS
from p1monitor.webapp.openapi import ROUTES, document
from tests.lines import FakeClock
from tests.recording import NOON, House
from tests.test_quality_rows import STEP, telegram
from tests.webhouse import METER, reading_of

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
LOCAL = "http://localhost"
#: Questions per path: enough to meet each argument's edges, and all of them in some seconds.
QUESTIONS = 60
#: Names that make sense, in place of those that are thought up.
NAMED = ("current_l1_a,power_w", "energy_import_kwh", "gas_m3,water/water_m3", "voltage_l1_v,energy_import_t1_kwh", "frequency_hz")
T0 = int(NOON.timestamp())


class Running(NamedTuple):
    """An app with a history of half an hour."""

    app: Flask
    live: Live


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = tmp_path_factory.mktemp("history") / "history.sqlite"
    house = House(path)
    house.recorder.deliver([house.see(telegram(at)) for at in range(0, 1810, STEP)])
    sag = Event(NOON, None, "power quality", 76, "undervoltage L1", "L1", None, 61.0, Decimal("198.4"), "V")
    house.recorder.deliver([house.see(telegram(1820))._replace(events=(sag, replace(sag, phase="L2", kind="swap")))])
    house.recorder.close()
    queries, live, clock = Queries(path), Live([METER]), FakeClock(NOON.timestamp() + 1830)
    status = Status("0.1.0", clock)
    live.publish(reading_of(received=Received(clock.wall(), clock.monotonic())))
    status.telegram(METER)
    yield Running(create_app(live, queries, status, WebSettings(listen="127.0.0.1:0"), clock), live)
    queries.close()


@pytest.fixture
def client(running: Running) -> FlaskClient:
    return running.app.test_client()


def test_every_path_of_the_app_is_described(running: Running) -> None:
    rules = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in running.app.url_map.iter_rules()}
    page = {"/", "/login", "/logout", "/{name}", "/report/{month}"}
    assert rules - page == {path for path in ROUTES if path != "/api/v1/profiles/{name}.csv"}


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        (path, mode)
        for path, route in ROUTES.items()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        if "stream" not in path and (route.parameters or mode is schemathesis.GenerationMode.POSITIVE)  # a stream has no end
    ],
    ids=str,
)
def test_what_is_asked_is_answered_as_the_description_says(running: Running, path: str, mode: schemathesis.GenerationMode) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", running.app)
    told: set[int] = set()

    @settings(max_examples=QUESTIONS, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=schema[path]["GET"].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        if "meter" in case.query and mode is schemathesis.GenerationMode.POSITIVE:
            case.query["meter"] = METER  # there is no other
        if "names" in case.query and mode is schemathesis.GenerationMode.POSITIVE:
            case.query["names"] = NAMED[len(str(case.query["names"])) % len(NAMED)]
        response = case.call()
        told.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    assert told & {200, 503} or mode is schemathesis.GenerationMode.NEGATIVE, told


def test_the_description_is_of_this_shape(client: FlaskClient) -> None:
    told = json.loads(client.get("/api/v1/openapi.json", base_url=LOCAL).text)
    assert told == json.loads(json.dumps(document()))
    assert told["openapi"].startswith("3.1")
    names = [one["get"]["operationId"] for one in told["paths"].values()]
    assert len(names) == len(set(names))
    assert set(told["paths"]["/api/v1/profiles/{name}"]["get"]["parameters"][0]["schema"]["enum"]) == set(SPANS)


def events(client: FlaskClient, query: str) -> list[str]:
    answer = client.get(f"/api/v1/events?{query}", base_url=LOCAL)
    assert answer.status_code == 200, answer.text
    return [f"{one['kind']} {one['phase']}" for one in json.loads(answer.text)["events"]]


def test_events_are_found_by_what_is_asked(client: FlaskClient) -> None:
    both = ["swap L2", "power quality L1"]
    assert events(client, "") == both
    assert events(client, "limit=1") == both[:1]
    assert events(client, "kind=power-quality") == events(client, "kind=power%20quality,fraud") == both[1:]
    assert events(client, "phase=l2") == both[:1]
    assert events(client, f"from={T0}&to={T0 + 1}") == both
    assert events(client, f"from={T0 + 1}") == events(client, f"to={T0}") == []


@pytest.mark.parametrize("query", ["kind=storm", "phase=L4", "from=noon", "to=-1", "limit=0"])
def test_a_question_that_makes_no_sense_is_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/api/v1/events?{query}", base_url=LOCAL)
    assert (answer.status_code, json.loads(answer.text)["error"]["key"]) == (400, query.partition("=")[0])


def table(client: FlaskClient, path: str, **headers: str) -> list[dict[str, str]]:
    answer = client.get(path, base_url=LOCAL, headers=headers)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_events_and_profiles_are_csv_where_that_is_asked_for(client: FlaskClient) -> None:
    (swap, sag) = table(client, "/api/v1/events.csv")
    assert (sag["words"], sag["seconds"], sag["value"], sag["unit"]) == ("undervoltage L1", "61.0", "198.4", "V")
    assert datetime.fromisoformat(sag["at"]) == NOON
    assert (swap["phase"], swap["code"]) == ("L2", "76")
    assert table(client, "/api/v1/events", Accept="text/csv") == [swap, sag]
    rows = table(client, f"/api/v1/profiles/quality.csv?from={T0}&to={T0 + 3600}")
    assert [row["voltage_l1_v"] for row in rows] == ["230.5"] * 3
    assert table(client, f"/api/v1/profiles/quality?from={T0}&to={T0 + 3600}", Accept="text/csv") == rows
    assert table(client, "/api/v1/events.csv?kind=fraud") == []


def test_json_is_what_a_browser_gets(client: FlaskClient) -> None:
    for accept in ("*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json, text/csv;q=0.5"):
        answer = client.get("/api/v1/events", base_url=LOCAL, headers={"Accept": accept})
        assert (answer.mimetype, answer.headers["Vary"]) == ("application/json", "Accept")


def test_the_status_says_why_there_is_no_power_quality(running: Running, client: FlaskClient) -> None:
    def said() -> object:
        return json.loads(client.get("/api/v1/status", base_url=LOCAL).text)["meters"][METER]["power_quality"]

    assert said() is None
    without = {f"1-0:{phase}2.7.0": None for phase in (3, 5, 7)}
    running.live.publish(reading_of(without))
    assert said() == NO_VOLTAGE


def test_the_history_is_not_needed_for_the_description(tmp_path: Path) -> None:
    app = create_app(Live([METER]), None, Status("0.1.0"), WebSettings(listen="127.0.0.1:0"))
    assert app.test_client().get("/api/v1/openapi.json", base_url=LOCAL).status_code == 200
