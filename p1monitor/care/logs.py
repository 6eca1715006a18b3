"""Raw telegrams of days gone by, into archive and profiles: observed as if they came now. Never publishes, keeps no events.

Each import has numbers of its own, before all others: order is the number, and nobody waits for these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from p1monitor.care.incoming import Incoming
from p1monitor.care.sealing import seal
from p1monitor.care.watched import Progress, of, opened, unseen
from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Framer
from p1monitor.p1.frames import Frame, new
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse
from p1monitor.recorder import Store, summaries
from p1monitor.recorder.block_rows import stored_shapes
from p1monitor.recorder.blocks import Block
from p1monitor.recorder.blocks import read as unpacked
from p1monitor.recorder.kept import Kept, verdict
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.levels import HOUR_S, Level
from p1monitor.recorder.packing import READINGS_MOST

#: Numbers of one import: more than thirty years of seconds.
NUMBERS = 10**9
#: Bytes read at once.
PIECE = 64 * 1024
#: No local day that a moment lies in begins or ends farther away: 25 hours, and the hour of a block.
AROUND_S = 26 * HOUR_S
#: The years in which there were P1 ports: a stamp before that is of a meter whose clock was never set.
FIRST_S = 1_167_606_000

#: What the M-Bus devices of a meter are here, by equipment identifier: so they are in old telegrams too.
_ROLES = """SELECT s.equipment_id, d.role FROM segment s JOIN device d ON d.id = s.device JOIN meter m ON m.id = d.meter
    WHERE m.name = ? AND d.role <> 'electricity' AND s.equipment_id <> ''"""

#: Stamp and frame of readings that the journal has: of each meter.
Waiting = Mapping[str, frozenset[tuple[int, bytes]]]


@dataclass
class Told:
    """What came of the telegrams."""

    telegrams: int = 0
    kept: int = 0  #: in the archive; the others were there
    undated: int = 0
    rejected: int = 0
    start: int | None = None
    end: int = 0
    gaps: int = 0  #: pauses of more than a minute
    missing: int = 0  #: seconds of them
    _at: int | None = field(default=None, repr=False)

    def saw(self, at: int) -> None:
        """One more, of this time."""
        self.telegrams += 1
        self.start = at if self.start is None else min(at, self.start)
        self.end = max(at, self.end)
        if self._at is not None and at - self._at > PAUSE_S:
            self.gaps += 1
            self.missing += at - self._at
        self._at = at


#: A pause that is no gap: the slowest meters send every ten seconds, and readers restart.
PAUSE_S = 60


class Logs:
    """Telegrams of one meter, in the order in which they were sent."""

    def __init__(
        self, store: Store, incoming: Incoming, meter: str, profile: str, levels: tuple[Level, int], waiting: Waiting
    ) -> None:
        self.told = Told()
        self._store, self._incoming, self._meter, self._profile = store, incoming, meter, profile
        self._waiting = waiting.get(meter, frozenset())
        self._ledger = Ledger(incoming.store, meter, *levels)
        self._memory = Memory()
        self._seq = self._begin = first_number(store)
        self._roles = dict(store.execute(_ROLES, (meter,)).fetchall())
        self._hour: list[Kept] = []

    def read(self, paths: Sequence[Path], progress: Progress = unseen) -> None:
        """Take in all files, the oldest first."""
        for number, path in enumerate(sorted(paths, key=lambda one: (_first(one, self._profile), one))):
            for frame in _frames(path, self.told, of(progress, number, len(paths))):
                self._take(frame)
        self._flush()
        self._ledger.write()
        self._ledger.written()

    def sum_up(self) -> None:
        """What their hours and days were like, with all that is kept of them; in the transaction that takes over the profiles."""
        if self.told.start is not None:
            number, span = self._store.meter(self._meter), (self.told.start, self.told.end)
            summaries.made_again(self._store, number, _packed(self._store, number, *span), stored_shapes(self._store), span)

    def undo(self) -> None:
        """Take the blocks out again: without their profiles they are half an import."""
        with self._store.transaction():
            number = self._store.meter(self._meter)
            sql = "DELETE FROM archive WHERE meter = ? AND from_seq BETWEEN ? AND ?"
            self._store.execute(sql, (number, self._begin, self._seq))

    def _take(self, frame: Frame) -> None:
        first = decode(parse(frame), None, self._profile, meter=self._meter, frame=frame.data)
        at = 0 if first.at is None else int(first.at.timestamp())
        if first.at is None or at < FIRST_S:
            self.told.undated += 1
            return
        # What it was received at nobody knows any more: as long passed as the meter says.
        received = Received(float(at), float(at))
        self._memory, reading = observe(self._memory, new(Reading, (*first[:2], received, *first[3:])), configured=self._roles)
        self._seq += 1
        shift = first.at.utcoffset()
        stamp = Stamp(at, int(shift.total_seconds()) if shift is not None else 0, 0)
        # Numbered anew, and without events: nobody told of them when they happened.
        reading = new(Reading, (self._seq, reading.at, None, *reading[3:5], (), *reading[6:]))
        status = self._ledger.enter(reading, stamp)
        self.told.saw(at)
        kept = Kept(self._seq, *stamp[:2], status, None, frame.crc, verdict(reading), frame.data)
        if self._hour and (self._hour[-1].at // HOUR_S != at // HOUR_S or len(self._hour) >= READINGS_MOST):
            self._flush()
        self._hour.append(kept)

    def _flush(self) -> None:
        """Seal what came together, without what is there; and save the profiles' rows so far."""
        there = set(_there(self._store, self._meter, self._hour))
        new = [kept for kept in self._hour if (kept.at, kept.frame) not in there and (kept.at, kept.frame) not in self._waiting]
        with self._store.transaction():
            self.told.kept += seal(self._store, self._meter, new, summed=False)
        self._hour = []
        self._ledger.write()
        self._ledger.written()


def _packed(store: Store, meter: int, start: int, end: int) -> Iterator[Block]:
    """The blocks of a time, and of the whole days around it."""
    sql = "SELECT rowid FROM archive WHERE meter = ? AND start BETWEEN ? AND ?"
    for (row,) in store.execute(sql, (meter, start - AROUND_S, end + AROUND_S)).fetchall():
        yield Block(*store.execute("SELECT format, block FROM archive WHERE rowid = ?", (row,)).fetchone())


def first_number(store: Store) -> int:
    """Before all numbers that were ever given."""
    sql = "SELECT min(0, coalesce((SELECT min(from_seq) FROM archive), 0), coalesce((SELECT min(from_seq) FROM segment), 0))"
    least = int(store.execute(sql).fetchone()[0])
    return (least // NUMBERS - 1) * NUMBERS


def _frames(path: Path, told: Told, progress: Progress = unseen) -> Iterator[Frame]:
    framer = Framer()
    for piece in _pieces(path, progress):
        yield from _good(framer.feed(piece), told)
    yield from _good(framer.end(), told)


def _good(events: Iterable[object], told: Told) -> Iterator[Frame]:
    for event in events:
        if isinstance(event, Frame):
            yield event
        else:
            told.rejected += 1


def _pieces(path: Path, progress: Progress) -> Iterator[bytes]:
    with opened(path, progress) as file:
        while piece := file.read(PIECE):
            yield piece


def _first(path: Path, profile: str) -> float:
    """When the first telegram of a file was sent."""
    for frame in _frames(path, Told()):
        at = decode(parse(frame), None, profile).at
        if at is not None:
            return at.timestamp()
    return 0.0


def _there(store: Store, meter: str, hour: Sequence[Kept]) -> Iterator[tuple[int, bytes]]:
    """Stamp and frame of what is in blocks of the same time."""
    if not hour:
        return
    shapes = stored_shapes(store)
    # No block goes over the end of its hour, nor do these readings.
    sql = "SELECT format, block FROM archive WHERE meter = (SELECT id FROM meter WHERE name = ?) AND start >= ? AND start < ?"
    begin = hour[0].at // HOUR_S * HOUR_S
    for row in store.execute(sql, (meter, begin, begin + HOUR_S)).fetchall():
        yield from ((kept.at, kept.frame) for kept in unpacked(Block(*row), shapes))
