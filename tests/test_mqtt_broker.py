"""The MQTT sink and its broker: one that goes, comes, hangs, or says no. A real mosquitto."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p1monitor.fanout import SinkRunner
from p1monitor.settings import MqttSettings
from p1monitor.sinks import SinkError
from p1monitor.sinks.mqtt import POLICY, MqttSink, build
from p1monitor.status import Status
from tests.clocks import Hands
from tests.meter_with_gas import reading
from tests.mqttkit import HOUSE, STORY, Subscriber, certify, clock, retained, settings, sink, subscriber, until
from tests.services import Mosquitto, free_port

__all__ = ["clock", "settings", "sink", "subscriber"]  # fixtures


def refused(sink: MqttSink, *words: str) -> None:
    """The sink says these words, in one sentence, sooner or later; and always the same ones then."""

    def said() -> str:
        with pytest.raises(SinkError) as error:
            sink.open()
        return str(error.value)

    until(lambda: all(word in said() for word in words))
    assert said() == said()
    assert "\n" not in said()


def test_a_graceful_stop_says_offline_twice(sink: MqttSink, mosquitto: Mosquitto, clock: Hands) -> None:
    sink.open()
    sink.deliver([reading(1, monotonic=clock.now)])
    started = time.monotonic()
    sink.close()
    assert time.monotonic() - started < 5
    kept = retained(mosquitto)
    assert kept["p1monitor/status"] == kept["p1monitor/home/status"] == "offline"


def test_kill_9_is_told_by_the_last_will(mosquitto: Mosquitto, subscriber: Subscriber) -> None:
    process = subprocess.Popen([sys.executable, "-c", STORY, str(mosquitto.port)])
    try:
        until(lambda: subscriber.last("p1monitor/status") == "online")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: subscriber.last("p1monitor/status") == "offline")
    assert retained(mosquitto)["p1monitor/status"] == "offline"


def test_a_broker_that_comes_back_is_told_everything_again(sink: MqttSink, mosquitto: Mosquitto, clock: Hands) -> None:
    sink.open()
    sink.deliver([reading(1, monotonic=clock.now, message="hello")])
    until(lambda: "p1monitor/home/message" in retained(mosquitto))
    mosquitto.kill()
    (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
    until(lambda: not sink._connected.is_set())
    for seq in range(2, 6):
        clock.now += 1
        with pytest.raises(SinkError, match=r"the connection to the MQTT broker .* was lost|does not listen there"):
            sink.deliver([reading(seq, monotonic=clock.now, message="hello")])
    mosquitto.start()
    with closing(Subscriber(mosquitto)) as subscriber:
        until(sink._connected.is_set)
        sink.deliver([reading(seq, monotonic=clock.now, message="hello") for seq in (6, 7)])
        until(lambda: subscriber.texts("p1monitor/home/live"))
        assert [json.loads(text)["seq"] for text in subscriber.texts("p1monitor/home/live")] == [7]
    kept = retained(mosquitto)
    assert kept["p1monitor/status"] == kept["p1monitor/home/status"] == "online"
    assert kept["p1monitor/home/message"] == "hello"
    assert json.loads(kept["p1monitor/home/reading"])["meter"] == "home"
    assert {topic.rpartition("-")[2] for topic in kept if topic.endswith("config")} == {
        "home/config",
        "gas/config",
        "water/config",
    }


def test_a_broker_that_starts_after_us(sink: MqttSink, mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    refused(sink, "does not listen there", str(mosquitto.port))
    mosquitto.start()
    until(sink._connected.is_set)
    sink.open()
    until(lambda: retained(mosquitto).get("p1monitor/status") == "online")


def test_a_wrong_password_is_one_sentence_and_can_be_put_right(
    mosquitto: Mosquitto, settings: MqttSettings, clock: Hands, tmp_path: Path
) -> None:
    mosquitto.require("meter", "right")
    password = tmp_path / "password"
    password.write_text("wrong\n")
    sink = MqttSink(replace(settings, username="meter", password_file=password), HOUSE, clock)
    try:
        refused(sink, "refuses the user name or the password", "password_file")
        password.write_text("right\n")

        def welcome() -> bool:
            try:
                sink.open()
            except SinkError:
                return False
            return True

        until(welcome)
        until(lambda: retained(mosquitto, username="meter", password="right").get("p1monitor/status") == "online")
    finally:
        sink.close()


def test_a_broker_that_wants_a_password_and_gets_none(mosquitto: Mosquitto, sink: MqttSink) -> None:
    mosquitto.require("meter", "right")
    refused(sink, "refuses the user name or the password")


def test_a_password_file_that_is_not_there(settings: MqttSettings, tmp_path: Path) -> None:
    sink = build(replace(settings, username="meter", password_file=tmp_path / "none"), HOUSE)
    refused(sink, "password_file", "cannot be read", "No such file")
    sink.close()


@pytest.mark.parametrize(
    ("host", "words"), [("no-such-host.invalid", "has a name that is not known here"), ("a..b", "cannot be the name")]
)
def test_a_name_that_nobody_knows(host: str, words: str) -> None:
    sink = build(MqttSettings(host=host), HOUSE)
    refused(sink, host, words)
    started = time.monotonic()
    sink.close()
    assert time.monotonic() - started < 5


def test_tls_with_a_certificate_authority_of_our_own(mosquitto: Mosquitto, settings: MqttSettings, tmp_path: Path) -> None:
    authority = certify(tmp_path)
    mosquitto.configure("allow_anonymous true", f"certfile {tmp_path}/server.crt", f"keyfile {tmp_path}/server.key")
    mosquitto.restart()
    trusted = replace(settings, tls=True, ca_file=authority)
    sink = build(trusted, HOUSE)
    sink.open()
    sink.close()
    for wrong, words in (
        (replace(trusted, ca_file=None), "certificate that is not trusted"),
        (replace(trusted, host="localhost"), "certificate that is not trusted"),
        (replace(trusted, tls=False), "closes the connection without an answer"),
        (replace(trusted, ca_file=tmp_path / "none"), "ca_file"),
        (replace(trusted, ca_file=tmp_path / "server.key"), "ca_file"),
    ):
        sink = build(wrong, HOUSE)
        refused(sink, words)
        sink.close()


def test_tls_against_a_port_without(settings: MqttSettings) -> None:
    sink = build(replace(settings, tls=True), HOUSE)
    refused(sink, "closes the connection without an answer", "tls")
    sink.close()


def test_a_broker_that_accepts_and_says_nothing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sink = build(MqttSettings(host="127.0.0.1", port=listener.getsockname()[1]), HOUSE)
        with pytest.raises(SinkError, match="does not answer yet"):
            sink.open()
        started = time.monotonic()
        sink.close()
        assert time.monotonic() - started < 5


def test_a_broker_that_hangs_costs_neither_memory_nor_the_stop(sink: MqttSink, mosquitto: Mosquitto, clock: Hands) -> None:
    sink.open()
    sink.deliver([reading(1, monotonic=clock.now)])
    assert mosquitto._process is not None
    os.kill(mosquitto._process.pid, signal.SIGSTOP)
    try:
        flood = (reading(seq % 3000, monotonic=clock.now, message="x" * 1000) for seq in range(100_000))
        with pytest.raises(SinkError, match=r"takes nothing|acknowledges nothing"):
            deque(map(sink.deliver, ([one] for one in flood)), maxlen=0)
        started = time.monotonic()
        sink.close()
        assert time.monotonic() - started < 5
    finally:
        os.kill(mosquitto._process.pid, signal.SIGCONT)


def test_the_runner_tells_each_trouble_once_and_recovers_by_itself(
    mosquitto: Mosquitto, settings: MqttSettings, caplog: pytest.LogCaptureFixture
) -> None:
    status = Status("0.1.0")
    runner = SinkRunner(build(settings, HOUSE), POLICY, status)

    def state() -> dict[str, Any]:
        told: dict[str, Any] = status.snapshot()["sinks"]["mqtt"]
        return told

    mosquitto.stop()
    caplog.set_level("INFO")
    runner.start()
    try:
        until(lambda: state()["state"] == "retrying" and state()["retries"] >= 2)
        assert "does not listen there" in state()["last_error"]
        mosquitto.start()
        until(lambda: state()["state"] == "ok")
        runner.offer(reading(1, monotonic=time.monotonic()))
        until(lambda: "p1monitor/home/reading" in retained(mosquitto))
        mosquitto.restart()
        until(lambda: state()["state"] == "retrying")
        until(lambda: state()["state"] == "ok")
        until(lambda: retained(mosquitto)["p1monitor/status"] == "online")
    finally:
        assert runner.stop()
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == len(set(warnings)) <= 3
    assert retained(mosquitto)["p1monitor/home/status"] == "offline"


def test_the_will_of_a_dead_session_never_comes_after_us(sink: MqttSink, mosquitto: Mosquitto, subscriber: Subscriber) -> None:
    """A line that was cut without a word: the broker still holds the old session when the new one begins."""
    process = subprocess.Popen([sys.executable, "-c", STORY, str(mosquitto.port)])
    try:
        until(lambda: subscriber.last("p1monitor/status") == "online")
        os.kill(process.pid, signal.SIGSTOP)
        sink.open()
        until(lambda: subscriber.texts("p1monitor/status") == ["online", "offline", "online"])
    finally:
        process.kill()
        process.wait()
    assert retained(mosquitto)["p1monitor/status"] == "online"


def test_closing_what_was_never_open() -> None:
    build(MqttSettings(host="127.0.0.1", port=free_port()), HOUSE).close()
