"""The encrypted captures of the corpus: what their notes say, with the keys of the index."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from p1monitor.p1.cipher import Opener
from p1monitor.p1.framer import Frame, Framer, Rejected
from p1monitor.p1.gcm import Keys
from tests.corpus import sealed

pytestmark = pytest.mark.corpus

FOLDER = Path(os.environ.get("P1MONITOR_CORPUS", "/nonexistent"))


def capture(name: str) -> bytes:
    return sealed(name)[0]


def keys(name: str) -> Keys:
    return sealed(name)[1]


def note(name: str) -> str:
    (row,) = [line for line in (FOLDER / "INDEX.md").read_text().splitlines() if line.startswith(f"| {name} |")]
    return row


def opened(data: bytes, keys: Keys, size: int) -> list[Frame | Rejected]:
    opener = Opener(keys)
    found = [event for at in range(0, len(data), size) for event in opener.feed(data[at : at + size])]
    return found + list(opener.end())


@pytest.mark.parametrize("size", [10_000, 1, 7])
def test_an_austrian_capture_is_the_plain_text_that_its_note_names(size: int) -> None:
    match = re.search(r"plaintext = (\S+\.txt)", note("enc-at-1.hex"))
    assert match
    plain = (FOLDER / match[1]).read_bytes()
    assert opened(capture("enc-at-1.hex"), keys("enc-at-1.hex"), size) == [Frame(plain, "gcm", 0)]


@pytest.mark.parametrize("size", [10_000, 1, 7])
def test_a_corrupted_luxembourgish_capture_is_refused_and_costs_nothing_else(size: int) -> None:
    bad, good = capture("enc-lux-badtag-1.hex"), capture("enc-at-1.hex")
    first, second, third = opened(good + bad + good, keys("enc-at-1.hex"), size)
    assert isinstance(second, Rejected)
    assert (second.reason, second.offset, second.length) == ("tag", len(good), len(bad))
    assert isinstance(first, Frame)
    assert isinstance(third, Frame)
    assert first.data == third.data


def test_without_a_key_it_is_said_what_comes() -> None:
    framer = Framer()
    events = [*framer.feed(capture("enc-at-1.hex")), *framer.end()]
    assert [event.reason for event in events if isinstance(event, Rejected)] == ["encrypted"]
