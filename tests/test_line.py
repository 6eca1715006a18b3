"""The search for the settings of a serial line, on what a real port would make of each."""

from __future__ import annotations

import random
from bisect import bisect_right

import pytest

from p1monitor.sources.line import CANDIDATES, DWELL_S, TEXT_DWELL_S, Line, Search, parse_line, verdict
from tests.lines import dsmr2, dsmr5, with_parity

FAST, SLOW, FAST_PARITY = Line(115200, 8, "N"), Line(9600, 7, "E"), Line(115200, 7, "E")
NOISE = random.Random(1).randbytes(600)


def misread(text: bytes, sent: Line, read: Line) -> bytes:
    """What a port with the settings `read` makes of a text that was sent with others: the levels, sampled in mid bit.

    As Linux has it, a character without its stop bit is a NUL.
    """
    bits = [1] * 20
    for code in text:
        character = [code >> place & 1 for place in range(sent.bits)]
        bits += [0, *character, *([sum(character) & 1] if sent.parity == "E" else []), 1]
    edges = [place / sent.baud for place in range(1, len(bits)) if bits[place] != bits[place - 1]]
    step, length = 1 / read.baud, read.bits + (read.parity != "N")
    made, now = bytearray(), 0.0
    while (first := bisect_right(edges, now)) < len(edges):
        levels = [bits[min(int((edges[first] + step * (0.5 + place)) * sent.baud), len(bits) - 1)] for place in range(length + 2)]
        value = sum(level << place for place, level in enumerate(levels[1 : read.bits + 1]))
        if levels[0] == 0:  # else: a rising edge, no start bit
            made.append(value if levels[-1] else 0)
            now = edges[first] + step * (length + 1.5)
        else:
            now = edges[first]
    return bytes(made)


@pytest.mark.parametrize("line", [FAST, SLOW, FAST_PARITY], ids=str)
def test_a_port_with_the_right_settings_reads_what_was_sent(line: Line) -> None:
    assert misread(dsmr2(), line, line) == dsmr2()


@pytest.mark.parametrize("start", [None, *CANDIDATES, FAST_PARITY], ids=str)
@pytest.mark.parametrize(
    ("sent", "telegram"), [(FAST, dsmr5()), (SLOW, dsmr2()), (FAST_PARITY, dsmr2())], ids=["fast", "slow", "fast 7E1"]
)
def test_every_meter_is_found_whatever_worked_before(start: Line | None, sent: Line, telegram: bytes) -> None:
    search, now, period = Search(start), 0.0, 1.0 if sent == FAST else 10.0
    search.opened(now)
    for _ in range(8):
        now += period
        turned = search.see(misread(telegram, sent, search.line), now)
        if not turned and misread(telegram, sent, search.line) == telegram:
            search.prove()
    assert search.proven
    assert search.line in (sent, FAST_PARITY)  # 7 bits read as 7 or, without a parity bit, as 8 of which one is dropped


def test_nothing_of_a_line_at_the_wrong_speed_looks_like_text() -> None:
    for sent, read, text in ((FAST, SLOW, dsmr5() * 9), (SLOW, FAST, dsmr2()), (SLOW, FAST_PARITY, dsmr2())):
        assert verdict(misread(text, sent, read)[-200:]) == "noise"


@pytest.mark.parametrize(
    ("sample", "found"),
    [
        (dsmr5(), "text"),
        (dsmr2()[100:], "text"),
        (with_parity(dsmr2()), "parity"),
        (NOISE, "noise"),
        (bytes(code & 0x7F for code in NOISE), "noise"),
        (b"\x00\xff" * 100, "noise"),
        (NOISE[:30], ""),
        (b"", ""),
        (b"\xdb\x08SYSTEMID\x82\x01\xf2\x30" + NOISE[:80], "encrypted"),
        (b"\x7e\xa0\x8b\xce\xff\x03" + bytes(90), "dlms"),
    ],
)
def test_bytes_are_known_by_their_look(sample: bytes, found: str) -> None:
    assert verdict(sample) == found


@pytest.mark.parametrize("text", ["115200 8N1", "9600 7E1", "2400 8E1"])
def test_lines_are_written_as_they_are_read(text: str) -> None:
    assert str(parse_line(text)) == text


def test_silence_is_waited_for_longer_than_the_slowest_period() -> None:
    search = Search()
    search.opened(0.0)
    assert not search.see(b"", DWELL_S - 0.1)
    assert DWELL_S > 10
    assert search.see(b"", DWELL_S)
    assert search.line == SLOW
    assert search.see(b"", 2 * DWELL_S)
    assert search.line == FAST  # and round again


def test_noise_is_left_at_once_and_text_is_given_time() -> None:
    search = Search()
    search.opened(0.0)
    assert search.see(NOISE[:200], 0.5)
    assert search.line == SLOW
    assert not search.see(dsmr2()[:200], DWELL_S + 5)
    assert search.see(dsmr2()[:200], 0.5 + TEXT_DWELL_S)


def test_a_fast_line_with_parity_is_found_too() -> None:
    search = Search()
    search.opened(0.0)
    assert search.see(with_parity(dsmr2()), 0.1)
    assert search.line == Line(115200, 7, "E")


def test_what_was_proven_is_left_for_nothing_while_the_port_is_open() -> None:
    search = Search()
    search.opened(0.0)
    assert search.prove()
    assert not search.prove()
    assert not search.see(NOISE, 1.0)
    assert not search.see(b"", 10_000.0)


def test_what_was_remembered_is_left_for_noise_but_not_for_silence() -> None:
    search = Search(SLOW)
    search.opened(0.0)
    assert search.line == SLOW
    assert not search.see(b"", 10_000.0)
    assert search.see(NOISE[:200], 10_001.0)
    assert search.line == FAST


def test_a_search_goes_on_where_a_reopened_port_left_it() -> None:
    search = Search()
    search.opened(0.0)
    search.see(b"", DWELL_S)
    search.opened(60.0)
    assert search.line == SLOW
