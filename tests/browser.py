"""A browser that looks at a house: fixtures and telegrams for the tests of the page. Never tests anything itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.webhouse import House, clock, house, reading_of

__all__ = ["clock", "house"]  # fixtures

PHONE, DESK = (390, 844), (1280, 800)


TODAY = {"energy_import_today_kwh": "6.41", "energy_export_today_kwh": "2.03"}


MESSAGE = "Work on the grid in your street on Tuesday 20 January between 9:00 and 12:00."


EXPORTING: Mapping[str, tuple[str, ...] | None] = {
    "1-0:1.7.0": ("00.000*kW",),
    "1-0:2.7.0": ("02.315*kW",),
    "1-0:21.7.0": ("00.000*kW",),
    "1-0:22.7.0": ("01.400*kW",),
}


ONE_PHASE: Mapping[str, tuple[str, ...] | None] = {f"1-0:{code}.7.0": None for code in (52, 72, 51, 71, 41, 61, 42, 62)}


NO_GAS: Mapping[str, tuple[str, ...] | None] = {"0-1:24.1.0": None, "0-1:96.1.0": None, "0-1:24.2.1": None}


NO_VOLTAGE: Mapping[str, tuple[str, ...] | None] = {f"1-0:{code}.7.0": None for code in (32, 52, 72)}


def octets(text: str) -> tuple[str]:
    """A text as the meters write it."""
    return (text.encode().hex().upper(),)


@dataclass
class Visit:
    """A browser's page, with everything it asked and complained about."""

    page: Page
    url: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def foreign(self) -> list[str]:
        return [url for url in self.asked if urlsplit(url).scheme != "data" and not url.startswith(self.url + "/")]

    def state(self, name: str) -> None:
        expect(self.page.locator("body")).to_have_attribute("data-state", name)


Open = Callable[..., Visit]


@pytest.fixture
def visit(chromium: Browser, house: House) -> Iterator[Open]:
    """Open the page; at the end nothing may have left the host and nothing may have gone wrong."""
    visits: list[Visit] = []

    def open_page(
        *,
        of: House = house,
        size: tuple[int, int] = PHONE,
        dark: bool = False,
        wall: str | None = None,
        path: str = "/",
        locale: str = "en-GB",
    ) -> Visit:
        url = of.open()
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale=locale,
            device_scale_factor=2 if size == PHONE else 1,
        )
        page = context.new_page()
        one = Visit(page, url)
        visits.append(one)

        def route(route: Route) -> None:
            one.asked.append(route.request.url)
            if urlsplit(route.request.url).hostname == "127.0.0.1":
                route.continue_()
            else:
                route.abort()

        page.route("**/*", route)
        page.on("console", lambda said: one.complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        if wall is not None:
            page.clock.install(time=wall)
        page.goto(url + path)
        return one

    yield open_page
    for one in visits:
        assert one.foreign == [], "the page asked somebody else"
        assert one.complaints == []
        one.page.context.close()


def held_gas() -> Any:
    reading = reading_of(today=TODAY)
    (gas,) = reading.devices
    return reading._replace(devices=(replace(gas, values={"gas_m3": gas.values["gas_m3"]._replace(held=True)}),))


#: The texts that cannot be read well: contrast under 4.5 : 1 (WCAG 2.2 §1.4.3), or smaller than 12 px.
CONTRAST = """() => {
  const parts = (css) => css.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => [r, g, b].map((c) => linear(c / 255))
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parts(style.color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const small = parseFloat(style.fontSize) < 12;
    if (ratio < 4.5 || small) poor.push([element.tagName, element.textContent, ratio, style.fontSize]);
  }
  return poor;
}"""
