"""Days, weeks, months and years on the page: a real history of months in a browser, brushed, zoomed, and found again by its URL."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from p1monitor.p1.records import Reading
from p1monitor.p1.times import central
from tests import pasthouse
from tests.browser import CONTRAST, DESK, PHONE, Open, clock, house, visit
from tests.webhouse import House

__all__ = ["clock", "house", "visit"]  # fixtures

TITLES = {"day": "Mon, 30 March 2026", "week": "30 Mar – 5 Apr 2026", "month": "March 2026", "year": "2026"}
#: What stands in the reading, by its label.
READ = """() => Object.fromEntries([...document.querySelectorAll("#past-numbers dt, #past-rates dt")]
    .map((label) => [label.textContent, label.nextSibling.firstChild.textContent]))"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reading]:
    path = tmp_path_factory.mktemp("past") / "history.sqlite"
    return path, pasthouse.build(path)


@pytest.fixture
def settled(built: tuple[Path, Reading]) -> Iterator[House]:
    yield from pasthouse.settled(*built)


def shown(page: Page) -> None:
    expect(page.locator("#past")).to_have_attribute("data-state", "shown")
    expect(page.locator("#past-numbers dd").first).to_be_visible()
    expect(page.locator("#bars canvas")).to_be_visible()


def part(page: Page, of: float, height: float = 0.5) -> tuple[float, float]:
    """A point of the chart, by its share of the width."""
    box = page.locator("#bars .u-over").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * of, box["y"] + box["height"] * height


def drag(page: Page, start: float, end: float) -> None:
    page.mouse.move(*part(page, start))
    page.mouse.down()
    page.mouse.move(*part(page, (start + end) / 2))
    page.mouse.move(*part(page, end))
    page.mouse.up()


def of_month(day: float) -> float:
    """Where a day of March 2026 is on the axis: its last days are after the hour that was left out."""
    return (day * 24 - (1 if day >= 29 else 0)) / 743


def registers(day: int) -> dict[str, Decimal]:
    """What the meter said at the midnight with which this day of March began."""
    at = datetime(2026, 3, day, tzinfo=UTC) - timedelta(hours=1)
    reading = pasthouse.telegram(at)
    values = {name: Decimal(str(one.value)) for name, one in reading.values.items() if re.fullmatch(r"energy_\w+_t\d_kwh", name)}
    return values | {"gas": Decimal(str(reading.devices[0].values["gas_m3"].value))}


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desktop"])
def test_each_view_fits_and_can_be_read(settled: House, visit: Open, tmp_path: Path, size: tuple[int, int]) -> None:
    page = visit(of=settled, size=size, path="/#home/day").page
    folder = Path(os.environ.get("P1MONITOR_PICTURES", tmp_path))
    for view, title in TITLES.items():
        page.locator(f"#past-{view}").click()
        expect(page.locator("#past-title")).to_have_text(title)
        shown(page)
        expect(page.locator(f"#past-{view}")).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#past-today")).to_be_disabled()
        assert page.evaluate("location.hash") == f"#home/{view}"
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate(CONTRAST) == []
        picture = page.locator("#past").screenshot(path=folder / f"view-{view}-{size[0]}.png")
        assert len(picture) > 15_000, "an empty chart"


def test_a_brush_reads_what_the_registers_say(settled: House, visit: Open) -> None:
    page = visit(of=settled, size=DESK, path="/#home/month/2026-03").page
    shown(page)
    page.locator("#past-rates summary").click()
    drag(page, of_month(8.2), of_month(10.6))
    expect(page.locator("#past-range")).to_have_text("Mon 9 Mar – Wed 11 Mar")
    expect(page).to_have_url(re.compile(r"brush=1773010800-1773270000"))
    before, after = registers(9), registers(12)
    gone = {name: after[name] - before[name] for name in before}
    expect(page.locator("#past-numbers")).to_contain_text(f"{gone['gas']}m³")
    read = page.evaluate(READ)
    for flow in ("import", "export"):
        rates = [gone[f"energy_{flow}_t{rate}_kwh"] for rate in (1, 2)]
        assert Decimal(read[flow]) == sum(rates)
        assert [Decimal(read[f"{flow}, tariff {rate}"]) for rate in (1, 2)] == rates
    assert Decimal(read["gas"]) == gone["gas"]
    assert read["mean power"] != read["peak import"]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desktop"])
def test_a_url_brings_a_view_back(settled: House, visit: Open, size: tuple[int, int]) -> None:
    first = visit(of=settled, size=size, path="/#home/day/2026-03-29")
    page = first.page
    shown(page)
    drag(page, 9.2 / 23, 11.9 / 23)
    expect(page.locator("#past-range")).to_have_text("Sun 29 Mar, 10:00 – 13:00")
    page.locator("#past-open").click()
    expect(page.locator("#past-out")).to_be_visible()
    expect(page).to_have_url(re.compile(r"zoom=\d+-\d+&brush=\d+-\d+"))
    expect(page.locator("#past")).to_have_attribute("data-zoomed", "")
    expect(page.locator("#past-numbers")).to_contain_text("kWh")
    said = page.evaluate(READ)
    other = first.page.context.new_page()
    other.goto(page.url)
    shown(other)
    expect(other.locator("#past-range")).to_have_text("Sun 29 Mar, 10:00 – 13:00")
    expect(other.locator("#past-out")).to_be_visible()
    expect(other.locator("#bars .u-select")).to_be_visible()
    assert other.evaluate(READ) == said
    box, over = other.locator("#bars .u-select").bounding_box(), other.locator("#bars .u-over").bounding_box()
    assert box is not None
    assert over is not None
    assert box["width"] == pytest.approx(over["width"], abs=3), "the window is the brush"
    assert other.locator("#past").evaluate("element => element.getBoundingClientRect().top") < 200, "it is in sight"


def test_keys_do_all_of_it(settled: House, visit: Open) -> None:
    page = visit(of=settled, size=DESK, path="/#home/month").page
    shown(page)
    page.locator("#past-charts").focus()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator("#past-range")).to_have_text("Sun 29 Mar – Mon 30 Mar")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(page.locator("#past-range")).to_have_text("The month so far")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#past-open")).to_have_text("Open this day")
    page.keyboard.press("Enter")
    expect(page.locator("#past-title")).to_have_text("Mon, 30 March 2026")
    page.keyboard.press("PageUp")
    expect(page.locator("#past-title")).to_have_text("Sun, 29 March 2026")
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile("zoom="))
    page.keyboard.press("-")
    expect(page).not_to_have_url(re.compile("zoom="))
    page.go_back()
    page.go_back()
    expect(page.locator("#past-title")).to_have_text("March 2026")
    page.locator("#past-previous").click()
    expect(page.locator("#past-title")).to_have_text("February 2026")
    page.locator("#past-today").click()
    expect(page.locator("#past-title")).to_have_text("March 2026")


def test_a_finger_brushes_and_opens(settled: House, visit: Open) -> None:
    page = visit(of=settled, path="/#home/month/2026-03").page
    shown(page)
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *point: float) -> None:
        points = [{"x": point[0], "y": point[1]}] if point else []
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", *part(page, of_month(8.2)))
    for day in (8.8, 9.5, 10.6):
        touch("touchMove", *part(page, of_month(day)))
    touch("touchEnd")
    expect(page.locator("#past-range")).to_have_text("Mon 9 Mar – Wed 11 Mar")
    for _ in range(2):
        touch("touchStart", *part(page, of_month(17.5)))
        touch("touchEnd")
        expect(page.locator("#past-range")).to_have_text(re.compile("Wed 18 Mar|The whole day"))
    expect(page.locator("#past-title")).to_have_text("Wed, 18 March 2026")


def test_a_zoomed_axis_can_be_dragged(settled: House, visit: Open) -> None:
    page = visit(of=settled, size=DESK, path="/#home/day/2026-03-28?zoom=1774681200-1774695600").page
    shown(page)
    x, y = part(page, 0.5, 1)
    page.mouse.move(x, y + 12)
    page.mouse.down()
    page.mouse.move(x - 100, y + 12)
    page.mouse.up()
    expect(page).not_to_have_url(re.compile("1774681200"))
    found = re.search(r"zoom=(\d+)-(\d+)", page.url)
    assert found is not None
    low, high = map(int, found.groups())
    assert high - low == 14_400
    assert low > 1774681200
    page.keyboard.down("Control")
    page.mouse.move(*part(page, 0.5))
    page.mouse.wheel(0, 600)
    expect(page).not_to_have_url(re.compile(str(low)))


def test_a_gap_is_a_gap_and_every_value_has_a_name(settled: House, visit: Open) -> None:
    page = visit(of=settled, size=DESK, path="/#home/day/2026-03-17").page
    shown(page)
    over = page.locator("#past-over")
    page.mouse.move(*part(page, 12.02 / 24))
    expect(over).to_have_text(re.compile(r"^12:0\d  – W  ·  gas – m³$"))
    page.mouse.move(*part(page, 5.52 / 24))
    expect(over).to_have_text(re.compile(r"^05:\d\d  \d+ W .*gas \d\.\d\d m³$"))
    page.locator("#past-year").click()
    expect(page.locator("#past-title")).to_have_text("2026")
    page.mouse.move(*part(page, 0.2))
    expect(over).to_have_text(
        re.compile(r"^March 2026  ·  import [\d.]+ \+ [\d.]+ kWh  ·  export [\d.]+ \+ [\d.]+ kWh  ·  gas [\d.]+ m³$")
    )


def test_what_happened_is_told_in_words(settled: House, visit: Open) -> None:
    page = visit(of=settled, path="/#home/month/2026-03?kind=power%20quality").page
    rows = page.locator("#happened dd")
    expect(rows).to_have_text(["voltage sag ended in phase L1"])
    page.locator("#past-kind").select_option("")
    expect(rows).to_have_count(3)
    assert "kind" not in page.url
    drag(page, of_month(3.2), of_month(3.8))
    expect(rows).to_have_text(["message: work on the grid"])
    page.locator("#past-kind").select_option("message")
    expect(page).to_have_url(re.compile("brush=.*kind=message"))


def test_an_event_tells_how_long_and_how_far(house: House, visit: Open) -> None:
    assert house.history is not None
    told = {"at": "2026-01-14T08:00:00+01:00", "received": None, "kind": "power quality", "code": 76, "words": "voltage sag ended"}
    house.history.happened = [{**told, "phase": "l2", "seconds": 75, "value": 203.4, "unit": "V"}]
    page = visit(of=house, path="/#home/month").page
    expect(page.locator("#happened dd")).to_have_text(["voltage sag ended, phase L2, for 75 s, 203.4 V"])


def test_its_states_are_said(house: House, visit: Open) -> None:
    assert house.history is not None
    rates, house.history.rates = house.history.rates, {}
    one = visit(of=house, path="/#home/week")
    page, card = one.page, one.page.locator("#past")
    expect(card).to_have_attribute("data-state", "empty")
    expect(page.locator("#past-words")).to_contain_text(
        "Nothing was recorded in this week. The history begins on 11 December 2024."
    )
    house.history.rates = rates
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/periods/month*", hold)
    page.locator("#past-month").click()
    expect(card).to_have_attribute("data-state", "loading")
    expect(page.locator("#past-words")).to_have_text("Loading …")
    held.pop().continue_()
    shown(page)
    page.route(
        "**/periods/year*", lambda route: route.fulfill(json={"error": {"key": "store", "text": "it is broken"}}, status=503)
    )
    page.locator("#past-year").click()
    expect(page.locator("#past-words")).to_have_text("The history cannot be shown: it is broken")
    assert page.evaluate(CONTRAST) == []
    assert all("503" in said for said in one.complaints)
    one.complaints.clear()


@pytest.mark.parametrize(
    "name", ["day?date=2026-03-29", "week?date=2026-03-26", "month", "year", "month?date=2026-02", "day?date=2026-03-17"]
)
def test_bars_add_up_to_the_registers(settled: House, name: str) -> None:
    client = settled.app.test_client()

    def ask(path: str) -> Any:
        answer = client.get(f"/api/v1/{path}", base_url="http://localhost")
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)

    told = ask(f"periods/{name}")
    for role, registers in told["steps"].items():
        for register, steps in registers.items():
            known = sum(step for step in steps if step is not None)
            assert round(known, 3) == told["used"][role][register], register
    assert ask(f"used?from={told['edges'][0]}&to={told['edges'][-1]}")["used"] == told["used"]
    electricity = told["used"]["electricity"]
    for flow in ("import", "export"):
        rates = sum(value for register, value in electricity.items() if register.startswith(f"energy_{flow}_t"))
        assert round(rates, 3) == electricity[f"energy_{flow}_kwh"]
    assert told["power"]["lowest"]["w"] <= told["power"]["mean_w"] <= told["power"]["highest"]["w"]
    if name.startswith("day?date=2026-03-29"):
        assert len(told["edges"]) == 24, "the day has 23 hours"
    assert central(datetime.fromtimestamp(told["edges"][0], UTC)).isoformat() == told["local"][0]


@pytest.mark.parametrize(
    ("path", "key"), [("periods/decade", "period"), ("periods/month?date=May", "date"), ("used?from=5&to=5", "span")]
)
def test_questions_that_make_no_sense_are_refused(settled: House, path: str, key: str) -> None:
    answer = settled.app.test_client().get(f"/api/v1/{path}", base_url="http://localhost")
    assert answer.status_code in (400, 404)
    assert json.loads(answer.text)["error"]["key"] == key


#: Name -> size, view. Only a history made for pictures has the whole of 2025.
PAPERS = {
    "page-month": (DESK, "month/2026-03?brush=1773010800-1773270000"),
    "page-year": (PHONE, "year/2025" if "P1MONITOR_PICTURES" in os.environ else "year/2026"),
}


@pytest.mark.parametrize("name", PAPERS)
def test_a_picture_for_the_papers(settled: House, visit: Open, tmp_path: Path, name: str) -> None:
    size, view = PAPERS[name]
    page = visit(of=settled, size=size, path=f"/#home/{view}").page
    shown(page)
    folder = Path(os.environ.get("P1MONITOR_PICTURES", tmp_path))
    assert len(page.locator("#past").screenshot(path=folder / f"{name}.png")) > 15_000, "an empty chart"
