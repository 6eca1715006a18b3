"""Real servers for tests, each on a free loopback port and gone after it. Never touches one it did not start."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, sync_playwright

#: How long a server may take to listen. Each needs far less than a second; a busy Pi is slow.
START_S = 20.0
#: Below those that the system gives to outgoing connections, so that none of them takes a port between its choice and its use.
PORTS = 20_000, 30_000
#: Debian keeps daemons here, and a user's PATH often does not.
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"

_draw = SystemRandom()

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",  # the sandbox needs user namespaces, which containers often forbid
    "--disable-dev-shm-usage",  # a container's /dev/shm is 64 MB
    "--disable-gpu",  # there is none
    "--disable-background-networking",  # no update checks: nothing may leave the host
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where every service is required."""
    if os.environ.get("P1MONITOR_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{reason}, and P1MONITOR_REQUIRE_SERVICES=1 (try: make services)", pytrace=False)
    pytest.skip(reason)


def program(name: str, package: str) -> str:
    """The path of a program, or the end of the test."""
    found = shutil.which(name) or shutil.which(name, path=SYSTEM_FOLDERS)
    return found or unavailable(f"{name} is not installed (Debian: {package})")


def free_port() -> int:
    """A loopback port that nobody listens on at the moment, and that no outgoing connection is given meanwhile."""
    while True:
        port = _draw.randrange(*PORTS)
        with suppress(OSError), socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return port


class Server:
    """A program that listens on one loopback port, and keeps that port over restarts."""

    host = "127.0.0.1"

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.command = command
        self.port = port
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it listens."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection((self.host, self.port), 0.3).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        tail = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        pytest.fail(f"{self.command[0]} does not listen on {self.host}:{self.port}:\n{tail}", pytrace=False)

    def stop(self) -> None:
        """Stop it, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it without a goodbye (kill -9)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop, and start on the same port with the same data."""
        self.stop()
        self.start()


class Mosquitto(Server):
    """An MQTT broker. Open to all at first; retained messages outlive `restart`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "mosquitto.conf"
        binary = program("mosquitto", "mosquitto")
        super().__init__([binary, "-c", str(self.configuration)], free_port(), folder / "mosquitto.log")
        self.configure("allow_anonymous true")

    def configure(self, *lines: str) -> None:
        """Write its configuration: these lines after what it always needs. Takes effect at the next start."""
        always = (
            *(["user root"] if os.geteuid() == 0 else []),  # else it becomes a user that cannot read the test's folder
            f"listener {self.port} {self.host}",
            "persistence true",
            f"persistence_location {self.folder}/",
        )
        self.configuration.write_text("\n".join((*always, *lines, "")))

    def require(self, username: str, password: str) -> None:
        """Accept this user only, from now on."""
        passwords = self.folder / "passwords"
        passwords.unlink(missing_ok=True)
        maker = program("mosquitto_passwd", "mosquitto")
        subprocess.run([maker, "-b", "-c", str(passwords), username, password], check=True, capture_output=True)
        self.configure("allow_anonymous false", f"password_file {passwords}")
        self.restart()


class Victoria(Server):
    """VictoriaMetrics: takes InfluxDB's version 2 writes, and can say exactly what it took."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        command = [
            program("victoria-metrics", "victoria-metrics"),
            f"-storageDataPath={folder / 'storage'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-dedup.minScrapeInterval=1ms",  # else a point that is sent twice is there twice
            "-retentionPeriod=1200",  # months: the telegrams of the tests are from many years
        ]
        super().__init__(command, port, folder / "victoria.log")
        self.url = f"http://127.0.0.1:{port}"

    def flush(self) -> None:
        """Make everything written so far visible to `export`."""
        with urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=10) as answer:
            answer.read()

    def export(self, match: str) -> list[dict[str, object]]:
        """Every series that matches a selector: {"metric": {…}, "values": […], "timestamps": […]}."""
        query = urllib.parse.urlencode({"match[]": match})
        with urllib.request.urlopen(f"{self.url}/api/v1/export?{query}", timeout=10) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]


@pytest.fixture
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker that runs."""
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    """A VictoriaMetrics that runs."""
    server = Victoria(tmp_path_factory.mktemp("victoria"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without a window. It can resolve no name but this host's."""
    binary = program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(CHROMIUM_ARGUMENTS))
        yield browser
        browser.close()
