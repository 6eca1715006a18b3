"""Columns of numbers and texts as bytes, and back: by differences, in as few bytes as they need. Pure; knows no telegram."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from operator import sub

#: A varint of more bytes is none: 18 digits with a sign have nine.
VARINT_MOST = 10
#: Types of differences: signed, of 1, 2, 4 and 8 bytes. The tag is the index; array has another letter on no machine we know.
_TYPES = ("b", "h", "i", "q")
_LIMITS = tuple(1 << (8 * array(letter).itemsize - 1) for letter in _TYPES)
_SAME, _STEADY, _DECIMAL, _SPARSE = 16, 17, 18, 19
_HEX = b"0123456789ABCDEF"
#: A column that changes no oftener than once in so many rows is kept as its changes.
_SPARSE_LEAST = 8


class PackingError(ValueError):
    """A block that cannot be packed or unpacked; its text is a sentence."""


class Writer:
    """Puts columns one after another. A column of one value is that value in every row."""

    def __init__(self) -> None:
        self.out = bytearray()

    def number(self, value: int) -> None:
        """One number of at most 64 bits, short where it is small."""
        rest = value << 1 if value >= 0 else (-value << 1) - 1
        while rest > 0x7F:
            self.out.append(rest & 0x7F | 0x80)
            rest >>= 7
        self.out.append(rest)

    def text(self, value: bytes) -> None:
        """Some bytes; as what they stand for, where they are octets in hex, as identifiers and messages are."""
        octets = _octets(value)
        self.number(len(value) if octets is None else -len(octets))
        self.out += value if octets is None else octets

    def numbers(self, values: Sequence[int]) -> None:
        """A column of numbers."""
        first = values[0]
        steps = list(map(sub, values[1:], values))
        least, most = (min(steps), max(steps)) if steps else (0, 0)
        if max(abs(first), abs(least), abs(most)) >= _LIMITS[-1]:
            self.number(_DECIMAL)
            self.text(b" ".join(b"%d" % value for value in values))
        elif least == most:
            self.number(_STEADY if least else _SAME)
            self.number(first)
            if least:
                self.number(least)
        elif (changes := len(steps) - steps.count(0)) * _SPARSE_LEAST <= len(steps):
            self.number(_SPARSE)
            self.number(first)
            self.number(changes)
            self.numbers([at for at, step in enumerate(steps) if step])
            self.numbers([step for step in steps if step])
        else:
            kind = next(index for index, limit in enumerate(_LIMITS) if -limit <= least and most < limit)
            self.number(kind)
            self.number(first)
            packed = array(_TYPES[kind], steps)
            if sys.byteorder == "big":
                packed.byteswap()
            self.out += packed.tobytes()

    def texts(self, values: Sequence[bytes]) -> None:
        """A column of texts: each once, and which it is in each row."""
        distinct = list(dict.fromkeys(values))
        places = {value: place for place, value in enumerate(distinct)}
        self.number(len(distinct))
        for value in distinct:
            self.text(value)
        self.numbers([places[value] for value in values] if len(distinct) > 1 else (0,))


class Column:
    """A column of numbers that is made when it is asked for, each time anew: all of an hour at once would be two megabytes."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Sequence[int]]) -> None:
        self._make = make

    @property
    def values(self) -> Sequence[int]:
        """The numbers, one for each row."""
        return self._make()


class Source:
    """Takes what a Writer put, and refuses what none did."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = memoryview(data), 0

    @property
    def ended(self) -> bool:
        """Whether all was taken."""
        return self._at == len(self._data)

    def number(self) -> int:
        """One number."""
        value = shift = 0
        for _ in range(VARINT_MOST):
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value >> 1 if not value & 1 else -((value + 1) >> 1)
        raise PackingError("a number in the block is too long")

    def text(self) -> bytes:
        """Some bytes."""
        length = self.number()
        return bytes(self._take(length)) if length >= 0 else bytes(self._take(-length)).hex().upper().encode()

    def numbers(self, count: int) -> Column:
        """A column of so many numbers."""
        kind = self.number()
        if kind == _DECIMAL:
            words = self.text().split(b" ")
            if len(words) not in {1, count}:
                raise PackingError(f"a column of the block has {len(words)} numbers for {count} readings")
            return Column(lambda: [int(word) for word in words] * (count if len(words) == 1 else 1))
        first = self.number()
        if kind == _SAME:
            return Column(lambda: [first] * count)
        if kind == _STEADY:
            step = self.number()
            return Column(lambda: range(first, first + step * count, step))
        if kind == _SPARSE:
            changes = self.number()
            if not 0 < changes < count:
                raise PackingError(f"a column of the block has {changes} changes in {count} readings")
            where, by = self.numbers(changes), self.numbers(changes)
            return Column(lambda: _sparse(first, count, where.values, by.values))
        if not 0 <= kind < len(_TYPES):
            raise PackingError(f"the block has a column of the unknown kind {kind}")
        steps = self._take((count - 1) * array(_TYPES[kind]).itemsize)
        return Column(lambda: _summed(first, kind, bytes(steps)))

    def texts(self, count: int) -> tuple[list[bytes], Column]:
        """A column of texts: each once, and which it is in each row."""
        words = self.number()
        if not 0 < words <= count:
            raise PackingError(f"the block has {words} texts for {count} readings")
        return [self.text() for _ in range(words)], self.numbers(count)

    def _take(self, length: int) -> memoryview:
        if not 0 <= length <= len(self._data) - self._at:
            raise PackingError("the block ends too early")
        self._at += length
        return self._data[self._at - length : self._at]


def _octets(text: bytes) -> bytes | None:
    """What hex digits stand for, if they can be written again."""
    if not text or len(text) % 2 or text.translate(None, _HEX):
        return None
    return bytes.fromhex(text.decode("ascii"))


def _sparse(first: int, count: int, where: Sequence[int], by: Sequence[int]) -> Sequence[int]:
    steps = [first] + [0] * (count - 1)
    for at, step in zip(where, by, strict=True):
        steps[at + 1] = step
    return list(accumulate(steps))


def _summed(first: int, kind: int, packed: bytes) -> Sequence[int]:
    steps = array(_TYPES[kind], packed)
    if sys.byteorder == "big":
        steps.byteswap()
    return list(accumulate(chain((first,), steps)))
