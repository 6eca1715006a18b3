"""Encrypted frames, whole, byte by byte and in odd chunks; what gives no telegram says why, and no key is ever shown."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor import keys as key_files
from p1monitor.cli import main
from p1monitor.p1.cipher import CANDIDATES, SEALED_MAX, Opener, framer_for
from p1monitor.p1.framer import REASONS, Frame, Framer, Rejected
from p1monitor.p1.gcm import LUXEMBOURG, CipherError, Keys, read_key, seal
from p1monitor.settings import MeterSettings
from p1monitor.sources import SourceError
from p1monitor.sources.line import TEXT_DWELL_S, Search
from tests.lines import FakeClock, dsmr5
from tests.readerkit import Script, Setup

KEY = bytes(range(16))
KEYS = Keys(KEY)
TITLE = b"TST\x10\x20\x30\x40\x50"
GOOD, OTHER = (seal(dsmr5(second), KEYS, TITLE, 0x0A2F0000 + second) for second in (1, 2))
LENGTH = 11  # where the length's two bytes stand
NOISE = b"\x81\x07kW)\xfe\x03zzz"


def events(data: bytes, size: int, keys: Keys = KEYS) -> list[Frame | Rejected]:
    opener = Opener(keys)
    found: list[Frame | Rejected] = []
    for at in range(0, len(data), size):
        found += opener.feed(data[at : at + size])
        assert opener.held <= SEALED_MAX
    return found + list(opener.end())


def all_ways(data: bytes, keys: Keys = KEYS) -> list[Frame | Rejected]:
    whole = events(data, max(len(data), 1), keys)
    for size in (1, 7, 64):
        assert events(data, size, keys) == whole
    return whole


def told(data: bytes, keys: Keys = KEYS) -> list[str]:
    return [event.crc if isinstance(event, Frame) else event.reason for event in all_ways(data, keys)]


def flipped(data: bytes, at: int, bit: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


CASES = {
    "good": (GOOD, ["gcm"]),
    "two in a row": (GOOD + OTHER, ["gcm", "gcm"]),
    "the same counter twice": (GOOD + GOOD, ["gcm", "gcm"]),
    "idle bytes between": (GOOD + b"\r\n\0\xff" + OTHER, ["gcm", "gcm"]),
    "begins in the middle": (GOOD[100:] + OTHER, ["sync", "gcm"]),
    "noise around": (NOISE + GOOD + NOISE, ["sync", "gcm", "sync"]),
    "a DB before it": (b"\xdb" + GOOD, ["sync", "gcm"]),
    "a head before it that is none": (b"\xdb\x08\xdb\x08" + GOOD, ["sync", "gcm"]),
    "cut, then good": (GOOD[:200] + OTHER, ["short", "gcm"]),
    "cut by two bytes, then good": (GOOD[:-2] + OTHER, ["short", "gcm"]),
    "cut at the end": (OTHER + GOOD[:-1], ["gcm", "short"]),
    "cut in its head": (GOOD[:14] + OTHER, ["short", "gcm"]),
    "damaged": (GOOD + flipped(OTHER, 60) + GOOD, ["gcm", "tag", "gcm"]),
    "damaged at once": (flipped(GOOD, 60) + OTHER, ["tag", "gcm"]),
    "damaged in its counter, with a key that has fitted": (GOOD + flipped(OTHER, 16), ["gcm", "tag"]),
    "damaged tag": (flipped(GOOD, len(GOOD) - 1), ["tag"]),
    "says that it is longer": (GOOD[:LENGTH] + b"\x1f\x00" + GOOD[LENGTH + 2 :] + OTHER + GOOD, ["short", "gcm", "gcm"]),
    "another security byte": (flipped(GOOD, LENGTH + 2), ["sync"]),
    "longer than any": (GOOD[:LENGTH] + b"\x7f\xff" + GOOD[LENGTH + 2 :], ["sync"]),
    "a telegram that is not encrypted": (dsmr5() + GOOD, ["plain", "gcm"]),
    "no telegram inside": (seal(b"x" * 90, KEYS, TITLE, 1) + GOOD, ["empty", "gcm"]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES)
def test_case(data: bytes, expected: list[str]) -> None:
    assert told(data) == expected


def test_the_frame_is_the_telegram_at_the_place_of_the_sealed_one() -> None:
    noise, frame = all_ways(NOISE + GOOD)
    assert frame == Frame(dsmr5(1), "gcm", len(NOISE))
    assert isinstance(noise, Rejected)
    assert (noise.offset, noise.length) == (0, len(NOISE))


def test_the_tag_counts_and_not_the_checksum_inside() -> None:
    wrong = dsmr5(1).replace(b"00.500*kW", b"00.501*kW")
    assert told(seal(wrong, KEYS, TITLE, 1)) == ["gcm"]


@pytest.mark.parametrize("counted", [b"\x81", b""], ids=["one byte", "short form"])
def test_other_forms_of_the_length(counted: bytes) -> None:
    text = b"/TST5\r\n\r\n1-0:1.7.0(00.193*kW)\r\n1-0:2.7.0(00.000*kW)\r\n!\r\n"
    sealed = seal(text, KEYS, TITLE, 7)
    assert told(sealed[:10] + counted + bytes([sealed[LENGTH + 1]]) + sealed[LENGTH + 2 :]) == ["gcm"]


def test_wrong_key_and_wrong_authentication_key_are_told_apart() -> None:
    assert told(GOOD + OTHER, Keys(KEY[::-1])) == ["key", "key"]
    assert told(GOOD + OTHER, Keys(KEY, KEY)) == ["tag", "tag"]
    assert told(seal(dsmr5(), Keys(KEY, KEY), TITLE, 1), Keys(KEY, KEY)) == ["gcm"]
    assert {"key", "tag", "short", "sync", "plain"} <= set(REASONS)


def test_every_flipped_bit_is_seen() -> None:
    for at in range(len(GOOD)):
        found = events(flipped(GOOD, at, 1 << at % 8) + OTHER, 4096)
        assert [event.data for event in found if isinstance(event, Frame)] == [dsmr5(2)], at


def test_a_telegram_cut_anywhere_never_takes_the_good_one_behind_it() -> None:
    for cut in range(1, len(GOOD)):
        assert [event.data for event in events(GOOD[:cut] + OTHER, 64) if isinstance(event, Frame)] == [dsmr5(2)], cut


def test_a_cut_line_is_forgotten() -> None:
    opener = Opener(KEYS)
    assert list(opener.feed(GOOD[:100])) == []
    opener.reset()
    assert opener.held == 0
    (frame,) = opener.feed(OTHER)
    assert frame == Frame(dsmr5(2), "gcm", 100)


def test_noise_that_never_ends_can_be_seen() -> None:
    opener = Opener(KEYS)
    assert list(opener.feed(dsmr5() * 3)) == []
    assert opener.noise is not None
    assert opener.noise.reason == "plain"
    assert Opener(KEYS).noise is None


def test_at_most_eight_heads_are_tried_at_once() -> None:
    """Each claims to be long. Behind the eighth nothing is found before the first has proven to be nothing."""
    bait = b"".join(b"\xdb\x08TST%05d\x82\x1f\x00\x30" % number for number in range(CANDIDATES + 4))
    assert told(bait[: 14 * (CANDIDATES - 1)] + GOOD)[-1] == "gcm"
    assert "gcm" not in told(bait + GOOD)


@pytest.mark.parametrize("unit", [b"\xdb", b"\xdb\x08", GOOD[:16], b"\xdb\x08TST45678\x31\x30", NOISE])
def test_garbage_costs_time_by_its_length(unit: bytes) -> None:
    def seconds(length: int) -> float:
        data, opener = unit * (length // len(unit)), Opener(KEYS)
        began = time.process_time()
        for _ in opener.feed(data):
            pass
        return time.process_time() - began

    seconds(20_000)
    assert seconds(400_000) < 40 * seconds(40_000) + 0.05


SALAD = st.lists(
    st.one_of(
        st.sampled_from([GOOD, OTHER, dsmr5(), b"\xdb", b"\xdb\x08", GOOD[:14], GOOD[:30], b"\x30"]),
        st.binary(max_size=60),
        st.integers(1, len(GOOD)).map(lambda cut: GOOD[:cut]),
        st.integers(1, len(GOOD)).map(lambda cut: GOOD[cut:]),
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(SALAD, st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_chunking_never_changes_the_events_and_they_cover_the_stream(data: bytes, sizes: list[int]) -> None:
    expected = events(data, max(len(data), 1))
    opener, at, turn = Opener(KEYS), 0, 0
    found: list[Frame | Rejected] = []
    while at < len(data):
        found += opener.feed(data[at : at + sizes[turn % len(sizes)]])
        assert opener.held <= SEALED_MAX
        at += sizes[turn % len(sizes)]
        turn += 1
    assert found + list(opener.end()) == expected
    place = 0
    for event in expected:
        assert event.offset >= place
        assert isinstance(event, Frame) or event.length > 0
        place = event.offset + (event.length if isinstance(event, Rejected) else 1)
    assert place <= len(data)


@settings(max_examples=150, deadline=None)
@given(SALAD, SALAD)
def test_a_good_telegram_is_never_swallowed(before: bytes, after: bytes) -> None:
    if before.count(b"\xdb\x08") < CANDIDATES:
        assert dsmr5(9) in [
            event.data for event in events(before + seal(dsmr5(9), KEYS, TITLE, 9) + after, 97) if isinstance(event, Frame)
        ]


# Keys


def test_a_key_is_32_hex_digits() -> None:
    spelled = " 0011 2233 4455 6677 8899 aabb ccdd eeff\n"
    assert read_key(spelled) == LUXEMBOURG
    assert read_key("30" + LUXEMBOURG.hex()) == LUXEMBOURG


@pytest.mark.parametrize("text", ["", "00", "x" * 32, LUXEMBOURG.hex() + "0", "31" + LUXEMBOURG.hex(), "é" * 32])
def test_what_is_no_key_is_not_repeated(text: str) -> None:
    with pytest.raises(CipherError) as error:
        read_key(text)
    assert str(error.value) == f"a key is 32 hex digits, and this is not ({len(text)} characters)"


def test_no_key_is_ever_shown(tmp_path: Path) -> None:
    secret = "deadbeef" * 4
    path = tmp_path / "key"
    path.write_text(secret)
    keys = key_files.read(path, None)
    assert keys is not None
    assert secret not in f"{keys!r}{keys}{Opener(keys)!r}"
    path.write_text(secret + "f")
    with pytest.raises(CipherError) as error:
        key_files.read(path, None)
    assert str(path) in str(error.value)
    assert "dead" not in str(error.value)


def test_the_files_decide_which_way_in(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(KEY.hex())
    second.write_text(KEY.hex().upper())
    assert key_files.read(None, None) is None
    assert key_files.read(first, None) == KEYS
    assert key_files.read(first, second) == Keys(KEY, KEY)
    assert isinstance(key_files.framer("auto", None, None), Framer)
    assert isinstance(framer_for("auto", KEYS), Opener)
    with pytest.raises(CipherError, match="of no use without the decryption key"):
        key_files.read(None, second)
    with pytest.raises(CipherError, match="No such file"):
        key_files.read(tmp_path / "c", None)


def test_the_library_is_wanted_only_where_there_is_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)
    assert isinstance(framer_for("auto", None), Framer)
    with pytest.raises(CipherError, match="pip install cryptography"):
        framer_for("auto", KEYS)


# The way in


def test_decode_takes_the_keys_by_file(tmp_path: Path) -> None:
    (tmp_path / "a.hex").write_text((GOOD + OTHER).hex(" ", 40).replace(" ", "\n"))
    (tmp_path / "key").write_text(KEY.hex())
    (tmp_path / "other").write_text(KEY.hex()[::-1])
    runner = CliRunner()
    good = runner.invoke(main, ["decode", "--json", "--decryption-key-file", str(tmp_path / "key"), str(tmp_path / "a.hex")])
    assert good.exit_code == 0
    assert [json.loads(line)["crc"] for line in good.stdout.splitlines()] == ["gcm", "gcm"]
    files = ["--decryption-key-file", str(tmp_path / "other"), "--authentication-key-file", str(tmp_path / "key")]
    bad = runner.invoke(main, ["decode", "--json", *files, str(tmp_path / "a.hex")])
    assert bad.exit_code == 1
    assert [json.loads(line)["reason"] for line in bad.stdout.splitlines()] == ["key", "key"]
    wrong = runner.invoke(main, ["decode", "--decryption-key-file", str(tmp_path / "a.hex"), "-"])
    assert wrong.exit_code == 2


def test_a_reader_with_a_key_reads_and_says_what_a_wrong_one_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "key").write_text(KEY.hex())
    for key, counted, trouble in ((KEY, 2, None), (KEY[::-1], 0, "the decryption key does not fit this meter")):
        (tmp_path / "key").write_text(key.hex())
        clock = FakeClock()
        script = Script(clock, [GOOD[100:], 1.0, GOOD, 9.0, OTHER, 1.0, SourceError("unplugged")])
        setup = Setup(script, clock, meter=MeterSettings("home", decryption_key_file=tmp_path / "key"))
        setup.play(script)
        assert len(setup.readings) == counted
        assert all(reading.telegram.crc == "gcm" for reading in setup.readings)
        assert setup.told["refused"] == ({} if counted else {"key": 2})
        assert trouble is None or trouble in caplog.text
        assert key.hex() not in caplog.text


def test_the_search_for_serial_settings_stays_where_encrypted_frames_begin() -> None:
    search = Search()
    search.opened(0.0)
    here = search.line
    assert not any(search.see(GOOD[at : at + 90], 1.0) for at in range(0, len(GOOD), 90))
    assert search.line == here
    assert search.see(GOOD[100:300] * 2, TEXT_DWELL_S + 2)  # no head in all that time
