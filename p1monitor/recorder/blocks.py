"""Blocks of the archive: many readings as one piece of bytes, proven to come back, and back. Never touches a file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from p1monitor.recorder import kept_record, records
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.packing import Packer, unpack
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.streams import PackingError
from p1monitor.recorder.unpacking import proven

#: Values of the column `format`.
VERBATIM, PACKED = 0, 1


class BlockError(Exception):
    """A block is damaged; the words say how."""


class Block(NamedTuple):
    """A block, ready to be stored."""

    format: int
    content: bytes


def made(readings: Sequence[Kept], shapes: Shapes) -> Block:
    """A block of readings, which are compared with what comes back of it.

    What does not come back as it was, to the byte, is kept verbatim: no cleverness may cost a reading.
    """
    packer = Packer(shapes)
    for kept in readings:
        packer.add(kept)
    try:
        content = packer.pack()
        if all(one == other for one, other in zip_longest(unpack(content, shapes), readings)):
            return Block(PACKED, content)
    except (PackingError, ValueError):
        pass
    framed = b"".join(records.framed("", kept.seq, kept_record.to_bytes(kept)) for kept in readings)
    return Block(VERBATIM, zlib.compress(framed, 9))


def prove(block: Block) -> None:
    """Look at its checksums only; BlockError where it is damaged."""
    if block.format == VERBATIM:
        for _ in read(block, Shapes()):
            pass
        return
    try:
        proven(block.content)
    except PackingError as error:
        raise BlockError(str(error)) from error


def read(block: Block, shapes: Shapes) -> Iterator[Kept]:
    """The readings of a block; BlockError where it is damaged."""
    try:
        if block.format == VERBATIM:
            for record in records.unframed(zlib.decompress(block.content)):
                yield kept_record.from_bytes(record.record)
        else:
            yield from unpack(block.content, shapes)
    except (PackingError, ValueError, KeyError, IndexError, zlib.error) as error:
        raise BlockError(str(error) or type(error).__name__) from error
