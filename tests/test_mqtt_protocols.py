"""The MQTT sink by both protocols, with a certificate of its own, at every quality of service. A real mosquitto."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import time
from collections import deque
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from paho.mqtt.client import MQTTMessage

from p1monitor.settings import MqttSettings
from p1monitor.sinks import SinkError
from p1monitor.sinks.mqtt import MqttSink, build
from tests.clocks import Hands
from tests.meter_with_gas import reading
from tests.mqttkit import HOUSE, Subscriber, certify, clock, retained, settings, until
from tests.services import Mosquitto, program

__all__ = ["clock", "settings"]  # fixtures


def refusal(sink: MqttSink) -> str:
    """What it says in the end; it has been closed then."""
    said: list[str] = []

    def settled() -> bool:
        with pytest.raises(SinkError) as error:
            sink.open()
        said.append(str(error.value))
        return "does not answer yet" not in said[-1]

    try:
        until(settled)
    finally:
        sink.close()
    return said[-1]


def test_version_5_says_hello_and_goodbye_and_comes_back(mosquitto: Mosquitto, settings: MqttSettings, clock: Hands) -> None:
    sink = MqttSink(replace(settings, protocol="5"), HOUSE, clock)
    sink.open()
    sink.deliver([reading(1, monotonic=clock.now)])
    until(lambda: "p1monitor/home/reading" in retained(mosquitto))
    assert "p5" in mosquitto.log.read_text(), "mosquitto logs the protocol of each client"
    mosquitto.kill()
    (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
    until(lambda: not sink._connected.is_set())
    mosquitto.start()
    until(sink._connected.is_set)
    sink.deliver([reading(2, monotonic=clock.now)])
    until(lambda: retained(mosquitto).get("p1monitor/status") == "online")
    sink.close()
    assert retained(mosquitto)["p1monitor/status"] == "offline"


def test_version_5_hears_why_it_is_refused(mosquitto: Mosquitto, settings: MqttSettings) -> None:
    mosquitto.require("meter", "right")
    assert "refuses the user name or the password" in refusal(build(replace(settings, protocol="5"), HOUSE))


@pytest.mark.parametrize(("protocol", "told"), [("5", 1), ("3.1.1", 0)])
def test_what_a_user_may_not_write_is_told_once_where_the_protocol_can(
    mosquitto: Mosquitto,
    settings: MqttSettings,
    clock: Hands,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    protocol: str,
    told: int,
) -> None:
    mosquitto.require("meter", "secret")
    (tmp_path / "password").write_text("secret")
    (tmp_path / "acl").write_text("user meter\ntopic readwrite p1monitor/#\ntopic read homeassistant/#\ntopic readwrite test/#\n")
    with mosquitto.configuration.open("a") as more:
        more.write(f"acl_file {tmp_path}/acl\n")
    (tmp_path / "acl").chmod(0o700)
    mosquitto.restart()
    sink = MqttSink(replace(settings, username="meter", password_file=tmp_path / "password", protocol=protocol), HOUSE, clock)
    sink.open()

    def kept() -> dict[str, str]:
        return retained(mosquitto, username="meter", password="secret")

    for seq in range(1, 4):
        clock.now += 10
        sink.deliver([reading(seq, monotonic=clock.now)])
        until(lambda seq=seq: f'"seq":{seq}' in kept().get("p1monitor/home/reading", ""))  # type: ignore[misc]  # bound at once

    sink.deliver(())
    assert not [topic for topic in kept() if topic.startswith("homeassistant")]
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == told, said
    assert all("does not take all that we publish (Not authorized)" in one for one in said)
    sink.close()


def test_a_client_certificate_opens_a_broker_that_wants_one(mosquitto: Mosquitto, settings: MqttSettings, tmp_path: Path) -> None:
    authority = certify(tmp_path)
    server = (f"certfile {tmp_path}/server.crt", f"keyfile {tmp_path}/server.key", f"cafile {authority}")
    mosquitto.configure("allow_anonymous false", *server, "require_certificate true", "use_identity_as_username true")
    mosquitto.restart()
    known = replace(
        settings, tls=True, ca_file=authority, certificate_file=tmp_path / "client.crt", key_file=tmp_path / "client.key"
    )
    together = tmp_path / "together.pem"
    together.write_text((tmp_path / "client.crt").read_text() + (tmp_path / "client.key").read_text())
    for good in (known, replace(known, protocol="5"), replace(known, certificate_file=together, key_file=None)):
        sink = build(good, HOUSE)
        sink.open()
        sink.close()
    assert "u'meter'" in mosquitto.log.read_text(), "the certificate's name is the user's"
    assert "certificate_file" in refusal(build(replace(known, certificate_file=None, key_file=None), HOUSE))


def test_files_that_are_no_certificate_are_told_by_their_key(settings: MqttSettings, tmp_path: Path) -> None:
    certify(tmp_path)
    locked = tmp_path / "locked.key"
    command = ("ec", "-in", str(tmp_path / "client.key"), "-aes256", "-passout", "pass:secret", "-out", str(locked))
    subprocess.run([program("openssl", "openssl"), *command], check=True, capture_output=True)
    good = replace(settings, tls=True, certificate_file=tmp_path / "client.crt", key_file=tmp_path / "client.key")
    for wrong in (
        replace(good, key_file=tmp_path / "server.key"),
        replace(good, key_file=locked),
        replace(good, certificate_file=tmp_path / "none"),
    ):
        said = refusal(build(wrong, HOUSE))
        assert "[mqtt] certificate_file" in said
        assert "cannot be used" in said


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_is_retained_goes_out_at_the_quality_that_is_set(
    mosquitto: Mosquitto, settings: MqttSettings, clock: Hands, qos: int
) -> None:
    heard: dict[str, int] = {}

    def hear(_client: object, _data: object, message: MQTTMessage) -> None:
        heard[message.topic] = message.qos

    sink = MqttSink(replace(settings, qos=qos), HOUSE, clock)
    with closing(Subscriber(mosquitto)) as subscriber:
        subscriber.client.on_message = hear
        subscriber.client.subscribe("#", qos=2)
        sink.open()
        sink.deliver([reading(1, monotonic=clock.now)])
        until(lambda: {"p1monitor/home/live", "p1monitor/home/reading"} <= heard.keys())
        assert heard["p1monitor/home/live"] == 0
        assert heard["p1monitor/home/reading"] == heard["p1monitor/status"] == qos
        sink.close()


def test_a_broker_that_hangs_costs_no_memory_at_quality_0(mosquitto: Mosquitto, settings: MqttSettings, clock: Hands) -> None:
    sink = MqttSink(replace(settings, qos=0), HOUSE, clock)
    sink.open()
    one = reading(1, monotonic=clock.now, message="x" * 10_000)
    assert mosquitto._process is not None
    os.kill(mosquitto._process.pid, signal.SIGSTOP)
    try:
        flood = ([one._replace(seq=seq)] for seq in range(2, 100_000))
        with pytest.raises(SinkError, match="takes nothing"):
            deque(map(sink.deliver, flood), maxlen=0)
        assert len(sink._unsent) <= 100
        started = time.monotonic()
        sink.close()
        assert time.monotonic() - started < 5
    finally:
        os.kill(mosquitto._process.pid, signal.SIGCONT)


def test_a_day_without_a_broker_leaves_nothing_to_replay(mosquitto: Mosquitto, settings: MqttSettings, clock: Hands) -> None:
    """A day of readings at a closed door: what stays is what is retained, once."""
    sink = MqttSink(settings, HOUSE, clock)
    sink.open()
    mosquitto.stop()
    until(lambda: not sink._connected.is_set())
    one = reading(1, message="hello")
    for second in range(0, 86_400, 60):  # the runner hands over twenty at once, at most
        clock.now += 60
        with pytest.raises(SinkError):
            sink.deliver([one._replace(seq=second + n, received=None) for n in range(0, 60, 3)])
    assert sink._client is not None
    assert len(sink._client._out_messages) + len(sink._client._out_packet) + len(sink._unsent) < 10
    assert len(sink._retained.everything()) < 20
    mosquitto.start()
    with closing(Subscriber(mosquitto)) as subscriber:
        until(sink._connected.is_set)
        sink.deliver([reading(2, monotonic=clock.now), reading(3, monotonic=clock.now)])
        until(lambda: subscriber.texts("p1monitor/home/live"))
        assert [json.loads(text)["seq"] for text in subscriber.texts("p1monitor/home/live")] == [3]
    sink.close()
