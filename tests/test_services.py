"""The servers of the tests are real: a broker keeps, a database gives back, a browser shows."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest
from paho.mqtt import MQTTException, publish, subscribe
from playwright.sync_api import Browser

from tests.services import Mosquitto, Victoria, program


def test_broker_keeps_retained_messages_over_a_restart(mosquitto: Mosquitto) -> None:
    publish.single("a/b", "1", qos=1, retain=True, hostname=mosquitto.host, port=mosquitto.port)
    mosquitto.restart()
    message = subscribe.simple("a/b", hostname=mosquitto.host, port=mosquitto.port)  # type: ignore[no-untyped-call]  # paho
    assert message.payload == b"1"


def test_broker_can_require_a_password(mosquitto: Mosquitto) -> None:
    mosquitto.require("me", "secret")
    right, wrong = ({"username": "me", "password": word} for word in ("secret", "wrong"))
    publish.single("a", "1", qos=1, auth=right, hostname=mosquitto.host, port=mosquitto.port)  # type: ignore[arg-type]
    with pytest.raises(MQTTException):
        publish.single("a", "1", qos=1, auth=wrong, hostname=mosquitto.host, port=mosquitto.port)  # type: ignore[arg-type]


def test_database_gives_back_what_was_written(victoria: Victoria) -> None:
    line = b"house,meter=home power_w=412.5 1700000000000"
    request = urllib.request.Request(f"{victoria.url}/api/v2/write?bucket=b&precision=ms", data=line, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 204
    victoria.flush()
    [series] = victoria.export('{__name__="house_power_w"}')
    assert series["values"] == [412.5]
    assert series["timestamps"] == [1700000000000]


def test_browser_shows_a_page(chromium: Browser) -> None:
    page = chromium.new_page()
    page.set_content("<h1>home</h1>")
    assert page.text_content("h1") == "home"
    page.close()


def test_make_services_installs_what_the_tests_ask_for() -> None:
    here = Path(__file__).parent
    texts = [path.read_text() for path in here.glob("*.py")]
    wanted = {pair for text in texts for pair in re.findall(r'program\("([\w-]+)", "([\w-]+)"\)', text)}
    script = (here.parent / ".ci" / "services").read_text()
    assert set(re.findall(r"\[([\w-]+)\]=([\w-]+)", script)) == wanted


def test_missing_program_is_a_skip_or_a_failure_where_all_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P1MONITOR_REQUIRE_SERVICES", "0")
    with pytest.raises(pytest.skip.Exception, match=r"nothing-of-that-name is not installed \(Debian: no-package\)"):
        program("nothing-of-that-name", package="no-package")
    monkeypatch.setenv("P1MONITOR_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="make services"):
        program("nothing-of-that-name", package="no-package")
