"""Daemons and a broker that trust only each other's certificates, killed in turn: five seconds later all is right again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from p1monitor.p1.records import Reading
from p1monitor.settings import MqttSettings
from p1monitor.sinks import Spent
from p1monitor.sinks.mqtt import POLICY, MqttSink
from p1monitor.sinks.mqtt_line import RECONNECT_MOST_S
from tests.clocks import Hands
from tests.meter_with_gas import reading
from tests.mqttkit import HOUSE, PATIENCE_S, Subscriber, certify, clock, retained, settings, until
from tests.services import Mosquitto, free_port

__all__ = ["clock", "settings"]  # fixtures

#: After what was killed runs again.
RIGHT_S = 5.0
#: The meter may do this and nothing else; whoever comes without a certificate may do all.
ACL = """\
topic readwrite #
user meter
topic write three/#
topic write five/#
topic readwrite homeassistant/#
"""
CONFIGURATION = """\
[[meter]]
[meter.source]
type = "simulated"
model = "esmr5"
[history]
path = "{folder}/{topic}.sqlite"
[web]
listen = "127.0.0.1:{web}"
[mqtt]
host = "127.0.0.1"
port = {port}
protocol = "{protocol}"
topic = "{topic}"
tls = true
ca_file = "{folder}/ca.crt"
certificate_file = "{folder}/client.crt"
key_file = "{folder}/client.key"
"""
#: Topic of each daemon -> how it speaks. Both at once, for it is mostly waiting.
DAEMONS = {"three": "3.1.1", "five": "5"}


@contextmanager
def daemons(folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of their own."""
    with (folder / "log").open("ab") as log:
        commands = [[sys.executable, "-m", "p1monitor", "run", "-c", str(folder / topic)] for topic in DAEMONS]
        processes = [subprocess.Popen(one, stdin=subprocess.DEVNULL, stdout=log, stderr=log) for one in commands]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture
def folder(tmp_path: Path, mosquitto: Mosquitto) -> Path:
    """The certificates and the configurations of the daemons; the broker has a second door, and forgets all when it ends."""
    certify(tmp_path)
    (tmp_path / "acl").write_text(ACL)
    (tmp_path / "acl").chmod(0o700)
    port = free_port()
    mosquitto.configure(
        "allow_anonymous true",
        f"acl_file {tmp_path}/acl",
        f"listener {port} 127.0.0.1",
        *(
            f"{kind} {tmp_path}/{file}"
            for kind, file in (("certfile", "server.crt"), ("keyfile", "server.key"), ("cafile", "ca.crt"))
        ),
        "require_certificate true",
        "use_identity_as_username true",
    )
    mosquitto.configuration.write_text(mosquitto.configuration.read_text().replace("persistence true", "persistence false"))
    mosquitto.restart()
    for topic, protocol in DAEMONS.items():
        (tmp_path / topic).write_text(
            CONFIGURATION.format(folder=tmp_path, port=port, protocol=protocol, topic=topic, web=free_port())
        )
    return tmp_path


def right(broker: Mosquitto) -> bool:
    """What a newcomer is told is all there is to be told."""
    kept = retained(broker)
    announced = sorted(topic.rpartition("-")[2] for topic in kept if topic.endswith("/config"))
    return announced == sorted(["home/config", "gas/config"] * len(DAEMONS)) and all(
        kept.get(f"{topic}/status") == kept.get(f"{topic}/home/status") == "online"
        and "at" in json.loads(kept.get(f"{topic}/home/reading", "{}"))
        and {f"{topic}/home/gas", f"{topic}/home/health"} <= kept.keys()
        for topic in DAEMONS
    )


def within(condition: Callable[[], object]) -> float:
    began = time.monotonic()
    until(condition)
    return time.monotonic() - began


def test_all_is_right_again_five_seconds_after_a_kill(mosquitto: Mosquitto, folder: Path) -> None:
    assert RECONNECT_MOST_S + POLICY.retry_most_s < RIGHT_S, "however long the broker was away"
    with daemons(folder) as first:
        until(lambda: right(mosquitto))
        mosquitto.kill()
        mosquitto.start()
        assert "three/home/reading" not in retained(mosquitto), "it has forgotten all"
        assert within(lambda: right(mosquitto)) < RIGHT_S
        with closing(Subscriber(mosquitto)) as subscriber:
            for one in first:
                one.kill()
            assert within(lambda: all(subscriber.last(f"{topic}/status") == "offline" for topic in DAEMONS)) < RIGHT_S
    with daemons(folder) as second:
        until(lambda: (folder / "log").read_text().count("started: ") == 2 * len(DAEMONS))
        assert within(lambda: right(mosquitto)) < RIGHT_S
        for one in second:
            one.terminate()
        assert [one.wait(PATIENCE_S) for one in second] == [0, 0]
        kept = retained(mosquitto)
        assert {kept[f"{topic}/{leaf}"] for topic in DAEMONS for leaf in ("status", "home/status")} == {"offline"}
    said = (folder / "log").read_text()
    assert "Traceback" not in said
    assert "does not take all" not in said, "the ACL is enough"


def test_a_broker_that_forgot_all_while_we_looked_into_the_history_is_told_all(
    mosquitto: Mosquitto, settings: MqttSettings, clock: Hands
) -> None:
    slow: list[Callable[[], None]] = []

    def asked(_: Reading) -> Mapping[str, Spent]:
        if slow:
            slow.pop()()
        return {}

    def restarted() -> None:
        mosquitto.kill()
        (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
        until(lambda: not sink._connected.is_set())
        mosquitto.start()
        until(sink._connected.is_set)

    with closing(MqttSink(replace(settings, interval=1), replace(HOUSE, spent=asked), clock)) as sink:
        sink.open()
        sink.deliver([reading(1, monotonic=clock.now)])
        until(lambda: "p1monitor/home/gas" in retained(mosquitto))
        slow.append(restarted)
        for seq in (2, 3):
            clock.now += 2
            sink.deliver([reading(seq, monotonic=clock.now)])
        until(lambda: {"p1monitor/status", "p1monitor/home/status", "p1monitor/home/gas"} <= retained(mosquitto).keys())
