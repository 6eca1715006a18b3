"""The first sink: everything that is kept goes through here. It only stores; never sends, never answers.

A reading goes into the folds of the profiles and then, at once, into the journal (archive.py), with what happened. Profiles and
events are saved with the hour that is sealed, or when somebody looks: what a kill takes of them is made again at the next start,
of what the journal has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Protocol

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.records import Event, Reading, Received
from p1monitor.recorder import hostclock
from p1monitor.recorder.archive import Archive, Tell, open_journal
from p1monitor.recorder.disk import Disk
from p1monitor.recorder.hostclock import HostClock
from p1monitor.recorder.kept import Kept, verdict
from p1monitor.recorder.kept import reading as restored
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.opening import StoreError, sentence
from p1monitor.recorder.own_events import OwnEvents
from p1monitor.recorder.pace import Pace
from p1monitor.recorder.profiles import load_profile
from p1monitor.recorder.recent import Recent
from p1monitor.recorder.stamping import Stamping
from p1monitor.recorder.store import Store
from p1monitor.recorder.waiting import Waiting
from p1monitor.settings import HistorySettings
from p1monitor.sinks import Policy, SinkError

#: Seconds between looks at what has to go to the card while no reading comes. A meter that sends each second is before it.
HEARTBEAT_S = 1.25

#: A card that stalls for an hour is waited for; then the oldest readings go, counted.
POLICY = Policy(live=False, queue=3600, batch=60, heartbeat_s=HEARTBEAT_S)


#: Lets an observer see a kept reading once more, and when it came, where that is all that is known of its time; what the observer
#: made of it comes back, None where it had not forgotten it.
Again = Callable[[str, Kept, Received | None], Reading | None]


class Remembering(Protocol):
    """What the observer knows of a meter."""

    def to_json(self) -> Mapping[str, Any]:
        """As JSON has it."""


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
    boot: str | None = None,
    notes: Callable[[], Mapping[str, str]] = dict,
) -> Recorder:
    """The recorder of an open store, which it closes at the end.

    `memory_of` gives the newest memory of a meter's observer, saved with what it observed; `count` takes what was dropped
    ("undated", "held", "overrun"), `tell` what is going on; `profile_of` is a meter's country, `billing_day_of` the day on which
    its billing period begins; `trusted` says whether the host knows the time, `synchronised` whether it knows it for sure, which
    is `trusted` too where only that is given; `zone` is the host's, None the system's own; `archive` is that of the store, made
    here if there is none; `boot` names this run of the host; `notes` are small facts of others that are saved when all is saved.
    """
    host = HostClock(clock)
    knows = trusted or host.trusted, synchronised or trusted or host.synchronised
    if archive is None:
        disk = Disk(store.path)
        archive = Archive(store, open_journal(store, settings.sync, disk), settings.keep, disk, tell)
    waiting = Waiting(archive.journal, count, boot if boot is not None else hostclock.boot())
    return Recorder(settings, store, archive, waiting, memory_of, count, profile_of, billing_day_of, clock, *knows, zone, notes)


class Recorder:
    """Readings in, rows out. All methods are called by one thread, the runner's."""

    name = "recorder"

    def __init__(
        self,
        settings: HistorySettings,
        store: Store,
        archive: Archive,
        waiting: Waiting,
        memory_of: Callable[[str], Remembering | None],
        count: Callable[[str, int], object],
        profile_of: Callable[[str], str],
        billing_day_of: Callable[[str], int],
        clock: Clock,
        trusted: Callable[[], bool],
        synchronised: Callable[[], bool],
        zone: tzinfo | None,
        notes: Callable[[], Mapping[str, str]],
    ) -> None:
        self._store, self._archive, self._memory_of, self._count, self._notes = store, archive, memory_of, count, notes
        self._profile_of, self._billing_day_of = profile_of, billing_day_of
        self._pace = Pace(clock, archive, settings.sync)
        self._clock, self._stamping = clock, Stamping(clock, trusted, synchronised, zone)
        self._load = load_profile(settings.load_profile_minutes)
        self._ledgers: dict[str, Ledger] = {}
        self._waiting = waiting
        self._own = OwnEvents()
        self._kept_to: dict[str, int] = {}
        self.recent = Recent()
        self.saves = 0  #: how often profiles were saved

    def open(self) -> None:
        """The store is open already: its troubles are told at start."""

    def wanted(self) -> None:
        """Somebody looks: save at the next turn, or when the last save is old enough. Any thread; never waits."""
        self._pace.wanted()

    def fresh(self) -> None:
        """The same, and wait a moment for it. Any other thread."""
        self._pace.fresh()

    def replay(self, again: Again = lambda _meter, _kept, _received: None) -> int:
        """Once, before anything is delivered: what the journal has and the profiles have not is entered again, and saved.

        `again` lets a meter's observer see a reading once more, as far as it has forgotten it, and gives what it made of it; of
        one without a stamp it is told when that came. How many readings were entered comes back.
        """
        try:
            return self._replay(again)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(sentence(self._store.path, error)) from error

    def happened(self, meter: str, event: Event) -> None:
        """Take an event that no meter told. Any thread may call it."""
        self._own.put(meter, event)

    def kept_to(self, meter: str) -> int:
        """The number up to which a meter's readings are in the journal or the history, or never will be. Any thread."""
        return self._kept_to.get(meter) or self._store.recorded(meter)

    def stamp(self, reading: Reading) -> int | None:
        """The moment at which a reading is kept, as far as that is known now. Any thread."""
        stamp = self._stamping.stamp(reading)
        return None if stamp is None else stamp.at

    def deliver(self, readings: Sequence[Reading]) -> None:
        """Fold the readings; save when it is time. Raising loses nothing: what was folded is saved with the next call."""
        try:
            self._release()
            for reading in readings:
                ledger = self._ledger(reading.meter)
                if reading.seq > ledger.taken:  # else it came before, in a batch that had to be repeated
                    self._take(reading, ledger)
            self._archive.sync(self._clock.monotonic())
            self._kept_to = {meter: ledger.entered for meter, ledger in self._ledgers.items()}  # others can read them now
            if self._due():
                self._save(closed=False)
            elif self._pace.again():
                self._to_card()
        except (sqlite3.Error, OSError) as error:
            raise SinkError(sentence(self._store.path, error)) from error

    def close(self) -> None:
        """Save the rest and close the store."""
        try:
            self._release()
            self._archive.journal.sync()
            self._save(closed=True)
            self._store.close()
            self._archive.journal.close()
        except (sqlite3.Error, OSError) as error:
            raise SinkError(sentence(self._store.path, error)) from error

    def _replay(self, again: Again) -> int:
        archived: dict[str, int] = {}
        entered = 0
        for meter, kept, events in self._archive.replay():
            ledger = self._ledger(meter)
            if meter not in archived:
                archived[meter] = self._archive.archived(meter)
            if kept.seq > archived[meter]:
                self._archive.note(meter, kept)
            seen = again(meter, kept, None)
            reading = restored(kept, self._profile_of(meter), meter)
            self.recent.put(meter, kept.seq, kept.at, reading.values)
            if kept.seq > ledger.taken:
                reading = reading._replace(events=events, quality=seen.quality if seen is not None else None)
                ledger.enter(reading, Stamp(kept.at, kept.offset, kept.status))
                ledger.taken = kept.seq
                entered += 1
        for meter, seq in archived.items():
            self._archive.forget(meter, seq)
        self._waiting.recall(self._archive.waiting(), lambda meter: self._ledger(meter).taken, self._profile_of, again)
        if entered:
            self._save(closed=False)
        return entered

    def _ledger(self, meter: str) -> Ledger:
        ledger = self._ledgers.get(meter)
        if ledger is None:
            ledger = self._ledgers[meter] = Ledger(self._store, meter, self._load, self._billing_day_of(meter))
        return ledger

    def _take(self, reading: Reading, ledger: Ledger) -> None:
        stamp = self._stamping.stamp(reading)
        if stamp is not None and not self._waiting.of(reading.meter):
            self._enter(self._stamping.dated(reading), stamp, ledger)
        elif reading.received is None:
            self._count("undated", 1)
        else:
            self._waiting.take(reading, reading.received)
        ledger.taken = reading.seq

    def _enter(self, reading: Reading, stamp: Stamp, ledger: Ledger) -> None:
        status, came = ledger.enter(reading, stamp), self._stamping.came(reading.received)
        crc, decided = reading.telegram.crc, verdict(reading)
        kept = Kept(reading.seq, *stamp[:2], status, None if came is None else int(came), crc, decided, reading.frame)
        self._archive.take(reading.meter, kept, reading.events)
        self.recent.put(reading.meter, kept.seq, kept.at, reading.values)

    def _release(self) -> None:
        """The host knows the time now: readings that waited get their stamps, by how long ago they came."""
        if not self._waiting or not self._stamping.trusted():
            return
        while self._waiting:
            reading = self._waiting.oldest
            stamp = self._stamping.stamp(reading)
            if stamp is not None:
                ledger = self._ledger(reading.meter)
                self._enter(self._stamping.dated(reading), stamp, ledger)
                ledger.taken = max(ledger.taken, reading.seq)
            self._waiting.done()
        self._archive.journal.sync(self._clock.monotonic())  # unstamped, they are of no use after a power cut

    def _due(self) -> bool:
        own = len(self._own) if self._stamping.trusted() else 0  # until then nobody knows when it was
        waiting = sum(len(ledger) for ledger in self._ledgers.values())
        return self._pace.due(waiting + own, noted=self._store.pending or own > 0)

    def _save(self, *, closed: bool) -> None:
        archive = self._archive
        own = self._own.waiting() if closed or self._stamping.trusted() else []
        archive.look()
        self._pace.begun()
        if archive.due() or archive.crowded():  # a block is read back from the journal's file
            archive.journal.sync(self._clock.monotonic())
        try:
            with self._store.transaction():
                dropped = [ledger.write() for ledger in self._ledgers.values()]
                archive.write()
                for meter, event in own:
                    self._store.add_own_event(meter, self._stamping.known(event))
                for meter, ledger in self._ledgers.items():
                    memory = self._memory_of(meter)
                    if memory is not None:
                        self._store.remember(meter, memory.to_json())
                    self._store.record(meter, ledger.entered, closed=closed and not self._waiting.of(meter))
                for key, text in self._notes().items():
                    self._store.note(key, text)
        except BaseException:
            archive.failed()
            self._pace.wanted()  # still
            raise
        self._own.written(own)
        for meter, ledger in self._ledgers.items():
            ledger.written()
            archive.saved(meter, ledger.entered)
        self._pace.saved()
        self.saves += 1
        if archive.written() or any(dropped):
            self._to_card()
        if archive.journal.lost:
            self._count("overrun", archive.journal.lost)
            archive.journal.lost = 0

    def _to_card(self) -> None:
        self._pace.tried()
        if self._store.durable():
            self._archive.safe()
