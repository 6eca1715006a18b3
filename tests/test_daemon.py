"""The whole daemon: several meters, restarts, lost lines, sinks in trouble; what is well goes on."""

from __future__ import annotations

import json
import logging
import re
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from p1monitor import sdnotify
from p1monitor.daemon import Daemon
from p1monitor.fanout import SinkRunner
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.settings import (
    HistorySettings,
    InfluxSettings,
    MeterSettings,
    MqttSettings,
    RelaySettings,
    Settings,
    SourceSettings,
    WebSettings,
)
from tests.services import Mosquitto, Victoria, free_port

DEADLINE_S = 20.0
SIMULATED = SourceSettings(type="simulated", model="esmr5")
MODEL = MODELS["esmr5"]


def until(done: Callable[[], object]) -> None:
    """Poll, with a deadline."""
    end = time.monotonic() + DEADLINE_S
    while not done():
        assert time.monotonic() < end, "not within the deadline"
        time.sleep(0.01)


def told(daemon: Daemon, meter: str = "home") -> dict[str, Any]:
    """What the status says of a meter."""
    found: dict[str, Any] = daemon.status.snapshot()["meters"].get(meter, {"telegrams": 0})
    return found


def values(daemon: Daemon, meter: str = "home") -> dict[str, object]:
    """The newest values of a meter."""
    reading = daemon.live.latest(meter)
    return {name: measurement.value for name, measurement in reading.values.items()} if reading else {}


def settings(folder: Path, *meters: MeterSettings, **tables: Any) -> Settings:
    """Settings with a history, and a page on a free port."""
    web = WebSettings(listen=f"127.0.0.1:{free_port()}")
    return Settings(meters, HistorySettings(path=folder / "history.sqlite"), web, **tables)


class Line:
    """A TCP server that is a meter's cable: it can be pulled and put back in."""

    def __init__(self) -> None:
        self.port = free_port()
        self.server: socket.socket | None = None
        self.client: socket.socket | None = None
        self.sent = 0

    def plug(self) -> None:
        self.server = socket.create_server(("127.0.0.1", self.port))
        self.server.settimeout(DEADLINE_S)

    def send(self) -> bytes:
        assert self.server
        if self.client is None:
            self.client, _ = self.server.accept()
        self.sent += 1
        frame = render(MODEL.telegram(datetime.fromtimestamp(1_700_000_000 + self.sent, UTC), 0))
        self.client.sendall(frame)
        return frame

    def pull(self) -> None:
        for end in (self.client, self.server):
            if end:
                end.close()
        self.client = self.server = None

    def source(self) -> SourceSettings:
        return SourceSettings(type="tcp", host="127.0.0.1", port=self.port)


@contextmanager
def line() -> Iterator[Line]:
    """A line that is plugged in."""
    made = Line()
    made.plug()
    try:
        yield made
    finally:
        made.pull()


def test_several_meters_are_told_apart_everywhere(tmp_path: Path) -> None:
    house, barn = (MeterSettings(name=name, source=replace(SIMULATED, seed=seed)) for seed, name in enumerate(("home", "barn")))
    with Daemon(settings(tmp_path, house, barn)) as daemon:
        until(lambda: values(daemon, "home") and values(daemon, "barn"))
        assert values(daemon, "home")["equipment_id"] != values(daemon, "barn")["equipment_id"]
    with sqlite3.connect(tmp_path / "history.sqlite") as db:
        assert db.execute("SELECT name FROM meter ORDER BY name").fetchall() == [("barn",), ("home",)]


def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with line() as cable:
        made = settings(tmp_path, MeterSettings(source=cable.source()))
        with Daemon(made) as daemon:
            for _ in range(3):
                cable.send()
            until(lambda: told(daemon)["telegrams"] == 3)
            installation = daemon.house.installation
        cable.pull()
        cable.plug()
        with Daemon(replace(made, web=None)) as daemon:
            cable.send()
            until(lambda: told(daemon)["telegrams"] == 1)
            reading = daemon.live.latest("home")
            assert reading is not None
            assert reading.seq == 4
            assert [device.role for device in reading.devices] == ["gas"]
            assert daemon.house.installation == installation


def test_unplugged_and_plugged_in_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with line() as cable, caplog.at_level(logging.INFO), Daemon(settings(tmp_path, MeterSettings(source=cable.source()))) as daemon:
        cable.send()
        until(lambda: told(daemon)["telegrams"] == 1)
        cable.pull()
        until(lambda: not told(daemon)["connected"])
        until(lambda: told(daemon)["last_trouble"])
        cable.plug()
        cable.send()
        until(lambda: told(daemon)["telegrams"] == 2)
        assert told(daemon)["reconnects"] == 1
        until(lambda: told(daemon)["last_trouble"] is None)
    lost = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert 1 <= len(lost) <= 2, [record.getMessage() for record in lost]  # closed by the other side, then refused


def test_a_broker_with_a_wrong_password_is_one_sentence_and_the_rest_goes_on(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    mosquitto.require("somebody", "the password")
    (tmp_path / "secret").write_text("not the password\n")
    mqtt = MqttSettings(
        host=mosquitto.host,
        port=mosquitto.port,
        username="somebody",
        password_file=tmp_path / "secret",
    )
    relay = RelaySettings(listen=f"127.0.0.1:{free_port()}")
    made = settings(tmp_path, MeterSettings(source=SIMULATED), mqtt=mqtt, relay=relay)
    with Daemon(made) as daemon:
        until(lambda: daemon.status.snapshot()["sinks"]["mqtt"]["state"] == "retrying")
        until(lambda: told(daemon)["telegrams"] >= 2)
        host, _, port = relay.listen.partition(":")
        with socket.create_connection((host, int(port)), DEADLINE_S) as client:
            assert client.recv(5) == b"/ISK5"
        assert made.web
        with urllib.request.urlopen(f"http://{made.web.listen}/api/v1/live", timeout=5) as answer:
            assert json.load(answer)["values"]["dsmr_version"] == "50"
    sentences = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(sentences) == 1, sentences
    assert re.search("user|password|authori", sentences[0])
    assert "not the password" not in caplog.text


def test_the_watchdog_hears_of_us_only_while_readers_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        with Daemon(settings(tmp_path, MeterSettings(source=SIMULATED))) as daemon:
            until(lambda: told(daemon)["telegrams"] >= 1)
            assert daemon.look()
            heard = systemd.recv(4096).decode().splitlines()
            assert heard[0] == sdnotify.WATCHDOG
            assert re.fullmatch(r"STATUS=home: live, \d+ telegrams, 0 refused", heard[1])
            monkeypatch.setattr(daemon.readers[0], "turned", lambda: daemon.readers[0]._clock.monotonic() - 1000)
            assert not daemon.look()
            assert not daemon.look()
            assert caplog.text.count("the reader of home hangs") == 1
            with pytest.raises(BlockingIOError):
                systemd.recv(4096)
        assert systemd.recv(4096).decode() == sdnotify.STOPPING


def test_the_end_of_a_recording_is_an_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"".join(render(MODEL.telegram(datetime.fromtimestamp(1_700_000_000 + n, UTC), 0)) for n in range(50)))
    source = SourceSettings(type="replay", path=path, speed=None)
    with Daemon(settings(tmp_path, MeterSettings(source=source))) as daemon:
        until(daemon.ended)
        assert told(daemon)["telegrams"] == 50


def test_an_influxdb_that_was_away_through_a_restart_gets_what_it_missed(
    victoria: Victoria, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    stop = SinkRunner.stop

    def noted(runner: SinkRunner, timeout: float) -> bool:
        stopped.append(runner.name)
        return stop(runner, timeout)

    monkeypatch.setattr(SinkRunner, "stop", noted)
    victoria.stop()
    path = tmp_path / "a.txt"
    influx = InfluxSettings(victoria.url, bucket="energy")
    for life in range(2):
        moments = (datetime.fromtimestamp(1_700_000_000 + 1000 * life + second, UTC) for second in range(200))
        path.write_bytes(b"".join(render(MODEL.telegram(moment, 0)) for moment in moments))
        source = SourceSettings(type="replay", path=path, speed=None)
        if life:
            victoria.start()
        with Daemon(settings(tmp_path, MeterSettings(source=source), influxdb=influx)) as daemon:
            until(daemon.ended)
            until(lambda life=life: daemon.status.snapshot()["sinks"]["influxdb"]["behind"] == (0 if life else 200))  # type: ignore[misc]  # binds life
    assert stopped == 2 * ["influxdb", "recorder"]  # who saves how far the other came
    victoria.flush()
    (power,) = victoria.export('{__name__="p1_power_w"}')
    assert power["timestamps"] == [1000 * (1_700_000_000 + 1000 * life + second) for life in range(2) for second in range(200)]
    with sqlite3.connect(tmp_path / "history.sqlite") as db:
        assert db.execute("SELECT value FROM note WHERE key = 'cursor:influxdb//energy:home'").fetchall() == [("400",)]
