"""The commands, as a user types them: in a process of their own where they run, in this one where they only answer."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from p1monitor import asking
from p1monitor.cli import main
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.telegram import parse
from p1monitor.password import verify
from p1monitor.settings import WebSettings
from tests.services import free_port

DEADLINE_S = 20.0


def call(*words: str, given: str | bytes | None = None) -> Result:
    """Call the command in this process."""
    return CliRunner().invoke(main, words, input=given)


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Call the command in a process of its own; it is ended as Ctrl-C ends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "p1monitor", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(DEADLINE_S)
        if process.stdout:
            process.stdout.close()


def get(url: str) -> Any:
    """Ask until it answers, with a deadline."""
    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return json.load(answer)
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < end, url
            time.sleep(0.05)


def written(folder: Path, listen: str, *source: str, name: str = "home", more: str = "") -> Path:
    """A configuration with a meter, a history in the folder, and the page."""
    path = folder / "config.toml"
    lines = ("[[meter]]", f'name = "{name}"', "[meter.source]", *source)
    path.write_text(
        "\n".join((*lines, "[history]", f'path = "{folder}/history.sqlite"', "[web]", f'listen = "{listen}"', more, ""))
    )
    return path


GOOD = b"/TST5\r\n\r\n1-0:1.7.0(01.193*kW)\r\n!\r\n"


def test_decode_files_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(GOOD)
    (tmp_path / "b.hex").write_text(GOOD.hex(" ", 8) + "\n")
    result = call("decode", "--json", str(tmp_path / "a.txt"), str(tmp_path / "b.hex"), "-", given=GOOD)
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [line["objects"][0]["value"] for line in told] == [1193] * 3
    assert [line["file"] for line in told] == [str(tmp_path / "a.txt"), str(tmp_path / "b.hex"), "-"]
    assert "Power import" in call("decode", str(tmp_path / "a.txt")).stdout


def test_decode_without_a_good_telegram(tmp_path: Path) -> None:
    result = call("decode", "--json", given=b"/TST5\r\n\r\n1-3:0.2.8(50)\r\n!0000\r\n")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["reason"] == "crc"
    (tmp_path / "x.hex").write_text("zz")
    for words, sentence in (
        (("decode", str(tmp_path / "missing")), "No such file"),
        (("decode", str(tmp_path / "x.hex")), "no hex dump"),
    ):
        result = call(*words)
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_check(tmp_path: Path) -> None:
    port = free_port()
    more = f'[mqtt]\nhost = "127.0.0.1"\nport = {free_port()}'
    config = written(tmp_path, f"127.0.0.1:{port}", 'type = "serial"', f'device = "{tmp_path}/ttyUSB9"', more=more)
    result = call("check", "-c", str(config))
    assert result.exit_code == 1
    told = {line[5:].partition(":")[0]: line[:3] for line in result.stdout.splitlines()[1:]}
    assert told == {"checksum": "ok ", "meter home": "NOT", "history": "ok ", "page": "ok ", "mqtt": "NOT"}
    with socket.create_server(("127.0.0.1", port)):
        assert f"NOT  page: cannot listen on 127.0.0.1:{port}" in call("check", "-c", str(config)).stdout
    config.write_text(config.read_text().replace('host = "127.0.0.1"', 'host = "broker..lan"'))
    assert "NOT  mqtt: broker..lan cannot be the name of a host\n" in call("check", "-c", str(config)).stdout


def test_a_wrong_configuration_is_one_sentence(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[[meter]]\n[meter.source]\ntype = "simulated"\n[mqtt]\nhots = "x"\n')
    for command in ("run", "check"):
        result = call(command, "-c", str(config))
        assert result.exit_code == 2
        (sentence,) = result.stderr.splitlines()
        assert str(config) in sentence
        assert "hots" in sentence
        assert "host" in sentence.partition("hots")[2]


def test_run_without_a_configuration_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = call("run", "-c", str(tmp_path / "none.toml"))
    assert result.exit_code == 2
    assert "none.toml is not there" in result.stderr
    assert "config" in result.stdout or "serial port" in result.stdout


def test_passwd(tmp_path: Path) -> None:
    result = call("passwd", given="correct horse\n")
    assert verify(result.stdout.strip(), "correct horse")
    path = tmp_path / "password"
    result = call("passwd", "-o", str(path), given="correct horse\n")
    assert verify(path.read_text().strip(), "correct horse")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "correct horse" not in result.output
    result = call("passwd", given="short\n")
    assert result.exit_code == 2
    assert "8" in result.stderr


def test_simulate_into_a_file_and_replay_it(tmp_path: Path) -> None:
    path = tmp_path / "past.txt"
    count = call("simulate", "--model", "me381", "--file", str(path), "--days", "0.01").stdout
    assert count in ("86 telegrams\n", "87 telegrams\n")  # 864 seconds, one telegram in ten
    framer = Framer()
    frames = [*framer.feed(path.read_bytes()), *framer.end()]
    assert count == f"{len(frames)} telegrams\n"
    port = free_port()
    config = written(tmp_path, f"127.0.0.1:{port}", 'type = "simulated"', name="barn")
    with running("replay", str(path), "-c", str(config), "--speed", "max", "--loop") as process:
        live = get(f"http://127.0.0.1:{port}/api/v1/live")
        assert live["meter"] == "barn"
    assert process.returncode == 0
    assert not (tmp_path / "history.sqlite").exists()


def test_simulate_on_a_pseudo_terminal_and_on_tcp() -> None:
    with running("simulate", "--pty") as process:
        assert process.stdout
        device = os.open(process.stdout.readline().strip(), os.O_RDONLY | os.O_NOCTTY)
        assert _first(lambda: os.read(device, 4096)).startswith("ISK5")
        os.close(device)
    with running("simulate", "--tcp", str(free_port()), "--seed", "3") as process:
        assert process.stdout
        host, _, port = process.stdout.readline().strip().partition(":")
        with socket.create_connection((host, int(port)), DEADLINE_S) as client:
            assert _first(lambda: client.recv(4096)).startswith("ISK5")
    assert process.returncode == 0


def _first(read: Any) -> str:
    framer = Framer()
    while True:
        for event in framer.feed(read()):
            if isinstance(event, Frame):
                return parse(event).identification


def test_what_simulate_sends_on_a_pseudo_terminal_run_can_read(tmp_path: Path) -> None:
    port = free_port()
    with running("simulate", "--pty") as meter:
        assert meter.stdout
        device = meter.stdout.readline().strip()
        config = written(tmp_path, f"127.0.0.1:{port}", 'type = "serial"', f'device = "{device}"')
        assert "ok   meter home" in call("check", "-c", str(config)).stdout
        with running("run", "-c", str(config)):
            get(f"http://127.0.0.1:{port}/api/v1/status")
            end = time.monotonic() + DEADLINE_S
            while "power_w" not in get(f"http://127.0.0.1:{port}/api/v1/live")["values"]:
                assert time.monotonic() < end
                time.sleep(0.1)
            told = call("check", "-c", str(config)).stdout  # what the daemon itself holds is no fault
            assert f"ok   meter home: {device} is there, and p1monitor, which runs, reads it" in told
            assert f"ok   page: 127.0.0.1:{port} is in use by p1monitor, which runs" in told
        held = os.open(device, os.O_RDONLY | os.O_NOCTTY)
        assert f"NOT  meter home: {device} is held by" in call("check", "-c", str(config)).stdout
        os.close(held)


def test_replay_within_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(GOOD)
    for speed in ("fast", "0", "-3", "nan"):
        result = call("replay", str(path), "--speed", speed)
        assert result.exit_code == 2, speed
        assert f"--speed {speed}" in result.stderr
    path.write_bytes(b"no telegram at all")
    with running("replay", str(path), "--speed", "max", "--listen", f"127.0.0.1:{free_port()}") as process:
        assert process.wait(DEADLINE_S) == 1
        assert process.stdout
        assert "no good telegram" in process.stdout.read()


def test_simulate_stages_scenes_at_a_time_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "night.txt"
    words = ("simulate", "--model", "kwhiq", "--file", str(path), "--start", "2026-10-25T02:59:50", "--days", "0.000694")
    assert call(*words, "--scene", "message@+5/30", "--scene", "power-failure@+50/20").stdout == "50 telegrams\n"
    sent = path.read_bytes()
    assert sent.index(b"(261025025959S)") < sent.index(b"(261025020000W)")
    assert sent.count(b"0-0:96.13.0(30313233343536373839)") == 30
    assert "emucs3" in call("simulate", "--list").stdout
    assert "noon: not a time" in call(*words, "--start", "noon").stderr
    assert '"message"?' in call(*words, "--scene", "massage@+5").stderr
    assert "--speed 0: must be between" in call(*words, "--speed", "0").stderr


def test_simulate_wants_one_place() -> None:
    for words in ((), ("--pty", "--tcp", "0")):
        assert "one of --pty, --tcp, --file" in call("simulate", *words).stderr
    assert "choose one of esmr5" in call("simulate", "--model", "nix", "--pty").stderr
    assert "not a port" in call("simulate", "--tcp", "x").stderr


def test_demo_shows_live_numbers_and_a_past_and_stops_cleanly() -> None:
    port = free_port()
    began = time.monotonic()
    with running("demo", "--days", "3", "--listen", f"127.0.0.1:{port}") as process:
        live = get(f"http://127.0.0.1:{port}/api/v1/live")
        end = time.monotonic() + DEADLINE_S
        while not live["values"]:
            assert time.monotonic() < end
            live = get(f"http://127.0.0.1:{port}/api/v1/live")
        assert time.monotonic() - began < DEADLINE_S
        assert live["values"]["power_w"] == live["values"]["power_import_w"] - live["values"]["power_export_w"]
        now = time.time()
        series = get(f"http://127.0.0.1:{port}/api/v1/series?names=power_w&from={now - 2 * 86400}&to={now}&points=100")
        known = [mean for mean in series["power_w"]["mean"] if mean is not None]
        assert len(known) > 90
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status == 200
    assert process.returncode == 0
    assert "demo has no password" in call("demo", "--listen", "0.0.0.0:8080").stderr


def test_detect_on_a_host_without_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p1monitor.detect.ports", tuple)
    result = call("detect")
    assert result.exit_code == 1
    assert "no serial port" in result.stdout
    result = call("detect", "--toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not a port" in call("detect", "slimmelezer:x").stderr


def test_status_of_a_daemon_behind_its_password(tmp_path: Path) -> None:
    port = free_port()
    call("passwd", "-o", str(tmp_path / "page"), given="correct horse\n")
    (tmp_path / "clear").write_text("correct horse\n")
    password = 'password_file = "$CREDENTIALS_DIRECTORY/page"'
    config = written(tmp_path, f"0.0.0.0:{port}", 'type = "simulated"', more=password)
    words = ("status", "-c", str(config))
    result = call(*words, "--password-file", str(tmp_path / "clear"))
    assert result.exit_code == 1
    assert f"http://127.0.0.1:{port} does not answer" in result.stderr
    environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "p1monitor", "run", "-c", str(config)], env=environment, stderr=subprocess.DEVNULL
    ) as daemon:
        end = time.monotonic() + DEADLINE_S
        while (result := call(*words, "--password-file", str(tmp_path / "clear"))).exit_code and time.monotonic() < end:
            time.sleep(0.1)
        asked = call(*words, given="wrong horse\n")
        prompted = call(*words, given="correct horse\n")
        daemon.terminate()
    assert re.search(r"^ok   meter home: ISK5\\2M550T-1013, the last telegram \d+ s ago", result.stdout, re.MULTILINE), (
        result.output
    )
    assert "ok   recorder: ok" in result.stdout
    assert prompted.stdout.startswith("p1monitor 0")
    assert (asked.exit_code, "not the page's password" in asked.stderr) == (1, True)


def test_words_of_a_status_that_is_not_well() -> None:
    good, lines = asking.words(
        {
            "version": "1",
            "uptime_s": 7300,
            "meters": {
                "home": {
                    "stale": True,
                    "age_s": None,
                    "source": "serial",
                    "last_trouble": "no cable",
                    "refused": {"crc": 3},
                }
            },
            "sinks": {
                "mqtt": {"state": "retrying", "accepted": 3, "queued": 2, "last_error": "no broker"},
                "influxdb": {
                    "state": "ok",
                    "accepted": 9,
                    "behind": 7000,
                    "lag_s": 7300,
                    "set_aside": 1,
                    "last_set_aside": "reading 7 of home: no",
                },
            },
        }
    )
    assert not good
    assert lines == [
        "p1monitor 1, running for 2 hours",
        "NOT  meter home: no telegram yet, 0 in all, from serial, 3 refused: no cable",
        "NOT  mqtt: retrying, 3 readings taken, 2 waiting: no broker",
        "ok   influxdb: ok, 9 readings taken, 7000 behind (2 hours), 1 set aside, the last: reading 7 of home: no",
    ]
    assert asking.address(None) == "http://127.0.0.1:8080"
    assert asking.address(WebSettings(listen="[::]:80")) == "http://[::1]:80"


def test_run_reads_a_pty_keeps_a_history_and_stops_on_sigterm(tmp_path: Path) -> None:
    meter, device = pty.openpty()
    port = free_port()
    source = ('type = "serial"', f'device = "{os.ttyname(device)}"', 'settings = "115200 8N1"')
    config = written(tmp_path, f"127.0.0.1:{port}", *source)
    os.close(device)
    with running("run", "-c", str(config)) as process:
        get(f"http://127.0.0.1:{port}/api/v1/status")
        end = time.monotonic() + DEADLINE_S
        live: dict[str, Any] = {"values": {}}
        while "power_w" not in live["values"] and time.monotonic() < end:
            os.write(meter, GOOD.replace(b"1-0:1.7.0", b"1-0:2.7.0(00.000*kW)\r\n1-0:1.7.0"))
            time.sleep(0.05)
            live = get(f"http://127.0.0.1:{port}/api/v1/live")
        assert live["values"]["power_w"] == 1193
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
        assert process.stdout
        log = process.stdout.read()
    assert "stopped" in log
    assert "Traceback" not in log
    assert (tmp_path / "history.sqlite").exists()
    os.close(meter)
