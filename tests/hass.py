"""A real Home Assistant of our own, driven as a browser would: its REST and WebSocket interfaces. Never touches another one."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pytest

from tests.services import Mosquitto, free_port

#: Home Assistant's first start makes its databases.
START_S, PATIENCE_S = 180.0, 30.0

CONFIGURATION = """\
homeassistant:
  name: test
  latitude: 52.1
  longitude: 5.2
  elevation: 0
  unit_system: metric
  time_zone: Europe/Amsterdam
  country: NL
  currency: EUR
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
config:
websocket_api:
auth:
onboarding:
logger:
  default: warning
"""

TEXT, MASKED, FIN = 0x01, 0x80, 0x80


class Broker(Protocol):
    """Where one listens."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


class HomeAssistant:
    """A `hass` of our own, driven through its own interfaces."""

    def __init__(self, command: str, folder: Path) -> None:
        self.command, self.folder, self.port = command, folder, free_port()
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=self.port))

    def start(self) -> None:
        with (self.folder / "output.log").open("ab") as log:
            command = [self.command, "-c", str(self.folder)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until(self._answers, START_S)
        if not self.token:
            self._onboard()
        until(lambda: self.call("GET", "/api/config")["state"] == "RUNNING", START_S)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def call(self, method: str, path: str, body: object = None, *, form: dict[str, str] | None = None) -> Any:
        data = urllib.parse.urlencode(form).encode() if form else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        request.add_header("Content-Type", "application/x-www-form-urlencoded" if form else "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def add_broker(self, broker: Broker, **login: str) -> None:
        """The steps of "Add integration", as its own page takes them; with a username and a password, if the broker wants them."""
        flow = self.call("POST", "/api/config/config_entries/flow", {"handler": "mqtt"})
        answer: dict[str, object] = {"broker": broker.host, "port": broker.port, **login}
        for field in flow.get("data_schema") or []:
            if field.get("type") == "expandable":  # releases of 2026 keep the rest in a section
                inner = {part["name"]: part["default"] for part in field["schema"] if part.get("default") is not None}
                answer[field["name"]] = inner
        made = self.call("POST", f"/api/config/config_entries/flow/{flow['flow_id']}", answer)
        assert made["type"] == "create_entry", made

    def states(self) -> dict[str, Any]:
        """Unique id -> state, of what came by MQTT."""
        entries = self.ask("config/entity_registry/list")
        states = {state["entity_id"]: state for state in self.call("GET", "/api/states")}
        mine = {entry["unique_id"]: entry["entity_id"] for entry in entries if entry["platform"] == "mqtt"}
        return {unique: states[entity] for unique, entity in mine.items() if entity in states}

    def ask(self, kind: str, **more: object) -> Any:
        return _ask(self.port, self.token, {"type": kind, **more})

    def add_dsmr_reader(self) -> None:
        """Add Home Assistant's own integration of DSMR-reader, with all of its entities switched on."""
        flow = self.call("POST", "/api/config/config_entries/flow", {"handler": "dsmr_reader"})
        made = self.call("POST", f"/api/config/config_entries/flow/{flow['flow_id']}", {})
        assert made["type"] == "create_entry", made
        mine = [one for one in self.ask("config/entity_registry/list") if one["platform"] == "dsmr_reader"]
        for entity in (one["entity_id"] for one in mine if one["disabled_by"]):
            self.ask("config/entity_registry/update", entity_id=entity, disabled_by=None)
        self.call("POST", f"/api/config/config_entries/entry/{made['result']['entry_id']}/reload")

    def complaints(self) -> list[str]:
        """Lines of the log from warning upwards that concern MQTT, templates, or us."""
        log = (self.folder / "output.log").read_text(errors="replace")
        plain = re.sub("\x1b\\[[0-9;]*m", "", log).splitlines()
        about = re.compile(r"mqtt|dsmr|p1monitor|template|device_registry|entity_registry|components\.sensor", re.IGNORECASE)
        return [line for line in plain if re.search(r"WARNING|ERROR|CRITICAL", line) and about.search(line)]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "output.log").read_text()[-2000:]
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/manifest.json", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def _onboard(self) -> None:
        client = f"http://127.0.0.1:{self.port}/"
        user = {"client_id": client, "name": "t", "username": "t", "password": "not a secret", "language": "en"}
        code = self.call("POST", "/api/onboarding/users", user)["auth_code"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": client}
        self.token = self.call("POST", "/auth/token", form=grant)["access_token"]


@pytest.fixture
def homeassistant(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[HomeAssistant]:
    made = HomeAssistant(os.environ["P1MONITOR_HASS"], tmp_path)
    try:
        made.start()
        made.add_broker(mosquitto)
        yield made
    finally:
        made.stop()


def until(condition: Callable[[], object], patience: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.1)


def _ask(port: int, token: str, question: Mapping[str, object]) -> Any:
    """Sign in, ask one question, and return its result."""
    with socket.create_connection(("127.0.0.1", port), 30) as line, line.makefile("rb") as incoming:
        key = base64.b64encode(os.urandom(16)).decode()
        line.sendall(
            f"GET /api/websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while incoming.readline() not in {b"\r\n", b""}:
            pass
        assert _receive(incoming)["type"] == "auth_required"
        line.sendall(_frame({"type": "auth", "access_token": token}))
        assert _receive(incoming)["type"] == "auth_ok"
        line.sendall(_frame({"id": 1, **question}))
        answer = _receive(incoming)
        assert answer["success"], answer
        return answer["result"]


def _frame(message: object) -> bytes:
    """RFC 6455 §5.2; a client masks."""
    payload, mask = json.dumps(message).encode(), os.urandom(4)
    size = bytes([MASKED | len(payload)]) if len(payload) < 126 else bytes([MASKED | 126]) + len(payload).to_bytes(2, "big")
    return bytes([FIN | TEXT]) + size + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def _receive(incoming: BinaryIO) -> Any:
    whole = b""
    while True:
        first, size = incoming.read(2)
        if size >= 126:
            size = int.from_bytes(incoming.read(2 if size == 126 else 8), "big")
        whole += incoming.read(size)
        if first & FIN:
            return json.loads(whole)
