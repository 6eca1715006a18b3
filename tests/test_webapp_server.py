"""The real server: streams, their cap, its stop."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import closing
from typing import Any

import pytest

from p1monitor.webapp import WebError, serve
from p1monitor.webapp.app import STREAMS
from tests.webhouse import House, clock, house, reading_of

__all__ = ["clock", "house"]  # fixtures


def connect(house: House, url: str, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    return connection.getresponse()


def event(stream: http.client.HTTPResponse) -> Any:
    while True:
        line = stream.readline()
        assert line, "the stream has ended"
        if line.startswith(b"data: "):
            return json.loads(line[6:])


def test_the_stream_tells_the_newest_and_then_each_next(house: House) -> None:
    url = house.open()
    house.come(reading_of())
    with closing(connect(house, url, "/api/v1/live/stream")) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert event(stream)["values"]["power_w"] == 1248
        house.come(reading_of({"1-0:1.7.0": ("00.500*kW",)}))
        assert event(stream)["values"]["power_w"] == 500


def test_streams_are_capped_and_a_seat_comes_free(house: House) -> None:
    url = house.open()
    streams = [connect(house, url, "/api/v1/live/stream") for _ in range(STREAMS)]
    for stream in streams:
        event(stream)
    refused = connect(house, url, "/api/v1/live/stream")
    assert refused.status == 503
    assert json.load(refused)["error"]["key"] == "streams"
    assert connect(house, url, "/api/v1/live").status == 200, "the rest goes on"
    streams.pop().close()
    until = time.monotonic() + 10
    while connect(house, url, "/api/v1/live/stream").status != 200:
        assert time.monotonic() < until, "a gone listener keeps its seat"
        house.come(reading_of())  # a write shows that it is gone
        time.sleep(0.02)
    for stream in streams:
        stream.close()


def test_the_server_stops_with_streams_open(house: House) -> None:
    url = house.open()
    streams = [connect(house, url, "/api/v1/live/stream") for _ in range(3)]
    for stream in streams:
        event(stream)
    began = time.monotonic()
    house.close()
    assert time.monotonic() - began < 5
    assert all(stream.read() in (b"", b"\n") for stream in streams)
    with pytest.raises(OSError, match="refused"):
        connect(house, url, "/healthz")
    assert not [thread for thread in threading.enumerate() if thread.name == "web" and thread.is_alive()]


def test_an_address_that_is_taken_is_one_sentence(house: House) -> None:
    url = house.open()
    with pytest.raises(WebError, match="cannot listen there: Address already in use"):
        serve(house.app, url.removeprefix("http://"), house.live.close)
