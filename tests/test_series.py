"""Series of any number and register: what the telegrams say, whatever level answers; and the rows of registers add up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from p1monitor.afresh import rated
from p1monitor.live import Live
from p1monitor.p1.frames import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading
from p1monitor.p1.scenes import Scene
from p1monitor.p1.telegram import parse
from p1monitor.recorder import Queries
from p1monitor.recorder.levels import DAY_S, HOUR_S
from p1monitor.recorder.remaking import How, rebuilt
from p1monitor.settings import WebSettings
from p1monitor.status import Status
from p1monitor.webapp.app import create_app
from tests.readings import METER
from tests.staged import Staged

#: Summer time ends in the second night. Some readings come on the very hour.
BEGIN = int(datetime(2026, 10, 24, 9, 8, tzinfo=UTC).timestamp())
STEP_S, PAUSE_S = 240, 3 * HOUR_S
NUMBERS = ("power_w", "power_l1_w", "power_import_w", "current_l1_a", "voltage_l1_v", "any_power_fail_count")
REGISTERS = ("energy_import_kwh", "energy_import_t1_kwh", "energy_import_t2_kwh", "energy_export_kwh", "gas_m3")


@dataclass(frozen=True, eq=False)
class Lived:
    """A history of two days, with a pause and what is not sealed yet, and the telegrams in it."""

    life: Staged
    queries: Queries
    readings: list[Reading]

    @property
    def path(self) -> Path:
        return self.queries.path

    def series(self, names: tuple[str, ...], start: float, end: float, points: int) -> Any:
        return self.queries.series(METER, names, start, end, points)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    path = tmp_path_factory.mktemp("series") / "history.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNTIME_DIRECTORY", str(path.parent))
        life = Staged(path, "esmr5", BEGIN)
        life.run(20 * HOUR_S, STEP_S)
        life.now, life._clock.now = life.now + PAUSE_S, life._clock.now + PAUSE_S
        life.run(27 * HOUR_S, STEP_S)
        life.recorder._save(closed=False)  # as when somebody looks
        queries = Queries(path, life.recorder.recent)
        yield Lived(life, queries, [decode(parse(Frame(frame))) for frame in life.frames])
        queries.close()
        life.recorder.close()


@cache
def printed(lived: Lived, name: str) -> list[tuple[float, float]]:
    return [(one.at.timestamp(), float(str(one.values[name].value))) for one in lived.readings if one.at is not None]


def known(lived: Lived, name: str, start: float, end: float) -> list[float]:
    """What the telegrams of a time say."""
    return [number for at, number in printed(lived, name) if start < at <= end]


SPANS = {
    "all by day": (BEGIN, BEGIN + 50 * HOUR_S, 4),
    "all by hour": (BEGIN, BEGIN + 50 * HOUR_S, 60),
    "all, few": (BEGIN - DAY_S, BEGIN + 60 * HOUR_S, 30),
    "a day": (BEGIN + 4 * HOUR_S, BEGIN + 28 * HOUR_S, 288),
    "a day, few": (BEGIN + 4 * HOUR_S, BEGIN + 28 * HOUR_S, 20),
    "an hour": (BEGIN + 30 * HOUR_S, BEGIN + 31 * HOUR_S, 100),
    "the last hours": (BEGIN + 47 * HOUR_S, BEGIN + 50 * HOUR_S, 400),
    "the last hours, few": (BEGIN + 46 * HOUR_S, BEGIN + 50 * HOUR_S, 5),
}


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_what_the_telegrams_say(lived: Lived, name: str, span: str) -> None:
    found = lived.series((name,), *SPANS[span])
    column, rows = found[name], list(zip(found["start"], found["end"], strict=True))
    assert 2 < len(rows) <= 2 * SPANS[span][2]
    assert all(end <= start for (_, end), (start, _) in pairwise(rows))
    assert sum(one is not None for one in column["mean"]) > 2
    for (start, end), least, mean, most in zip(rows, column["min"], column["mean"], column["max"], strict=True):
        told = known(lived, name, start, end)
        if mean is None:
            assert told == []
        else:
            assert (least, most) == (min(told), max(told))
            assert mean == pytest.approx(sum(told) / len(told), abs=1e-9)


@pytest.mark.parametrize("span", SPANS)
def test_rows_of_a_register_add_up_to_what_it_went(lived: Lived, span: str) -> None:
    """And to what is read when the same part is brushed."""
    for name in REGISTERS:
        found = lived.series((name,), *SPANS[span])
        column, start, end = found[name], found["start"][0], found["end"][-1]
        parts = [
            round(1000 * (most - least)) for least, most in zip(column["min"], column["max"], strict=True) if least is not None
        ]
        brushed = lived.queries.steps(METER, (start, end))["gas" if name == "gas_m3" else "electricity"][name][0]
        assert brushed is not None
        assert sum(parts) == round(1000 * brushed), name
        assert all(part >= 0 for part in parts)
        assert set(column["mean"]) == {None}


def test_a_register_at_the_end_of_a_row_is_the_one_on_the_meters_display(lived: Lived) -> None:
    found = lived.series(("energy_import_t2_kwh", "energy_import_kwh"), BEGIN, BEGIN + 50 * HOUR_S, 400)
    shown = {one.at.timestamp(): one.values for one in lived.readings if one.at is not None}
    for name in ("energy_import_t2_kwh", "energy_import_kwh"):
        told = [
            (end, most) for end, most in zip(found["end"], found[name]["max"], strict=True) if most is not None and end in shown
        ]
        assert len(told) > 30
        assert all(most == float(str(shown[end][name].value)) for end, most in told)


def test_a_pause_is_null_for_numbers_and_registers(lived: Lived) -> None:
    begin = BEGIN + 20 * HOUR_S
    found = lived.series(("power_w", "current_l1_a", "energy_import_kwh"), begin - HOUR_S, begin + 4 * HOUR_S, 10)
    inside = [row for row, start in enumerate(found["start"]) if begin < start and found["end"][row] <= begin + PAUSE_S]
    assert inside
    for name in ("power_w", "current_l1_a", "energy_import_kwh"):
        assert {found[name][part][row] for part in ("min", "mean", "max") for row in inside} == {None}


def test_names_of_different_levels_have_the_same_rows(lived: Lived) -> None:
    names = ("power_w", "current_l1_a", "gas_m3", "gas/gas_m3", "frequency_hz")
    found = lived.series(names, BEGIN, BEGIN + 50 * HOUR_S, 60)
    rows = len(found["start"])
    assert all(len(found[name][part]) == rows for name in names for part in ("min", "mean", "max"))
    assert found["gas_m3"] == found["gas/gas_m3"]
    assert sum(one is not None for one in found["gas_m3"]["max"]) > 40
    assert set(found["frequency_hz"]["mean"]) == {None}  # this meter sends none


def test_days_are_the_meters_own(lived: Lived) -> None:
    found = lived.series(("power_w", "voltage_l1_v", "current_l1_a"), BEGIN - DAY_S, BEGIN + 60 * HOUR_S, 6)
    assert [end - start for start, end in zip(found["start"], found["end"], strict=True)] == [DAY_S, DAY_S + HOUR_S, DAY_S]
    assert [found["start"][0] % DAY_S, found["end"][-1] % DAY_S] == [22 * HOUR_S, 23 * HOUR_S]
    assert None not in found["current_l1_a"]["mean"]


@pytest.mark.parametrize("step", [31, 90, 300])
def test_a_slow_meter_draws_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Each of its readings begins where the one before ends, and so do its minutes; a pause is a gap all the same."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    begin = BEGIN + 7
    life = Staged(tmp_path / "history.sqlite", "esmr5", begin)
    life.run(3 * HOUR_S, step)
    life.now, life._clock.now = life.now + HOUR_S, life._clock.now + HOUR_S
    life.run(HOUR_S, step)
    life.recorder._save(closed=False)
    with closing(Queries(life.store.path, life.recorder.recent)) as queries:
        for name, points in (("power_w", 2000), ("power_w", 200), ("voltage_l1_v", 2000), ("current_l1_a", 300)):
            found: Any = queries.series(METER, (name,), begin, life.now, points)
            means, rows = found[name]["mean"], list(zip(found["start"], found["end"], strict=True))
            assert means.count(None) == 1
            assert max(end - start for (start, end), mean in zip(rows, means, strict=True) if mean is not None) < 900
            assert all(end == start for (_, end), (start, _) in pairwise(rows))
            assert rows[-1][1] >= life.now - step
    life.recorder.close()


@pytest.mark.parametrize("points", [400, 20])
def test_of_an_hour_that_came_twice_both_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: int) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    life = Staged(tmp_path / "history.sqlite", "esmr5", BEGIN, [Scene("clock-hour", BEGIN + HOUR_S, HOUR_S)])
    life.run(4 * HOUR_S, 60)
    readings = [decode(parse(Frame(frame))) for frame in life.frames]
    with closing(Queries(life.store.path, life.recorder.recent)) as queries:
        life.recorder._save(closed=False)
        found: Any = queries.series(METER, ("power_l1_w",), BEGIN, BEGIN + 4 * HOUR_S, points)
    life.recorder.close()
    most = 0
    for row, (start, end) in enumerate(zip(found["start"], found["end"], strict=True)):
        told = [one.values["power_l1_w"].value for one in readings if one.at is not None and start < one.at.timestamp() <= end]
        known = [float(str(one)) for one in told]
        column = {part: found["power_l1_w"][part][row] for part in ("min", "mean", "max")}
        assert column["min"] == (min(known) if known else None)
        assert column["max"] == (max(known) if known else None)
        assert column["mean"] == (pytest.approx(sum(known) / len(known)) if known else None)
        most = max(most, len(known))
    assert most >= 2


def test_a_day_has_all_its_hours_when_summer_time_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    begin = int(datetime(2026, 3, 28, 22, tzinfo=UTC).timestamp())
    life = Staged(tmp_path / "history.sqlite", "esmr5", begin)
    life.run(26 * HOUR_S, 900)
    life.recorder.close()
    with closing(sqlite3.connect(tmp_path / "history.sqlite")) as db:
        days = db.execute('SELECT start, "end", samples FROM summary WHERE seconds = 86400 ORDER BY "end"').fetchall()
    midnight = begin + HOUR_S
    assert days[:2] == [(midnight - DAY_S, midnight, 4), (midnight, midnight + 23 * HOUR_S, 4 * 23)]
    assert [start for start, *_ in days[2:]] == [midnight + 23 * HOUR_S]


def test_hours_and_days_come_out_the_same_when_they_are_made_again(lived: Lived, tmp_path: Path) -> None:
    path = tmp_path / "again.sqlite"
    with closing(sqlite3.connect(lived.path)) as db, closing(sqlite3.connect(path)) as copy:
        db.backup(copy)
    before = summaries(path)
    assert {seconds for _, seconds, *_ in before} == {HOUR_S, DAY_S}
    assert list(rebuilt(path, 15, lambda _: How(), rated)) == []
    assert summaries(path) == before
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM summary WHERE rowid % 3 = 1")
        db.execute("UPDATE summary SET samples = samples - 1 WHERE rowid % 3 = 2")
    (told,) = rebuilt(path, 15, lambda _: How(), rated)
    assert "rows of summary were not what the telegrams say" in told
    assert summaries(path) == before


def test_an_hour_whose_telegrams_are_not_kept_any_more_stays(lived: Lived, tmp_path: Path) -> None:
    path = tmp_path / "again.sqlite"
    with closing(sqlite3.connect(lived.path)) as db, closing(sqlite3.connect(path)) as copy:
        db.backup(copy)
        copy.execute("DELETE FROM archive WHERE rowid < 10")
        copy.commit()
    before = summaries(path)
    assert list(rebuilt(path, 15, lambda _: How(), rated)) == []
    assert summaries(path) == before


def summaries(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        sql = 'SELECT meter, seconds, "end", start, samples, names, numbers FROM summary JOIN summary_layout l ON l.id = layout'
        return sorted(db.execute(sql))


def test_the_api_has_csv_a_tag_and_the_nearest_name(lived: Lived) -> None:
    client = create_app(Live([METER]), lived.queries, Status("test"), WebSettings()).test_client()
    asked = f"names=current_l1_a,gas_m3&from={BEGIN}&to={BEGIN + 8 * HOUR_S}&points=8"
    local = {"base_url": "http://localhost"}
    answer = client.get(f"/api/v1/series?{asked}", **local)
    told = answer.get_json()
    lines = client.get(f"/api/v1/series.csv?{asked}", **local).text.splitlines()
    assert lines[0] == "start,end,current_l1_a_min,current_l1_a_mean,current_l1_a_max,gas_m3_min,gas_m3_mean,gas_m3_max"
    cells = [
        told["start"],
        told["end"],
        *(told[name][part] for name in ("current_l1_a", "gas_m3") for part in ("min", "mean", "max")),
    ]
    rows = zip(*cells, strict=True)
    assert lines[1:] == [",".join("" if one is None else str(one) for one in row) for row in rows]
    assert client.get(f"/api/v1/series?{asked}", headers={"Accept": "text/csv"}, **local).text.splitlines() == lines
    same = client.get(f"/api/v1/series?{asked}", headers={"If-None-Match": answer.headers["ETag"]}, **local)
    assert (same.status_code, same.data) == (304, b"")
    for name, status, words in (
        ("curent_l1_a", 400, "nearest name is current_l1_a"),
        ("gas_m2", 400, "nearest name is gas_m3"),
        ("message_text", 400, "message_text"),
        ("gas/power_w", 400, "gas/power_w"),
        ("gas_2/gas_m3", 404, "there are: electricity, gas"),
    ):
        refused = client.get(f"/api/v1/series?names={name}", **local)
        assert refused.status_code == status
        assert words in refused.get_json()["error"]["text"]
