"""Days, weeks, months and years on the page: a real history of months in a browser, brushed, zoomed, and found again by its URL."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from p1monitor.p1.records import Reading
from p1monitor.p1.times import central
from tests import pasthouse
from tests.browser import CONTRAST, DESK, PHONE, Open, clock, house, visit
from tests.viewing import COLUMN, EXPORT_2, IMPORT, IMPORT_2, READ, drag, of_month, part, registers, shown
from tests.webhouse import House

__all__ = ["clock", "house", "visit"]  # fixtures

TITLES = {"day": "Mon, 30 March 2026", "week": "30 Mar – 5 Apr 2026", "month": "March 2026", "year": "2026"}


#: What is written past the edges of the card that reads.
OUTSIDE = """() => {
  const reading = document.getElementById("past-reading"), style = getComputedStyle(reading);
  const { left, right } = reading.getBoundingClientRect();
  return [...reading.querySelectorAll("dt, dd, small")].filter((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    const text = range.getBoundingClientRect();
    return text.width && (text.left < left || text.right > right - parseFloat(style.paddingRight) + 0.5);
  }).map((one) => one.textContent);
}"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reading]:
    path = tmp_path_factory.mktemp("past") / "history.sqlite"
    return path, pasthouse.build(path)


@pytest.fixture
def settled(built: tuple[Path, Reading]) -> Iterator[House]:
    yield from pasthouse.settled(*built)


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


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desktop"])
@pytest.mark.parametrize("view", ["week", "month", "year"])
def test_twelve_hour_times_stay_in_their_card(settled: House, visit: Open, view: str, size: tuple[int, int]) -> None:
    page = visit(of=settled, size=size, path=f"/#home/{view}", locale="en-US").page
    shown(page)
    expect(page.locator("#past-numbers small").filter(has_text="PM")).not_to_have_count(0)
    assert page.evaluate(OUTSIDE) == []


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
        assert [Decimal(read[f"{flow}, {rate}"]) for rate in ("low (1)", "normal (2)")] == rates
    assert Decimal(read["gas"]) == gone["gas"]
    assert read["mean power"] != read["peak import"]


def test_a_url_brings_a_view_back(settled: House, visit: Open) -> None:
    first = visit(of=settled, size=PHONE, path="/#home/day/2026-03-29")
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


def test_bars_are_stacked_to_scale(settled: House, visit: Open) -> None:
    page = visit(of=settled, size=DESK, path="/#home/month/2026-03").page
    shown(page)
    pixels = page.evaluate(COLUMN, of_month(8.5))
    before, after = registers(9), registers(10)
    for colour, name in ((IMPORT_2, "energy_import_t2_kwh"), (EXPORT_2, "energy_export_t2_kwh")):
        ratio = (after[name] - before[name]) / (after["energy_import_t1_kwh"] - before["energy_import_t1_kwh"])
        assert pixels[colour] / pixels[IMPORT] == pytest.approx(float(ratio), rel=0.1), name


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
    counted = ["undervoltage L1, counted by the meter", "undervoltage L2, counted by the meter"]
    expect(rows).to_have_text(["voltage sag ended in phase L1", *counted])
    page.locator("#past-kind").select_option("")
    expect(rows).to_have_count(5)
    assert "kind" not in page.url
    drag(page, of_month(3.2), of_month(3.8))
    expect(rows).to_have_text(["message: work on the grid"])
    page.locator("#past-kind").select_option("message")
    expect(page).to_have_url(re.compile("brush=.*kind=message"))


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
    for role, columns in told["steps"].items():
        for register, steps in columns.items():
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
