"""A telegram that leans on the one before it comes out as if it stood alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1.frames import Frame
from p1monitor.p1.reading import METERS_KEPT, decode
from p1monitor.p1.records import Reading
from p1monitor.p1.telegram import Telegram, parse

#: What may stand in a telegram's place after place: values that change, are empty or of another kind, codes that share a meaning
#: or a value with others, devices' parts; nothing.
PLACES = (
    ("0-0:1.0.0(260320080000W)", "0-0:1.0.0(260320080001W)", "0-0:1.0.0(632525252525W)", "0-0:1.0.0()"),
    ("0-0:96.1.1(4530)", "0-0:96.1.1(4531)", "0-0:96.1.1()", ""),
    ("0-0:96.1.0(4532)", "0-0:96.1.0()", "", ""),
    ("0-0:96.1.2(871687120000000000)", "0-0:96.1.2(4533)", "", ""),
    ("1-0:1.8.0(000009.000*kWh)", "1-0:1.8.0()", "", ""),
    ("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(000001.001*kWh)", "1-0:1.8.1(abc)", ""),
    ("1-0:1.8.2(000002.000*kWh)", "1-0:1.8.2(000002.001*kWh)", "1-0:1.8.2()", ""),
    ("1-0:1.7.0(00.193*kW)", "1-0:1.7.0(00.194*kW)", "1-0:1.7.0()", ""),
    ("1-0:2.7.0(00.000*kW)", "1-0:2.7.0(00.010*kW)", "1-0:2.7.0()", "1-0:1.7.0(00.300*kW)"),
    ("1-0:16.7.0(00.500*kW)", "1-0:16.7.0(00.501*kW)", "", ""),
    ("1-0:31.4.0(016*A)", "1-0:31.4.0(999*A)", "1-0:31.4.0(003*A)", ""),
    ("0-0:96.1.4(50217)", "0-0:96.1.4(50221)", "1-0:12.24.0(230.0*V)", ""),
    ("1-0:32.24.0(230.0*V)", "1-0:32.24.0(231.0*V)", "", ""),
    ("0-0:96.13.0()", "0-0:96.13.0(41)", "0-0:96.13.0(42)", "1-0:9.9.9(x)"),
    ("0-1:24.1.0(003)", "0-1:24.1.0(007)", "", ""),
    ("0-1:24.2.1(260320080000W)(00001.000*m3)", "0-1:24.2.1(260320080500W)(00001.001*m3)", "0-1:24.2.1()", ""),
)
PICKS = st.lists(st.integers(0, 3), min_size=len(PLACES), max_size=len(PLACES))
#: What the next telegram has otherwise: a place or two.
CHANGES = st.lists(st.tuples(st.integers(0, len(PLACES) - 1), st.integers(0, 3)), min_size=1, max_size=2)


def telegram(picks: list[int], crc: str = "valid") -> Telegram:
    lines = [place[pick] for place, pick in zip(PLACES, picks, strict=True) if place[pick]]
    return parse(Frame("\r\n".join(["/TST5", "", *lines, "!0000", ""]).encode(), crc))


def alone(given_telegram: Telegram) -> Reading:
    """Decode it behind one with nothing in it."""
    decode(given_telegram._replace(objects=()), meter="alone")
    return decode(given_telegram, meter="alone")


def told(reading: Reading) -> tuple[object, ...]:
    return reading.at, list(reading.values.items()), reading.devices, reading.equipment_id


@settings(max_examples=150, deadline=None)
@given(PICKS, st.lists(st.tuples(CHANGES, st.sampled_from(["valid", "absent"])), min_size=4, max_size=4))
def test_a_telegram_comes_out_as_if_it_stood_alone(picks: list[int], seconds: list[tuple[list[tuple[int, int]], str]]) -> None:
    for changes, crc in seconds:
        for place, pick in changes:
            picks[place] = pick
        one = telegram(picks, crc)
        assert told(decode(one, meter="home")) == told(alone(one))


def test_what_has_not_changed_is_not_made_again() -> None:
    first, second = (decode(telegram([second] + [0] * 6 + [second] + [0] * 8), meter="home") for second in (0, 1))
    assert second.values["power_import_w"] != first.values["power_import_w"]
    assert second.devices is first.devices
    for name in ("device_id_2", "energy_import_kwh", "voltage_average_l1_v"):
        assert second.values[name] is first.values[name]


def test_a_reading_is_never_changed_by_the_next_one() -> None:
    first = decode(telegram([0] * len(PLACES)), meter="home")
    before = told(first)
    decode(telegram([1] * len(PLACES)), meter="home")
    assert told(first) == before


def test_the_last_of_two_equal_codes_counts_whichever_changes() -> None:
    both = [1, *[0] * 7, 3, *[0] * 7]  # 1.7.0 twice, and the clock
    assert decode(telegram(both), meter="home").values["power_import_w"].value == 300
    both[7] = 1
    assert decode(telegram(both), meter="home").values["power_import_w"].value == 300


def test_whether_there_is_a_crc_may_say_what_a_code_means() -> None:
    picks = [3 if "" in place else 0 for place in PLACES]
    picks[10] = 0
    for crc, name in (("valid", "current_limit_l1_a"), ("absent", "current_average_l1_a"), ("valid", "current_limit_l1_a")):
        assert name in decode(telegram(picks, crc), meter="home").values


@pytest.mark.parametrize("lines", [
    (("1-0:1.7.0()", "1-0:2.7.0(00.000*kW)"), ("1-0:1.7.0(00.193*kW)", "1-0:2.7.0(00.000*kW)")),
    (("1-0:1.7.0(00.193*kW)", "1-0:2.7.0(00.000*kW)"), ("1-0:1.7.0(00.193*kW)", "1-0:2.7.0()")),
    (("0-0:96.1.1(4530)", "0-0:96.1.0()"), ("0-0:96.1.1(4530)", "0-0:96.1.0(4531)")),
    (("0-0:96.1.1(4530)",), ("0-0:96.1.1(4531)",)),
    (("1-0:31.4.0(999*A)", "1-0:32.24.0(230.0*V)"), ("1-0:31.4.0(003*A)", "1-0:32.24.0(230.0*V)")),
], ids=["no longer empty", "empty", "a second identifier", "another meter", "another meaning"])  # fmt: skip
def test_a_value_that_others_depend_on(lines: tuple[tuple[str, ...], ...]) -> None:
    for now in lines:
        one = parse(Frame("\r\n".join(["/TST5", "", *now, "!0000", ""]).encode()))
        found = decode(one, meter="home")
        assert told(found) == told(alone(one))


def test_so_many_meters_are_remembered() -> None:
    one = telegram([0] * len(PLACES))
    first = decode(one, meter="home")
    assert decode(one, meter="home").devices == first.devices
    for number in range(METERS_KEPT + 1):
        assert told(decode(one, meter=str(number)))[1:] == told(first)[1:]
