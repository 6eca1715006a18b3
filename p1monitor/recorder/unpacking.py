"""Blocks read again: the readings byte for byte, or some columns of numbers alone. Pure; raises PackingError on what is damaged."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import add
from struct import Struct
from typing import NamedTuple, TypeVar

from p1monitor.p1.crc import ALGORITHMS
from p1monitor.p1.telegram import normal_code
from p1monitor.recorder import netting
from p1monitor.recorder.kept import VERDICTS_KEPT, Cast, Kept, Verdict
from p1monitor.recorder.shapes import NUMBER, TEXT, Shape, Shapes, checksum, numbers_text, read, time_text
from p1monitor.recorder.streams import Column, PackingError, Source

_T = TypeVar("_T")

VERSION = 1
#: Version, CRC-32 of the content, its length.
HEAD = Struct(">BII")
#: Deflated without zlib's own frame: the checksum is ours.
WINDOW = -15
#: What stands in nearly every block, so that it costs nothing. Part of the version.
WORDS = (
    rb'/ISK5\2M550/Ene5\T210-D ESMR5.0/KFM5KAIFA-METER/FLU5\2537 false]], ["water", "water", 2, "absentvalid["E0'
    rb'", [["gas", "gas", 1, "G0", true]], []]'
    b" \x00\x02 \x00"
)
#: The largest content that is inflated: an hour of the largest telegrams, none like the one before.
CONTENT_MOST = 64 << 20
#: Readings of one block: five hours at one per second, for clocks that are set back.
READINGS_MOST = 18_000

#: Texts of a place: each once, and which it is in each row.
Texts = tuple[list[bytes], Column]


class Stream(NamedTuple):
    """The numbers of one code: of its last one, where a line has several."""

    unit: str  #: as the meter prints it
    decimals: int  #: how many of the digits stand behind the point
    values: list[int | None]  #: one for each reading, without the point; None where it has none


class Streams(NamedTuple):
    """Some columns of a block."""

    seq: Sequence[int]
    at: Sequence[int]  #: stamps, UTC seconds
    offset: Sequence[int]  #: of local time, seconds
    values: Mapping[str, Stream]  #: by code in its normal form; those that occur


def unpack(blob: bytes, shapes: Shapes) -> Iterator[Kept]:
    """Every reading of a block, in order. Nothing comes of a block that is damaged anywhere."""
    try:
        block = _Block(proven(blob), shapes)
        yield from block.readings()
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise _damaged(error) from error


def columns(blob: bytes, shapes: Shapes, codes: Collection[str] | None = None) -> Streams:
    """The numbers of some OBIS codes, or of all, without the telegrams."""
    try:
        block = _Block(proven(blob), shapes)
        wanted = block.codes() if codes is None else codes
        found = {code: one for code in wanted if (one := block.stream(code)) is not None}
        return Streams(block.seq.values, block.at.values, block.offset.values, found)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> PackingError:
    return error if isinstance(error, PackingError) else PackingError(f"the block cannot be read: {error}")


def proven(blob: bytes) -> bytes:
    """What is in a block; PackingError where it is not as it was written."""
    if len(blob) < HEAD.size:
        raise PackingError("the block is too short to be one")
    version, proof, length = HEAD.unpack_from(blob)
    if version != VERSION:
        raise PackingError(f"the block is of version {version}, and this program reads version {VERSION}")
    if length > CONTENT_MOST:
        raise PackingError(f"the block claims to have {length} bytes: at most {CONTENT_MOST}")
    inflater = zlib.decompressobj(WINDOW, zdict=WORDS)
    try:
        content = inflater.decompress(blob[HEAD.size :], length + 1)
    except zlib.error as error:
        raise PackingError(f"the block is damaged: {error}") from error
    if len(content) != length or not inflater.eof or inflater.unused_data or zlib.crc32(content) != proof:
        raise PackingError("the block is damaged: its checksum is wrong")
    return content


class _Group:
    """The readings of one shape."""

    def __init__(self, source: Source, shapes: Shapes, rows: int) -> None:
        template = shapes.template(source.number())
        if checksum(template) != source.number():
            raise PackingError("the shape of these telegrams in the file is not the one they had")
        self.shape: Shape = read(template)
        self.rows = source.number()
        if not 0 < self.rows <= rows:
            raise PackingError(f"the block has {self.rows} readings of {rows} in one shape")
        self._netted, self._pairs = source.number(), netting.pairs(self.shape.places)
        self._columns: list[tuple[int, Column] | Texts] = []
        for place in self.shape.places:
            if place.kind == TEXT:
                self._columns.append(source.texts(self.rows))
                continue
            relative = 0 if place.kind == NUMBER else source.number()
            self._columns.append((relative, source.numbers(self.rows)))

    def numbers(self, place: int) -> Sequence[int]:
        """The numbers of one place."""
        return netting.unfold(self._pairs, self._netted, place, lambda one: self._columns[one][1].values)

    def frames(self, wall: Sequence[int]) -> Iterator[bytes]:
        """The frames, in their order; `wall` is twice the local time of their stamps."""
        pattern, varying = b"", list[Sequence[bytes]]()
        for literal, index in zip(self.shape.literals, range(len(self.shape.places)), strict=False):
            texts = self._texts(index, wall)
            pattern += literal.replace(b"%", b"%%")
            if isinstance(texts, bytes):
                pattern += texts.replace(b"%", b"%%")
            else:
                pattern += b"%b"
                varying.append(texts)
        pattern += self.shape.literals[-1].replace(b"%", b"%%")
        bodies = (pattern % row for row in zip(*varying, strict=True)) if varying else repeat(pattern % (), self.rows)
        if not self.shape.end:
            return iter(bodies)
        proof = ALGORITHMS[self.shape.end]
        return (b"%b!%04X\r\n" % (body, proof(body + b"!")) for body in bodies)

    def _texts(self, index: int, wall: Sequence[int]) -> bytes | list[bytes]:
        """What stands in one place: of each row, or of all."""
        place, column = self.shape.places[index], self._columns[index]
        if isinstance(column[0], list):
            words, which = column[0], column[1].values
            return words[0] if len(words) == 1 else [words[one] for one in which]
        if place.kind == NUMBER:
            values = self.numbers(index)
            table = numbers_text(set(values), place)
            return table[values[0]] if len(table) == 1 else [table[one] for one in values]
        stamps = column[1].values
        return [time_text(one) for one in (map(add, stamps, wall) if column[0] else stamps)]

    def last_number(self, code: str) -> int | None:
        """The place of a code's number: the last of its first line."""
        found, line = None, -1
        for index, place in enumerate(self.shape.places):
            if place.code and _normal(place.code) == code:
                if place.nth <= line:
                    break
                line, found = place.nth, index if place.kind == NUMBER else found
        return found


@lru_cache(maxsize=512)
def _normal(code: str) -> str:
    return normal_code(code)


class _Block:
    """A block's content."""

    def __init__(self, content: bytes, shapes: Shapes) -> None:
        source = Source(content)
        self.rows = rows = source.number()
        if not 0 < rows <= READINGS_MOST:
            raise PackingError(f"the block has {rows} readings: at most {READINGS_MOST}")
        self.seq, self.at, self.offset, self._status = (source.numbers(rows) for _ in range(4))
        self._came, self._late = source.numbers(rows), source.numbers(rows)
        self._crcs, self._verdicts = source.texts(rows), source.texts(rows)
        count = source.number()
        if not 0 < count <= rows:
            raise PackingError(f"the block has {count} shapes for {rows} readings")
        self._which: Sequence[int] = source.numbers(rows).values if count > 1 else [0] * rows
        self._groups = [_Group(source, shapes, rows) for _ in range(count)]
        found = Counter(self._which) if count > 1 else {0: rows}
        if not source.ended or found != {number: group.rows for number, group in enumerate(self._groups)}:
            raise PackingError("the block has more or less than its readings")

    def readings(self) -> Iterator[Kept]:
        """Every reading."""
        ats, offsets = self.at.values, self.offset.values
        wall = [2 * (at + offset) for at, offset in zip(ats, offsets, strict=True)]
        frames = [
            group.frames([one for one, which in zip(wall, self._which, strict=True) if which == number])
            for number, group in enumerate(self._groups)
        ]
        crcs = _chosen([word.decode() for word in self._crcs[0]], self._crcs[1])
        verdicts = _chosen([_verdict(word) for word in self._verdicts[0]], self._verdicts[1])
        arrivals = zip(ats, self._late.values, self._came.values, strict=True)
        came = [at + late if here else None for at, late, here in arrivals]
        rows = zip(self.seq.values, ats, offsets, self._status.values, came, crcs, verdicts, self._which, strict=True)
        for seq, at, offset, status, received, crc, verdict, which in rows:
            yield Kept(seq, at, offset, status, received, crc, verdict, next(frames[which]))

    def codes(self) -> list[str]:
        """Every code that has a number."""
        places = (place for group in self._groups for place in group.shape.places if place.kind == NUMBER and place.code)
        return list(dict.fromkeys(_normal(place.code) for place in places))

    def stream(self, code: str) -> Stream | None:
        """The numbers of one code; None where it does not occur."""
        found = [group.last_number(code) for group in self._groups]
        places = [group.shape.places[at] for group, at in zip(self._groups, found, strict=True) if at is not None]
        if not places:
            return None
        unit = places[-1].unit
        decimals = max(place.decimals for place in places if place.unit == unit)
        each: list[Iterator[int | None]] = []
        for group, at in zip(self._groups, found, strict=True):
            if at is None or group.shape.places[at].unit != unit:
                each.append(repeat(None))
                continue
            factor = 10 ** (decimals - group.shape.places[at].decimals)
            values = group.numbers(at)
            each.append(iter(values) if factor == 1 else iter([one * factor for one in values]))
        return Stream(unit, decimals, list(each[0]) if len(each) == 1 else [next(each[which]) for which in self._which])


def _chosen(words: list[_T], which: Column) -> list[_T]:
    return words * len(which.values) if len(words) == 1 else [words[one] for one in which.values]


@lru_cache(maxsize=VERDICTS_KEPT)
def _verdict(text: bytes) -> Verdict:
    """A verdict as it was told. Equal ones are one object."""
    equipment_id, devices, held = json.loads(text)
    return Verdict(equipment_id, tuple(Cast(*device) for device in devices), tuple(held))
