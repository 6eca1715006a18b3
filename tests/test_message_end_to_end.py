"""The grid company's message: it comes as words to everybody whom the meter's telegrams reach, and goes when it is cleared."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from p1monitor.p1.scenes import CODE, TEXT
from p1monitor.recorder.pace import WANTED_MOST_S
from p1monitor.recorder.recorder import POLICY
from p1monitor.settings import InfluxSettings, MqttSettings
from tests.mqttkit import Subscriber
from tests.services import Mosquitto, Victoria, free_port
from tests.street import MODELS, QUIET, ROUND_S, SETTLED, Street, until

#: The message stands for three rounds, after those in which nothing is new: a meter without CRC must tell it twice.
CAME, WENT = (SETTLED + 1) * ROUND_S, (SETTLED + 4) * ROUND_S
SCENE = f"message@+{CAME}/{WENT - CAME}"
#: What the simulated meters have of it: a code only where their lines have one.
WORDS = {"message_text": f"message: {TEXT}", "message_code": f"message code: {CODE}"}
ENDS = {"message_text": "message cleared", "message_code": "message code cleared"}


def test_a_message_comes_as_words_and_goes(mosquitto: Mosquitto, victoria: Victoria, chromium: Browser, tmp_path: Path) -> None:
    mqtt, influx = MqttSettings(mosquitto.host, mosquitto.port), InfluxSettings(victoria.url, bucket="home")
    street = Street(tmp_path, QUIET, scenes=[SCENE], mqtt=mqtt, influxdb=influx)
    assert (CODE, TEXT) == ("tEst123", "0123456789")
    with closing(Subscriber(mosquitto)) as subscriber, street, closing(chromium.new_page()) as page:

        def everywhere(text: str, code: str) -> bool:
            return all(told(street, subscriber, model) == wanted(street, model, text, code) for model in MODELS)

        street.round(SETTLED)
        until(lambda: everywhere("", ""))
        page.goto(f"{street.url}/#me381")
        expect(page.locator("#link")).to_contain_text("ISk5\\2ME381")
        expect(page.locator("#message")).to_be_hidden()

        street.round(2)
        until(lambda: everywhere(TEXT, CODE))
        expect(page.locator("#message")).to_be_visible()
        expect(page.locator("#text")).to_have_text(f"{TEXT}\n{CODE}")
        street.round()  # repeated in each telegram, told once
        until(lambda: everywhere(TEXT, CODE))

        street.round(2)
        until(lambda: everywhere("", ""))
        expect(page.locator("#message")).to_be_hidden()
        expect(page.locator("#text")).to_have_text("")

        street.round(POLICY.batch // len(MODELS) - SETTLED - 4)  # the recorder's batch is full
        until(lambda: everywhere("", ""))
        street.clock.pass_by(WANTED_MOST_S)  # who looks again gets what came meanwhile
        for model in MODELS:
            names, again = has(street, model), 0 if street.sent[model][-1].telegram.crc == "valid" else ROUND_S
            story = [(CAME + again, WORDS[name]) for name in names] + [(WENT + again, ENDS[name]) for name in names]
            until(lambda model=model, story=story: recorded(street, model) == story)  # type: ignore[misc]  # bound as defaults
            until(lambda model=model, story=story: heard(street, subscriber, model) == story)  # type: ignore[misc]  # see above
        assert has(street, "me381") == ["message_text", "message_code"]
        until(lambda: street.daemon.status.snapshot()["sinks"]["influxdb"]["queued"] == 0)
        victoria.flush()
        assert victoria.export('{__name__="p1_power_w",meter="me381"}')
        assert victoria.export('{__name__=~".*message.*"}') == []  # it stores numbers only
        page.reload()
        expect(page.locator("#events")).to_contain_text(f"message code: {CODE}")
        expect(page.locator("#events")).to_contain_text("message cleared")


def test_two_processes_and_a_cable(tmp_path: Path) -> None:
    """As a user would try it: `p1monitor simulate --pty`, and `p1monitor run` at the terminal that it names."""
    port, p1monitor = free_port(), (sys.executable, "-m", "p1monitor")
    scene = ("--start", QUIET.isoformat(), "--speed", "20", "--scene", "message@+60/140")  # seen from 3 s to 10 s on
    simulate = [*p1monitor, "simulate", "--model", "me381", "--pty", *scene]
    with subprocess.Popen(simulate, stdout=subprocess.PIPE, text=True) as meter:
        assert meter.stdout is not None
        device = meter.stdout.readline().strip()
        settings = (
            f'[[meter]]\nname = "home"\n[meter.source]\ndevice = "{device}"\nsettings = "9600 7E1"\n'
            f'[history]\npath = "{tmp_path}/history.sqlite"\n[web]\nlisten = "127.0.0.1:{port}"\n'
        )
        (tmp_path / "p1monitor.toml").write_text(settings)
        with subprocess.Popen([*p1monitor, "run", "-c", tmp_path / "p1monitor.toml"]) as daemon:
            try:
                until(lambda: shown(port) == (TEXT, CODE))
                until(lambda: shown(port) == (None, None))
            finally:
                daemon.terminate()
                meter.terminate()
    assert daemon.returncode == 0


def shown(port: int) -> tuple[object, object] | None:
    """Text and code as the page is told them; None while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/live", timeout=5) as answer:
            values = json.load(answer)["values"]
    except OSError:
        return None
    return values.get("message_text", "absent"), values.get("message_code", "absent")


def has(street: Street, model: str) -> list[str]:
    """The lines for messages that a meter's telegram has."""
    return [name for name in WORDS if name in street.sent[model][-1].values]


def wanted(street: Street, model: str, text: str, code: str) -> dict[str, object]:
    values = {"message_text": text, "message_code": code}
    shown = {name: values[name] or None for name in has(street, model)}
    return {"topic": text, "live": shown, "reading": shown, "page": shown}


def told(street: Street, subscriber: Subscriber, model: str) -> dict[str, object]:
    """What each way out says of the message at this moment."""
    payloads = {leaf: json.loads(subscriber.last(f"p1monitor/{model}/{leaf}") or "{}") for leaf in ("live", "reading")}
    payloads["page"] = street.ask("live", meter=model)["values"]
    shown = {leaf: {name: payload.get(name) for name in has(street, model)} for leaf, payload in payloads.items()}
    return {"topic": subscriber.last(f"p1monitor/{model}/message"), **shown}


def recorded(street: Street, model: str) -> list[tuple[int, str]]:
    """The recorder's messages, oldest first: seconds since the start, and the words."""
    events = reversed(street.ask("events", meter=model, kind="message")["events"])
    return [_told(street, event) for event in events]


def heard(street: Street, subscriber: Subscriber, model: str) -> list[tuple[int, str]]:
    """The same of MQTT's."""
    events = map(json.loads, subscriber.texts(f"p1monitor/{model}/event"))
    return [_told(street, event) for event in events if event["kind"] == "message"]


def _told(street: Street, event: dict[str, Any]) -> tuple[int, str]:
    """When, and the words without the time since when it stood."""
    return _seconds(event["at"] or event["received"]) - street.start, event["words"].partition(", it stood since ")[0]


def _seconds(time: Any) -> int:
    """ISO 8601, or POSIX seconds."""
    return round(datetime.fromisoformat(time).timestamp() if isinstance(time, str) else time)
