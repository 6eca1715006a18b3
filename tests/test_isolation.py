"""Sinks in trouble, one by one and two at once, beside healthy ones in a real daemon: nobody else notices, and nothing is lost."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from p1monitor.daemon import Daemon
from p1monitor.fanout import STOP_S
from p1monitor.recorder.reading_back import EVER, telegrams
from p1monitor.settings import HistorySettings, InfluxSettings, MeterSettings, MqttSettings, RelaySettings, Settings, WebSettings
from p1monitor.sinks import influxdb, mqtt, relay
from tests.mqttkit import Subscriber
from tests.relaykit import read
from tests.services import Mosquitto, Victoria, free_port
from tests.test_daemon import Line, line, until

#: More telegrams than any live queue takes, and than fit between us and a client that does not read.
SENT = 100
NARROW = 2048  #: bytes that such a client takes
UNKNOWN = "no-such-host.invalid"

DEAD_BROKER, SILENT_BROKER, UNKNOWN_BROKER = "dead broker", "silent broker", "unknown broker"
SILENT_INFLUX, UNKNOWN_INFLUX, STALLED = "silent InfluxDB", "unknown InfluxDB", "five stalled clients"
#: Fault -> the sink that has it.
OF = {DEAD_BROKER: "mqtt", SILENT_BROKER: "mqtt", UNKNOWN_BROKER: "mqtt", SILENT_INFLUX: "influxdb", UNKNOWN_INFLUX: "influxdb"}
CASES = (
    (),
    (DEAD_BROKER,),
    (SILENT_BROKER,),
    (SILENT_INFLUX,),
    (STALLED,),
    (UNKNOWN_BROKER,),
    (DEAD_BROKER, SILENT_INFLUX),
    (SILENT_BROKER, SILENT_INFLUX),
    (SILENT_BROKER, STALLED),
    (SILENT_INFLUX, STALLED),
    (UNKNOWN_BROKER, UNKNOWN_INFLUX),
)
LIMITS = {"recorder": 3600, "mqtt": mqtt.POLICY.queue, "influxdb": influxdb.POLICY.queue, "relay": relay.POLICY.queue}


@dataclass(frozen=True)
class Outcome:
    """What was there in the end."""

    sent: list[bytes]
    kept: list[bytes]  #: by the history
    heard: list[int]  #: numbers of the live readings at the broker
    relayed: bytes  #: what a healthy client read
    page: bytes  #: the newest telegram, as the page's server tells it
    sinks: Mapping[str, Mapping[str, Any]]  #: the status, when all was sent
    most: Mapping[str, int]  #: the most that waited for each sink
    points: int  #: in InfluxDB
    stop_s: float


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[tuple[str, ...], Future[Outcome]]]:
    """All at the same time: what takes long is waiting for who never answers."""
    broker, victoria = Mosquitto(tmp_path_factory.mktemp("mosquitto")), Victoria(tmp_path_factory.mktemp("victoria"))
    with ExitStack() as servers:
        for server in (broker, victoria):
            servers.callback(server.stop)
            server.start()
        silent = servers.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        subscriber = servers.enter_context(closing(Subscriber(broker)))
        town = Town(broker, victoria, subscriber, silent.getsockname()[1])
        with ThreadPoolExecutor(len(CASES)) as pool:
            yield {case: pool.submit(town.live, f"m{n}", case, tmp_path_factory.mktemp("home")) for n, case in enumerate(CASES)}


@dataclass(frozen=True)
class Town:
    """The healthy servers, and the port of one that accepts and never says a word."""

    broker: Mosquitto
    victoria: Victoria
    subscriber: Subscriber
    silent: int

    def live(self, name: str, faults: tuple[str, ...], folder: Path) -> Outcome:
        """A daemon's life with these faults."""
        made = self.settings(faults, folder)
        ill = {OF.get(fault) for fault in faults}
        with ExitStack() as life:
            cable = life.enter_context(line())
            daemon = life.enter_context(Daemon(Settings((MeterSettings(name=name, source=cable.source()),), **made)))
            reader, *_ = [life.enter_context(one) for one in clients(made["relay"], stalled=5 if STALLED in faults else 0)]
            sent, most = feed(daemon, name, cable, {"mqtt", "relay"} - ill)
            relayed = read(reader, len(b"".join(sent)))
            until(lambda: all(told(daemon, sink)["accepted"] == SENT for sink in LIMITS.keys() - ill))
            until(lambda: "mqtt" in ill or len(self.heard(name)) == SENT)
            page = urllib.request.urlopen(f"http://{made['web'].listen}/api/v1/telegram", timeout=5).read()
            sinks = {sink: told(daemon, sink) for sink in LIMITS}
            began = time.monotonic()
        stop_s = time.monotonic() - began
        kept = list(telegrams(made["history"].path, name, *EVER))
        return Outcome(sent, kept, self.heard(name), relayed, page, sinks, most, self.points(name), stop_s)

    def settings(self, faults: tuple[str, ...], folder: Path) -> dict[str, Any]:
        brokers = {
            DEAD_BROKER: MqttSettings("127.0.0.1", free_port()),
            SILENT_BROKER: MqttSettings("127.0.0.1", self.silent),
            UNKNOWN_BROKER: MqttSettings(UNKNOWN),
        }
        urls = {SILENT_INFLUX: f"http://127.0.0.1:{self.silent}", UNKNOWN_INFLUX: f"http://{UNKNOWN}:8086"}
        url = next((urls[fault] for fault in faults if fault in urls), self.victoria.url)
        broker = next((brokers[fault] for fault in faults if fault in brokers), MqttSettings(self.broker.host, self.broker.port))
        return {
            "history": HistorySettings(path=folder / "history.sqlite"),
            "web": WebSettings(listen=f"127.0.0.1:{free_port()}"),
            "relay": RelaySettings(listen=f"127.0.0.1:{free_port()}"),
            "mqtt": broker,
            "influxdb": InfluxSettings(url=url, bucket="home"),
        }

    def heard(self, name: str) -> list[int]:
        return [json.loads(text)["seq"] for text in self.subscriber.texts(f"p1monitor/{name}/live")]

    def points(self, name: str) -> int:
        self.victoria.flush()
        series: list[Any] = self.victoria.export(f'{{__name__="p1_power_w",meter="{name}"}}')
        return sum(len(set(one["timestamps"])) for one in series)


def clients(settings: RelaySettings, stalled: int) -> Iterator[socket.socket]:
    """One that reads, and some that never do."""
    host, _, port = settings.listen.partition(":")
    until(lambda: listens(host, int(port)))
    yield socket.create_connection((host, int(port)), 10)
    for _ in range(stalled):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
        client.connect((host, int(port)))
        yield client


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def feed(daemon: Daemon, meter: str, cable: Line, healthy: set[str]) -> tuple[list[bytes], Mapping[str, int]]:
    """Send telegram after telegram, each as soon as the live sinks that are well have the one before."""
    sent, most = list[bytes](), dict.fromkeys(LIMITS, 0)
    until(lambda: all(told(daemon, sink)["state"] == "ok" for sink in healthy))
    for number in range(1, SENT + 1):
        sent.append(cable.send())
        until(partial(arrived, daemon, meter, number, healthy))
        most = {sink: max(most[sink], told(daemon, sink)["queued"]) for sink in LIMITS}
    return sent, most


def arrived(daemon: Daemon, meter: str, number: int, sinks: set[str]) -> bool:
    newest = daemon.live.latest(meter)
    return newest is not None and newest.seq == number and all(told(daemon, sink)["accepted"] == number for sink in sinks)


def told(daemon: Daemon, sink: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = daemon.status.snapshot()["sinks"][sink]
    return found


@pytest.mark.parametrize("faults", CASES, ids=lambda faults: " + ".join(faults) or "all is well")
def test_whoever_is_well_has_everything_and_whoever_is_not_stays_bounded(
    outcomes: Mapping[tuple[str, ...], Future[Outcome]], faults: tuple[str, ...]
) -> None:
    found, ill = outcomes[faults].result(), {OF.get(fault) for fault in faults}
    assert found.kept == found.sent, "the history has every telegram"
    assert found.relayed == b"".join(found.sent)
    assert found.page == found.sent[-1]
    assert found.stop_s < STOP_S
    for sink, limit in LIMITS.items():
        state = found.sinks[sink]
        assert found.most[sink] <= limit
        assert sink in ill or (state["state"], state["last_error"]) == ("ok", None)
        assert state["accepted"] == (0 if sink in ill else SENT)
        assert bool(state["dropped"]) == (sink == "mqtt" and sink in ill), "only of what is live"
        assert sink == "influxdb" or state["accepted"] + state["dropped"] + state["queued"] == SENT, "each is counted"
    assert found.heard == ([] if "mqtt" in ill else list(range(1, SENT + 1)))
    assert found.points == (0 if "influxdb" in ill else SENT)
