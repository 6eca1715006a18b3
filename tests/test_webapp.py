"""The HTTP interface: its shapes and its refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from p1monitor.live import Live
from p1monitor.p1.records import Received
from p1monitor.settings import WebSettings
from p1monitor.status import Status
from p1monitor.webapp.app import create_app
from tests.webhouse import METER, NOON, WINTER, History, House, Moment, client, clock, house, reading_of

__all__ = ["client", "clock", "house"]  # fixtures

LOCAL = "http://localhost"


def ask(client: FlaskClient, path: str, status: int = 200) -> Any:
    answer = client.get(path, base_url=LOCAL)
    assert answer.status_code == status, answer.text
    return json.loads(answer.text)


def test_live_has_exactly_its_shape(house: House, client: FlaskClient, clock: Moment) -> None:
    house.come(reading_of())
    clock.pass_by(1.25)
    told = ask(client, "/api/v1/live")
    assert list(told) == ["meter", "at", "received", "age_s", "values", "times", "held", "standing", "devices"]
    assert told["meter"] == METER
    assert told["at"] == "2026-01-15T14:35:02+01:00"
    assert told["received"] == "2026-01-15T13:35:02+00:00"
    assert told["age_s"] == 1.25
    assert told["values"]["power_w"] == 1248
    assert told["values"]["dsmr_version"] == "50"
    assert told["values"]["message_text"] is None
    assert told["values"]["power_failure_log"] == [{"at": "2019-01-04T19:30:14+01:00", "seconds": 4057}]
    assert told["held"] == told["standing"] == []
    assert told["times"] == {}
    assert told["devices"] == [
        {
            "role": "gas",
            "medium": "gas",
            "channel": 1,
            "equipment_id": "G0039001936990619",
            "at": "2026-01-15T14:30:00+01:00",
            "values": {"gas_m3": 2612.345},
            "held": [],
        }
    ]


def test_numbers_are_printed_as_the_meter_printed_them(house: House, client: FlaskClient) -> None:
    house.come(reading_of({"1-0:1.8.1": ("012345.678*kWh",), "1-0:1.8.2": ("999999.999*kWh",)}))
    text = client.get("/api/v1/live", base_url=LOCAL).text
    assert '"energy_import_t1_kwh":12345.678' in text
    assert '"energy_import_t2_kwh":999999.999' in text
    assert '"power_w":1248' in text


def test_an_unknown_object_stands_under_its_code(house: House, client: FlaskClient) -> None:
    house.come(reading_of({"1-0:0.2.99": ("abc",)}))
    assert "abc" in ask(client, "/api/v1/live")["values"]["1-0:0.2.99"]
    assert ask(client, "/api/v1/catalogue")["1-0:0.2.99"]["title"] == "1-0:0.2.99"


def test_a_held_value_is_named_and_not_told(house: House, client: FlaskClient) -> None:
    reading = reading_of()
    (gas,) = reading.devices
    held = gas.values["gas_m3"]._replace(held=True)
    doubtful = reading.values["energy_import_t1_kwh"]._replace(held=True)
    house.come(
        reading._replace(
            values={**reading.values, "energy_import_t1_kwh": doubtful},
            devices=(replace(gas, values={"gas_m3": held}),),
        )
    )
    told = ask(client, "/api/v1/live")
    assert told["held"] == ["energy_import_t1_kwh"]
    assert "energy_import_t1_kwh" not in told["values"]
    assert told["devices"][0]["held"] == ["gas_m3"]
    assert told["devices"][0]["values"] == {}


def test_before_the_first_telegram_everything_has_its_shape(client: FlaskClient) -> None:
    told = ask(client, "/api/v1/live")
    assert told == {
        "meter": METER, "at": None, "received": None, "age_s": None, "values": {}, "times": {},
        "held": [], "standing": [], "devices": [],
    }  # fmt: skip
    assert ask(client, "/api/v1/recent") == {"age_s": [], "power_w": []}
    assert ask(client, "/api/v1/meters")["meters"][0]["name"] == METER
    assert ask(client, "/healthz", 503)["flows"] is False


def test_an_etag_lasts_as_long_as_the_reading(house: House, client: FlaskClient, clock: Moment) -> None:
    house.come(reading_of())
    tag = client.get("/api/v1/live", base_url=LOCAL).headers["ETag"]
    clock.pass_by(5)
    again = client.get("/api/v1/live", base_url=LOCAL, headers={"If-None-Match": tag})
    assert (again.status_code, again.text) == (304, "")
    house.come(reading_of())
    assert client.get("/api/v1/live", base_url=LOCAL, headers={"If-None-Match": tag}).status_code == 200


def test_health_is_that_telegrams_flow(house: House, client: FlaskClient, clock: Moment) -> None:
    house.come(reading_of())
    assert ask(client, "/healthz")["meters"][METER]["flows"] is True
    clock.pass_by(11)
    assert ask(client, "/healthz", 503)["flows"] is False


def test_status_is_the_daemons(house: House, client: FlaskClient) -> None:
    house.come(reading_of())
    house.status.count("refused:crc", 2, meter=METER)
    told = ask(client, f"/api/v1/status?meter={METER}")
    assert told["version"] == "0.1.0"
    assert told["meters"][METER]["refused"] == {"crc": 2}
    assert told["meters"][METER]["telegrams"] == 1


def test_the_catalogue_names_title_unit_and_code(house: House, client: FlaskClient) -> None:
    house.come(reading_of())
    rows = ask(client, "/api/v1/catalogue")
    assert rows["voltage_l1_v"] == {"title": "Voltage L1", "unit": "V", "kind": "number", "obis": "1-0:32.7.0"}
    assert rows["gas_m3"]["unit"] == "m3"
    assert rows["gas_m3"]["obis"] == "0-1:24.2.1"


def test_history_is_asked_in_bounds(client: FlaskClient) -> None:
    start = NOON.timestamp() - 3600
    told = ask(client, f"/api/v1/series?names=power_w,voltage_l1_v&from={start}&to={start + 3600}&points=12")
    assert len(told["start"]) == len(told["power_w"]["mean"]) == 12
    assert ask(client, "/api/v1/profiles/load")["rows"][0][1] == 1.25
    assert ask(client, "/api/v1/events?limit=1")["events"][0]["at"] == NOON.isoformat()


@pytest.mark.parametrize(
    ("path", "status", "key"),
    [
        ("/api/v1/live?meter=away", 404, "meter"),
        ("/api/v1/live/stream?meter=away", 404, "meter"),
        ("/api/v1/status?meter=away", 404, "meter"),
        ("/api/v1/series?names=", 400, "names"),
        ("/api/v1/series?names=" + ",".join(f"n{n}" for n in range(17)), 400, "names"),
        ("/api/v1/series?names=" + "n" * 65, 400, "names"),
        ("/api/v1/series?from=yesterday", 400, "from"),
        ("/api/v1/series?to=nan", 400, "to"),
        ("/api/v1/series?to=-1", 400, "to"),
        ("/api/v1/series?from=5&to=5", 400, "span"),
        ("/api/v1/series?points=0", 400, "points"),
        ("/api/v1/series?points=100000", 400, "points"),
        ("/api/v1/series?points=%C2%B2", 400, "points"),
        ("/api/v1/profiles/hourly", 404, "profile"),
        ("/api/v1/profiles/minute?from=0&to=1000000000", 400, "span"),
        ("/api/v1/events?limit=-1", 400, "limit"),
        ("/api/v1/nothing", 404, "not_found"),
        ("/metric", 404, "not_found"),
        ("/package.json", 404, "not_found"),
        ("/../p1monitor/cli.js", 404, "not_found"),
        ("/vendor/..%2f..%2fpyproject.css", 404, "not_found"),
    ],
)
def test_a_refusal_has_one_shape(client: FlaskClient, path: str, status: int, key: str) -> None:
    error = ask(client, path, status)["error"]
    assert error["key"] == key
    assert error["text"]


def test_without_a_history_the_page_still_lives(clock: Moment) -> None:
    client = House(clock, history=False).app.test_client()
    assert ask(client, "/api/v1/today", 404)["error"]["key"] == "history"
    assert ask(client, "/api/v1/live")["meter"] == METER


def test_today_and_yesterday_are_the_meters_days(house: House, client: FlaskClient, clock: Moment) -> None:
    house.come(reading_of())
    clock.pass_by(2)
    told = ask(client, "/api/v1/today")
    assert told["at"] == NOON.timestamp() + 2
    midnight = datetime(2026, 1, 15, tzinfo=WINTER).timestamp()
    assert (told["today"]["start"], told["today"]["end"]) == (midnight, midnight + 86400)
    assert told["yesterday"]["until"] == NOON.timestamp() + 2 - 86400
    assert told["today"]["used"] == History().used(METER, midnight, told["at"])


def test_several_meters_have_one_page(clock: Moment) -> None:
    live = Live(["home", "barn"])
    app = create_app(live, None, Status("0.1.0", clock), WebSettings(), clock)
    live.publish(reading_of()._replace(meter="barn", received=Received(clock.wall(), clock.monotonic())))
    client = app.test_client()
    assert [meter["name"] for meter in ask(client, "/api/v1/meters")["meters"]] == ["home", "barn"]
    assert ask(client, "/api/v1/live?meter=barn")["values"]["power_w"] == 1248
    assert ask(client, "/api/v1/live")["values"] == {}


@pytest.mark.parametrize(
    ("path", "key"), [("periods/decade", "period"), ("periods/month?date=May", "date"), ("used?from=5&to=5", "span")]
)
def test_periods_and_spans_that_make_no_sense_are_refused(client: FlaskClient, path: str, key: str) -> None:
    answer = client.get(f"/api/v1/{path}", base_url=LOCAL)
    assert answer.status_code in (400, 404)
    assert json.loads(answer.text)["error"]["key"] == key
