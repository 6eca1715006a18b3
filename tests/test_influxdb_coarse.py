"""Readings that have no points, between those that open an interval, say nothing about the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from p1monitor.sinks import SinkError
from tests.archiving import folder, path
from tests.influxkit import opened, reading, telegram
from tests.owingkit import Home, archived, influx, points, until
from tests.test_influxdb import Server, server

__all__ = ["folder", "path", "server"]

STEP_S, EVERY_S = 8, 60


def test_a_server_that_refuses_all_from_the_start_is_not_proven_by_them(
    server: Server, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    everything, server.most = server.most, 0
    home = Home(path, *influx(server.url, resolution=EVERY_S), step=STEP_S).start()
    for _ in range(60):
        home.life.second()
        home.runner.offer(home.life.newest._replace(devices=()))  # a house without gas: nothing but the first of a minute
    until(lambda: home.told()["queued"] == 0)
    assert (home.told()["set_aside"], home.told()["state"]) == (0, "retrying")
    assert "working again" not in caplog.text
    server.most = everything
    home.live(10)
    home.caught_up()
    home.close()
    should = {at // EVERY_S // 1000 for at in archived(path)["electricity", "power_w"]}
    has = points(line for body in server.bodies for line in body.decode().splitlines())
    assert {at // EVERY_S // 1000 for at in has["electricity", "power_w"]} == should
    assert home.told()["set_aside"] == 0


def test_gas_that_is_refused_is_refused_once_a_capture(server: Server) -> None:
    sink = opened(server.url)
    one = reading(telegram(1))
    sink.deliver([one])
    bare = [reading(telegram(second, ("260320191000W", "26.9")))._replace(seq=second, values={}) for second in range(2, 5)]
    server.answers = [(422, {}, b"field type conflict")]
    with pytest.raises(SinkError, match="conflict") as trouble:
        sink.deliver(bare[:1])
    assert trouble.value.proven
    assert [sink.deliver([other]) for other in bare[1:]] == [False, False]
    sink.close()
