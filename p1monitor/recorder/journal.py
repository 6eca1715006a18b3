"""What is not in the history yet: on the card once per `sync` seconds, and before that in the tail. Never touches the database.

Killed: the tail has what the card has not. Power cut: the card has all but the last `sync` seconds. Where the card has no room
for the journal, or it fails, readings stay in the tail, and whoever asks is told.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from p1monitor.recorder import records, tail
from p1monitor.recorder.card import SIZE, Card, Chunk
from p1monitor.recorder.records import Record

log = logging.getLogger(__name__)

#: A second's meter is never quite on time: so much earlier is on time.
SLACK_S = 0.5
#: Bytes of records in one chunk at most: what stalled for an hour does not go in one piece.
CHUNK_MOST = 64 * 1024
#: Below this share of free room, hours are sealed before they are over.
ROOM_LEAST = 0.25


def path_of(history: Path) -> Path:
    """The journal of a history."""
    return history.with_name(history.name + ".journal")


class Journal:
    """Both files of one history. Used by one thread, and by one process: the store's claim sees to that."""

    def __init__(self, history: Path, installation: str, sync_s: float, *, size: int = SIZE, tail_path: Path | None = None) -> None:
        """`size` 0: no file on the card, there is no room for it."""
        self.path, self.lost = path_of(history), 0  #: records that were written over before they were sealed
        self._installation, self._sync_s, self._size = installation, sync_s, size
        self._mark = records.framed("", 0, installation.encode())  # the tail's first record says whose it is
        self._card: Card | None = None
        self._tail = _tail(tail_path or tail.path_for(history))
        self._has: dict[Chunk, dict[str, range]] = {}  # the numbers of each meter in a chunk, from the first to the last
        self._read: tuple[Chunk | None, list[Record]] = None, []  # the chunk that was read last
        self._waiting: list[bytes] = []  # framed, not on the card
        self._synced: float | None = None
        self.torn = 0
        if size:
            self.open_card()
        self._read_tail()

    @staticmethod
    def size_of(history: Path) -> int:
        """Bytes of the file that is there; 0 if there is none."""
        path = path_of(history)
        return path.stat().st_size if path.exists() else 0

    @property
    def on_card(self) -> bool:
        """Whether there is a file on the card."""
        return self._card is not None

    @property
    def room(self) -> float:
        """The share of the file that is free; all, where there is none."""
        return self._card.room if self._card else 1.0

    def open_card(self, size: int = SIZE) -> None:
        """Open the file on the card, or make it."""
        self._card = Card(self.path, self._installation, self._size or size)
        self.torn = len(self._card.found.torn)
        if self._card.strange:
            log.warning("%s belonged to another history; it was moved aside, and a new one begun", self.path)
        if self.torn:
            log.warning("%s: %d torn pieces were left out; what is before and behind them is whole", self.path, self.torn)
        for chunk in list(self._card.found.chunks):
            self._has[chunk] = _numbers((record.meter, record.seq) for record in self._records(chunk))

    def append(self, meter: str, seq: int, record: bytes) -> None:
        """To the tail, at once: a kill cannot take it away any more. A tail that fails makes the card's turn come now."""
        written = records.framed(meter, seq, record)
        self._waiting.append(written)
        if self._tail is not None:
            try:
                self._tail.append(written)
            except OSError as error:
                log.warning("%s: %s; each reading goes to the card at once", self._tail.path, error.strerror)
                self._tail.close(empty=False)
                self._tail = None

    def sync_due(self, now: float) -> bool:
        """Whether what waits has to go to the card, by the monotonic clock."""
        if self._synced is None:
            self._synced = now
        waits = bool(self._waiting) and self.on_card
        return waits and (self._tail is None or now - self._synced >= self._sync_s - SLACK_S)

    def sync(self, now: float | None = None) -> None:
        """Bring what waits to the card, and wait until it is there. OSError loses nothing: it all waits for the next call."""
        if self._card is not None and self._waiting:
            self._write(self._card)
            if self._tail is not None:
                self._tail.clear(len(self._mark))
        self._synced = now

    def replay(self, meter: str | None = None, after: int = 0, to: int | None = None) -> Iterator[Record]:
        """What both files have, in order, each reading once; of one meter, and of a range of numbers, if asked for."""
        newest: dict[str, int] = {}
        for chunk in (*self._has, None):
            if meter is not None and chunk is not None and not _meets(self._has[chunk].get(meter), after, to):
                continue
            for record in self._records(chunk):
                if record.seq > newest.get(record.meter, after) and meter in {None, record.meter}:
                    newest[record.meter] = record.seq
                    if to is None or record.seq <= to:
                        yield record

    def sealed(self, meter: str, up_to: int) -> None:
        """These are in the database and on the card: nobody needs them here."""
        for chunk, has in list(self._has.items()):
            if meter in has and has[meter][-1] <= up_to:
                del has[meter]
            if not has:
                self._forget(chunk)
        self._read = None, []
        if self._card is None:
            self._drop(meter, up_to)

    def close(self) -> None:
        """Let go of both; what waits was synced before."""
        if self._tail is not None:
            self._tail.close(empty=not self._waiting)
        if self._card is not None:
            self._card.close()

    def _write(self, card: Card) -> None:
        while self._waiting:
            count = size = 0
            while count < len(self._waiting) and (not count or size + len(self._waiting[count]) <= CHUNK_MOST):
                size += len(self._waiting[count])
                count += 1
            part = self._waiting[:count]
            content = records.thinned(part)
            while (chunk := card.append(content)) is None:
                self._overrun(card)
            self._has[chunk] = _numbers(map(records.whose, part))
            del self._waiting[:count]

    def _drop(self, meter: str, up_to: int) -> None:
        """Without a file on the card nothing ever leaves what waits; it must not grow."""
        left = [written for written in self._waiting for one in records.unframed(written) if one.meter != meter or one.seq > up_to]
        if len(left) < len(self._waiting) and self._tail is not None:
            self._tail.clear(len(self._mark))
            if left:
                self._tail.append(b"".join(left))
        self._waiting = left

    def _overrun(self, card: Card) -> None:
        """No room although hours are sealed early: the database fails. The oldest readings are written over, counted."""
        oldest = card.oldest()
        if oldest is None:
            raise OSError(errno.ENOSPC, "a chunk is larger than the journal", str(self.path))
        self.lost += sum(1 for _ in self._records(oldest))
        self._forget(oldest)

    def _forget(self, chunk: Chunk) -> None:
        self._has.pop(chunk, None)
        if self._card is not None:
            self._card.release(chunk)

    def _records(self, chunk: Chunk | None) -> Iterable[Record]:
        """Of a chunk; None is what waits. Blocks are asked for one after the other, and often lie in one chunk."""
        if chunk is None:
            return records.unframed(b"".join(self._waiting))
        if self._read[0] != chunk and self._card is not None:
            self._read = chunk, list(unpacked(self._card.read(chunk)))
        return self._read[1]

    def _read_tail(self) -> None:
        """What a kill left in the tail waits for the card again."""
        if self._tail is None:
            return
        written = self._tail.read()
        if written.startswith(self._mark):
            known: Counter[str] = Counter()
            for has in self._has.values():
                known |= Counter({meter: numbers[-1] for meter, numbers in has.items()})
            found = list(records.unframed(written[len(self._mark) :]))
            self._waiting = [records.framed(*one) for one in found if one.seq > known[one.meter]]
            rest = records.whole(written)
            self.torn += rest < len(written)
            self._tail.clear(rest)
            return
        if written:
            log.warning("%s is the tail of another history; it was thrown away", self._tail.path)
        self._tail.clear()
        self._tail.append(self._mark)


def _tail(path: Path) -> tail.Tail | None:
    try:
        return tail.Tail(path)
    except OSError as error:
        log.warning("%s: %s; each reading goes to the card at once", path, error.strerror)
        return None


def unpacked(content: bytes) -> Iterator[Record]:
    """The records of a chunk."""
    return records.thickened(content)


def _numbers(found: Iterable[tuple[str, int]]) -> dict[str, range]:
    numbers: dict[str, range] = {}
    for meter, seq in found:
        first = numbers[meter][0] if meter in numbers else seq
        numbers[meter] = range(first, seq + 1)
    return numbers


def _meets(numbers: range | None, after: int, to: int | None) -> bool:
    return numbers is not None and numbers[-1] > after and (to is None or numbers[0] <= to)
