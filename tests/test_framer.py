"""The framer: every case whole, byte by byte and in odd chunks, and with garbage around it; the events never differ."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1.crc import crc16_arc, crc16_x25
from p1monitor.p1.framer import FRAME_MAX, REASONS, Frame, Framer, Rejected
from p1monitor.p1.salvage import CANDIDATES

HEAD = b"/TST5\\2P1-1000\r\n\r\n"
VERSION = b"1-3:0.2.8(50)\r\n"
POWER = b"1-0:1.7.0(00.193*kW)\r\n1-0:2.7.0(00.000*kW)\r\n"


def checked(body: bytes, *, digits: Callable[[int], bytes] = lambda value: b"%04X" % value) -> bytes:
    """Close a body with its CRC."""
    return body + b"!" + digits(crc16_arc(body + b"!")) + b"\r\n"


GOOD = checked(HEAD + VERSION + POWER)
OTHER = checked(HEAD + VERSION + b"1-0:1.7.0(01.007*kW)\r\n")
PLAIN = HEAD + POWER + b"!\r\n"  # a variant that has no CRC
NOISE = b"\x81\x07kW)\xfe\x03zzz"


def events(data: bytes, size: int, *, crc: str = "auto", end: bool = True) -> list[Frame | Rejected]:
    """Feed in chunks of `size` bytes."""
    framer = Framer(crc)
    found: list[Frame | Rejected] = []
    for at in range(0, len(data), size):
        found += framer.feed(data[at : at + size])
        assert framer.held <= FRAME_MAX
    return found + list(framer.end()) if end else found


def all_ways(data: bytes, *, crc: str = "auto", end: bool = True) -> list[Frame | Rejected]:
    """Feed whole, byte by byte, and in chunks that fit nothing; all must tell the same."""
    whole = events(data, max(len(data), 1), crc=crc, end=end)
    for size in (1, 7, 64):
        assert events(data, size, crc=crc, end=end) == whole
    return whole


def told(data: bytes, *, crc: str = "auto", end: bool = True) -> list[str]:
    """What came out, by verdict and reason."""
    return [event.crc if isinstance(event, Frame) else event.reason for event in all_ways(data, crc=crc, end=end)]


def frames(data: bytes) -> list[bytes]:
    """The frames that survived."""
    return [event.data for event in all_ways(data) if isinstance(event, Frame)]


CASES = {
    "good": (GOOD, ["valid"]),
    "two in a row": (GOOD + OTHER, ["valid", "valid"]),
    "without CRC, where the variant has none": (PLAIN, ["absent"]),
    "without CRC, though it says it is version 5": (HEAD + VERSION + POWER + b"!\r\n", ["no-crc"]),
    "without CRC, though it is Belgian": (HEAD + b"0-0:96.1.4(50217)\r\n" + POWER + b"!\r\n", ["no-crc"]),
    "without CRC, though it is Belgian, in octets": (HEAD + b"0-0:96.1.4(3530323137)\r\n" + POWER + b"!\r\n", ["no-crc"]),
    "without CRC, though it is Belgian, damaged": (HEAD + b"0-0:96.1.4(5\xb0217)\r\n" + POWER + b"!\r\n", ["no-crc"]),
    "without CRC, with an identifier where Belgians have the version": (
        HEAD + b"0-0:96.1.4(4B38454730303030)\r\n" + POWER + b"!\r\n",
        ["absent"],
    ),
    "without CRC, with an identifier that is not set": (HEAD + b"0-0:96.1.4()\r\n" + POWER + b"!\r\n", ["absent"]),
    "without CRC, after this source has shown that it has one": (GOOD + PLAIN, ["valid", "no-crc"]),
    "without CRC, with its version written in odd ways": (HEAD + b"1-3:0:2.8*255(50)\r\n" + POWER + b"!\r\n", ["no-crc"]),
    "cut in its header, no CRC": (b"/TST3 P1" + PLAIN, ["noise", "absent"]),
    "CRC in lower case": (checked(HEAD + POWER, digits=lambda value: b"%04x" % value), ["valid"]),
    "wrong CRC": (HEAD + VERSION + POWER + b"!0000\r\n", ["crc"]),
    "one bit wrong": (GOOD.replace(b"00.193", b"00.192"), ["crc"]),
    "wrong one between two good ones": (GOOD + GOOD.replace(b"193", b"194") + OTHER, ["valid", "crc", "valid"]),
    "`!` in the middle of a line is none": (checked(HEAD + b"0-0:96.13.0(Hello!)\r\n"), ["valid"]),
    "`!` in the header": (checked(b"/TST5!2P1\r\n\r\n" + POWER), ["valid"]),
    "`!` at the beginning of a damaged line": (HEAD + b"!-0:1.7.0(00.193*kW)\r\n" + POWER + b"!\r\n", ["absent"]),
    "`/` in a text": (checked(HEAD + b"0-0:96.13.0(a/b /c)\r\n"), ["valid"]),
    "a second `/` in the header": (checked(b"/HLY5/D545-METER\r\n\r\n" + POWER), ["valid"]),
    "no empty line after the header": (checked(HEAD[:-2] + POWER), ["valid"]),
    "NUL before, between and after": (b"\0\0" + GOOD[:-2] + b"\0" + GOOD[-2:] + b"\0\0" + OTHER, ["valid", "valid"]),
    "idle bytes between": (GOOD + b"\xff\xff\r\n" + OTHER, ["valid", "valid"]),
    "something after the checksum in its line": (GOOD[:-2] + b" 0001\r\n" + OTHER, ["valid", "noise", "valid"]),
    "line ends without CR, no CRC": (PLAIN.replace(b"\r", b""), ["absent"]),
    "line ends without CR, and a CRC over those with": (GOOD.replace(b"\r", b""), ["crc"]),
    "a line too much, put in by a logger": (GOOD.replace(b"\r\n\r\n", b"\r\n\r\n\r\n"), ["crc"]),
    "begins in the middle": (GOOD[30:] + OTHER, ["noise", "valid"]),
    "cut, then a good one at the beginning of a line": (GOOD[:50] + b"\r\n" + OTHER, ["truncated", "valid"]),
    "cut before its first data line": (GOOD[:20] + b"\r\n" + OTHER, ["noise", "valid"]),
    "cut in the middle of a line, then a good one": (GOOD[:55] + OTHER, ["truncated", "valid"]),
    "cut in the middle of a line, no CRC": (PLAIN[:50] + PLAIN, ["truncated", "absent"]),
    "no data at all": (b"/TST5\r\n\r\n!\r\n" + GOOD, ["noise", "valid"]),
    "unfinished at the end": (GOOD + OTHER[:-8], ["valid", "truncated"]),
    "unfinished checksum line at the end": (GOOD[:-2], ["valid"]),
    "nothing": (b"", []),
    "only noise": (NOISE, ["noise"]),
    "7 bits and parity, read as 8": (bytes(byte | (byte.bit_count() % 2) << 7 for byte in PLAIN), ["parity"]),
    "DLMS": (b"\x7e\xa0\x8b\xce\xff\x03\x13\x12\x8b\xe6\xe7\x00\x0f" * 9, ["dlms"]),
    "encrypted": (b"\xdb\x08SYSTEMID\x82\x01\xf2\x30\x00\x00\x00\x01" + bytes(range(128, 160)) * 9, ["encrypted"]),
}


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES)
def test_case(data: bytes, expected: list[str]) -> None:
    assert told(data) == expected


@pytest.mark.parametrize("data", [data for data, expected in CASES.values() if expected == ["valid"]])
def test_good_frame_survives_garbage_around_it(data: bytes) -> None:
    whole = data if data.endswith(b"\n") else data + b"\r\n"
    for noise in (NOISE, b"/", b"!", b"/x\r\n", b"!1234\r\n", HEAD, GOOD[:40]):
        assert frames(noise + b"\r\n" + whole) == [whole]
        assert frames(noise + whole) == [whole]
        assert frames(whole + noise) == [whole]


def test_unpadded_checksum_is_a_number() -> None:
    bodies = (HEAD + b"1-0:1.7.0(%06.3f*kW)\r\n" % (number / 1000) for number in range(4096))
    body = next(body for body in bodies if crc16_arc(body + b"!") < 0x1000)
    assert told(checked(body, digits=lambda value: b"%X" % value)) == ["valid"]


def test_frame_is_verbatim_and_knows_its_place() -> None:
    first, second = all_ways(NOISE + b"\r\n" + GOOD)
    assert second == Frame(GOOD, "valid", len(NOISE) + 2)
    assert isinstance(first, Rejected)
    assert (first.offset, first.length, first.sample) == (0, len(NOISE) + 2, NOISE + b"\r\n")
    (only,) = all_ways(HEAD + VERSION + POWER + b"!0000\r\n")
    assert isinstance(only, Rejected)
    assert (only.offset, only.length) == (0, len(HEAD + VERSION + POWER) + 7)


def test_garbage_salad() -> None:
    """Good, wrong CRC, a start inside, bad hex, cut, too long, good: exactly the good ones, in order."""
    too_long = HEAD + VERSION + b"0-0:96.13.0(" + b"41" * FRAME_MAX
    salad = [
        GOOD,
        GOOD.replace(b"193", b"913"),
        HEAD[:9],
        OTHER,
        GOOD[:-6] + b"XYZ!\r\n",
        GOOD[:44],
        too_long,
        b"\r\n",
        OTHER,
        NOISE,
        GOOD,
    ]
    assert frames(b"".join(salad)) == [GOOD, OTHER, OTHER, GOOD]


def test_a_cut_telegram_whose_own_crc_is_zero_takes_nothing_along() -> None:
    """CRC-16/ARC begins at 0: in front of a good telegram such a piece leaves the CRC of both valid."""
    pieces = (HEAD + VERSION + b"1-0:1.7.0(%06.3f*kW)\r\n1-0:2.7.0(" % (number / 1000) for number in range(200_000))
    piece = next(piece for piece in pieces if crc16_arc(piece) == 0)
    assert frames(piece + GOOD) == [GOOD]


@pytest.mark.parametrize("good", [GOOD, PLAIN], ids=["with CRC", "without CRC"])
def test_a_telegram_cut_anywhere_never_takes_the_good_one_behind_it(good: bytes) -> None:
    for cut in range(1, len(good)):
        found = [event.data for event in events(good[:cut] + good, 64) if isinstance(event, Frame)]
        assert found[-1] == good, cut
        assert found[:-1] in ([], [good[:cut]]), cut  # what lost only its last line end is whole


def test_adjacent_garbage_is_one_event() -> None:
    assert told(NOISE * 5000 + b"\r\n/\r\n!\r\n/x\r\n" + GOOD + NOISE) == ["noise", "valid", "noise"]


def test_overflow_lets_the_next_header_begin() -> None:
    endless = HEAD + VERSION + POWER * (FRAME_MAX // len(POWER) + 1)
    assert told(endless + b"\r\n" + GOOD) == ["overflow", "noise", "valid"]
    assert told(endless[: FRAME_MAX - 10] + GOOD)[-1] == "valid"  # the header is cut in two by the limit


def test_at_most_eight_places_are_tried() -> None:
    """Slashes that look like headers come first, newest first; then the others. Beyond eight a frame is given up."""
    bait = b"".join(b"x /TST%d\r\n" % number for number in range(CANDIDATES + 4))
    assert frames(GOOD[:50] + bait + OTHER) == [OTHER]
    slashes = checked(HEAD + VERSION + b"0-0:96.13.0(" + b"/" * 3 * CANDIDATES + b")\r\n")
    assert frames(GOOD[:50] + slashes) == [slashes]
    hidden = checked(b"/1\r\n\r\n" + VERSION + b"0-0:96.13.0(" + b"/" * CANDIDATES + b")\r\n")
    assert frames(GOOD[:50] + hidden) == []  # its header looks like none, and the eight newest places are in the text


def test_crc_settings() -> None:
    assert told(PLAIN, crc="arc") == ["no-crc"]
    assert told(HEAD + VERSION + POWER + b"!0000\r\n", crc="off") == ["absent"]
    assert told(GOOD, crc="x25") == ["crc"]


def test_another_checksum_that_fits_is_told_and_never_taken() -> None:
    body = HEAD + VERSION + POWER + b"!"
    other = body + b"%04X\r\n" % crc16_x25(body)
    for crc, data, fits in (
        ("auto", other, "x25"),
        ("arc", other, "x25"),
        ("x25", GOOD, "arc"),
        ("auto", GOOD[:-6] + b"0000\r\n", ""),
    ):
        for _ in range(20):  # however often
            (refused,) = Framer(crc).feed(data)
            assert isinstance(refused, Rejected)
            assert (refused.reason, refused.fits) == ("crc", fits)
            assert (f'crc = "{fits}"' in refused.words) == bool(fits)


def test_reset_forgets_the_unfinished_frame_but_not_that_crcs_come() -> None:
    framer = Framer()
    assert len(list(framer.feed(GOOD + OTHER[:40]))) == 1
    framer.reset()
    assert framer.held == 0
    assert [type(event) for event in framer.feed(OTHER)] == [Frame]
    (refused,) = framer.feed(PLAIN)
    assert isinstance(refused, Rejected)
    assert refused.reason == "no-crc"
    assert refused.words == REASONS["no-crc"]


def test_noise_that_never_ends_can_be_seen() -> None:
    framer = Framer()
    assert list(framer.feed(bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in PLAIN))) == []
    assert framer.noise is not None
    assert framer.noise.reason == "parity"
    assert Framer().noise is None


SALAD = st.lists(
    st.one_of(
        st.sampled_from(
            [GOOD, OTHER, PLAIN, HEAD, VERSION, POWER, b"/", b"!", b"\r\n", b"\n/", b"\n!", b"!1A2B\r\n", b"\0", b"\xff"]
        ),
        st.binary(max_size=40),
        st.integers(1, len(GOOD)).map(lambda cut: GOOD[:cut]),
    ),
    max_size=30,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(SALAD, st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_chunking_never_changes_the_events(data: bytes, sizes: list[int]) -> None:
    expected = events(data, max(len(data), 1))
    framer, at, turn = Framer(), 0, 0
    found: list[Frame | Rejected] = []
    while at < len(data):
        found += framer.feed(data[at : at + sizes[turn % len(sizes)]])
        at += sizes[turn % len(sizes)]
        turn += 1
    assert found + list(framer.end()) == expected


@settings(max_examples=300, deadline=None)
@given(SALAD, SALAD)
def test_a_good_telegram_is_never_swallowed(before: bytes, after: bytes) -> None:
    """Whatever came before, and whatever follows at the beginning of a line: it is delivered."""
    if before.count(b"/") <= CANDIDATES:
        assert GOOD in frames(before + b"\r\n" + GOOD + after)


@settings(max_examples=200, deadline=None)
@given(SALAD)
def test_events_cover_the_stream_in_order(data: bytes) -> None:
    at = 0
    for event in events(data, 64):
        length = len(event.data) if isinstance(event, Frame) else event.length
        assert event.offset >= at
        assert data[at : event.offset].strip(b"\r\n\x00\xff ") == b""  # only idle bytes are not told
        at = event.offset + length
        if isinstance(event, Frame):
            assert event.data == data[event.offset : at]
    assert data[at:].strip(b"\r\n\x00\xff ") == b""
