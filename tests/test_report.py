"""The report of a month's voltage quality: EN 50160's two rules, and what a reader can see of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from p1monitor.clock import SYSTEM
from p1monitor.days import weeks
from p1monitor.live import Live
from p1monitor.p1.records import Event, QualityRow
from p1monitor.recorder import Queries, Store
from p1monitor.settings import WebSettings
from p1monitor.status import Status
from p1monitor.webapp.app import create_app
from p1monitor.webapp.report import phases
from tests.readings import WINTER
from tests.storing import METER, Meter

JANUARY = "2026-01"
EQUIPMENT = "E0051234567890123"
#: Ten-minute rows in a week.
WEEK = 7 * 144


def edges(month: str = JANUARY) -> list[tuple[date, float]]:
    return [(one.date, one.at) for one in weeks(month, datetime(2026, 2, 3, 12, tzinfo=WINTER))]


def months(volts: Sequence[float], status: int = 0, name: str = "voltage_l1") -> list[tuple[float, int, bool, bool | None]]:
    """First week of a month with these means: share, rows, whether all are within the wide limits, the verdict."""
    begin = edges()[0][1]
    columns = ["end", "status", f"{name}_v", f"{name}_min_v", f"{name}_max_v"]
    rows = [[begin + 600 * n, status if n == 1 else 0, one, one - 1, one + 1] for n, one in enumerate(volts, 1)]
    told = phases({"columns": columns, "rows": rows}, weeks(JANUARY, datetime(2026, 2, 3, 12, tzinfo=WINTER)))
    return [(one.weeks[0].within, one.weeks[0].rows, one.weeks[0].ever, one.weeks[0].kept) for one in told]


@pytest.mark.parametrize(
    ("volts", "expected"),
    [
        ([230.0] * 100, (100, 100, True, True)),
        ([230.0] * 95 + [206.9] * 5, (95, 100, True, True)),
        ([230.0] * 94 + [206.9] * 6, (94, 100, True, False)),
        ([230.0] * 94 + [207.0] * 6, (100, 100, True, True)),
        ([230.0] * 99 + [195.5], (99, 100, True, True)),
        ([230.0] * 99 + [195.4], (99, 100, False, False)),
        ([230.0] * 99 + [253.0], (100, 100, True, True)),
        ([230.0] * 99 + [253.1], (99, 100, False, False)),
        ([133.0] * 99 + [119.5], (99, 99 + 1, True, True)),  # of a star point: 132.8 V, so 119.5 V is 90 % and a little less
        ([133.0] * 99 + [112.8], (99, 100, False, False)),
    ],
)
def test_both_rules(volts: Sequence[float], expected: tuple[float, int, bool, bool]) -> None:
    within, rows, *rules = expected
    assert months([*volts] * 10) == [(10 * within, 10 * rows, *rules)]


@pytest.mark.parametrize(("rows", "kept"), [(WEEK, True), (908, True), (907, None), (1, None)])
def test_of_a_week_that_is_hardly_known_nobody_can_say(rows: int, kept: bool | None) -> None:
    assert months([230.0] * rows) == [(rows, rows, True, kept)]
    assert months([190.0, *[230.0] * (rows - 1)])[0][3] is False


@pytest.mark.parametrize("status", [128, 2])
def test_ten_minutes_that_were_not_normal_do_not_count(status: int) -> None:
    assert months([100.0, *[230.0] * 10], status) == [(10, 10, True, None)]
    assert months([100.0, *[230.0] * 10], 4)[0][1] == 11


def test_a_phase_that_is_not_connected_has_no_report() -> None:
    assert months([2.0] * 10) == []


def test_weeks_are_counted_from_the_first_and_in_local_time() -> None:
    assert [day.day for day, _ in edges()] == [1, 8, 15, 22, 29, 1]
    assert [day.day for day, _ in edges("2026-02")] == [1, 8, 15, 22, 1]
    _, first = edges("2026-07")[0]
    assert datetime.fromtimestamp(first, UTC).hour == 22  # summer, asked in winter


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    path = tmp_path / "history.sqlite"
    store = Store(path)
    meter = Meter(store, EQUIPMENT)
    begin = weeks(JANUARY, datetime.fromtimestamp(SYSTEM.wall()).astimezone())[0].at  # without a reading the host's zone counts
    event = datetime.fromtimestamp(begin + 3000, UTC), None, "power quality", 76, "undervoltage <L1>", "L1", None, 61.0
    with store.transaction():
        for number in range(1, WEEK + 1):
            low = 190_000 if number == 5 else 230_000
            name = "voltage_l1_v"
            start, end = (datetime.fromtimestamp(begin + 600 * one, UTC) for one in (number - 1, number))
            row = QualityRow(start, end, {name: 600}, {name: 600 * low}, {name: low - 1000}, {name: low + 1000})
            store.add_quality(meter.device, meter.segment.id, 4 * (number == 7), row)
        store.add_events(METER, 1, [Event(*event, Decimal("190.0"), "V")])
    store.close()
    queries = Queries(path)
    app = create_app(Live([METER]), queries, Status("0.1.0"), WebSettings(listen="127.0.0.1:0"), SYSTEM)
    yield app.test_client()
    queries.close()


def test_the_page_says_it_all(client: FlaskClient) -> None:
    answer = client.get(f"/report/{JANUARY}", base_url="http://localhost")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert '<link rel="icon" href="data:' in answer.text, "a browser would ask for one"
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))
    assert "01-01 – 07-01 1008 of 1008 1 with a gap 190.0 V 230.0 V 99.9% no no" in text
    assert "29-01 – 31-01 0 of 432 – – – – –" in text
    assert "L1: in 1 of 5 weeks the voltage was not as EN 50160 says." in text
    assert "Period 2026-01-01 – 2026-01-31, local time of the meter" in text
    assert f"Meter {EQUIPMENT} Period" in text
    assert "Lowest single value 189.0 V, highest 231.0 V" in text
    assert "one value a second at most" in text
    assert "undervoltage &lt;L1&gt; for 61 s, to 190.0 V" in text
    assert EQUIPMENT not in client.get(f"/report/{JANUARY}?serial=no", base_url="http://localhost").text
    assert "style=" not in answer.text  # the page's policy allows none
    assert client.get("/report.css", base_url="http://localhost").mimetype == "text/css"


@pytest.mark.parametrize("month", ["2026-13", "now", "2026", "0001-01", "9999-12", "2026-01-01"])
def test_another_word_is_no_month(client: FlaskClient, month: str) -> None:
    assert client.get(f"/report/{month}", base_url="http://localhost").status_code == 404


def test_a_month_without_rows_says_so(client: FlaskClient) -> None:
    assert "No voltages were kept" in client.get("/report/2025-01", base_url="http://localhost").text
