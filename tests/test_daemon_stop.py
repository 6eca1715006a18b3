"""However many meters hang, the daemon stops in the time of one: what is queued must still be saved."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from p1monitor import daemon
from p1monitor.settings import MeterSettings, SourceSettings
from tests.test_daemon import settings

METERS, EACH_S, BRIDGE = 4, 0.5, "bridge.example"


def test_readers_that_hang_are_waited_for_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, answered, known = [], Event(), socket.getaddrinfo

    def nameserver(host: Any, *which: Any, **more: Any) -> Any:
        if host != BRIDGE:
            return known(host, *which, **more)
        asked.append(host)
        answered.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    names = [f"meter{number}" for number in range(METERS)]
    source = SourceSettings(type="tcp", host=BRIDGE, port=23)
    made = daemon.Daemon(settings(tmp_path, *(MeterSettings(name=name, source=source) for name in names)))
    monkeypatch.setattr(socket, "getaddrinfo", nameserver)
    monkeypatch.setattr(daemon, "STOP_S", EACH_S)
    try:
        with made:
            while len(asked) < METERS:
                time.sleep(0.01)
            began = time.monotonic()
        assert time.monotonic() - began < 2 * EACH_S + 1
    finally:
        answered.set()
    left = [record.getMessage() for record in caplog.records if "left behind" in record.getMessage()]
    assert left == [f"the reader of {name} did not stop in time; it is left behind" for name in names]
