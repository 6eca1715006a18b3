"""What the tests of the MQTT sink share: a listener at the broker, a clock, certificates. Never a broker of its own making."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from p1monitor.settings import MqttSettings
from p1monitor.sinks import House
from p1monitor.sinks.mqtt import MqttSink
from tests.clocks import Hands
from tests.services import Mosquitto, program

#: How long anything may take on a busy machine before a test gives up.
PATIENCE_S = 20.0


#: A daemon of nothing but the sink, to be killed.
STORY = """\
import sys, time
from p1monitor.settings import MqttSettings
from p1monitor.settings import MqttSettings
from p1monitor.sinks import House
from p1monitor.sinks.mqtt import MqttSink
from tests.clocks import Hands
from p1monitor.sinks.mqtt import build
sink = build(MqttSettings(host="127.0.0.1", port=int(sys.argv[1])), House("abc123", ("home",), "0.1.0"))
sink.open()
time.sleep(600)
"""


HOUSE = House("abc123", ("home",), "0.1.0", stale_after=lambda _: 10.0)


class Subscriber:
    """Somebody else at the broker, who hears everything."""

    def __init__(self, broker: Mosquitto, **login: str) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self._there = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        if login:
            self.client.username_pw_set(login["username"], login["password"])
        self.client.on_message = lambda _c, _d, message: self.heard.append(
            (message.topic, message.payload.decode(), message.retain)
        )
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = lambda *_: self._there.set()
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        assert self._there.wait(PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def texts(self, topic: str) -> list[str]:
        return [text for name, text, _ in self.heard if name == topic]

    def last(self, topic: str) -> str | None:
        return next(iter(reversed(self.texts(topic))), None)


def until(condition: Callable[[], object]) -> None:
    """Poll; a broker answers when it likes."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.01)


def retained(broker: Mosquitto, **login: str) -> dict[str, str]:
    """What a newcomer is told."""
    with closing(Subscriber(broker, **login)) as newcomer:
        newcomer.client.publish("test/end", "", qos=1)
        until(lambda: newcomer.texts("test/end"))
        return {topic: text for topic, text, kept in newcomer.heard if kept}


def certify(folder: Path) -> Path:
    """A certificate for 127.0.0.1 and one for a client, signed by an authority that nobody else knows."""
    openssl = program("openssl", "openssl")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    signed = ("-days", "2", "-extfile", "names", "-out", "server.crt")
    steps: tuple[tuple[str, ...], ...] = (
        ("req", "-x509", *key, "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.crt"),
        ("req", *key, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr"),
        ("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", *signed),
    )
    mine = ("-days", "2", "-out", "client.crt")
    steps += (
        ("req", *key, "-subj", "/CN=meter", "-keyout", "client.key", "-out", "client.csr"),
        ("x509", "-req", "-in", "client.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", *mine),
    )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for step in steps:
        subprocess.run([openssl, *step], cwd=folder, check=True, capture_output=True)
    return folder / "ca.crt"


@pytest.fixture
def clock() -> Hands:
    """Time as the test says."""
    return Hands()


@pytest.fixture
def settings(mosquitto: Mosquitto) -> MqttSettings:
    """The broker, and nothing else."""
    return MqttSettings(host=mosquitto.host, port=mosquitto.port)


@pytest.fixture
def sink(settings: MqttSettings, clock: Hands) -> Iterator[MqttSink]:
    """A sink that is not open yet."""
    made = MqttSink(settings, HOUSE, clock, delay=lambda least, _most: least)
    yield made
    made.close()


@pytest.fixture
def subscriber(mosquitto: Mosquitto) -> Iterator[Subscriber]:
    """Somebody who hears everything."""
    with closing(Subscriber(mosquitto)) as made:
        yield made
