"""What the page shows of a telegram, in a browser."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from p1monitor.observer import Memory, Rules, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Measurement
from p1monitor.p1.telegram import parse
from tests.browser import (
    DESK,
    EXPORTING,
    NO_GAS,
    NO_VOLTAGE,
    ONE_PHASE,
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


def test_it_shows_what_the_telegram_says(house: House, visit: Open) -> None:
    house.come(reading_of(today=TODAY))
    page = visit().page
    expect(page.locator("#watts")).to_have_text("1,248")
    expect(page.locator("#direction")).to_contain_text("↓ from the grid")
    expect(page.locator("#today tbody tr")).to_have_count(3)
    expect(page.locator("#today")).to_contain_text("6.41kWh")
    expect(page.locator("#today")).to_contain_text("2.03kWh")
    expect(page.locator("#today tr[data-of=gas]")).to_contain_text("m³")
    expect(page.locator(".phase")).to_have_count(3)
    expect(page.locator(".phase").nth(2)).to_contain_text("744W3.23A230.7V")
    expect(page.locator("#registers dd").first).to_contain_text("012345.678kWh")
    expect(page.locator("#registers dt.active")).to_have_count(2)
    expect(page.locator("#registers")).to_contain_text("002612.345m³at 14:30")
    expect(page.locator("#link")).to_contain_text("ISK5\\2M550T-1012")
    expect(page.locator("#link")).to_contain_text("E0044007131650617")
    expect(page.locator("#message")).to_be_hidden()
    expect(page.locator("#status")).to_contain_text("live · 0 s ago")


def test_it_moves_when_the_next_telegram_comes(house: House, visit: Open) -> None:
    house.come(reading_of())
    page = visit().page
    expect(page.locator("#watts")).to_have_text("1,248")
    house.come(reading_of(EXPORTING))
    expect(page.locator("#watts")).to_have_text("−2,315")
    expect(page.locator("#direction")).to_contain_text("↑ to the grid")
    expect(page.locator("#now")).to_have_attribute("data-flow", "export")
    expect(page.locator(".phase .bar").first).to_have_class("bar export")


def test_rows_exist_only_for_what_the_meter_has(house: House, visit: Open) -> None:
    nothing_sent = {"1-0:2.8.1": ("000000.000*kWh",), "1-0:2.8.2": ("000000.000*kWh",)}
    house.come(reading_of({**NO_GAS, **ONE_PHASE, **nothing_sent}))
    page = visit().page
    expect(page.locator("#today tbody tr")).to_have_count(1)
    expect(page.locator(".phase")).to_have_count(1)
    expect(page.locator("#demand")).to_be_hidden()
    assert "gas" not in page.locator("main").inner_text()


def test_a_phase_that_was_never_connected_is_not_drawn(house: House, visit: Open) -> None:
    dead = {"1-0:52.7.0": ("000.0*V",), "1-0:51.7.0": ("000*A",), "1-0:41.7.0": ("00.000*kW",)}
    house.come(reading_of(dead))
    page = visit().page
    expect(page.locator(".phase b")).to_have_text(["L1", "L3"])
    house.come(reading_of())
    expect(page.locator(".phase b")).to_have_text(["L1", "L2", "L3"])
    house.come(reading_of(dead))
    expect(page.locator(".phase").nth(1)).to_contain_text("0.0V")


def test_a_meter_without_voltage_has_its_phases(house: House, visit: Open) -> None:
    house.come(reading_of(NO_VOLTAGE))
    page = visit().page
    expect(page.locator(".phase")).to_have_count(3)
    expect(page.locator(".phase").first.get_by_text("412")).to_be_visible()
    expect(page.locator(".phase > span").nth(2)).to_be_hidden()


def test_a_held_value_is_being_checked(house: House, visit: Open) -> None:
    house.come(held_gas())
    page = visit().page
    expect(page.locator("#today tr[data-of=gas]")).to_contain_text("being checked")
    expect(page.locator("#registers")).to_contain_text("being checked")


def test_a_message_is_text_and_nothing_else(house: House, visit: Open) -> None:
    nasty = "<img src=http://evil.example/x onerror=alert(1)><b>hello</b>"
    house.come(reading_of({"0-0:96.13.0": octets(nasty)}))
    page = visit().page
    expect(page.locator("#text")).to_have_text(nasty)
    assert page.locator("#message img, #message b").count() == 0
    house.come(reading_of())
    expect(page.locator("#message")).to_be_hidden()


def test_demand_is_shown_where_the_meter_counts_it(house: House, visit: Open) -> None:
    house.come(reading_of({"1-0:1.4.0": ("02.351*kW",), "1-0:1.6.0": ("260110183000W", "04.329*kW")}))
    page = visit().page
    expect(page.locator("#demand dd")).to_have_text(["2,351W", "4,329W"])


def test_what_a_limit_leaves_is_shown(house: House, visit: Open) -> None:
    _, seen = observe(Memory(), reading_of({"1-0:1.4.0": ("02.351*kW",)}), rules=Rules(limit_w=Decimal(2351)))
    house.come(seen)
    page = visit().page
    expect(page.locator("#demand dt")).to_have_text(["average of this quarter-hour", "left below the limit"])
    expect(page.locator("#demand dd")).to_have_text(["2,351W", "0W"])


def test_link_quality_is_told_by_reason(house: House, visit: Open) -> None:
    house.status.count("refused:crc", 2, meter=METER)
    house.status.count("refused:noise", 1, meter=METER)
    house.status.set("port_errors", {"frame": 0, "parity": 7, "overrun": 0}, meter=METER)
    house.come(reading_of())
    page = visit().page
    expect(page.locator("#link")).to_contain_text("2 crc, 1 noise")
    expect(page.locator("#link")).to_contain_text("0 frame, 7 parity, 0 overrun")


def test_every_value_is_there_for_who_looks(house: House, visit: Open) -> None:
    house.come(reading_of({"1-0:0.2.99": ("abc",)}))
    page = visit().page
    page.locator("#every summary").click()
    expect(page.locator("#every")).to_contain_text("4 Jan 2019, 19:30, 67 min")
    expect(page.locator("#every")).to_contain_text("1-0:0.2.99")
    assert page.locator("#every dt", has_text="Voltage L1").get_attribute("title") == "1-0:32.7.0, Voltage L1"


def test_today_is_drawn_against_yesterday(house: House, visit: Open) -> None:
    house.come(reading_of())
    one = visit(size=DESK)
    expect(one.page.locator("#curve canvas")).to_be_visible()
    expect(one.page.locator("#exported")).to_be_visible()
    over = one.page.locator("#curve .u-over")
    box = over.bounding_box()
    assert box is not None

    def told_at(hour: float) -> str:
        over.hover(position={"x": box["width"] * hour / 24, "y": 40})
        return one.page.locator("#under").inner_text()

    assert told_at(7.5).startswith("07:")
    assert "yesterday" in told_at(7.5)
    assert told_at(10.4).count("–") == 2, "a gap is a gap"
    assert " – W, yesterday 1," in told_at(19), "today ends now"


def test_each_meter_has_its_page(clock: Moment, visit: Open) -> None:
    house = House(clock, meters=["home", "barn"])
    house.come(reading_of())
    house.come(reading_of({"1-0:1.7.0": ("00.042*kW",), **NO_GAS}), "barn")
    page = visit(of=house).page
    expect(page.locator("#watts")).to_have_text("1,248")
    page.get_by_label("meter").select_option("barn")
    expect(page.locator("#watts")).to_have_text("42")
    expect(page.locator("#registers dt")).to_have_count(4)
    page.reload()
    expect(page.locator("#watts")).to_have_text("42")
    house.close()


@pytest.mark.corpus
def test_every_real_telegram_can_be_looked_at(house: House, visit: Open) -> None:
    house.come(reading_of())
    one = visit()
    one.page.locator("#every summary").click()
    for number, file in enumerate(sorted(Path(os.environ["P1MONITOR_CORPUS"]).glob("*.txt")), 1):
        framer = Framer()
        frames = [event for event in (*framer.feed(file.read_bytes()), *framer.end()) if isinstance(event, Frame)]
        for frame in frames[:1]:
            reading = decode(parse(frame), meter=METER, frame=frame.data)
            mark = Measurement(Decimal(number), "W", "")  # so that it shows when this one has come
            house.come(reading._replace(values={**reading.values, "power_w": mark}))
            expect(one.page.locator("#watts")).to_have_text(str(number))
            expect(one.page.locator("#every dt")).to_have_count(
                len(reading.values.keys() | {"power_w"}) + sum(len(device.values) for device in reading.devices)
            )
            assert one.complaints == [], file.name
