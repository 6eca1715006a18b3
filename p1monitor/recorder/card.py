"""The journal's file on the card: chunks in a ring of zero-filled pages. Never changes its size, never knows what is in a chunk.

A sync writes one chunk, and most chunks lie within one block of the file system. The first of a page stands for itself; the others
lean on it: telegrams are much alike, and those of the first tell zlib what to expect. No chunk needs another page than its own.
Each has its number, length, CRC and whose it is; there is no index that could be torn.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections import Counter, deque
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

#: What a card's controller and most ext4 write at least; chunks of one page come and go together.
PAGE = 4096
#: … and what an ext4 of less than 512 MB writes.
BLOCK = 1024
#: An hour of a meter that sends each second takes half a MiB; so eight meters have room, or one for eight hours.
SIZE = 4 * 1024 * 1024
#: Zeros are written in pieces of this size.
_PIECE = 64 * 1024
#: Mark and version, installation, number, how many numbers before it that chunk has which it leans on (0: none), length of the
#: payload, CRC of all of it.
_HEAD = struct.Struct("<4s8sQIII")
_MARK = b"P1J1"
#: So much of a first chunk's end is what others lean on: some telegrams.
_LEAN = 4096


class Chunk(NamedTuple):
    """Where one is."""

    number: int
    offset: int
    size: int  #: with its head
    first: Chunk | None = None  #: the one that it leans on

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
    torn: list[int]  #: where some begin well that do not end well
    foreign: list[Chunk]  #: those of another installation
    blank: bool  #: nothing but zeros


def scan(content: bytes, installation: str) -> Found:
    """Look for chunks, at the beginning of each page and block, and behind each chunk."""
    found = Found([], [], [], blank=not content.strip(b"\0"))
    for page in range(0, len(content), PAGE):
        _scan_page(content, page, _tag(installation), found)
    found.chunks.sort()
    return found


def _scan_page(content: bytes, page: int, mine: bytes, found: Found) -> None:
    first: Chunk | None = None
    at = page
    while at < page + PAGE and at + _HEAD.size <= len(content):
        chunk, after = None, (at // BLOCK + 1) * BLOCK
        if content[at : at + len(_MARK)] == _MARK:
            _, owner, number, lean, length, crc = _HEAD.unpack_from(content, at)
            end = at + _HEAD.size + length
            whole = end <= len(content) and _crc(content[at : at + _HEAD.size], content[at + _HEAD.size : end]) == crc
            if whole:
                chunk, after = Chunk(number, at, end - at, first if lean else None), end
            # Behind a page's newest chunk lie those of its last round; what they leaned on was written over.
            if chunk and (not lean or (first and number - lean == first.number)):
                (found.chunks if owner == mine else found.foreign).append(chunk)
                first = first or chunk
            elif not whole:
                found.torn.append(at)
                after = end if content[end : end + len(_MARK)] == _MARK else after
        elif at % BLOCK:
            after = -(-at // BLOCK) * BLOCK
        at = after


def read(file: int, chunk: Chunk) -> bytes:
    """What a chunk says; nothing if the card has changed it since it was found."""
    try:
        lean = read(file, chunk.first) if chunk.first else b""
        return zlib.decompressobj(zdict=lean[-_LEAN:]).decompress(os.pread(file, chunk.end - chunk.payload, chunk.payload))
    except zlib.error:
        return b""


def _squeezed(content: bytes, lean: bytes = b"") -> bytes:
    squeeze = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zdict=lean[-_LEAN:])
    return squeeze.compress(content) + squeeze.flush()


class Card:
    """The file, open for writing. Raises OSError as the system does."""

    def __init__(self, path: Path, installation: str, size: int = SIZE) -> None:
        self.path, self.strange = path, False
        self._tag = _tag(installation)
        self.found = Found([], [], [], blank=True)
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
        self._first: tuple[Chunk, bytes] | None = None  # of the page that is being filled, and what it says

    @property
    def room(self) -> float:
        """The share of pages that is free."""
        return 1 - len(self._used) / self._pages

    def append(self, content: bytes) -> Chunk | None:
        """Write a chunk and wait until it is on the card; None if there is no room for it."""
        first, lean = self._first or (None, b"")
        payload = _squeezed(content, lean) if first else b""
        offset = self._behind(first, _HEAD.size + len(payload)) if first else None
        if offset is None:
            first, payload = None, _squeezed(content)
            offset = self._place(_HEAD.size + len(payload))
        if offset is None:
            return None
        leans = self._number - first.number if first else 0
        head = _HEAD.pack(_MARK, self._tag, self._number, leans, len(payload), 0)
        head = _HEAD.pack(_MARK, self._tag, self._number, leans, len(payload), _crc(head, payload))
        if os.pwrite(self._file, head + payload, offset) < len(head) + len(payload):
            raise OSError(errno.ENOSPC, "only a part was written", str(self.path))
        os.fdatasync(self._file)
        chunk = Chunk(self._number, offset, len(head) + len(payload), first)
        if not first:
            self._first = (chunk, content[-_LEAN:]) if len(chunk.pages) == 1 else None
        self._live.append(chunk)
        self._used.update(chunk.pages)
        self._number, self._next = self._number + 1, chunk.end
        return chunk

    def read(self, chunk: Chunk) -> bytes:
        """What a chunk says."""
        return read(self._file, chunk)

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

    def _behind(self, first: Chunk, size: int) -> int | None:
        """Where in the page that is being filled a chunk has room, within as few blocks as can be."""
        page = first.pages.start
        at = self._next
        if _blocks(at, size) > _blocks(0, size):
            at = -(-at // BLOCK) * BLOCK
        return at if self._used[page] and at + size <= (page + 1) * PAGE else None

    def _place(self, size: int) -> int | None:
        pages = -(-size // PAGE)
        first = -(-self._next // PAGE)
        for page in (*range(first, self._pages), *range(first)):  # behind the newest as a rule; but a meter may keep pages for long
            if page + pages <= self._pages and not any(self._used.get(one) for one in range(page, page + pages)):
                return int(page * PAGE)
        return None


def _blocks(at: int, size: int) -> int:
    return -(-(at + size) // BLOCK) - at // BLOCK


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
