"""Points in a real VictoriaMetrics, and a small HTTP server that says what servers say on bad days."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from p1monitor.fanout import STOP_S, SinkRunner
from p1monitor.sinks import SinkError
from p1monitor.sinks.influxdb import POLICY, TIMEOUT_S, build
from p1monitor.status import Status
from tests.clocks import Hands
from tests.influxkit import HOUSE, lines, opened, reading, settings, telegram
from tests.owingkit import until
from tests.services import Victoria, free_port

TOKEN = "s3cret-of-the-house"


# A real server


def exported(victoria: Victoria, role: str) -> dict[str, dict[int, float]]:
    victoria.flush()
    found: dict[str, dict[int, float]] = {}
    for series in victoria.export(f'{{__name__=~"p1_.*",role="{role}"}}'):
        metric, values, stamps = series["metric"], series["values"], series["timestamps"]
        assert isinstance(metric, dict)
        assert isinstance(values, list)
        assert isinstance(stamps, list)
        assert set(metric) == {"__name__", "meter", "role", "db"} or set(metric) == {"__name__", "meter", "role"}
        found[metric["__name__"].removeprefix("p1_")] = dict(zip(stamps, values, strict=True))
    return found


def test_points_read_back_are_the_telegrams_values(victoria: Victoria) -> None:
    sink = opened(victoria.url)
    readings = [reading(telegram(second, ("260320181000W", "26.713"))) for second in range(20)]
    sink.deliver(readings[:12])
    sink.deliver(readings[12:])
    sink.deliver(readings[12:])  # again, as after an answer that was lost
    sink.close()
    electricity, gas = exported(victoria, "electricity"), exported(victoria, "gas")
    for name, measurement in readings[0].values.items():
        if isinstance(measurement.value, Decimal) and name[0].isalpha():
            assert set(electricity.pop(name).values()) == {float(measurement.value)}, name
    assert not electricity
    assert list(gas["gas_m3"].values()) == [26.713]


def test_a_server_that_was_away_is_served_when_it_is_back(victoria: Victoria) -> None:
    victoria.stop()
    sink = opened(victoria.url)
    one, two = reading(telegram(1)), reading(telegram(2))
    with pytest.raises(SinkError, match="refuses connections: nothing listens there") as trouble:
        sink.deliver([one])
    assert not trouble.value.permanent
    victoria.start()
    sink.deliver([one])
    sink.deliver([two])
    victoria.restart()
    sink.deliver([reading(telegram(3))])  # the connection that was kept is gone
    sink.close()
    assert len(exported(victoria, "electricity")["power_w"]) == 3
    assert len(exported(victoria, "gas")["gas_m3"]) == 1


# Bad days


class Server(ThreadingHTTPServer):
    """Answers what it is told to, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.tokens: list[str | None] = []
        self.most = 1 << 30
        self.hang = threading.Event()
        self.hang.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tokens.append(self.headers["Authorization"])
        self.server.paths.append(self.path)
        self.server.hang.wait(30)
        status, headers, text = self.server.answers.pop(0) if self.server.answers else (204, {}, b"")
        if len(body) > self.server.most:
            status, headers, text = 413, {}, b""
        if status == 204:
            self.server.bodies.append(body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        """Nothing: the test says what matters."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()


REFUSALS = [
    (401, b"", False, r"refuses the token \(401\).*token.*bucket energy"),
    (403, b"", False, r"does not let this token write to bucket energy"),
    (404, b"", False, r'no bucket energy in organisation "home"'),
    (400, b'{"code":"invalid","message":"unable to parse"}', True, r"malformed \(400\): unable to parse"),
    (422, b'{"message":"field type conflict"}', True, r"\(422\).*: field type conflict"),
    (429, b"", False, "fewer writes"),
    (500, b"oops", False, r"trouble of its own \(500\)"),
    (503, b"\xff\xfe", False, "does not answer like an InfluxDB"),
    (302, b"", False, r"answers as no InfluxDB does \(302\)"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: str(refusal[0]))
def test_a_refusal_is_one_sentence(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, refusal: tuple[int, bytes, bool, str]
) -> None:
    status, text, permanent, words = refusal
    caplog.set_level(logging.DEBUG)
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    sink = opened(server.url, token)
    server.answers = [(status, {}, text)]
    with pytest.raises(SinkError, match=words) as trouble:
        sink.deliver([reading(telegram(1)), reading(telegram(2))])
    sink.close()
    assert trouble.value.permanent is permanent
    assert "\n" not in str(trouble.value)
    assert server.tokens == [f"Token {TOKEN}"]
    assert TOKEN not in str(trouble.value) + caplog.text


def test_what_a_write_looks_like(server: Server) -> None:
    sink = opened(server.url + "/")
    sink.deliver([reading(telegram())])
    sink.deliver([])
    sink.close()
    assert server.paths == ["/api/v2/write?org=home&bucket=energy&precision=ms"]
    assert server.tokens == [None]
    assert server.bodies[0].count(b"\n") == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("86400", 86_400.0), ("Mon, 21 Sep 2026 12:14:20 GMT", 60.0), ("soon", None)],
)
def test_the_server_says_how_long_to_wait(server: Server, header: str, seconds: float | None) -> None:
    wall = datetime(2026, 9, 21, 12, 13, 20, tzinfo=UTC).timestamp()
    sink = opened(server.url, clock=Hands(wall))
    for status in (429, 503):
        server.answers = [(status, {"Retry-After": header}, b"")]
        with pytest.raises(SinkError) as trouble:
            sink.deliver([reading(telegram())])
        assert trouble.value.retry_after == seconds
        assert not trouble.value.permanent
    sink.close()


def test_a_reading_that_is_refused_still_brings_what_else_it_has(server: Server) -> None:
    one, other = (reading(telegram(second))._replace(seq=second) for second in (1, 2))
    _, gas = lines(one)
    sink = opened(server.url)
    server.answers = [(422, {}, b""), (422, {}, b'{"message":"field type conflict"}'), (204, {}, b"")]
    with pytest.raises(SinkError, match="field type conflict") as trouble:
        sink.deliver([one])
    assert (trouble.value.permanent, trouble.value.proven) == (True, True)
    sink.deliver([other])  # its gas is the same, and was settled with the first
    assert server.bodies == [gas.encode(), lines(other)[0].encode()]
    sink.close()


@pytest.mark.parametrize("answers", [(413,), (422, 204, 503)])
def test_a_reading_that_is_not_refused_for_good_is_written_whole(server: Server, answers: tuple[int, ...]) -> None:
    electricity, gas = (line.encode() for line in lines(reading(telegram())))
    sink = opened(server.url)
    server.answers = [(status, {}, b"") for status in answers]
    if answers[-1] == 503:
        with pytest.raises(SinkError, match="not ready") as trouble:
            sink.deliver([reading(telegram())])
        assert not trouble.value.permanent
        sink.deliver([reading(telegram())])
    else:
        sink.deliver([reading(telegram())])
    sink.close()
    assert b"\n".join(server.bodies[-2:]).split(b"\n")[-2:] == [electricity, gas]


def test_what_failed_is_written_whole_the_next_time(server: Server) -> None:
    sink = opened(server.url)
    batch = [reading(telegram(1)), reading(telegram(2))]
    server.answers = [(503, {}, b""), (503, {}, b"")]
    for _ in range(2):
        with pytest.raises(SinkError):
            sink.deliver(batch)
    sink.deliver(batch)
    sink.close()
    assert server.bodies[0].decode().split("\n") == lines(*batch)


def test_a_hanging_server_is_left_in_time(server: Server) -> None:
    assert TIMEOUT_S < STOP_S == 5
    server.hang.clear()
    sink, status = build(settings(server.url), HOUSE), Status("1")
    runner = SinkRunner(sink, replace(POLICY, gather_s=0.0), status)
    runner.offer(reading(telegram()))
    runner.start()
    until(lambda: server.tokens)
    began = time.monotonic()
    assert runner.stop()
    assert time.monotonic() - began < STOP_S
    told = status.snapshot()["sinks"]["influxdb"]
    assert told["state"] == "stopped"
    assert "did not confirm within 4 s" in told["last_error"]


def test_an_unknown_host_a_wrong_port_and_a_server_without_tls() -> None:
    nobody = free_port()
    for url, words in (
        (f"http://127.0.0.1:{nobody}", "nothing listens there"),
        ("http://no-such-host.invalid:8086", "name of its host is unknown"),
    ):
        sink = opened(url)
        with pytest.raises(SinkError, match=words):
            sink.deliver([reading(telegram())])
        sink.close()


def test_a_server_without_tls_is_told_apart(server: Server) -> None:
    sink = opened(server.url.replace("http:", "https:"))
    with pytest.raises(SinkError, match="does not speak TLS"):
        sink.deliver([reading(telegram())])
    sink.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read the token file .*: No such file"),
        (b"\n", "does not hold a token"),
        (b"\xff\xfe", "does not hold"),
    ],
)
def test_a_bad_token_file_is_one_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    sink = build(settings("http://127.0.0.1:1", token), HOUSE)
    with pytest.raises(SinkError, match=words):
        sink.open()
    sink.close()


def test_the_client_library_is_loaded_only_when_the_sink_opens() -> None:
    code = (
        "import sys; from p1monitor.sinks import influxdb, House; from p1monitor.settings import InfluxSettings;"
        "influxdb.build(InfluxSettings('http://x', '', 'b'), House('i', ('home',), '0'));"
        "sys.exit('influxdb_client' in sys.modules or 'urllib3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_lost_within_an_hour() -> None:
    assert not POLICY.live
    assert POLICY.durable
    assert POLICY.queue >= 3600
    assert POLICY.heartbeat_s is None
