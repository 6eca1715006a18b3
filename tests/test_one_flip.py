"""One flipped byte on a line never yields a wrong value where there is a CRC (of tags: test_cipher)."""

from __future__ import annotations

import pytest

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.reading import decode
from p1monitor.p1.telegram import parse
from tests.lines import dsmr5

GOOD, OTHER = dsmr5(1), dsmr5(2, 700)


def values(data: bytes) -> list[tuple[object, ...]]:
    """Every reading of a stream; that of a source that was proven to send CRCs, too."""
    found: list[tuple[object, ...]] = []
    for before in (b"", OTHER):
        framer = Framer()
        framer.feed(before)
        for event in (*framer.feed(data), *framer.end()):
            if isinstance(event, Frame):
                reading = decode(parse(event))
                found.append((reading.at, tuple(reading.values.items()), reading.devices))
    return found


@pytest.mark.parametrize("mask", [0x01, 0x10, 0x20, 0x80, 0xFF])
def test_one_flipped_byte_never_yields_a_wrong_value(mask: int) -> None:
    good, other = values(GOOD)[0], values(OTHER)[0]
    for at in range(len(GOOD)):
        flipped = GOOD[:at] + bytes([GOOD[at] ^ mask]) + GOOD[at + 1 :]
        found = values(flipped + OTHER)
        assert set(found) <= {good, other}, at
        assert found.count(other) == 2, at
