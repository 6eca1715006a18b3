"""What the chart of the past shows: chosen, in the URL, read where it is brushed; and the way to the month's report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from p1monitor.p1.records import Reading
from tests import pasthouse
from tests.browser import CONTRAST, DESK, PHONE, Open, clock, house, visit
from tests.viewing import READ, part, shown
from tests.webhouse import House

__all__ = ["clock", "house", "visit"]  # fixtures

#: Three hours of a Sunday afternoon.
FROM, TO, HOUR_S = 1774778400, 1774789200, 3600
#: Colours of the lines of three phases, in light.
PHASES = ("138 82 32", "31 39 43", "125 134 141")
#: How many pixels of the chart have a colour.
PIXELS = """(wanted) => {
  const canvas = document.querySelector("#bars canvas"), told = {};
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4) {
    const colour = data.slice(at, at + 3).join(" ");
    told[colour] = (told[colour] ?? 0) + 1;
  }
  return wanted.map((colour) => told[colour] ?? 0);
}"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reading]:
    path = tmp_path_factory.mktemp("shown") / "history.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pasthouse, "moments", moments)
        return path, pasthouse.build(path)


def moments() -> Iterator[datetime]:
    """Two days by the hour, and in the afternoon as often as a line wants it."""
    at = FROM - 36 * HOUR_S
    while at < pasthouse.NOW.timestamp():
        yield datetime.fromtimestamp(at, UTC)
        at += 30 if FROM <= at < TO else HOUR_S
    yield pasthouse.NOW


@pytest.fixture
def settled(built: tuple[Path, Reading]) -> Iterator[House]:
    yield from pasthouse.settled(*built)


def series(house: House, name: str, points: int) -> Any:
    query = f"names={name}&from={FROM}&to={TO}&points={points}"
    return house.app.test_client().get(f"/api/v1/series?{query}", base_url="http://localhost").get_json()[name]


def test_a_url_says_what_is_shown_and_a_brush_reads_it(settled: House, visit: Open) -> None:
    page = visit(of=settled, size=DESK, path=f"/#home/day/2026-03-29?brush={FROM}-{TO}&show=voltage").page
    shown(page)
    expect(page.locator("#past-show")).to_have_value("voltage")
    expect(page.locator("#past-legend")).to_have_text("VL1L2L3")
    expect(page.locator("#past-numbers")).to_contain_text("voltage L3")
    assert all(page.evaluate(PIXELS, PHASES))
    read = page.evaluate(READ)
    told = {name: series(settled, f"voltage_l{name}_v", 4000) for name in (1, 2, 3)}
    for phase, column in told.items():
        known = [one for one in column["mean"] if one is not None]
        assert float(read[f"voltage L{phase}"]) == pytest.approx(sum(known) / len(known), abs=0.06)
        extremes = f"{min(filter(None, column['min'])):.1f} to {max(filter(None, column['max'])):.1f}"
        expect(page.locator("#past-numbers")).to_contain_text(extremes)
    page.locator("#past-clear").click()
    expect(page.locator("#past-range")).to_have_text("The whole day")
    expect(page.locator("#past-numbers")).to_contain_text("voltage L3")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desktop"])
def test_what_is_shown_is_chosen_and_stays(settled: House, visit: Open, size: tuple[int, int]) -> None:
    page = visit(of=settled, size=size, dark=size == PHONE, path="/#home/week").page
    shown(page)
    choices = ["Energy", "Power", "Power by phase", "Voltage", "Current", "Gas"]
    expect(page.locator("#past-show option")).to_have_text(choices)
    for label, key, unit in (("Current", "current", "A"), ("Gas", "gas%2Fgas_m3", "m³"), ("Power", "power", "W")):
        page.locator("#past-show").select_option(label=label)
        expect(page).to_have_url(re.compile(f"show={key}"))
        expect(page.locator("#past-legend .unit")).to_have_text(unit)
        expect(page.locator("#volumes canvas")).to_have_count(0 if label == "Gas" else 1)
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.locator("#past-month").click()
    expect(page.locator("#past-title")).to_have_text("March 2026")
    expect(page.locator("#past-show")).to_have_value("power")
    page.locator("#past-show").select_option("")
    expect(page).not_to_have_url(re.compile("show="))
    expect(page.locator("#past-legend .unit")).to_have_text("kWh")


#: The stacks of two bars, of a total and two tariffs.
STACKS = """async ([total, one, two]) => {
  const { Span } = await import("/spans.js");
  const electricity = { energy_import_kwh: total, energy_import_t1_kwh: one, energy_import_t2_kwh: two };
  return new Span({ period: "week", edges: [0, 3600, 7200], local: [], steps: { electricity } }).flows.map(({ name }) => name);
}"""


def test_tariffs_are_stacked_where_they_make_up_the_total_but_for_its_rounding(settled: House, visit: Open) -> None:
    page = visit(of=settled).page
    both = ["energy_import_t1_kwh", "energy_import_t2_kwh"]
    assert page.evaluate(STACKS, [[0.39, 0.181], [0.384, 0.005], [0, 0.182]]) == both
    assert page.evaluate(STACKS, [[0.39, 0.4], [0.384, 0.1], [0, 0.2]]) == ["energy_import_kwh"]


def test_the_last_ten_minutes_of_a_slow_meter_are_a_line(settled: House, visit: Open) -> None:
    page = visit(of=settled).page
    gaps = """async (period) => {
      const { Spark } = await import("/chart.js");
      const spark = new Spark(document.createElement("div"));
      spark.pace(period);
      spark.reset([0, 60, 121, 400].map((at) => [at, 100]));
      return spark.plot.data[1].filter((one) => one === null).length;
    }"""
    assert [page.evaluate(gaps, period) for period in (None, 10, 60)] == [3, 3, 1]


def test_the_hover_tells_the_range_of_what_is_exported_too(settled: House, visit: Open) -> None:
    page = visit(of=settled, size=DESK, path="/#home/week/2026-03-29?show=power").page
    shown(page)
    over, told = page.locator("#past-over"), []
    for quarter in range(52, 64):
        page.mouse.move(*part(page, (6 * 96 + quarter) / (7 * 96 - 4)))
        if match := re.search(r" (\S+) W +· +(\S+) to (\S+) W", over.inner_text()):
            told.append([float(one.replace("−", "-").replace(",", "")) for one in match.groups()])
    assert any(mean < 0 for mean, _, _ in told)
    assert all(least <= mean <= most and least < most for mean, least, most in told)


def test_the_month_leads_to_its_report(settled: House, visit: Open) -> None:
    page = visit(of=settled, size=DESK, path="/#home/month/2026-03").page
    shown(page)
    expect(page.locator("#past-report")).to_be_visible()
    with page.expect_navigation():
        page.locator("#past-report").click()
    expect(page.locator("h1")).to_have_text("Voltage quality, 2026-03")
    page.go_back()
    shown(page)
    page.locator("#past-week").click()
    expect(page.locator("#past-report")).to_be_hidden()
