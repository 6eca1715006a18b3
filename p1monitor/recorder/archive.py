"""The archive's writer: seconds go to the journal at once, and into the history once an hour, packed. Never decides when to save.

Where there is no room for seconds it rests: the journal goes on, so that a kill costs no profiles, and is written over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from p1monitor.p1.records import Event
from p1monitor.recorder import blocks, heap, kept_record, waiting
from p1monitor.recorder.block_rows import Span, begun, put, stored_shapes
from p1monitor.recorder.card import SIZE
from p1monitor.recorder.disk import Disk
from p1monitor.recorder.journal import ROOM_LEAST, Journal
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.levels import HOUR_S
from p1monitor.recorder.opening import StoreError, sentence
from p1monitor.recorder.records import Record
from p1monitor.recorder.retention import AGREEING, DROPPED_MOST, parse
from p1monitor.recorder.store import Store

log = logging.getLogger(__name__)

#: What is told of the archive.
OK, RESTING = "ok", "no room: seconds are not kept, profiles are"
#: Tells whoever shows the state: "archive" and what it does.
Tell = Callable[[str, object], object]


def open_journal(store: Store, sync_s: float, disk: Disk, *, size: int = SIZE, tail: Path | None = None) -> Journal:
    """The journal of a history; without its file where the disk has no room for it."""
    try:
        there = Journal.size_of(store.path)
        return Journal(store.path, store.installation(), sync_s, size=0 if not there and disk.look(size) else size, tail_path=tail)
    except OSError as error:
        raise StoreError(sentence(store.path, error)) from error


class Archive:
    """Takes what is kept, in order. All methods are called by the recorder's thread."""

    def __init__(self, store: Store, journal: Journal, keep: str, disk: Disk, tell: Tell = lambda _key, _value: None) -> None:
        self.journal = journal
        self._store, self._disk, self._tell = store, disk, tell
        self._keep = parse(keep)
        self._shapes = stored_shapes(store)
        self._bytes = int(store.execute("SELECT coalesce(sum(bytes), 0) FROM archive INDEXED BY archive_by_time").fetchone()[0])
        self._spans: dict[str, list[Span]] = {}  # in the journal only
        self._sealed: dict[str, int] = {}  # in the database, but perhaps not on the card yet
        self._grown = 0  # bytes that the open transaction adds
        self._resting = False
        self._told = False
        self._rest(disk.low or not journal.on_card)

    def archived(self, meter: str) -> int:
        """The number of the newest reading of a meter that is in a block."""
        sql = "SELECT to_seq FROM archive WHERE meter = (SELECT id FROM meter WHERE name = ?) ORDER BY from_seq DESC LIMIT 1"
        row = self._store.execute(sql, (meter,)).fetchone()
        return 0 if row is None else int(row[0])

    def take(self, meter: str, kept: Kept, events: Iterable[Event] = ()) -> None:
        """Into the journal."""
        self.journal.append(meter, kept.seq, kept_record.to_bytes(kept, events))
        self.note(meter, kept)

    def note(self, meter: str, kept: Kept) -> None:
        """Remember what is in the journal already."""
        if self._resting:
            return
        spans = self._spans.setdefault(meter, [])
        if not spans or not spans[-1].takes(kept):
            spans.append(begun(kept))
        spans[-1].add(kept)

    def replay(self) -> Iterator[tuple[str, Kept, tuple[Event, ...]]]:
        """What the journal has, in order, and what happened."""
        for record in self.journal.replay():
            if record.meter.startswith(waiting.MARK):
                continue
            try:
                yield record.meter, kept_record.from_bytes(record.record), kept_record.events_of(record.record)
            except ValueError as error:
                log.warning("%s: %s; it was left out", self.journal.path, error)

    def waiting(self) -> Iterator[Record]:
        """What the journal has without a stamp."""
        return waiting.of_journal(self.journal.replay())

    def forget(self, meter: str, up_to: int) -> None:
        """These are in the history and on the card."""
        for name in (meter, waiting.MARK + meter):
            self.journal.sealed(name, up_to)

    def due(self) -> bool:
        """Whether an hour is over."""
        return any(len(spans) > 1 for spans in self._spans.values())

    def all_due(self) -> bool:
        """Whether one of each meter is."""
        return all(len(spans) > 1 for spans in self._spans.values())

    def crowded(self) -> bool:
        """Whether the journal gets full: what is in it is to be sealed early, or its profiles saved."""
        return self._crowded() and (self._resting or any(self._spans.values()))

    @property
    def resting(self) -> bool:
        """Whether seconds are not kept, because there is no room."""
        return self._resting

    @property
    def unsafe(self) -> bool:
        """Whether the journal still has what is sealed, because the card has not."""
        return bool(self._sealed)

    def sync(self, now: float) -> None:
        """Bring the journal to the card when it is time."""
        if self.journal.sync_due(now):
            self.journal.sync(now)

    def write(self) -> None:
        """Seal the hours that are over, and drop what is too old; call it inside the transaction."""
        self._grown = 0
        crowded = self._crowded()
        for meter, spans in self._spans.items():
            for span in spans if crowded else spans[:-1]:
                self._seal(meter, span)
        self._forget()

    def written(self) -> bool:
        """The transaction was committed; True if the history should go to the card now, and `safe` be called then."""
        crowded = self._crowded()
        for meter, spans in self._spans.items():
            done = spans if crowded else spans[:-1]
            if done:
                self._sealed[meter] = done[-1].last
                del spans[: len(done)]
        self._bytes += self._grown
        return bool(self._sealed)

    def failed(self) -> None:
        """The transaction was rolled back: the shapes that it had stored are not."""
        self._shapes = stored_shapes(self._store)

    def safe(self) -> None:
        """What is in the history is on the card: the journal's room may be used again."""
        for meter, last in self._sealed.items():
            self.forget(meter, last)
        self._sealed.clear()
        heap.give_back()

    def saved(self, meter: str, seq: int) -> None:
        """Profiles have come so far: while seconds are not kept, nobody needs the journal before that."""
        if self._resting:
            self._sealed[meter] = seq

    def look(self) -> None:
        """Look at the disk: stop, or go on."""
        need = 0 if self.journal.on_card else SIZE
        self._rest(self._disk.look(need))

    def _rest(self, low: bool) -> None:
        if not low and not self.journal.on_card:
            try:
                self.journal.open_card()
            except OSError as error:
                log.warning("%s", sentence(self.journal.path, error))
                low = True
        if low and not (self._resting and self._told):
            self._spans.clear()
            log.error("%s: too little room is left on the disk or card; seconds are not kept, profiles are", self._store.path)
        elif self._resting and not low:
            log.info("%s: there is room again; seconds are kept", self._store.path)
        self._resting, self._told = low, True
        self._tell("archive", RESTING if low else OK)

    def _crowded(self) -> bool:
        return self.journal.room < ROOM_LEAST

    def _seal(self, meter: str, span: Span) -> None:
        found = self.journal.replay(meter, span.first - 1, span.last)
        block = blocks.made([kept_record.from_bytes(record.record) for record in found], self._shapes)
        put(self._store, meter, span, block, self._shapes)
        self._grown += len(block.content)

    def _forget(self) -> None:
        """Drop the oldest blocks that `keep` does not want any more, a few at a time."""
        keep = self._keep
        if keep == (None, None):
            return
        before = None if keep.seconds is None else self._newest() - keep.seconds
        for end, row, size in sorted(self._oldest())[:DROPPED_MOST]:
            old = before is not None and end < before
            if not old and (keep.size is None or self._bytes + self._grown <= keep.size):
                return
            self._store.execute("DELETE FROM archive WHERE rowid = ?", (row,))
            self._grown -= size

    def _oldest(self) -> Iterator[tuple[int, int, int]]:
        """Of each meter a few blocks, the oldest by their stamps, for what was imported came last: end of the hour, row, bytes."""
        sql = "SELECT (start / ? + 1) * ?, rowid, bytes FROM archive WHERE meter = ? ORDER BY start LIMIT ?"
        for (meter,) in self._store.execute("SELECT id FROM meter").fetchall():
            yield from self._store.execute(sql, (HOUR_S, HOUR_S, meter, DROPPED_MOST)).fetchall()

    def _newest(self) -> int:
        """What age is counted from: a single clock that runs years ahead must not throw away everything."""
        sql = 'SELECT min("end") FROM (SELECT "end" FROM archive ORDER BY rowid DESC LIMIT ?)'
        return int(self._store.execute(sql, (AGREEING,)).fetchone()[0] or 0)
