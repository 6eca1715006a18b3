"""From the reader to who wants the newest: live things first, each value worded once, and a line that nothing ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from threading import Thread
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from p1monitor.fanout import Fanout, SinkRunner
from p1monitor.p1.records import Reading
from p1monitor.settings import MqttSettings
from p1monitor.sinks import Policy, SinkError
from p1monitor.sinks.mqtt import MqttSink, build
from p1monitor.sinks.mqtt_line import Line
from p1monitor.sinks.retained import Retained
from p1monitor.sinks.topics import Topics, Worded, reading_text
from p1monitor.status import Status
from tests.meter_with_gas import reading, with_value
from tests.mqttkit import HOUSE, PATIENCE_S

#: A CONNACK, and a PUBLISH whose topic is no text: paho lets the error through.
GARBAGE = b"\x20\x02\x00\x00\x30\x04\x00\x01\xffx"


class Noting(SinkRunner):
    """A runner whose thread is never started."""

    def __init__(self, name: str, order: list[str], *, live: bool) -> None:
        super().__init__(Nowhere(name), Policy(live=live, queue=9), Status("test"))
        self._order = order

    def offer(self, reading: Reading) -> None:
        self._order.append(self.name)


class Nowhere:
    """A sink that does nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self) -> None:
        """Nothing to open."""

    def deliver(self, readings: Sequence[Reading]) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to close."""


def test_who_wants_the_newest_is_woken_first() -> None:
    order: list[str] = []
    lives = {"recorder": False, "relay": True, "influxdb": False, "mqtt": True}
    Fanout([], [Noting(name, order, live=live) for name, live in lives.items()]).publish(reading())
    assert order == ["relay", "mqtt", "recorder", "influxdb"]


def test_words_that_are_remembered_are_the_same_words() -> None:
    worded: Worded = {}
    doubtful = reading(4, power="00.735")
    doubtful = with_value(doubtful, "power_w", doubtful.values["power_w"]._replace(held=True))
    peak = reading(5, extra=(("1-0:1.6.0", "260105184500W", "02.345*kW"),))
    for one in (reading(1), reading(2), reading(3, power="01.000"), doubtful, peak, reading(6, meter="barn"), reading(7)):
        assert reading_text(one, worded) == reading_text(one)
    assert len(worded) < 100


def test_what_was_held_back_at_first_is_announced_when_it_is_not() -> None:
    kept = Retained(HOUSE, Topics("p1monitor", "homeassistant"), 10)
    told = reading(1)
    held = with_value(told, "energy_import_t1_kwh", told.values["energy_import_t1_kwh"]._replace(held=True))
    topic = "homeassistant/device/p1monitor-abc123-home/config"
    assert "energy_import_t1_kwh" not in json.loads(kept.take(held, 1.0)[topic])["cmps"]
    assert topic not in kept.take(held, 2.0)
    assert "energy_import_t1_kwh" in json.loads(kept.take(told, 3.0)[topic])["cmps"]


def test_a_broker_that_sends_garbage_is_connected_to_anew(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, closing(build(_settings(listener), HOUSE)) as sink:
        listener.settimeout(PATIENCE_S)
        opening = Thread(target=_opened, args=(sink,))
        opening.start()
        for _ in range(2):
            link, _ = listener.accept()
            with link:
                assert link.recv(4096).startswith(b"\x10")  # CONNECT
                link.sendall(GARBAGE)
                while link.recv(4096):
                    pass
        opening.join()
    assert "a fault in what reads from the MQTT broker" in caplog.text


def _opened(sink: MqttSink) -> None:
    with suppress(SinkError):  # it may have seen the CONNACK, or what came of the rest
        sink.open()


def _settings(listener: socket.socket) -> MqttSettings:
    return MqttSettings(host="127.0.0.1", port=listener.getsockname()[1])


class Closed(Client):
    """A client whose connection another thread closes as soon as it is looked at."""

    def socket(self) -> Any:
        return self

    def fileno(self) -> int:
        one, other = socket.socketpair()
        number = one.fileno()
        one.close()
        other.close()
        return number


def test_a_connection_that_is_closed_while_it_is_looked_at_is_lost_and_no_fault() -> None:
    assert Line(Closed(CallbackAPIVersion.VERSION2), lambda _: None)._turn() is False
