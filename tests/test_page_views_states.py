"""The page's history where there is nothing to show: empty, loading, broken, not kept; and what an event knows."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.browser import CONTRAST, Open, clock, house, visit
from tests.viewing import shown
from tests.webhouse import House, Moment, reading_of

__all__ = ["clock", "house", "visit"]  # fixtures


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


def test_without_a_history_it_is_not_there(clock: Moment, visit: Open) -> None:
    house = House(clock, history=False)
    house.come(reading_of())
    one = visit(of=house, path="/#home/month")
    expect(one.page.locator("#watts")).to_have_text("1,248")
    expect(one.page.locator("#past")).to_be_hidden()
    one.complaints[:] = [text for text in one.complaints if "404" not in text]  # as it must be
    house.close()
