"""Last-event objects, alarm and error bits, breakers: only changes are news."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from p1monitor.observer import Memory, observe
from p1monitor.observer.edges import standing
from p1monitor.p1.event_codes import EVENTS, Meaning, event
from p1monitor.p1.framer import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Event, Received
from p1monitor.p1.registers import ALARM_1, ALARM_2, ERROR_1, ERROR_2, PROFILE_STATUS, number
from p1monitor.p1.telegram import parse

CAME = Received(1768482000.0, 5.0)


def told(*telegrams: Mapping[str, str], memory: Memory | None = None, crc: str = "valid") -> list[list[Event]]:
    """The events of each telegram; what is remembered goes through JSON each time, as over a restart."""
    memory, found = memory or Memory(), []
    for lines in telegrams:
        body = "".join(f"{code}({value})\r\n" for code, value in {"0-0:1.0.0": "260115120000W", **lines}.items())
        reading = decode(parse(Frame(f"/TST5P1\r\n\r\n{body}!\r\n".encode(), crc)), CAME)
        memory, seen = observe(memory, reading)
        memory = Memory.from_json(json.loads(json.dumps(memory.to_json())))
        found.append(list(seen.events))
    return found


def words(*telegrams: Mapping[str, str], crc: str = "valid") -> list[list[str]]:
    return [[one.words for one in events] for events in told(*telegrams, crc=crc)]


# What stands


def test_what_stands_in_the_registers_is_told_in_words_once() -> None:
    lines = {"0-0:97.97.0": "00000003", "0-0:97.98.0": "00000002", "1-0:96.242.0": "00002000", "0-2:96.10.3": "00000004"}
    body = "".join(f"{code}({value})\r\n" for code, value in lines.items())
    reading = decode(parse(Frame(f"/TST5P1\r\n\r\n{body}!\r\n".encode(), "valid")), CAME)
    assert standing(reading) == ("clock invalid", "battery to be replaced", "M-Bus channel 2: power low")
    assert standing(decode(parse(Frame(b"/TST5P1\r\n\r\n0-0:97.97.0(00000000)\r\n!\r\n", "valid")), CAME)) == ()


# Last-event objects


def test_a_change_to_a_code_is_news_zero_and_repeats_are_not() -> None:
    codes = ("0", "0001", "0001", "0", "0001", "0002")
    assert words(*({"0-0:96.11.0": code} for code in codes)) == [[], ["power down"], [], [], ["power down"], ["power up"]]


def test_the_first_reading_is_no_news_and_neither_is_the_first_after_a_restart() -> None:
    assert words({"0-0:96.11.1": "0040"}) == [[]]
    memory = Memory.from_json({"seq": 7, "states": {"event_fraud": "40"}})
    assert told({"0-0:96.11.1": "0040"}, memory=memory) == [[]]
    assert [one.words for (one,) in told({"0-0:96.11.1": "0041"}, memory=memory)] == ["terminal cover closed"]
    assert told({"0-0:96.11.1": "0041"}, memory=Memory.from_json({"seq": 7, "messages": {}})) == [[]]


def test_a_line_that_is_missing_for_a_while_is_no_change() -> None:
    assert words({"0-0:96.11.1": "40"}, {}, {"0-0:96.11.1": "40"}) == [[], [], []]


def test_without_crc_a_change_must_be_told_twice() -> None:
    codes = ("0000", "0000", "0040", "0000", "0041", "0041", "0041")
    assert words(*({"0-0:96.11.1": code} for code in codes), crc="absent") == [[], [], [], [], [], ["terminal cover closed"], []]


def test_an_event_says_everything() -> None:
    _, (one,) = told({"0-0:96.11.4": "0"}, {"0-0:96.11.4": "0077"})
    at = datetime(2026, 1, 15, 11, tzinfo=UTC)
    assert one == Event(at, CAME, "power quality", 77, "undervoltage L2", "L2", None)


@pytest.mark.parametrize(
    ("code", "number_", "kind", "sentence", "channel"),
    [
        ("0-0:96.11.0", 4, "standard", "clock adjusted, old time", None),
        ("0-0:96.11.0", 233, "standard", "power down L2", None),
        ("0-0:96.11.0", 53, "standard", "local communication attempt", None),
        ("0-0:96.11.1", 42, "fraud", "strong magnetic field detected", None),
        ("0-0:96.11.2", 62, "disconnector", "breaker opened remotely", None),
        ("0-0:96.11.2", 73, "disconnector", "current supervision 2: threshold no longer exceeded", None),
        ("0-0:96.11.3", 123, "mbus", "M-Bus channel 3: fraud attempt", 3),
        ("0-2:96.11.4", 172, "mbus", "M-Bus channel 2: valve closed remotely", 2),
        ("0-0:96.11.4", 92, "power quality", "bad voltage quality L1", None),
        ("0-0:96.11.0", 222, "standard", "event 222", None),
    ],
)
def test_codes_of_each_log(code: str, number_: int, kind: str, sentence: str, channel: int | None) -> None:
    _, (one,) = told({code: "0"}, {code: str(number_)})
    assert (one.kind, one.code, one.words, one.channel) == (kind, number_, sentence, channel)


@pytest.mark.parametrize(("system", "sentence"), [("0", "event 2"), ("1", "power up"), ("2", "event 2")])
def test_a_code_of_another_system_is_a_number(system: str, sentence: str) -> None:
    lines = {"1-0:96.245.0": system}
    assert words({**lines, "0-0:96.11.0": "1"}, {**lines, "0-0:96.11.0": "2"}) == [[], [sentence]]


def test_every_code_of_the_manuals_has_words() -> None:
    standard = {*range(1, 20), 47, 48, 51, 88, 89, *range(230, 244), 254, 255}
    fraud, quality, breaker = {*range(40, 47), 49, 50}, {*range(76, 88)}, {*range(59, 76)}
    mbus = {base + 10 * channel for base in (*range(100, 105), *range(160, 165)) for channel in range(4)}
    assert set(EVENTS) == standard | fraud | quality | breaker | mbus | {53, 90, 91, 92, 93, 94}
    assert event(134) == Meaning("M-Bus channel 4: clock adjusted", channel=4)


# Bits


def test_a_bit_is_told_when_it_comes_and_when_it_is_cleared() -> None:
    values = ("00000000", "00000001", "00000001", "00000003", "00000002", "00000000")
    assert words(*({"0-0:97.97.0": value} for value in values)) == [
        [],
        ["clock invalid began"],
        [],
        ["battery to be replaced began"],
        ["clock invalid cleared"],
        ["battery to be replaced cleared"],
    ]


def test_a_bit_that_stands_at_first_sight_is_a_state() -> None:
    assert words({"0-0:97.98.0": "00002000"}, {"0-0:97.98.0": "00002000"}) == [[], []]


@pytest.mark.parametrize(
    ("code", "bit", "kind", "sentence", "phase", "channel"),
    [
        ("0-0:97.97.0", 17, "error", "M-Bus channel 2: communication error began", None, 2),
        ("0-0:97.97.1", 23, "error", "display error began", None, None),
        ("0-0:97.98.0", 23, "alarm", "M-Bus channel 4: fraud attempt began", None, 4),
        ("0-0:97.98.1", 3, "alarm", "voltage failure L2 began", "L2", None),
        ("0-0:97.98.1", 31, "alarm", "breaker failed to open or close began", None, None),
        ("0-0:97.98.0", 30, "alarm", "alarm bit 30 began", None, None),
        ("1-0:96.242.0", 13, "alarm", "fraud attempt reported", None, None),
        ("1-0:96.243.10", 9, "alarm", "phase asymmetry reported over", None, None),
    ],
)
def test_bits_of_each_register(code: str, bit: int, kind: str, sentence: str, phase: str | None, channel: int | None) -> None:
    _, (one,) = told({code: "00000000"}, {code: f"{1 << bit:08X}"})
    assert (one.kind, one.code, one.words, one.phase, one.channel) == (kind, bit, sentence, phase, channel)


def test_alarm_bits_of_another_system_are_numbers() -> None:
    lines = {"1-0:96.246.0": "2"}
    assert words({**lines, "0-0:97.98.0": "0"}, {**lines, "0-0:97.98.0": "1"}) == [[], ["alarm bit 0 began"]]


def test_the_status_of_an_mbus_device() -> None:
    _, began, ended = told({"0-3:96.10.3": "0"}, {"0-3:96.10.3": "128"}, {"0-3:96.10.3": "000"})
    assert [(one.kind, one.words, one.channel) for one in began + ended] == [
        ("mbus", "M-Bus channel 3: valve alarm began", 3),
        ("mbus", "M-Bus channel 3: valve alarm cleared", 3),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00000000", 0),
        ("00000100", 1 << 8),  # hexadecimal: as a decimal number it would set unknown bits
        ("00008192", 1 << 13),  # decimal: as hexadecimal it would
        ("0000000256", 1 << 8),
        ("256", 1 << 8),
        ("0x100", 1 << 8),
        ("00F00003", 0xF00003),
        ("0000000100000000", 1 << 8),
        ("4294967295", (1 << 32) - 1),
        ("", None),
        ("nonsense", None),
    ],
)
def test_registers_as_meters_print_them(text: str, expected: int | None) -> None:
    assert number(text, ALARM_1) == expected


def test_every_bit_of_the_manuals_has_words() -> None:
    assert set(ALARM_1) == {0, 1, *range(8, 14), *range(16, 24)}
    assert set(ALARM_2) == {*range(23), *range(27, 32)}
    assert set(ERROR_1) == {0, 1, *range(8, 14), *range(16, 20)}
    assert set(PROFILE_STATUS) == {*range(4), 5, 6, 7}
    assert set(ERROR_2) == {*range(8, 14), *range(16, 20), *range(22, 26)}


# Breakers, valves, other meters

GAS = {"0-2:24.1.0": "003", "0-2:96.1.0": "4731", "0-2:24.2.1": "260115115500W)(00001.000*m3"}


def test_breaker_and_valve() -> None:
    found = told(
        {**GAS, "0-0:96.3.10": "1", "0-2:24.4.0": "1"},
        {**GAS, "0-0:96.3.10": "2", "0-2:24.4.0": "1"},
        {**GAS, "0-0:96.3.10": "2", "0-2:24.4.0": "0"},
    )
    assert [[(one.kind, one.words, one.channel) for one in events] for events in found] == [
        [],
        [("disconnector", "breaker: ready for reconnection", None)],
        [("disconnector", "gas valve: disconnected", 2)],
    ]


def test_another_meter_begins_anew() -> None:
    first, second = {"0-0:96.1.1": "4531", "0-0:96.11.1": "40"}, {"0-0:96.1.1": "4532", "0-0:96.11.1": "45"}
    assert words(first, second, {**second, "0-0:96.11.1": "44"}) == [
        [],
        ["electricity: meter E1 was replaced by E2"],
        ["meter cover removed"],
    ]
    swapped = {**GAS, "0-2:96.1.0": "4732", "0-2:24.4.0": "0"}
    assert words({**GAS, "0-2:24.4.0": "1"}, swapped) == [[], ["gas: meter G1 was replaced by G2"]]
