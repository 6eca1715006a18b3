"""How the tests look at the page's history: points of its charts, what it reads, the registers themselves. Tests nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from playwright.sync_api import Page, expect

from tests import pasthouse

#: What stands in the reading, by its label.
READ = """() => Object.fromEntries([...document.querySelectorAll("#past-numbers dt, #past-rates dt")]
    .map((label) => [label.textContent, label.nextSibling.firstChild.textContent]))"""

#: Pixels of each colour in one column of the chart, by its share of the width.
COLUMN = """(of) => {
  const canvas = document.querySelector("#bars canvas"), over = document.querySelector("#bars .u-over").getBoundingClientRect();
  const x = (over.left - canvas.getBoundingClientRect().left + over.width * of) * devicePixelRatio;
  const told = {}, { data } = canvas.getContext("2d").getImageData(Math.round(x), 0, 1, canvas.height);
  for (let at = 0; at < data.length; at += 4) {
    const colour = data.slice(at, at + 3).join(" ");
    told[colour] = (told[colour] ?? 0) + 1;
  }
  return told;
}"""
#: In light.
IMPORT, IMPORT_2, EXPORT_2 = "0 114 178", "90 169 214", "92 196 165"


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
