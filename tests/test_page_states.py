"""The states of the page: waiting, live, late, stale, lost, hidden, locked; what it costs, whom it asks."""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from p1monitor import password
from p1monitor.settings import WebSettings
from p1monitor.webapp.app import STREAMS
from tests.browser import (
    CONTRAST,
    EXPORTING,
    TODAY,
    Open,
    clock,
    house,
    visit,
)
from tests.webhouse import METER, NOON, House, Moment, reading_of

__all__ = ["clock", "house", "visit"]  # fixtures


def test_it_grows_old_when_telegrams_stop(house: House, visit: Open) -> None:
    house.come(reading_of())
    one = visit(wall="2026-01-15T13:35:02Z")
    one.state("live")
    expect(one.page.locator("#link")).to_contain_text("good telegrams")
    one.page.clock.fast_forward(13_000)
    one.state("late")
    expect(one.page.locator("#age")).to_have_text("13 s ago")
    expect(one.page.locator("#spoken")).to_have_text("the numbers are late")
    one.page.clock.fast_forward(170_000)
    one.state("stale")
    expect(one.page.locator("#age")).to_have_text("no data for 3 min")
    colours = [one.page.locator(css).evaluate("element => getComputedStyle(element).color") for css in ("#watts", "#registers h2")]
    assert colours[0] == colours[1], "the numbers are grey"
    house.come(reading_of())
    one.state("live")


@pytest.mark.parametrize("wall", ["2019-01-01T00:00:00Z", "2031-07-01T00:00:00Z"])
def test_the_browsers_clock_may_be_wrong(house: House, visit: Open, wall: str) -> None:
    house.come(reading_of())
    one = visit(wall=wall)
    one.state("live")
    expect(one.page.locator("#age")).to_have_text("live · 0 s ago")
    marked = one.page.locator("#under")
    one.page.locator("#curve .u-over").hover(position={"x": 100, "y": 20})
    expect(marked).to_contain_text("yesterday")


def test_it_comes_late_and_knows_it(house: House, visit: Open, clock: Moment) -> None:
    house.come(reading_of())
    clock.pass_by(40)
    one = visit()
    one.state("late")
    expect(one.page.locator("#age")).to_contain_text("40 s ago")


def test_a_lost_daemon_is_said(house: House, visit: Open) -> None:
    house.come(reading_of())
    one = visit(wall="2026-01-15T13:35:02Z")
    one.state("live")
    house.close()
    one.page.clock.run_for(3000)
    deadline = time.monotonic() + 15
    while not any("ERR_" in text for text in one.complaints):
        assert time.monotonic() < deadline, "the browser did not notice"
        one.page.wait_for_timeout(50)
    one.page.clock.fast_forward(14_000)
    one.state("lost")
    expect(one.page.locator("#age")).to_contain_text("no connection for")
    again = House(house.clock)
    again.come(reading_of(EXPORTING))
    again.open(urlsplit(one.url).port or 0)
    expect(one.page.locator("#watts")).to_have_text("−2,315", timeout=15_000)
    one.state("live")
    again.close()
    one.page.goto("about:blank")
    one.complaints[:] = [text for text in one.complaints if "ERR_" not in text]  # the browser's own words for it


def test_before_the_first_telegram_it_says_on_what_it_waits(house: House, visit: Open) -> None:
    one = visit()
    one.state("waiting")
    expect(one.page.locator("#now")).to_contain_text("Waiting for the first telegram on serial /dev/ttyUSB0 (115200 8N1)")
    expect(one.page.locator("#watts")).to_be_hidden()
    house.come(reading_of())
    one.state("live")
    expect(one.page.locator("#watts")).to_have_text("1,248")


def test_without_a_history_there_is_no_curve(clock: Moment, visit: Open) -> None:
    house = House(clock, history=False)
    house.come(reading_of(today=TODAY))
    one = visit(of=house)
    expect(one.page.locator("#watts")).to_have_text("1,248")
    expect(one.page.locator("#today")).to_contain_text("6.41")
    expect(one.page.locator("#day")).to_be_hidden()
    expect(one.page.locator("#trouble")).to_be_hidden()
    one.complaints[:] = [text for text in one.complaints if "404" not in text]  # /api/v1/today, as it must be
    house.close()


def test_events_are_listed_newest_first_and_only_if_there_are_any(house: House, visit: Open) -> None:
    assert house.history is not None
    house.history.happened = [
        {"at": NOON.isoformat(), "received": None, "kind": "fraud", "code": 40, "words": "terminal cover removed"},
        {"at": None, "received": NOON.timestamp() - 3600, "kind": "standard", "code": 2, "words": "power up"},
        {"at": NOON.isoformat(), "words": "voltage normal L1", "seconds": 61.0, "value": 198.4, "unit": "V"},
    ]
    house.come(reading_of())
    one = visit()
    card = one.page.locator("#events")
    expect(card.locator("dd")).to_have_text(["terminal cover removed", "power up", "voltage normal L1for 61 s, to 198.4 V"])
    expect(card.locator("dt").first).to_contain_text("14:35")
    house.history.happened = []
    one.page.reload()
    one.state("live")
    expect(one.page.locator("#link")).to_be_visible()
    expect(card).to_be_hidden()


#: What the browser does to a page whose tab goes to the back, or comes to the front.
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_nothing_runs_while_the_tab_is_hidden(house: House, visit: Open) -> None:
    house.come(reading_of())
    one = visit(wall="2026-01-15T13:35:02Z")
    one.state("live")
    expect(one.page.locator("#day")).to_be_visible()
    one.page.evaluate(HIDE, True)
    one.page.wait_for_load_state("networkidle")
    asked = len(one.asked)
    one.page.clock.run_for(180_000)
    assert one.asked[asked:] == []
    deadline = time.monotonic() + 10
    while house.live._listeners[METER]:
        assert time.monotonic() < deadline, "the stream is still open"
        house.come(reading_of({"1-0:1.7.0": ("00.777*kW",)}))
        time.sleep(0.02)
    one.page.evaluate(HIDE, False)
    expect(one.page.locator("#watts")).to_have_text("777")
    one.state("live")


def test_beyond_the_last_stream_it_asks_each_five_seconds(house: House, visit: Open) -> None:
    house.come(reading_of())
    one = visit(path="/style.css")
    streams = []
    for _ in range(STREAMS):
        connection = http.client.HTTPConnection(one.url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/api/v1/live/stream")
        streams.append(connection.getresponse())
    one.page.clock.install(time="2026-01-15T13:35:02Z")
    one.page.goto(one.url)
    expect(one.page.locator("#watts")).to_have_text("1,248")
    asked = len(one.asked)
    house.come(reading_of(EXPORTING))
    deadline = time.monotonic() + 15
    while one.page.locator("#watts").inner_text() != "−2,315":
        assert time.monotonic() < deadline, "it does not ask"
        one.page.clock.run_for(1000)
    assert [url for url in one.asked[asked:] if "/live?" in url]
    for stream in streams:
        stream.close()
    one.complaints[:] = [text for text in one.complaints if "503" not in text]  # the refused stream


def test_the_password_page(clock: Moment, tmp_path: Path, visit: Open) -> None:
    file = tmp_path / "password"
    file.write_text(password.make_line("open the page"))
    house = House(clock, WebSettings(listen="127.0.0.1:0", password_file=file))
    house.come(reading_of())
    one = visit(of=house)
    page = one.page
    expect(page).to_have_url(one.url + "/login")
    assert page.evaluate(CONTRAST) == []
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    one.complaints[:] = [text for text in one.complaints if "401" not in text]
    page.get_by_label("Password").fill("open the page")
    page.keyboard.press("Enter")
    expect(page.locator("#watts")).to_have_text("1,248")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(one.url + "/login")
    house.close()
