"""A host with a wrong clock refuses every certificate: said once with the reason, retried quietly, and over when it is right.

Python verifies by the real clock of this machine; so here it is the certificates that are wrong, until they are changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from p1monitor.fanout import SinkRunner
from p1monitor.settings import MqttSettings
from p1monitor.sinks import influxdb, mqtt
from p1monitor.status import Status
from tests.certificates import Door, sign
from tests.influxkit import reading as second
from tests.influxkit import settings as influx_settings
from tests.influxkit import telegram
from tests.meter_with_gas import reading
from tests.mqttkit import HOUSE, certify, settings, until
from tests.services import Mosquitto, Victoria

__all__ = ["settings"]  # fixtures

DAY = timedelta(days=1)
#: What a host sees whose clock is wrong: dates from and until, and the words.
WRONG = {
    "a host in the past": (DAY, 30 * DAY, "is not valid yet"),
    "a host in the future": (-30 * DAY, -DAY, "has expired"),
}
RIGHT = (-DAY, DAY)
#: Refusals that must pass without another word.
TIMES = 3

wrongly = pytest.mark.parametrize(("first", "last", "words"), WRONG.values(), ids=WRONG)


class Run:
    """A runner that is started, and stopped whatever happens."""

    def __init__(self, runner: SinkRunner, status: Status) -> None:
        self.runner, self._status = runner, status
        runner.start()

    def told(self, key: str) -> object:
        return self._status.snapshot()["sinks"][self.runner.name][key]

    def tried(self, times: int) -> None:
        until(lambda: int(str(self.told("retries"))) >= times)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level("INFO", logger="p1monitor"):
        yield caplog


def one_line(logged: pytest.LogCaptureFixture, words: str) -> None:
    (line,) = (record.getMessage() for record in logged.records)
    assert words in line
    assert "clock of this host" in line


@wrongly
def test_a_broker_is_refused_for_its_dates_once_and_works_when_they_are_right(
    mosquitto: Mosquitto,
    settings: MqttSettings,
    logged: pytest.LogCaptureFixture,
    tmp_path: Path,
    first: timedelta,
    last: timedelta,
    words: str,
) -> None:
    authority = certify(tmp_path)
    sign(tmp_path, first, last)
    mosquitto.configure("allow_anonymous true", f"certfile {tmp_path}/server.crt", f"keyfile {tmp_path}/server.key")
    mosquitto.restart()
    status = Status("0.1.0")
    sink = mqtt.build(replace(settings, tls=True, ca_file=authority), HOUSE)
    run = Run(SinkRunner(sink, replace(mqtt.POLICY, retry_first_s=0.05, retry_most_s=0.1), status), status)
    try:
        run.tried(TIMES)
        one_line(logged, words)
        sign(tmp_path, *RIGHT)
        mosquitto.restart()
        until(lambda: run.told("state") == "ok")
        run.runner.offer(reading(1, monotonic=0.0))
        until(lambda: run.told("accepted"))
    finally:
        assert run.runner.stop()
    assert "working again" in logged.records[-1].getMessage()


@wrongly
def test_a_database_is_refused_for_its_dates_once_and_gets_everything_when_they_are_right(
    victoria: Victoria,
    logged: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    first: timedelta,
    last: timedelta,
    words: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certify(tmp_path)))
    sign(tmp_path, first, last)
    door, status = Door(victoria, tmp_path), Status("0.1.0")
    sink = influxdb.build(influx_settings(door.url), HOUSE)
    run = Run(SinkRunner(sink, replace(influxdb.POLICY, retry_first_s=0.05, retry_most_s=0.1, gather_s=0.0), status), status)
    try:
        for moment in range(4):
            run.runner.offer(second(telegram(moment)))
        run.tried(TIMES)
        one_line(logged, words)
        sign(tmp_path, *RIGHT)
        until(lambda: run.told("accepted") == 4)
    finally:
        assert run.runner.stop()
        door.close()
    victoria.flush()
    (series,) = victoria.export('{__name__="p1_power_w"}')
    assert len(list(series["values"])) == 4  # type: ignore[call-overload]
    assert "working again" in logged.records[-1].getMessage()
    assert run.told("dropped") == 0
