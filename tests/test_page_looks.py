"""How the page looks: it fits, it can be read, nothing jumps; and a picture of each state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import (
    CONTRAST,
    DESK,
    EXPORTING,
    MESSAGE,
    NO_GAS,
    NO_VOLTAGE,
    ONE_PHASE,
    PHONE,
    TODAY,
    Open,
    clock,
    held_gas,
    house,
    octets,
    visit,
)
from tests.webhouse import METER, House, Moment, reading_of

__all__ = ["clock", "house", "visit"]  # fixtures


#: What a phone's browser leaves of 844 px for the page, bars taken off.
FIRST_SCREEN = 664


#: Elements whose place no number may change.
STEADY = ["#watts", "#direction", "#today", "#day", "#phases", "#registers", "#phases .bar", "#phases .phase > span"]
BOXES = """names => names.map((name) => {
  const { x, y, width, height } = document.querySelector(name).getBoundingClientRect();
  return [name, x, y, width, height];
})"""


def test_numbers_change_without_moving_anything(house: House, visit: Open) -> None:
    house.come(reading_of({"1-0:1.7.0": ("00.008*kW",), "1-0:21.7.0": ("00.008*kW",)}, today={"energy_import_today_kwh": "0"}))
    page = visit().page
    expect(page.locator("#watts")).to_have_text("8")
    expect(page.locator("#day")).to_be_visible()
    expect(page.locator("#link")).to_contain_text("ISK5")
    before = page.evaluate(BOXES, STEADY)
    house.come(reading_of({"1-0:1.7.0": ("09.876*kW",), "1-0:21.7.0": ("09.876*kW",)}, today={"energy_import_today_kwh": "88.88"}))
    expect(page.locator("#watts")).to_have_text("9,876")
    assert page.evaluate(BOXES, STEADY) == before


def test_the_first_screen_of_a_phone_holds_it_all(house: House, visit: Open) -> None:
    house.come(reading_of(today=TODAY))
    page = visit().page
    expect(page.locator("#day")).to_be_visible()
    expect(page.locator(".phase")).to_have_count(3)
    bottom = page.locator("#phases").evaluate("element => element.getBoundingClientRect().bottom")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert bottom <= FIRST_SCREEN
    assert width == PHONE[0], "nothing sticks out to the side"


@pytest.mark.parametrize("width", [320, 600, 999, 1000, 1920])
def test_no_width_makes_it_scroll_sideways(house: House, visit: Open, width: int) -> None:
    house.come(reading_of({**EXPORTING, "1-0:2.7.0": ("17.315*kW",), "0-0:96.13.0": octets("x" * 300)}, today=TODAY))
    page = visit(size=(width, 800)).page
    expect(page.locator("#watts")).to_have_text("−17,315")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overlap = page.evaluate("""() => document.querySelector("#watts").getBoundingClientRect().right
        - document.querySelector("#direction").getBoundingClientRect().left""")
    assert overlap <= 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everything_can_be_read(house: House, visit: Open, dark: bool) -> None:
    house.status.count("refused:crc", meter=METER)
    house.come(held_gas()._replace(values=reading_of({"0-0:96.13.0": octets(MESSAGE)}, today=TODAY).values))
    one = visit(dark=dark, wall="2026-01-15T13:35:02Z")
    one.state("live")
    expect(one.page.locator("#link")).to_contain_text("1 crc")
    assert one.page.evaluate(CONTRAST) == []
    house.come(reading_of(EXPORTING))
    expect(one.page.locator("#words")).to_have_text("to the grid")
    assert one.page.evaluate(CONTRAST) == []
    for pause, state in ((13_000, "late"), (170_000, "stale")):
        one.page.clock.fast_forward(pause)
        one.state(state)
        assert one.page.evaluate(CONTRAST) == []


#: Name -> size, dark, what the telegram changes, seconds of silence.
PICTURES: Mapping[str, tuple[tuple[int, int], bool, Mapping[str, tuple[str, ...] | None], float]] = {
    "phone": (PHONE, False, {}, 1),
    "desktop": (DESK, False, {}, 1),
    "phone-dark": (PHONE, True, {}, 1),
    "desktop-dark": ((1440, 900), True, {}, 1),
    "exporting-with-message": (PHONE, False, {**EXPORTING, "0-0:96.13.0": octets(MESSAGE)}, 1),
    "stale": (PHONE, False, {}, 190),
    "late": (PHONE, True, {}, 14),
    "one-phase-no-gas": (PHONE, False, {**ONE_PHASE, **NO_GAS}, 1),
    "no-voltage": (PHONE, False, NO_VOLTAGE, 1),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_each_state(house: House, visit: Open, clock: Moment, tmp_path: Path, name: str) -> None:
    size, dark, changes, silence = PICTURES[name]
    for second in range(600):
        watts = 900 + (700 if 200 < second < 290 else 0) + second % 7 * 12 + (1248 - 972) * (second > 560)
        house.come(reading_of({"1-0:1.7.0": (f"{watts / 1000:06.3f}*kW",)}))
        clock.pass_by(1)
    house.come(reading_of(changes, today=TODAY))
    clock.pass_by(silence)
    page = visit(size=size, dark=dark).page
    expect(page.locator("#day canvas")).to_be_visible()
    expect(page.locator("#link")).to_contain_text("ISK5")
    page.wait_for_load_state("load")
    folder = Path(os.environ.get("P1MONITOR_PICTURES", tmp_path))
    picture = page.screenshot(path=folder / f"{name}.png")
    assert len(picture) > 20_000, "an empty page"
