"""Two meters that have to be asked, at a pseudo-terminal and behind RFC 2217: from 300 baud to page and Home Assistant."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, expect

from p1monitor.daemon import Daemon
from p1monitor.p1.meters import MODELS
from p1monitor.p1.modec_meter import MeterSide
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading
from p1monitor.settings import MeterSettings, MqttSettings, Settings, SourceSettings, WebSettings
from p1monitor.simulate import Play
from tests.hass import HomeAssistant, homeassistant
from tests.hass import until as patiently
from tests.moments import NOON
from tests.mqttkit import retained
from tests.opticalkit import START, FarPort, far, head
from tests.services import Mosquitto, free_port

__all__ = ["homeassistant"]

#: The CLMS100's time stands still, so that each readout says the same.
PLAY = Play("clms100", 7, START, speed=1e-9)


def meant() -> dict[str, Reading]:
    """What each meter says."""
    clms100 = PLAY.telegram(START)
    assert clms100
    return {"clms": decode(clms100), "iskra": decode(MODELS["me381"].telegram(NOON, 7))}


def numbers(reading: Reading) -> dict[str, Decimal]:
    return {name: one.value for name, one in reading.values.items() if isinstance(one.value, Decimal)}


@contextmanager
def running(mosquitto: Mosquitto) -> Iterator[tuple[str, FarPort]]:
    """The daemon with both: its page, and the port behind RFC 2217."""
    listen = f"127.0.0.1:{free_port()}"
    with head(PLAY) as device, far(MeterSide(lambda: MODELS["me381"].telegram(NOON, 7))) as (url, port):
        meters = tuple(
            MeterSettings(name, source=SourceSettings("optical", where, interval=0.2))
            for name, where in (("clms", device), ("iskra", url))
        )
        mqtt = MqttSettings(mosquitto.host, mosquitto.port, interval=0)
        with Daemon(Settings(meters, history=None, web=WebSettings(listen=listen), mqtt=mqtt)):
            yield f"http://{listen}", port


def live(url: str, meter: str) -> dict[str, Decimal]:
    with urllib.request.urlopen(f"{url}/api/v1/live?meter={meter}", timeout=10) as answer:
        values = json.loads(answer.read(), parse_float=Decimal, parse_int=Decimal)["values"]
    return {name: value for name, value in values.items() if isinstance(value, Decimal)}


def same(found: dict[str, Decimal], reading: Reading) -> bool:
    """Whether everything the meter says is there; what p1monitor makes of it (today's use …) may stand beside."""
    wanted = numbers(reading)
    return {name: found.get(name) for name in wanted} == wanted


def test_both_are_on_the_page_and_at_the_broker(mosquitto: Mosquitto, chromium: Browser) -> None:
    with running(mosquitto) as (url, port):
        for meter, reading in meant().items():
            # A sign-on that a busy machine was too slow for is tried again, after the pause that a meter needs
            patiently(lambda meter=meter, reading=reading: same(live(url, meter), reading))  # type: ignore[misc]
            told = json.loads(retained(mosquitto)[f"p1monitor/{meter}/reading"], parse_float=Decimal, parse_int=Decimal)
            assert same(told, reading)
        assert set(port.heard) == {(300, 7, "E")}
        assert (port.baudrate, port.bytesize, port.parity) in {(300, 7, "E"), (9600, 7, "E")}
        page = chromium.new_page()
        page.goto(f"{url}/#clms")
        for tariff, label in ((1, ""), (2, " (VT)"), (3, " (NT)"), (6, "")):
            expect(page.locator("#registers").get_by_text(f"Energy import tariff {tariff}{label}", exact=True)).to_be_visible()
        page.close()


def shown(homeassistant: HomeAssistant, names: Iterable[str]) -> dict[str, Decimal]:
    states = {unique: one["state"] for unique, one in homeassistant.states().items()}
    return {name: Decimal(states[name]) for name in names if states.get(name, "unknown") not in {"unknown", "unavailable"}}


@pytest.mark.homeassistant
def test_both_are_in_home_assistant(homeassistant: HomeAssistant, mosquitto: Mosquitto) -> None:
    with running(mosquitto):
        for meter, reading in meant().items():
            wanted = {f"p1monitor-p1monitor-{meter}-{name}": value for name, value in numbers(reading).items()}
            patiently(lambda wanted=wanted: shown(homeassistant, wanted) == wanted)  # type: ignore[misc]
        names = {one["attributes"]["friendly_name"] for one in homeassistant.states().values()}
        assert {f"Clms smart meter Energy import tariff {tariff}" for tariff in ("1", "2 (VT)", "3 (NT)", "6")} <= names
        assert homeassistant.complaints() == []
