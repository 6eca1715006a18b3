from __future__ import annotations

import os
from pathlib import Path

import pytest

from p1monitor.recorder.card import BLOCK, PAGE, Card, Chunk, read, scan

SIZE = 4 * PAGE
#: Telegrams of ten seconds, nearly.
TOLD = os.urandom(500)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def written(card: Card, content: bytes) -> Chunk:
    chunk = card.append(content)
    assert chunk is not None
    return chunk


def alike(number: int, size: int = 300) -> bytes:
    return TOLD + os.urandom(size) + bytes([number])


def test_chunks_of_a_page_lean_on_its_first_and_come_back(path: Path) -> None:
    card = Card(path, "one", SIZE)
    told = [alike(number) for number in range(12)]
    chunks = [written(card, one) for one in told]
    again = Card(path, "one", SIZE)
    assert again.found.chunks == chunks
    assert [again.read(chunk) for chunk in chunks] == told
    assert {chunk.first is None for chunk in chunks if chunk.offset % PAGE == 0} == {True}
    assert all(chunk.first in chunks and chunk.size < len(TOLD) for chunk in chunks if chunk.offset % PAGE)


def test_a_chunk_lies_in_as_few_blocks_as_can_be(path: Path) -> None:
    card = Card(path, "one", SIZE)
    for size in (300, 100, 300, 300, 1100, 20):
        chunk = written(card, alike(0, size))
        assert (chunk.end - 1) // BLOCK - chunk.offset // BLOCK == (chunk.size - 1) // BLOCK


def test_chunks_of_the_last_round_are_no_fault_of_this_one(path: Path) -> None:
    """What they leaned on was written over."""
    card = Card(path, "one", SIZE)
    for _ in range(5):
        chunks = list[Chunk]()
        for number in range(18):
            if len(chunks) > 8:
                card.release(chunks.pop(0))
            chunks.append(written(card, alike(number, 500)))
        found = scan(path.read_bytes(), "one")
        assert not found.torn
        assert set(chunks) <= set(found.chunks)
        assert all(card.read(chunk) for chunk in found.chunks)
        for chunk in chunks:
            card.release(chunk)
        assert card.room == 1


def test_a_page_that_is_full_to_its_last_byte_is_read_once(path: Path) -> None:
    """Else its neighbour's chunks would be there twice, released once, and in the way of the ring for ever."""
    card = Card(path, "one", SIZE)
    more = written(card, os.urandom(PAGE)).size - PAGE
    card = Card(path.with_name("full"), "one", SIZE)
    chunks = [written(card, os.urandom(PAGE - more)), written(card, b"next"), written(card, b"more")]
    assert chunks[0].size == PAGE
    again = Card(card.path, "one", SIZE)
    assert again.found.chunks == chunks
    for chunk in chunks:
        again.release(chunk)
    assert again.room == 1


def test_what_is_torn_takes_those_with_it_that_lean_on_it_and_no_others(path: Path) -> None:
    card = Card(path, "one", SIZE)
    told = [alike(number) for number in range(12)]
    chunks = [written(card, one) for one in told]
    content = bytearray(path.read_bytes())
    content[chunks[1].payload] ^= 1
    content[PAGE + 100] ^= 1
    path.write_bytes(content)
    again = Card(path, "one", SIZE)
    rest = [one for one in chunks[2:] if one.offset // PAGE != 1]
    assert again.found.chunks == [chunks[0], *rest]
    assert again.found.torn == [chunks[1].offset, PAGE]
    with path.open("rb") as file:
        assert [read(file.fileno(), chunk) for chunk in rest] == [told[chunks.index(one)] for one in rest]
