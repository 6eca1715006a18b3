"""Readings without a time of their own that wait for the host's clock: in memory for this run, in the journal for the next.

In the journal they stand under a name of their own, unstamped; once stamped they come again under their meter's. Monotonic time
goes on while the host runs, so a next run can stamp them still; after a start of the host nobody knows any more when they came.
"""

from __future__ import annotations

import json
import logging
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from p1monitor.p1.records import Event, Reading, Received
from p1monitor.recorder import kept_record
from p1monitor.recorder.journal import Journal
from p1monitor.recorder.kept import Kept, reading, verdict
from p1monitor.recorder.records import Record

log = logging.getLogger(__name__)

#: As many as a stalled card may hold up.
HELD_MOST = 3600
#: Before a meter's name: no meter may be called so.
MARK = "?"
#: Room of dropped ones is given back for so many at once.
_DROPPED_TOGETHER = 60
#: Wall and monotonic time, length of the rest of the head.
_HEAD = struct.Struct("<ddH")


class Waiting:
    """Them, oldest first."""

    def __init__(self, journal: Journal, count: Callable[[str, int], object], boot: str) -> None:
        """`boot` is the name of this run of the host."""
        self._journal, self._count, self._boot = journal, count, boot
        self._held: deque[Reading] = deque()

    def __len__(self) -> int:
        """Number of readings."""
        return len(self._held)

    def of(self, meter: str) -> bool:
        """Whether one of a meter waits: then those after it must wait too."""
        return bool(self._held) and any(one.meter == meter for one in self._held)

    @property
    def oldest(self) -> Reading:
        """The next to be stamped."""
        return self._held[0]

    def take(self, one: Reading, received: Received) -> None:
        """Keep a reading; the oldest goes, counted, where there are too many."""
        self._journal.append(MARK + one.meter, one.seq, to_bytes(one, received, self._boot))
        self._put(one)

    def done(self) -> None:
        """The oldest has its stamp."""
        self._held.popleft()

    def recall(
        self,
        found: Iterable[Record],
        taken: Callable[[str], int],
        profile_of: Callable[[str], str],
        again: Callable[[str, Kept, Received], object],
    ) -> None:
        """Go on with those that an earlier run left unstamped: `taken` tells the newest that has a stamp."""
        for record in found:
            meter = record.meter.removeprefix(MARK)
            if record.seq <= taken(meter):
                continue
            kept, received, boot, events = from_bytes(record.record)
            if boot != self._boot:
                self._count("held", 1)
                self._journal.sealed(record.meter, record.seq)
                continue
            again(meter, kept, received)
            self._put(reading(kept, profile_of(meter), meter)._replace(received=received, events=events))

    def _put(self, one: Reading) -> None:
        if len(self._held) >= HELD_MOST:
            gone = self._held.popleft()
            self._count("held", 1)
            if gone.seq % _DROPPED_TOGETHER == 0:
                self._journal.sealed(MARK + gone.meter, gone.seq)
        self._held.append(one)


def of_journal(found: Iterable[Record]) -> Iterator[Record]:
    """Those of the journal's records that wait."""
    return (record for record in found if record.meter.startswith(MARK))


def to_bytes(one: Reading, received: Received, boot: str) -> bytes:
    """A reading that has no stamp yet, and what happened then."""
    shift = one.at.utcoffset() if one.at is not None else None
    at, offset = (int(one.at.timestamp()), int(shift.total_seconds()) if shift else 0) if one.at is not None else (0, 0)
    kept = Kept(one.seq, at, offset, 0, None, one.telegram.crc, verdict(one), one.frame)
    head = json.dumps([boot, [kept_record.listed(event) for event in one.events]], ensure_ascii=False).encode()
    return _HEAD.pack(received.wall, received.monotonic, len(head)) + head + kept_record.to_bytes(kept)


def from_bytes(record: bytes) -> tuple[Kept, Received, str, tuple[Event, ...]]:
    """Back: as it was kept, when it came, in which run of the host, what happened. ValueError if another program wrote it."""
    try:
        wall, monotonic, length = _HEAD.unpack_from(record)
        body = _HEAD.size + length
        boot, events = json.loads(record[_HEAD.size : body])
    except struct.error as error:
        raise ValueError(f"a record of {len(record)} bytes") from error
    received = Received(wall, monotonic, known=False)
    return kept_record.from_bytes(record[body:]), received, boot, tuple([_event(one, received) for one in events])


def _event(told: Sequence[object], received: Received) -> Event:
    made = kept_record.event(told)
    return made if made.received is None else replace(made, received=received)
