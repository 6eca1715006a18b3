"""A real InfluxDB: Debian's, of version 1, behind a small proxy that takes version 2's writes. Never part of the product.

The proxy does what InfluxDB 1.8 does itself: the token is `user:password`, the bucket is the database. And it answers 422 where
version 1 answers 400 for points that the engine refused, as version 2 does.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.services import Server, free_port, program

USER, PASSWORD, BUCKET = "p1", "s3cret", "energy"
_CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  log-enabled = false
"""


class Influx(Server):
    """The server, with one user and one database."""

    def __init__(self, folder: Path) -> None:
        port, file = free_port(), folder / "influxdb.conf"
        file.write_text(_CONFIGURATION.format(rpc=free_port(), port=port, folder=folder))
        super().__init__([program("influxd", "influxdb"), "-config", str(file)], port, folder / "influxd.log")
        self.proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
        self.proxy.daemon_threads = True
        self.proxy.behind = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self.proxy.server_address[1]}"
        self.thread = threading.Thread(target=self.proxy.serve_forever, args=(0.02,))

    def prepare(self) -> None:
        """Make the user, who may do everything, and the database."""
        self.ask(f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
        self.ask(f"CREATE DATABASE {BUCKET}")

    def ask(self, query: str) -> list[Any]:
        """The rows of the first series; times in milliseconds."""
        keys = urllib.parse.urlencode({"db": BUCKET, "epoch": "ms", "q": query, "u": USER, "p": PASSWORD})
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/query?{keys}", b"")
        with urllib.request.urlopen(request, timeout=10) as answer:
            (result,) = json.load(answer)["results"]
        assert "error" not in result, result
        rows: list[Any] = result["series"][0]["values"] if "series" in result else []
        return rows


class _Proxy(BaseHTTPRequestHandler):
    """One write."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        user, _, password = self.headers.get("Authorization", "").removeprefix("Token ").partition(":")
        keys = {"db": asked["bucket"][0], "precision": asked["precision"][0], "u": user, "p": password}
        behind = self.server.behind  # type: ignore[attr-defined]
        request = urllib.request.Request(f"{behind}/write?{urllib.parse.urlencode(keys)}", body)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
            if status == 400 and b"partial write" in text:
                status = 422
            text = json.dumps({"message": json.loads(text)["error"]}).encode()
        except OSError:  # nobody there
            status, text = 503, b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        """Nothing: the test says what matters."""


@pytest.fixture
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """An InfluxDB that runs."""
    server = Influx(tmp_path_factory.mktemp("influxdb"))
    server.start()
    server.prepare()
    server.thread.start()
    yield server
    server.proxy.shutdown()
    server.thread.join()
    server.proxy.server_close()
    server.stop()
