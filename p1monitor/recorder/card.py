"""The journal's file on the card: chunks in a ring of zero-filled pages. Never changes its size, never knows what is in a chunk.

A sync writes one chunk, and as a chunk that does not fit into the rest of its page begins in the next, most syncs touch one
page. Every chunk stands for itself: number, length, CRC and whose it is; there is no index that could be torn.
"""

from __future__ import annotations

import errno
import os
import struct
from collections import Counter, deque
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

#: What a card's controller and ext4 write at least.
PAGE = 4096
#: An hour of a meter that sends each second takes half a MiB; so eight meters have room, or one for eight hours.
SIZE = 4 * 1024 * 1024
#: Zeros are written in pieces of this size.
_PIECE = 64 * 1024
#: Mark and version, installation, number, length of the payload, CRC of all of it.
_HEAD = struct.Struct("<4s8sQII")
_MARK = b"P1J1"


class Chunk(NamedTuple):
    """Where one is."""

    number: int
    offset: int
    size: int  #: with its head

    @property
    def payload(self) -> int:
        """Where its payload begins."""
        return self.offset + _HEAD.size

    @property
    def end(self) -> int:
        """… and where it ends."""
        return self.offset + self.size

    @property
    def pages(self) -> range:
        """The pages it lies in."""
        return range(self.offset // PAGE, -(-self.end // PAGE))


class Found(NamedTuple):
    """What a file has."""

    chunks: list[Chunk]  #: in order of their numbers
    torn: int  #: those that begin well and do not end well
    foreign: int  #: those of another installation
    blank: bool  #: nothing but zeros


def scan(content: bytes, installation: str) -> Found:
    """Look for chunks, at the beginning of each page and behind each chunk."""
    chunks, torn, foreign, mine = [], 0, 0, _tag(installation)
    for page in range(0, len(content), PAGE):
        at = page
        while at + _HEAD.size <= len(content) and content[at : at + len(_MARK)] == _MARK:
            _, owner, number, length, crc = _HEAD.unpack_from(content, at)
            end = at + _HEAD.size + length
            if end > len(content) or _crc(content[at : at + _HEAD.size], content[at + _HEAD.size : end]) != crc:
                torn += 1
                break
            if owner == mine:
                chunks.append(Chunk(number, at, end - at))
            else:
                foreign += 1
            at = end
    return Found(sorted(chunks), torn, foreign, not content.strip(b"\0"))


class Card:
    """The file, open for writing. Raises OSError as the system does."""

    def __init__(self, path: Path, installation: str, size: int = SIZE) -> None:
        self.path, self.strange = path, False
        self._tag = _tag(installation)
        self.found = Found([], 0, 0, blank=True)
        if path.exists():
            self.found = scan(path.read_bytes(), installation)
            self.strange = not self.found.blank and not self.found.chunks and not self.found.torn
            if self.strange:
                path.replace(_aside(path))
        if not path.exists():
            _fill(path, size)
        self._file = os.open(path, os.O_RDWR)
        self._pages = max(os.fstat(self._file).st_size, size) // PAGE
        if os.fstat(self._file).st_size < self._pages * PAGE:  # it was cut short
            _zeros(self._file, os.fstat(self._file).st_size, self._pages * PAGE)
        self._live: deque[Chunk] = deque(self.found.chunks)
        self._used = Counter(page for chunk in self._live for page in chunk.pages)
        last = self._live[-1] if self._live else Chunk(0, 0, 0)
        self._number, self._next = last.number + 1, last.pages.stop * PAGE  # a page of its own: the last may be torn

    @property
    def room(self) -> float:
        """The share of pages that is free."""
        return 1 - len(self._used) / self._pages

    def append(self, payload: bytes) -> Chunk | None:
        """Write a chunk and wait until it is on the card; None if there is no room for it."""
        offset = self._place(_HEAD.size + len(payload))
        if offset is None:
            return None
        head = _HEAD.pack(_MARK, self._tag, self._number, len(payload), 0)
        head = _HEAD.pack(_MARK, self._tag, self._number, len(payload), _crc(head, payload))
        if os.pwrite(self._file, head + payload, offset) < len(head) + len(payload):
            raise OSError(errno.ENOSPC, "only a part was written", str(self.path))
        os.fdatasync(self._file)
        chunk = Chunk(self._number, offset, len(head) + len(payload))
        self._live.append(chunk)
        self._used.update(chunk.pages)
        self._number, self._next = self._number + 1, offset + chunk.size
        return chunk

    def read(self, chunk: Chunk) -> bytes:
        """The payload of a chunk."""
        return os.pread(self._file, chunk.end - chunk.payload, chunk.payload)

    def release(self, chunk: Chunk) -> None:
        """Its room may be used again."""
        self._live.remove(chunk)
        self._used -= Counter(chunk.pages)

    def oldest(self) -> Chunk | None:
        """The chunk that is written over next."""
        return self._live[0] if self._live else None

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _place(self, size: int) -> int | None:
        begun, rest = self._next // PAGE, -self._next % PAGE
        if size <= rest and self._used[begun]:
            return self._next
        pages = -(-size // PAGE)
        first = -(-self._next // PAGE)
        for page in (*range(first, self._pages), *range(first)):  # behind the newest as a rule; but a meter may keep pages for long
            if page + pages <= self._pages and not any(self._used.get(one) for one in range(page, page + pages)):
                return int(page * PAGE)
        return None


def _tag(installation: str) -> bytes:
    return crc32(installation.encode()).to_bytes(4, "little") + crc32(installation.encode()[::-1]).to_bytes(4, "little")


def _crc(head: bytes, payload: bytes) -> int:
    return crc32(payload, crc32(head[:-4]))


def _aside(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.strange{number or ''}") for number in range(1000))
    return next(name for name in names if not name.exists())


def _fill(path: Path, size: int) -> None:
    """Make the file, all written: room that is only reserved costs the file system a note of each page's first use."""
    begun = path.with_name(path.name + ".new")
    file = os.open(begun, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        _zeros(file, 0, size)
        begun.replace(path)
    except OSError:
        begun.unlink()
        raise
    finally:
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _zeros(file: int, start: int, end: int) -> None:
    at = start
    while at < end:
        at += os.pwrite(file, bytes(min(_PIECE, end - at)), at)
    os.fsync(file)
