"""The grammar, both ways."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.telegram import LINES_KEPT, DataObject, Telegram, data_object, normal_code, parse, render


def one(body: str, crc: str = "absent") -> Telegram:
    """Parse a body under a header of ours."""
    return parse(Frame(f"/TST5P1\r\n\r\n{body}!\r\n".encode("latin-1"), crc))


CODES = {
    "1-0:1.8.1": "1-0:1.8.1",
    "1-0:1.8.1*255": "1-0:1.8.1",
    "1-0:1.8.1*01": "1-0:1.8.1*01",
    "1-0:99:97.0": "1-0:99.97.0",
    "1-0:72:32.0": "1-0:72.32.0",
    "0-0:96.1.255*255": "0-0:96.1.255",
    "1.8.0": "1-0:1.8.0",
    "1.8": "1-0:1.8.0",
    "0.9.1": "1-0:0.9.1",
    "96.14.0": "0-0:96.14.0",
    "C.1.0": "0-0:96.1.0",
    "F.F": "0-0:97.97.0",
    "0-0:C.1.0": "0-0:96.1.0",
    "CFL.1.0": "0-0:CFL.1.0",
}


@pytest.mark.parametrize(("written", "normal"), CODES.items())
def test_codes(written: str, normal: str) -> None:
    telegram = one(f"{written}(1)\r\n")
    assert telegram.bad_lines == ()
    assert (telegram.objects[0].code, telegram.objects[0].obis) == (written, normal)
    assert normal_code(written) == normal


GROUPS = {
    "1-0:1.7.0(00.193*kW)": ("00.193*kW",),
    "0-0:96.13.0()": ("",),
    "0-1:24.2.1(101209112500W)(12785.123*m3)": ("101209112500W", "12785.123*m3"),
    "0-0:96.13.0(Hello (you) there)": ("Hello (you) there",),
    "0-0:96.13.0(\xff\xff)": ("\xff\xff",),
    "1-0:1.8.1(000123.456*kWh)  ": ("000123.456*kWh",),
}


@pytest.mark.parametrize(("line", "groups"), GROUPS.items())
def test_value_groups(line: str, groups: tuple[str, ...]) -> None:
    assert one(line + "\r\n").objects[0].groups == groups


@pytest.mark.parametrize("bad", ["garbage", "1-0:1.7.0", "1-021.7.0(00.000*kW)x", "1-0:!.8.1(1)", "(lonely)x", "1-0:1.8.1(12"])
def test_a_bad_line_costs_that_line(bad: str) -> None:
    telegram = one(f"1-0:1.7.0(00.193*kW)\r\n{bad}\r\n1-0:2.7.0(00.000*kW)\r\n")
    assert [item.obis for item in telegram.objects] == ["1-0:1.7.0", "1-0:2.7.0"]
    assert telegram.bad_lines == (bad,)


def test_a_line_that_begins_with_a_parenthesis_continues() -> None:
    telegram = one("0-1:24.3.0(090212160000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00001.001)\r\n0-1:24.4.0(1)\r\n")
    hourly, valve = telegram.objects
    assert hourly.groups == ("090212160000", "00", "60", "1", "0-1:24.2.1", "m3", "00001.001")
    assert hourly.breaks == (6,)
    assert valve.obis == "0-1:24.4.0"
    assert b"(m3)\r\n(00001.001)\r\n" in render(telegram)


def test_an_open_parenthesis_continues_until_it_closes() -> None:
    telegram = one("0-0:96.13.0(3031\r\n3233\r\n34)\r\n0-0:98.1.0\r\n(\r\n)\r\n")
    assert [item.groups for item in telegram.objects] == [("3031323334",), ("",)]


def test_a_cut_value_never_takes_the_next_object_along() -> None:
    telegram = one("1-0:1.8.1(0001\r\n1-0:1.7.0(00.193*kW)\r\n")
    assert [item.obis for item in telegram.objects] == ["1-0:1.7.0"]


def test_a_lost_line_end_costs_nothing() -> None:
    for end in ("\n", "\r"):
        telegram = one(f"1-0:1.7.0(00.193*kW){end}1-0:2.7.0(00.000*kW)\r\n")
        assert [item.obis for item in telegram.objects] == ["1-0:1.7.0", "1-0:2.7.0"]


def test_a_damaged_line_that_begins_like_the_last_one_is_kept() -> None:
    assert one("!-0:1.7.0(00.1*kW)\r\n1-0:2.7.0(00.000*kW)\r\n").bad_lines == ("!-0:1.7.0(00.1*kW)",)


def test_breaks_never_point_past_the_groups() -> None:
    telegram = one("0-1:24.3.0(00)(m3)!\r\n(00001.001)\r\n")
    assert parse(Frame(render(telegram), "absent")) == telegram


def test_lines_that_never_close_are_read_in_time() -> None:
    """What was quadratic would take minutes here."""
    assert len(one("1-0:1.0.0(\r\n" + "x\r\n" * 200_000).objects) == 0


def test_headers() -> None:
    for header in ("KAM5", "ADN9 6534", "HLY5/D545-METER", "LG_E660_Net_3N400V", "TST5\\2P1 "):
        assert parse(Frame(f"/{header}\r\n\r\n1-0:1.7.0(1*kW)\r\n!\r\n".encode())).identification == header.rstrip()


def test_without_the_empty_line_and_with_other_line_ends() -> None:
    for text in ("/TST5\r\n1-0:1.7.0(1*kW)\r\n!\r\n", "/TST5\n\n1-0:1.7.0(1*kW)\n!\n", "/TST5\r\n\r\n1-0:1.7.0(1*kW)\r\n!ABCD"):
        assert [item.obis for item in parse(Frame(text.encode())).objects] == ["1-0:1.7.0"]


def test_equal_lines_share_one_object_and_the_memory_is_bounded() -> None:
    first, second = one("1-0:1.7.0(00.193*kW)\r\n"), one("1-0:1.7.0(00.193*kW)\r\n")
    assert first.objects[0] is second.objects[0]
    for number in range(LINES_KEPT + 10):
        one(f"1-0:1.7.0({number}*kW)\r\n")
    again = one("1-0:1.7.0(00.193*kW)\r\n")
    assert again == first
    assert again.objects[0] is not first.objects[0]


def test_render_writes_what_a_meter_would() -> None:
    telegram = Telegram("TST5\\2P1", (data_object("1-0:1.7.0", "00.193*kW"),), "valid")
    data = render(telegram)
    assert data.startswith(b"/TST5\\2P1\r\n\r\n1-0:1.7.0(00.193*kW)\r\n!")
    assert [event.crc for event in Framer().feed(data) if isinstance(event, Frame)] == ["valid"]
    assert render(telegram._replace(crc="absent")).endswith(b"\r\n!\r\n")


TEXT = st.text(alphabet=sorted(set(string.printable) - set("()\r\n\t\x0b\x0c")), max_size=40)
CODE = st.builds("{}-{}:{}.{}.{}".format, *(st.integers(0, 255) for _ in range(5)))
OBJECTS = st.builds(lambda code, groups: data_object(code, *groups), CODE, st.lists(TEXT, min_size=1, max_size=6))


@settings(max_examples=200, deadline=None)
@given(TEXT.map(str.rstrip), st.lists(OBJECTS, min_size=1, max_size=12), st.sampled_from(["valid", "absent"]))
def test_round_trip(identification: str, objects: list[DataObject], crc: str) -> None:
    telegram = Telegram(identification, tuple(objects), crc)
    assert parse(Frame(render(telegram), crc)) == telegram


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_never_raises(noise: bytes) -> None:
    parse(Frame(b"/" + noise))
    parse(Frame(b"/TST5\r\n\r\n" + noise + b"\r\n!\r\n"))
