"""Columns of numbers and texts as bytes, and back: by differences, in as few bytes as they need. Pure; knows no telegram."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate, chain
from operator import sub

#: A varint of more bytes is none: 18 digits with a sign have nine.
VARINT_MOST = 10
#: Types of differences: signed, of 1, 2, 4 and 8 bytes. The tag is the index; array has another letter on no machine we know.
_TYPES = ("b", "h", "i", "q")
_LIMITS = tuple(1 << (8 * array(letter).itemsize - 1) for letter in _TYPES)
_SAME, _STEADY, _DECIMAL = 16, 17, 18


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
        """Some bytes."""
        self.number(len(value))
        self.out += value

    def numbers(self, values: Sequence[int]) -> None:
        """A column of numbers."""
        first = values[0]
        if max(map(abs, (min(values), max(values)))) >= 1 << 62:  # no difference of two may pass 64 bits
            self.number(_DECIMAL)
            self.text(b" ".join(b"%d" % value for value in values))
            return
        steps = list(map(sub, values[1:], values))
        least, most = (min(steps), max(steps)) if steps else (0, 0)
        if least == most:
            self.number(_STEADY if least else _SAME)
            self.number(first)
            if least:
                self.number(least)
            return
        kind = next(index for index, limit in enumerate(_LIMITS) if -limit <= least and most < limit)
        self.number(kind)
        self.number(first)
        packed = array(_TYPES[kind], steps)
        if sys.byteorder == "big":
            packed.byteswap()
        self.out += packed.tobytes()

    def texts(self, values: Sequence[bytes]) -> None:
        """A column of texts: each once, and which it is in each row."""
        places: dict[bytes, int] = {}
        which = [places.setdefault(value, len(places)) for value in values]
        self.number(len(places))
        for value in places:
            self.text(value)
        self.numbers(which)


class Column:
    """A column of numbers that is read when it is asked for."""

    __slots__ = ("_count", "_data", "_first", "_kind", "_step", "_values")

    def __init__(self, kind: int, count: int, first: int, step: int, data: memoryview) -> None:
        self._kind, self._count, self._first, self._step, self._data = kind, count, first, step, data
        self._values: Sequence[int] | None = None

    @property
    def values(self) -> Sequence[int]:
        """The numbers, one for each row."""
        if self._values is None:
            self._values = self._read()
        return self._values

    @property
    def same(self) -> bool:
        """Whether every row has the same."""
        return self._kind == _SAME

    def _read(self) -> Sequence[int]:
        if self._kind == _SAME:
            return [self._first] * self._count
        if self._kind == _STEADY:
            return range(self._first, self._first + self._step * self._count, self._step)
        if self._kind == _DECIMAL:
            words = bytes(self._data).split(b" ")
            if len(words) not in {1, self._count}:
                raise PackingError(f"a column of the block has {len(words)} numbers for {self._count} readings")
            return [int(word) for word in words] * (self._count if len(words) == 1 else 1)
        steps = array(_TYPES[self._kind], bytes(self._data))
        if sys.byteorder == "big":
            steps.byteswap()
        return list(accumulate(chain((self._first,), steps)))


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
        return bytes(self._take(self.number()))

    def numbers(self, count: int) -> Column:
        """A column of so many numbers."""
        kind = self.number()
        if kind == _DECIMAL:
            return Column(kind, count, 0, 0, self._take(self.number()))
        first = self.number()
        if kind == _SAME:
            return Column(kind, count, first, 0, memoryview(b""))
        if kind == _STEADY:
            return Column(kind, count, first, self.number(), memoryview(b""))
        if not 0 <= kind < len(_TYPES):
            raise PackingError(f"the block has a column of the unknown kind {kind}")
        return Column(kind, count, first, 0, self._take((count - 1) * array(_TYPES[kind]).itemsize))

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
