"""Readings of one meter and hour as one block, byte for byte. Pure: never stores, never decides when a block ends.

A block: its version, the CRC-32 and the length of its content, and the content, deflated. The content: the readings' own
columns (number, stamp, verdict …), then for each shape that occurs which readings have it, and a column for each of its places.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from operator import sub

from p1monitor.recorder import netting
from p1monitor.recorder.cutting import Cut, Group, cut
from p1monitor.recorder.kept import Kept, Verdict
from p1monitor.recorder.shapes import NUMBER, TIME, Shapes, checksum, marks_of, read, times, width_of, written
from p1monitor.recorder.streams import PackingError, Writer
from p1monitor.recorder.unpacking import CONTENT_MOST, HEAD, READINGS_MOST, VERSION, columns, unpack

__all__ = ["BYTES_MOST", "READINGS_MOST", "Packer", "PackingError", "columns", "unpack"]

#: Frames of one block: an hour at one per second, each as long as real ones get. What is packed of them is shorter.
BYTES_MOST = CONTENT_MOST // 2
#: How hard zlib tries.
LEVEL = 9


class Packer:
    """Takes the readings of one block, in their order."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._kept: list[Kept] = []
        self._bytes = 0

    def add(self, kept: Kept) -> None:
        """Take one reading."""
        self._kept.append(kept)
        self._bytes += len(kept.frame)

    def __len__(self) -> int:
        """Number of readings."""
        return len(self._kept)

    @property
    def full(self) -> bool:
        """Whether the block should end here: it has as much as may be in one, or nearly."""
        return len(self._kept) >= READINGS_MOST or self._bytes >= BYTES_MOST

    def pack(self) -> bytes:
        """The block. Shapes that are new are in the registry then, and must be stored with it."""
        if not self._kept or len(self._kept) > READINGS_MOST:
            raise PackingError(f"a block has 1 to {READINGS_MOST} readings, not {len(self._kept)}")
        out = Writer()
        seqs, ats, offsets, statuses, arrivals, crcs, verdicts, frames = zip(*self._kept, strict=True)
        out.number(len(self._kept))
        out.numbers(seqs)
        out.numbers(ats)
        out.numbers(offsets)
        out.numbers(statuses)
        _arrivals(out, arrivals, ats)
        out.texts([crc.encode() for crc in crcs])
        _verdicts(out, verdicts)
        groups = cut(frames)
        out.number(len(groups))
        if len(groups) > 1:
            out.numbers(_which(groups, len(frames)))
        wall = [2 * (at + offset) for at, offset in zip(ats, offsets, strict=True)]
        for group in groups:
            self._group(out, group, wall if len(groups) == 1 else [wall[row] for row in group.rows])
        return _sealed(bytes(out.out))

    def _group(self, out: Writer, group: Group, wall: Sequence[int]) -> None:
        """The shape of a group, and its columns."""
        marks = marks_of(group.lines)
        known = iter(self._shapes.widths(written(group.end, group.lines, marks)))
        for index, one in enumerate(group.cuts):
            if marks[index].startswith(NUMBER):
                width = width_of(one.distinct, next(known, 0))
                marks[index] = b"$" if width is None else b"#%d%s" % (width, marks[index][1:])
        template = written(group.end, group.lines, marks)
        places = read(template).places
        out.number(self._shapes.number(template))
        out.number(checksum(template))
        out.number(len(wall))
        found: list[netting.Numbers] = [
            _numbers(one) if place.kind == NUMBER else () for place, one in zip(places, group.cuts, strict=True)
        ]
        out.number(netting.fold(netting.pairs(places), found, len(wall)))
        for place, one, values in zip(places, group.cuts, found, strict=True):
            if place.kind == NUMBER:
                out.numbers(values)
            elif place.kind == TIME:
                _times(out, times(one.texts), wall)
            else:
                out.texts(one.texts)


def _numbers(one: Cut) -> list[int]:
    table = {text: int(text.replace(b".", b"")) for text in one.distinct}
    return [table[text] for text in one.texts]


def _times(out: Writer, values: Sequence[int], wall: Sequence[int]) -> None:
    """Times of the meter's clock; those that are the stamps of their readings cost nothing."""
    apart = list(map(sub, values, wall)) if len(values) == len(wall) else []
    relative = len(apart) > 0 and min(apart) == max(apart)
    out.number(int(relative))
    out.numbers(apart if relative else values)


def _arrivals(out: Writer, arrivals: Sequence[int | None], ats: Sequence[int]) -> None:
    """When readings came, by how much later than their stamps; 0 and 1 say first which have that."""
    here = [int(arrival is not None) for arrival in arrivals]
    out.numbers(here)
    out.numbers([0 if arrival is None else arrival - at for arrival, at in zip(arrivals, ats, strict=True)])


def _verdicts(out: Writer, verdicts: Sequence[Verdict]) -> None:
    told = {id(one): one for one in verdicts}  # equal ones are one object, nearly always
    texts = {key: json.dumps(one).encode() for key, one in told.items()}
    out.texts([texts[id(one)] for one in verdicts])


def _which(groups: Sequence[Group], rows: int) -> list[int]:
    """Which group each reading belongs to."""
    found = [0] * rows
    for number, group in enumerate(groups):
        for row in group.rows:
            found[row] = number
    return found


def _sealed(content: bytes) -> bytes:
    if len(content) > CONTENT_MOST:
        raise PackingError(f"a block of {len(content)} bytes is too large: at most {CONTENT_MOST}")
    return HEAD.pack(VERSION, zlib.crc32(content), len(content)) + zlib.compress(content, LEVEL)
