"""What tariffs are called, and that people see it: in Home Assistant, on the page, in `decode`."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from p1monitor import rules
from p1monitor.live import Live
from p1monitor.p1.framer import Frame
from p1monitor.p1.meters import MODELS
from p1monitor.p1.origin import origin
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading
from p1monitor.p1.tariffs import LABELS, labels, titled
from p1monitor.p1.telegram import parse, render
from p1monitor.settings import WebSettings
from p1monitor.show import Stream
from p1monitor.sinks import House
from p1monitor.sinks.homeassistant import Announcer, entities
from p1monitor.sinks.topics import Topics
from p1monitor.status import Status
from p1monitor.webapp.app import create_app

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


def of(model: str, meter: str = "home") -> Reading:
    return decode(MODELS[model].telegram(NOON, 7), meter=meter)


#: Model -> label of tariffs 1, 2, 3 where nobody configures anything.
BY_ITSELF = {
    "esmr5": ("low", "normal", ""),
    "me381": ("low", "normal", ""),
    "dsmr22": ("low", "normal", ""),
    "emucs3": ("normal", "low", ""),
    "clms100": ("", "VT", "NT"),
    "sweden": ("", "", ""),
    "lux": ("", "", ""),
}


@pytest.mark.parametrize("model", BY_ITSELF)
def test_a_meter_is_known_by_what_it_sends(model: str) -> None:
    known = labels("auto", of(model))
    assert tuple(known.get(tariff, "") for tariff in (1, 2, 3)) == BY_ITSELF[model]


def test_the_profile_decides_and_nothing_else_does() -> None:
    dutch = of("esmr5")
    assert labels("be", dutch) == LABELS["be"]
    assert labels("se", dutch) == {}
    assert labels("nl", None) == LABELS["nl"]
    assert labels("auto", None) == {}
    assert set(LABELS) <= set(rules.PROFILES)


def test_only_what_is_about_a_tariff_gets_its_label() -> None:
    known = LABELS["be"]
    assert titled("Energy import tariff 1", "energy_import_t1_kwh", known) == "Energy import tariff 1 (normal)"
    assert titled("Reactive energy import tariff 2", "energy_reactive_import_t2_kvarh", known).endswith("(low)")
    assert titled("Energy import tariff 12", "energy_import_t12_kwh", known) == "Energy import tariff 12"
    assert titled("Energy import", "energy_import_kwh", known) == "Energy import"


def announced(profile: str, reading: Reading) -> dict[str, str]:
    """Name -> what Home Assistant is told to call it."""
    announcer = Announcer(House("abc", ("home",), "0", profiles={"home": profile}), Topics("p1monitor", "homeassistant"), 10)
    payloads = announcer.payloads(reading, entities(reading), months=["energy_import_t1_kwh"])
    components = json.loads(payloads[announcer.topic("home", "")])["cmps"]
    return {name: one.get("name", "") for name, one in components.items()}


def test_home_assistant_reads_the_label_and_keeps_its_entity() -> None:
    belgian, dutch = announced("auto", of("emucs3")), announced("nl", of("emucs3"))
    assert (belgian["energy_import_t1_kwh"], dutch["energy_import_t1_kwh"]) == (
        "Energy import tariff 1 (normal)",
        "Energy import tariff 1 (low)",
    )
    assert belgian["month_energy_import_t1_kwh"] == "Energy import tariff 1 (normal) this month"
    assert belgian["energy_import_kwh"] == "Energy import"
    assert belgian.keys() == dutch.keys()
    six = announced("auto", of("clms100"))
    assert [six[f"energy_import_t{tariff}_kwh"].partition(" (")[2] for tariff in range(1, 7)] == ["", "VT)", "NT)", "", "", ""]


def test_the_page_reads_it_in_the_catalogue() -> None:
    live = Live(["home", "shed"], {"shed": "clms100"})
    client = create_app(live, None, Status("0"), WebSettings()).test_client()

    def title(meter: str, tariff: int) -> str:
        answer = client.get(f"/api/v1/catalogue?meter={meter}").get_json()
        return str(answer[f"energy_import_t{tariff}_kwh"]["title"])

    assert title("home", 1) == "Energy import tariff 1"
    live.publish(of("esmr5"))
    assert title("home", 1) == "Energy import tariff 1 (low)"
    assert title("shed", 2) == "Energy import tariff 2 (VT)"


@pytest.mark.parametrize(("profile", "said"), [("auto", "tariff 1 (normal)"), ("nl", "tariff 1 (low)"), ("at", "tariff 1   ")])
def test_decode_prints_it(profile: str, said: str) -> None:
    sent = render(MODELS["emucs3"].telegram(NOON, 7))
    ((_, table),) = Stream("a.txt", sent, profile=profile).tables()
    assert f"Energy import {said}" in table


def test_a_hungarian_meter_whose_checksum_is_not_looked_at_is_no_dutch_one() -> None:
    reading = decode(parse(Frame(b"/WSE5\r\n\r\n1-0:1.8.1(1*kWh)\r\n!1234\r\n", "absent")))
    assert origin(reading)[1:] == ("P1 without a version of its own", "hu")
    assert labels("auto", reading) == {}


@pytest.mark.parametrize(
    ("text", "variant", "country"),
    [
        ("1.8.0(1*kWh)\r\n1.8.1(1*kWh)", "an IEC 62056-21 readout", ""),
        ("0-0:96.1.4(3231313130)\r\n1-0:1.8.1(1*kWh)", "e-MUCS-P1", "be"),
        ("1-0:0.9.1(222553)\r\n1-0:1.8.1(1*kWh)", "P1 without a version of its own", ""),
        ("0-0:96.1.1(30)\r\n1-0:1.8.1(1*kWh)", "DSMR 2.2 or 3.0", "nl"),
    ],
)
def test_where_a_meter_without_a_checksum_comes_from(text: str, variant: str, country: str) -> None:
    home = origin(decode(parse(Frame(f"/TST5\r\n\r\n{text}\r\n!\r\n".encode(), "absent"))))
    assert (home.variant, home.country) == (variant, country)
