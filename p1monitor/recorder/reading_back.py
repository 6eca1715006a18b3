"""The archive and the journal read from outside: every reading in its order, for export and verify. Never writes, never locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from p1monitor.p1.records import Event
from p1monitor.recorder import blocks, card, kept_record, records, tail, waiting
from p1monitor.recorder.blocks import Block, BlockError
from p1monitor.recorder.forward import VersionError, current
from p1monitor.recorder.journal import path_of, unpacked
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.opening import DAMAGE, StoreError, opened_for_reading, sentence
from p1monitor.recorder.records import Record
from p1monitor.recorder.shapes import Shapes

#: The block itself is asked for one at a time: an hour takes some 20 kB, ten years two gigabytes.
_BLOCKS = """SELECT a.rowid, m.name, a.from_seq, a.to_seq, a.start, a."end", a.readings
FROM archive a JOIN meter m ON m.id = a.meter
WHERE (:meter IS NULL OR m.name = :meter) AND a."end" >= :start AND a.start < :end ORDER BY a.meter, a.from_seq"""
_NEXT = """SELECT a.rowid, m.name, a.from_seq, a.to_seq, a.start, a."end", a.readings
FROM archive a JOIN meter m ON m.id = a.meter WHERE m.name = ? AND a.to_seq >= ? AND a.from_seq <= ? AND a.from_seq >= (
    SELECT coalesce(max(b.from_seq), 0) FROM archive b WHERE b.meter = m.id AND b.from_seq <= ?)
ORDER BY a.from_seq LIMIT 1"""
_LAST = """SELECT a.rowid, m.name, a.from_seq, a.to_seq, a.start, a."end", a.readings
FROM archive a JOIN meter m ON m.id = a.meter WHERE m.name = ? AND a.from_seq < ? AND a.from_seq > 0 ORDER BY a.from_seq DESC"""
#: Beyond every stamp.
EVER = (-(2**62), 2**62)


class Row(NamedTuple):
    """What a row of the archive says of its block."""

    id: int
    meter: str
    from_seq: int
    to_seq: int
    start: int
    end: int
    readings: int


class Past:
    """One history, opened for reading beside whoever writes it."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise StoreError(f"{path}: there is no history")
        self.path = path
        self._damaged = 0
        self.db = opened_for_reading(path)
        try:
            current(self.db, path)
            found = dict(self.db.execute("SELECT key, value FROM note WHERE key = 'installation'").fetchall())
            self.shapes = Shapes(self.db.execute("SELECT id, template FROM shape").fetchall())
        except (*DAMAGE, VersionError) as error:
            self.db.close()
            raise StoreError(str(error) if isinstance(error, VersionError) else sentence(path, error)) from error
        self.installation: str = found.get("installation", "")

    def close(self) -> None:
        """Let go of it."""
        self.db.close()

    def expect(self, meter: str | None) -> None:
        """StoreError where nothing is kept of a meter of this name; None is all meters."""
        names = [str(name) for (name,) in self.db.execute("SELECT name FROM meter ORDER BY id").fetchall()]
        if meter is not None and meter not in {*names, *(name for name, _ in self.journal({}))}:
            raise StoreError(f'{self.path}: there is no meter "{meter}"; there is {", ".join(names) or "none"}')

    def rows(self, meter: str | None = None, start: int = EVER[0], end: int = EVER[1]) -> list[Row]:
        """The blocks that have readings of a time."""
        found = self.db.execute(_BLOCKS, {"meter": meter, "start": start, "end": end}).fetchall()
        return [Row(*row) for row in found]

    def block_after(self, meter: str, first: int, last: int) -> Row | None:
        """The first block of a meter that has numbers of first … last."""
        found = self.db.execute(_NEXT, (meter, first, last, first)).fetchone()
        return None if found is None else Row(*found)

    def last_blocks(self, meter: str, before: int, readings: int) -> list[Row]:
        """The last blocks that begin before a number, oldest first, with so many readings where there are so many."""
        rows: list[Row] = []
        for found in self.db.execute(_LAST, (meter, before)):
            rows.insert(0, Row(*found))
            # Of the newest perhaps nothing lies before that number
            if sum(row.readings for row in rows if row.to_seq < before) >= readings:
                break
        return rows

    def block(self, row: Row) -> Iterator[Kept]:
        """The readings of a block; BlockError where it is damaged."""
        found = self.db.execute("SELECT format, block FROM archive WHERE rowid = ?", (row.id,)).fetchone()
        if found is not None:  # else it was dropped a moment ago
            yield from blocks.read(Block(*found), self.shapes)

    def whole(self, rows: Sequence[Row], progress: Callable[[float], object]) -> Iterator[tuple[str, Kept]]:
        """The readings of all these blocks, with their meter's name; those that are damaged are counted."""
        for number, row in enumerate(rows, 1):
            try:
                yield from [(row.meter, kept) for kept in self.block(row)]
            except BlockError:
                self._damaged += 1
            progress(number / len(rows))

    def complain(self) -> None:
        """BlockError where some were; for who has given all the others."""
        if self._damaged:
            raise BlockError(f"{self._damaged} blocks of the archive are damaged and left out; p1monitor verify names them")

    def prove(self, row: Row) -> None:
        """Look whether a block is what was written; BlockError where it is not."""
        found = self.db.execute("SELECT format, block FROM archive WHERE rowid = ?", (row.id,)).fetchone()
        if found is not None:
            blocks.prove(Block(*found))

    def packed(self, meter: str) -> Iterator[Block]:
        """The blocks of a meter as they are."""
        for row in self.rows(meter):
            found = self.db.execute("SELECT format, block FROM archive WHERE rowid = ?", (row.id,)).fetchone()
            if found is not None:
                yield Block(*found)

    def journal(self, after: dict[str, int]) -> Iterator[tuple[str, Kept]]:
        """What the journal and its tail have beyond these numbers."""
        return ((meter, kept) for meter, kept, _ in self.told(after))

    def told(self, after: dict[str, int]) -> Iterator[tuple[str, Kept, tuple[Event, ...]]]:
        """The same, and what happened."""
        newest = dict(after)
        for record in self._journal():
            if record.meter.startswith(waiting.MARK):
                continue
            if record.seq > newest.get(record.meter, 0):
                newest[record.meter] = record.seq
                yield record.meter, kept_record.from_bytes(record.record), kept_record.events_of(record.record)

    def unsealed(self, after: Mapping[str, int]) -> Iterator[tuple[str, Kept]]:
        """What the journal has of these meters beyond a number; beside a recorder that goes on: what it seals is in a block."""
        newest = dict(after)
        for record in self._journal():
            if record.seq > newest.get(record.meter, record.seq):
                newest[record.meter] = record.seq
                yield record.meter, kept_record.from_bytes(record.record)

    def unstamped(self, after: dict[str, int]) -> Iterator[tuple[str, Kept]]:
        """What waits there for the host's clock, beyond these numbers."""
        newest = dict(after)
        for record in waiting.of_journal(self._journal()):
            meter = record.meter.removeprefix(waiting.MARK)
            if record.seq > newest.get(meter, 0):
                newest[meter] = record.seq
                yield meter, waiting.from_bytes(record.record)[0]

    def archived(self) -> dict[str, int]:
        """The newest number of each meter in a block."""
        newest = "SELECT to_seq FROM archive WHERE meter = m.id ORDER BY from_seq DESC LIMIT 1"
        return dict(self.db.execute(f"SELECT name, coalesce(({newest}), 0) FROM meter m").fetchall())  # noqa: S608 - constants

    def _journal(self) -> Iterator[Record]:
        """In order. The tail is read first: what is synced meanwhile is found on the card."""
        tail_had = list(self._tail())
        return chain(self._card(), tail_had)

    def _card(self) -> Iterator[Record]:
        path = path_of(self.path)
        if path.exists():
            with path.open("rb") as file:
                for chunk in card.scan(file.read(), self.installation).chunks:
                    yield from unpacked(card.read(file.fileno(), chunk))

    def _tail(self) -> Iterator[Record]:
        for path in tail.paths_of(self.path):
            try:
                found = list(records.unframed(path.read_bytes()))
            except OSError:
                continue
            if found and found[0] == Record("", 0, self.installation.encode()):
                yield from found[1:]


def telegrams(
    path: Path, meter: str | None, start: int, end: int, progress: Callable[[float], object] = lambda _: None
) -> Iterator[bytes]:
    """The telegrams of a time, byte for byte as they came, in the order they came; of one meter, or of all after one another."""
    with closing(Past(path)) as past:
        past.expect(meter)
        after = past.archived()
        rows = past.rows(meter, start, end)
        yield from (kept.frame for _, kept in past.whole(rows, progress) if start <= kept.at < end)
        for name, kept in past.journal(after):
            after[name] = kept.seq
            if meter in {None, name} and start <= kept.at < end:
                yield kept.frame
        if (start, end) == EVER:
            yield from (kept.frame for name, kept in past.unstamped(after) if meter in {None, name})
        past.complain()
