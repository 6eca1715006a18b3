"""The page on a real history: two days of a simulated meter, through observer and recorder into SQLite, and drawn."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from p1monitor.live import Live
from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import recorder
from p1monitor.recorder.queries import Queries
from p1monitor.recorder.store import Store
from p1monitor.settings import HistorySettings, WebSettings
from p1monitor.status import Status
from p1monitor.webapp.app import create_app
from tests.browser import DESK, PHONE, Open, clock, house, visit
from tests.webhouse import METER, WINTER, House, Moment

__all__ = ["clock", "house", "visit"]  # fixtures

#: An evening in winter, by the meter's clock.
NOW = datetime(2026, 1, 15, 18, 10, tzinfo=WINTER)
#: The meter says nothing for this hour of today.
SILENT = range(9, 10)


def telegram(at: datetime) -> Reading:
    """What the simulated meter says at that moment."""
    octets = render(next(iter(MODELS.values())).telegram(at, 7))
    (frame,) = [event for event in Framer().feed(octets) if isinstance(event, Frame)]
    return decode(parse(frame), Received(at.timestamp(), at.timestamp()), meter=METER, frame=frame.data)


def telegrams(until: datetime) -> Iterator[Reading]:
    """A telegram a minute since the day before yesterday, but for the silent hour."""
    at = until - timedelta(hours=46)
    while at <= until:
        if not (at.date() == until.date() and at.hour in SILENT):
            yield telegram(at)
        at += timedelta(minutes=1)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reading]:
    """A history file, and the newest reading in it."""
    path = tmp_path_factory.mktemp("history") / "history.sqlite"
    memory, observed = Memory(), []
    for reading in telegrams(NOW):
        memory, seen = observe(memory, reading)
        observed.append(seen)
    sink = recorder.build(HistorySettings(path=path), Store(path), memory_of=lambda _meter: memory, trusted=lambda: True)
    sink.open()
    sink.deliver(observed)
    sink.close()
    return path, observed[-1]


@pytest.fixture
def settled(past: tuple[Path, Reading]) -> Iterator[House]:
    """A house with that history, to which the readings of the last ten minutes have come."""
    path, newest = past
    stopped = Moment(NOW.timestamp() - 600)
    house = House(stopped)
    queries = Queries(path)
    house.live = Live([METER])
    house.status = Status("0.1.0", stopped)
    house.app = create_app(house.live, queries, house.status, WebSettings(listen="127.0.0.1:0"), stopped)
    for second in range(0, 600, 2):
        house.come(telegram(NOW + timedelta(seconds=second - 600)))
        stopped.pass_by(2)
    house.come(newest)
    yield house
    house.close()
    queries.close()


def test_today_is_the_registers_difference(settled: House, past: tuple[Path, Reading]) -> None:
    answer = settled.app.test_client().get("/api/v1/today", base_url="http://localhost")
    told = json.loads(answer.text)
    midnight = NOW.replace(hour=0, minute=0)
    assert told["today"]["start"] == midnight.timestamp()
    by_minute = {reading.at: reading for reading in telegrams(NOW)}
    name = "energy_import_kwh"

    def register(at: datetime) -> float:
        value = by_minute[at].values[name].value
        return float(str(value))

    used = told["today"]["used"]["electricity"][name]
    assert used == pytest.approx(register(NOW) - register(midnight), abs=0.05)
    before = told["yesterday"]["used"]["electricity"][name]
    day = timedelta(days=1)
    assert before == pytest.approx(register(NOW - day) - register(midnight - day), abs=0.05)
    assert told["today"]["used"]["gas"]["gas_m3"] is not None
    seen = float(str(past[1].values["energy_import_today_kwh"].value))
    assert used == pytest.approx(seen, abs=0.05), "the history and the observer agree"


def test_the_curve_is_the_history(settled: House, visit: Open) -> None:
    one = visit(of=settled, size=DESK)
    expect(one.page.locator("#curve canvas")).to_be_visible()
    over = one.page.locator("#curve .u-over")
    expect(over).to_be_visible()
    box = over.bounding_box()
    assert box is not None

    def told_at(hour: float) -> str:
        over.hover(position={"x": box["width"] * hour / 24, "y": 40})
        return one.page.locator("#under").inner_text()

    assert told_at(5.05).startswith("05:")
    assert "–" not in told_at(5.05), "both days are known"
    assert " – W, yesterday" in told_at(9.5), "the silent hour is a gap"
    assert " – W, yesterday" in told_at(20), "the evening has not been"
    assert "yesterday –" not in told_at(20)
    for row in one.page.locator("#today tbody tr").all():
        assert row.locator("td").nth(2).inner_text() != "", "compared with yesterday"


@pytest.mark.parametrize(("name", "size"), [("page-phone", PHONE), ("page-desktop", DESK)])
def test_a_picture_for_the_papers(settled: House, visit: Open, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    settled.status.set("source", "serial /dev/ttyUSB0 (115200 8N1)", meter=METER)
    settled.status.set("period_s", 1.0, meter=METER)
    page = visit(of=settled, size=size).page
    expect(page.locator("#curve canvas")).to_be_visible()
    expect(page.locator("#link")).to_contain_text("/dev/ttyUSB0")
    folder = Path(os.environ.get("P1MONITOR_PICTURES", tmp_path))
    assert len(page.screenshot(path=folder / f"{name}.png")) > 20_000, "an empty page"


def test_a_history_that_cannot_be_read_is_said(settled: House, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database at all" * 1000)
    app = create_app(settled.live, Queries(broken), settled.status, WebSettings(), settled.clock)
    answer = app.test_client().get("/api/v1/series", base_url="http://localhost")
    assert answer.status_code == 503
    assert json.loads(answer.text)["error"]["key"] == "store"
    assert str(broken) not in answer.text
