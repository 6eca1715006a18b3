"""The last hour by second: out of sealed blocks, and of what is not sealed yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from p1monitor.live import Live
from p1monitor.p1.frames import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Measurement
from p1monitor.p1.telegram import parse
from p1monitor.recorder import Queries
from p1monitor.recorder.packing import Packer
from p1monitor.recorder.recent import RECENT_MOST, Recent
from p1monitor.recorder.samples import VOLTAGES
from p1monitor.recorder.streams import PackingError
from p1monitor.settings import WebSettings
from p1monitor.status import Status
from p1monitor.webapp.app import create_app
from tests.archiving import folder, path
from tests.readings import METER
from tests.staged import Staged

__all__ = ["folder", "path"]  # fixtures

BEGIN = int(datetime(2026, 6, 15, 11, 20, tzinfo=UTC).timestamp())
NAMES = ("power_w", *VOLTAGES)


def truth(frames: Sequence[bytes], names: Sequence[str]) -> list[list[float | None]]:
    """What the telegrams say."""
    read = [decode(parse(Frame(frame))).values for frame in frames]
    return [[float(str(one[name].value)) if name in one else None for one in read] for name in names]


def told(queries: Queries, names: Sequence[str], start: float, end: float) -> tuple[list[int], list[Any]]:
    found: Any = queries.series(METER, names, start, end, 4000)
    for name in names:
        assert found[name]["min"] == found[name]["mean"] == found[name]["max"]
    return found["end"], [found[name]["mean"] for name in names]


def expected(life: Staged, seconds: int) -> list[int]:
    return list(range(life.now - seconds + 1, life.now + 1))


@pytest.mark.parametrize("model", ["esmr5", "kwhiq"])
def test_every_second_of_blocks_and_of_what_is_not_sealed(path: Path, model: str) -> None:
    life = Staged(path, model, BEGIN)
    life.run(3600, 1)
    queries = Queries(path, life.recorder.recent)
    span = life.now - 3600, life.now
    sealed = Queries(path)
    assert len(told(sealed, NAMES, *span)[0]) == 40 * 60 - 1  # the rest of the first hour
    assert told(queries, NAMES, *span) == (expected(life, 3600), truth(life.frames, NAMES))
    assert told(queries, NAMES, life.now - 60, life.now - 30)[0] == expected(life, 60)[:30]
    life.kill()
    again = Staged(path, model, life.now)
    newer = Queries(path, again.recorder.recent)
    assert told(newer, NAMES, *span) == (expected(life, 3600), truth(life.frames, NAMES))
    series: Any = newer.series(METER, ["power_w", "nonsense"], *span, 3600)
    assert series["power_w"]["mean"] == truth(life.frames, ["power_w"])[0]
    assert series["nonsense"]["mean"] == [None] * 3600
    few: Any = newer.series(METER, ["power_w"], *span, 300)
    assert len(few["start"]) == 300
    assert max(few["power_w"]["max"]) == max(filter(None, truth(life.frames, ["power_w"])[0]))
    minutes: Any = newer.series(METER, ["power_w"], *span, 60)
    assert minutes["end"][1] - minutes["start"][1] == 60
    for one in (queries, sealed, newer):
        one.close()
    again.recorder.close()


def test_the_api_answers_by_second(path: Path) -> None:
    life = Staged(path, "kwhiq", BEGIN)
    life.run(600, 1)
    queries = Queries(path, life.recorder.recent)
    client = create_app(Live([METER]), queries, Status("test"), WebSettings()).test_client()
    asked = f"/api/v1/series?names=power_w&from={life.now - 600}&to={life.now}&points=600"
    told = client.get(asked, base_url="http://localhost").get_json()
    assert told["power_w"]["mean"] == truth(life.frames, ["power_w"])[0]
    queries.close()
    life.recorder.close()


def test_where_seconds_are_not_kept_any_more_there_are_minutes(path: Path) -> None:
    life = Staged(path, "me381", BEGIN)
    life.run(7200, 10)
    life.recorder.close()
    queries = Queries(path, life.recorder.recent)
    every: Any = queries.series(METER, ["power_w"], BEGIN, BEGIN + 3600, 400)
    assert (len(every["end"]), every["end"][1] - every["end"][0]) == (360, 10)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM archive WHERE rowid = 1")
    less: Any = queries.series(METER, ["power_w"], BEGIN + 1, BEGIN + 3600, 400)
    assert (len(less["end"]), less["end"][1] - less["end"][0]) == (60, 60)
    queries.close()


def test_a_block_that_could_not_be_packed_is_read_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_self: object) -> bytes:
        raise PackingError("no")

    monkeypatch.setattr(Packer, "pack", fails)
    life = Staged(path, "me381", BEGIN)
    life.run(7200, 10)
    queries = Queries(path)
    ends, (powers, volts) = told(queries, ["power_w", "voltage_l1_v"], BEGIN, BEGIN + 2400)
    assert [powers, volts] == truth(life.frames[:240], ["power_w", "voltage_l1_v"])
    assert ends == list(range(BEGIN + 10, BEGIN + 2401, 10))
    queries.close()
    life.recorder.close()


def test_what_is_remembered_is_bounded() -> None:
    recent = Recent()
    for number in range(RECENT_MOST + 10):
        recent.put("home", number, number, {"power_w": Measurement(Decimal(number), "W", "", derived=True)})
    found = recent.look("home", ["power_w", "voltage_l1_v"], 0, -1, 1e9)
    assert found.at == list(range(10, RECENT_MOST + 10))
    assert list(found.numbers) == [[1000 * at for at in found.at], [None] * RECENT_MOST]
    assert recent.look("garage", ["power_w"], 0, -1, 1e9) == ([], [[]])


def test_a_pause_is_a_gap(path: Path) -> None:
    life = Staged(path, "me381", BEGIN)
    life.run(60, 10)
    life.now, life._clock.now = life.now + 600, life._clock.now + 600
    life.run(60, 10)
    queries = Queries(path, life.recorder.recent)
    life.recorder.deliver([])
    found: Any = queries.series(METER, ["power_w"], BEGIN, life.now, 4000)
    assert [end - start for start, end in zip(found["start"], found["end"], strict=True)] == [1, *[10] * 5, 609, 1, *[10] * 5]
    assert [number is None for number in found["power_w"]["mean"]] == [row == 6 for row in range(13)]
    queries.close()
    life.recorder.close()
