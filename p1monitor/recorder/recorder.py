"""The first sink: everything that is kept goes through here. It only stores; never sends, never answers.

A reading goes into the folds of the profiles and then, at once, into the journal (archive.py). Profiles are saved now and then:
what a kill takes of them is made again at the next start, of the readings that the journal has. Events are saved at once.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, Protocol

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.records import Event, Reading, Received
from p1monitor.recorder.archive import Archive, Tell, open_journal
from p1monitor.recorder.disk import Disk
from p1monitor.recorder.hostclock import HostClock
from p1monitor.recorder.kept import Kept, verdict
from p1monitor.recorder.kept import reading as restored
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.opening import StoreError, sentence
from p1monitor.recorder.own_events import OwnEvents
from p1monitor.recorder.profiles import Bit, load_profile
from p1monitor.recorder.store import Store
from p1monitor.settings import HistorySettings
from p1monitor.sinks import Policy, SinkError

#: Pause between two saves: the journal has what is not saved, so it is for the page's charts only that they are not rarer still.
SAVE_S = 300.0
#: … in syncs, where the card is to be spared.
SAVE_SYNCS = 15
#: Rows that wait before they are saved anyway: a past that is fed at once comes in thousands.
SAVE_ROWS = 5000
#: Readings without a time of their own that wait for the host's clock: as many as a stalled card may hold up.
HELD_MOST = 3600
#: A meter's clock that is further ahead of a host that knows the time is wrong.
AHEAD_S = 86_400

#: Seconds between looks at what has to go to the card while no reading comes.
HEARTBEAT_S = 1.0

#: A card that stalls for an hour is waited for; then the oldest readings go, counted.
POLICY = Policy(live=False, queue=3600, batch=60, heartbeat_s=HEARTBEAT_S)


class Remembering(Protocol):
    """What the observer knows of a meter."""

    def to_json(self) -> Mapping[str, Any]:
        """As JSON has it."""


#: A meter and a kept reading -> the reading as it was observed again; None where the observer has not forgotten it.
Again = Callable[[str, Kept], Reading | None]


def build(
    settings: HistorySettings,
    store: Store,
    *,
    memory_of: Callable[[str], Remembering | None] = lambda _meter: None,
    count: Callable[[str, int], object] = lambda _key, _n: None,
    tell: Tell = lambda _key, _value: None,
    profile_of: Callable[[str], str] = lambda _meter: "auto",
    billing_day_of: Callable[[str], int] = lambda _meter: 1,
    clock: Clock = SYSTEM,
    trusted: Callable[[], bool] | None = None,
    synchronised: Callable[[], bool] | None = None,
    zone: tzinfo | None = None,
    archive: Archive | None = None,
) -> Recorder:
    """The recorder of an open store, which it closes at the end.

    `memory_of` gives the newest memory of a meter's observer, saved with what it observed; `count` takes what was dropped
    ("undated", "held", "overrun"), `tell` what is going on; `profile_of` is a meter's country, `billing_day_of` the day on which
    its billing period begins; `trusted` says whether the host knows the time, `synchronised` whether it knows it for sure, which
    is `trusted` too where only that is given; `zone` is the host's, None the system's own; `archive` is that of the store, made
    here if there is none.
    """
    host = HostClock(clock)
    knows = trusted or host.trusted, synchronised or trusted or host.synchronised
    if archive is None:
        disk = Disk(store.path)
        archive = Archive(store, open_journal(store, settings.sync, disk), settings.keep, disk, tell)
    return Recorder(settings, store, archive, memory_of, count, profile_of, billing_day_of, clock, *knows, zone)


class Recorder:
    """Readings in, rows out. All methods are called by one thread, the runner's."""

    name = "recorder"

    def __init__(
        self,
        settings: HistorySettings,
        store: Store,
        archive: Archive,
        memory_of: Callable[[str], Remembering | None],
        count: Callable[[str, int], object],
        profile_of: Callable[[str], str],
        billing_day_of: Callable[[str], int],
        clock: Clock,
        trusted: Callable[[], bool],
        synchronised: Callable[[], bool],
        zone: tzinfo | None,
    ) -> None:
        self._store, self._archive, self._memory_of, self._count = store, archive, memory_of, count
        self._profile_of, self._billing_day_of = profile_of, billing_day_of
        self._pause = max(SAVE_S, SAVE_SYNCS * settings.sync)
        self._clock, self._trusted, self._synchronised, self._zone = clock, trusted, synchronised, zone
        self._load = load_profile(settings.load_profile_minutes)
        self._ledgers: dict[str, Ledger] = {}
        self._held: deque[Reading] = deque()
        self._own = OwnEvents()
        self._saved = clock.monotonic()
        self.saves = 0  #: how often profiles were saved

    def open(self) -> None:
        """The store is open already: its troubles are told at start."""

    def replay(self, again: Again = lambda _meter, _kept: None) -> int:
        """Once, before anything is delivered: what the journal has and the profiles have not is entered again, and saved.

        `again` lets a meter's observer see a reading once more, as far as it has forgotten it; what it made of it comes back.
        How many readings were entered comes back.
        """
        try:
            return self._replay(again)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(sentence(self._store.path, error)) from error

    def happened(self, meter: str, event: Event) -> None:
        """Take an event that no meter told. Any thread may call it."""
        self._own.put(meter, event)

    def deliver(self, readings: Sequence[Reading]) -> None:
        """Fold the readings; save when it is time. Raising loses nothing: what was folded is saved with the next call."""
        try:
            self._release()
            for reading in readings:
                ledger = self._ledger(reading.meter)
                if reading.seq > ledger.taken:  # else it came before, in a batch that had to be repeated
                    self._take(reading, ledger)
            self._archive.sync(self._clock.monotonic())
            if self._due():
                self._save(closed=False)
        except (sqlite3.Error, OSError) as error:
            raise SinkError(sentence(self._store.path, error)) from error

    def close(self) -> None:
        """Save the rest and close the store."""
        try:
            self._release()
            if self._held:
                self._count("held", len(self._held))
            self._archive.journal.sync()
            self._save(closed=True)
            self._store.close()
            self._archive.journal.close()
        except (sqlite3.Error, OSError) as error:
            raise SinkError(sentence(self._store.path, error)) from error

    def _replay(self, again: Again) -> int:
        archived: dict[str, int] = {}
        entered = 0
        for meter, kept in self._archive.replay():
            ledger = self._ledger(meter)
            if kept.seq > archived.setdefault(meter, self._archive.archived(meter)):
                self._archive.note(meter, kept)
            seen = again(meter, kept)
            if kept.seq > ledger.taken:
                reading = restored(kept, self._profile_of(meter), meter)
                if seen is not None:
                    reading = reading._replace(events=seen.events, quality=seen.quality)
                ledger.enter(reading, Stamp(kept.at, kept.offset, kept.status))
                ledger.taken = kept.seq
                entered += 1
        for meter, seq in archived.items():
            self._archive.journal.sealed(meter, seq)
        if entered:
            self._save(closed=False)
        return entered

    def _ledger(self, meter: str) -> Ledger:
        ledger = self._ledgers.get(meter)
        if ledger is None:
            ledger = self._ledgers[meter] = Ledger(self._store, meter, self._load, self._billing_day_of(meter))
        return ledger

    def _take(self, reading: Reading, ledger: Ledger) -> None:
        stamp = self._stamp(reading)
        if stamp is not None and not self._waits(reading.meter):
            self._enter(self._dated(reading), stamp, ledger)
        elif reading.received is None:
            self._count("undated", 1)
        else:
            if len(self._held) >= HELD_MOST:
                self._held.popleft()
                self._count("held", 1)
            self._held.append(reading)
        ledger.taken = reading.seq

    def _enter(self, reading: Reading, stamp: Stamp, ledger: Ledger) -> None:
        status, came = ledger.enter(reading, stamp), self._came(reading.received)
        crc, decided = reading.telegram.crc, verdict(reading)
        kept = Kept(reading.seq, *stamp[:2], status, None if came is None else int(came), crc, decided, reading.frame)
        self._archive.take(reading.meter, kept)

    def _waits(self, meter: str) -> bool:
        return bool(self._held) and any(reading.meter == meter for reading in self._held)

    def _stamp(self, reading: Reading) -> Stamp | None:
        """The meter's time where it is sane; else the host's, as soon as that is known."""
        came = self._came(reading.received)
        if reading.at is not None:
            at = reading.at.timestamp()
            # A host that only waited for its ten minutes is a worse witness than a meter.
            if came is None or at <= came + AHEAD_S or not self._synchronised():
                shift = reading.at.utcoffset()
                return Stamp(int(at), int(shift.total_seconds()) if shift is not None else 0, 0)
        return None if came is None else self._host_stamp(reading, came)

    def _came(self, received: Received | None) -> float | None:
        """When it came, by a host that knew the time then, or knows it now and how long ago that was."""
        if received is None or not self._trusted():
            return None
        return received.wall if received.known else self._clock.wall() - (self._clock.monotonic() - received.monotonic)

    def _dated(self, reading: Reading) -> Reading:
        """The reading, its events with the time at which they came as it is known now: None rather than 1970."""
        received = reading.received
        if not reading.events or received is None or received.known:
            return reading
        return reading._replace(events=tuple([self._known(event) for event in reading.events]))

    def _known(self, event: Event) -> Event:
        received = event.received
        if received is None or received.known:
            return event
        came = self._came(received)
        return replace(event, received=None if came is None else Received(came, received.monotonic))

    def _host_stamp(self, reading: Reading, wall: float) -> Stamp:
        # With no zone given, astimezone() takes the system's, which knows summer time.
        shift = datetime.fromtimestamp(wall).astimezone(self._zone).utcoffset()
        has_clock = reading.at is not None or "clock" in reading.values
        return Stamp(int(wall), int(shift.total_seconds()) if shift else 0, Bit.CIV | Bit.DNV if has_clock else 0)

    def _release(self) -> None:
        """The host knows the time now: readings that waited get their stamps, by how long ago they came."""
        if not self._trusted():
            return
        while self._held:
            reading = self._held[0]
            stamp = self._stamp(reading)
            if stamp is not None:
                self._enter(self._dated(reading), stamp, self._ledger(reading.meter))
            self._held.popleft()

    def _due(self) -> bool:
        own = len(self._own) > 0 and self._trusted()  # until then nobody knows when it was
        if own or self._archive.due() or any(ledger.events for ledger in self._ledgers.values()):
            return True
        waiting = sum(len(ledger) for ledger in self._ledgers.values())
        return waiting >= SAVE_ROWS or (waiting > 0 and self._clock.monotonic() - self._saved >= self._pause)

    def _save(self, *, closed: bool) -> None:
        archive = self._archive
        own = self._own.waiting() if closed or self._trusted() else []
        archive.look()
        if archive.due():  # a block is read back from the journal's file
            archive.journal.sync(self._clock.monotonic())
        try:
            with self._store.transaction():
                dropped = [ledger.write() for ledger in self._ledgers.values()]
                archive.write()
                for meter, event in own:
                    self._store.add_own_event(meter, self._known(event))
                for meter, ledger in self._ledgers.items():
                    memory = self._memory_of(meter)
                    if memory is not None:
                        self._store.remember(meter, memory.to_json())
                    self._store.record(meter, ledger.entered, closed=closed)
        except BaseException:
            archive.failed()
            raise
        self._own.written(own)
        for meter, ledger in self._ledgers.items():
            ledger.written()
            archive.saved(meter, ledger.entered)
        self._saved = self._clock.monotonic()
        self.saves += 1
        if (archive.written() or any(dropped)) and self._store.durable():
            archive.safe()
        if archive.journal.lost:
            self._count("overrun", archive.journal.lost)
            archive.journal.lost = 0
