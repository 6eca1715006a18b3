"""A history as one file, while the daemon writes it; and back. Never overwrites unasked, never leaves a file that is not whole.

A backup is the database as it was at one moment, and in it, sealed, what only the journal had then.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from p1monitor.afresh import afresh
from p1monitor.care.sealing import seal
from p1monitor.care.watched import Progress, of, unseen
from p1monitor.observer import Memory
from p1monitor.p1.records import Event
from p1monitor.recorder import Store, StoreError, tail
from p1monitor.recorder.forward import to_card
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.kept import reading as restored
from p1monitor.recorder.ledger import ELECTRICITY, Ledger, Stamp
from p1monitor.recorder.levels import load_profile
from p1monitor.recorder.opening import claimed, opened_for_reading, sentence
from p1monitor.recorder.reading_back import Past
from p1monitor.recorder.verify import faults
from p1monitor.settings import MeterSettings
from p1monitor.terms import Terms, terms

#: Copies that are made until nothing is missing: what goes from the tail to the card, or into a block, in the very moment of a
#: look is not seen by it. One is enough where readings come once a second.
COPIES_MOST = 8
#: Pages that are copied before progress is told.
PAGES = 1024
#: Behind the name of a file that is not whole yet, and of the history that a backup took the place of.
PART, OLD = ".part", ".old"

#: By meter and number: readings, and what happened with them.
_Journal = dict[tuple[str, int], tuple[Kept, tuple[Event, ...]]]
#: How the configuration wants a meter to be understood.
TermsOf = Callable[[str], Terms]


def nothing_said(meter: str) -> Terms:
    """Of a meter that is not in the configuration."""
    return terms(MeterSettings(meter))


class Done(NamedTuple):
    """What was done."""

    path: Path
    readings: int  #: in the archive
    days: int  #: in the daily profile
    size: int

    def __str__(self) -> str:
        return f"{self.path}: {self.readings} readings, {self.days} days, {self.size / 1e6:.1f} MB; verified"


def backup(
    history: Path,
    target: Path,
    progress: Progress = unseen,
    *,
    force: bool = False,
    minutes: int = 15,
    terms_of: TermsOf = nothing_said,
) -> Done:
    """Copy a history that may be written meanwhile; the last two say how its profiles are kept. StoreError if it cannot be."""
    if target.exists() and not force:
        raise StoreError(f"{target} is there already; --force writes over it")
    if target.exists() and history.exists() and target.samefile(history):
        raise StoreError(f"{target} is the history itself")
    with _part(target) as part:
        kept = _copied(history, part, of(progress, 0, 2))
        _seal(part, kept, minutes, terms_of)
        done = _proven(part, target, of(progress, 1, 2))
        part.replace(target)
        to_card(target.parent)
    return done


def restore(source: Path, history: Path, progress: Progress = unseen) -> Done:
    """Put a backup in the place of a history, which is kept beside it; while nobody writes. StoreError if it cannot be."""
    if not source.exists():
        raise StoreError(f"{source}: there is no backup")
    if history.exists() and source.samefile(history):
        raise StoreError(f"{source} is the history itself")
    _proven(source, source, of(progress, 0, 3))
    claim = claimed(history)
    try:
        with _part(history) as part:
            with closing(opened_for_reading(source)) as there, closing(sqlite3.connect(part)) as here:
                _copy(there, here, of(progress, 1, 3))
                here.execute("PRAGMA journal_mode = DELETE")
            done = _proven(part, history, of(progress, 2, 3))
            if history.exists():
                shutil.copymode(history, part)
                if not os.getuid():  # made by root, for the user of the service
                    shutil.chown(part, history.stat().st_uid, history.stat().st_gid)
            _aside(history)
            part.replace(history)
            to_card(history.parent)
    finally:
        os.close(claim)
    return done


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """A file beside the target that is gone afterwards, whatever happens; SQLite's troubles as one sentence."""
    part = target.with_name(target.name + PART)

    def clean() -> None:
        for end in ("", "-wal", "-shm", "-journal", "-writer"):
            part.with_name(part.name + end).unlink(missing_ok=True)

    clean()
    try:
        part.touch(mode=0o640)
        yield part
    except (sqlite3.Error, OSError) as error:
        raise StoreError(sentence(target, error)) from error
    finally:
        clean()


def _copy(there: sqlite3.Connection, here: sqlite3.Connection, progress: Progress) -> None:
    """All pages as they are at this moment: while the transaction is open, nobody's writing makes it begin again."""
    there.execute("BEGIN")
    there.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    there.backup(here, pages=PAGES, progress=lambda _, remaining, every: progress(1 - remaining / max(1, every)))
    there.rollback()


def _copied(history: Path, part: Path, progress: Progress) -> _Journal:
    """Copy the database; what the journal has beside it comes back."""
    kept: _Journal = {}
    before: list[tuple[str, int]] | None = None
    for _ in range(COPIES_MOST):
        kept |= _journal(history)
        with closing(Past(history)) as past, closing(sqlite3.connect(part)) as copy:
            _copy(past.db, copy, progress)
        kept |= _journal(history)
        with closing(Past(part)) as copied:
            archived = copied.archived()
        missing = _missing(kept, archived)
        if not missing or missing == before:  # a number that is missing twice was never given: there was a kill
            break
        before = missing
    return kept


def _missing(kept: _Journal, archived: dict[str, int]) -> list[tuple[str, int]]:
    """Before which readings others should be that are neither in the journal nor in a block."""
    newer = sorted((meter, seq) for meter, seq in kept if seq > archived.get(meter, 0))
    whole = kept.keys() | archived.items()
    return [(meter, seq) for meter, seq in newer if (meter, seq - 1) not in whole and seq > 1]


def _journal(history: Path) -> _Journal:
    """What the journal has and no block; by meter and number."""
    with closing(Past(history)) as past:
        return {(meter, kept.seq): (kept, events) for meter, kept, events in past.told(past.archived())}


def _seal(copy: Path, journal: _Journal, load_minutes: int, terms_of: TermsOf) -> None:
    """Bring what the journal has into the copy: blocks, profiles, and what the observer knows."""
    store = Store(copy)
    try:
        with store.transaction():
            for meter, found in groupby(sorted(journal), lambda key: key[0]):
                readings = [journal[key] for key in found]
                wanted = terms_of(meter)
                ledger = Ledger(store, meter, load_profile(_minutes(store, meter) or load_minutes), wanted.rules.billing_day)
                _enter(store, ledger, readings, wanted)
                last = max(ledger.entered, store.recorded(meter))
                seal(store, meter, [kept for kept, _ in readings])
                store.record(meter, last, closed=True)
            for (meter,) in store.execute("SELECT name FROM meter").fetchall():
                store.record(meter, store.recorded(meter), closed=True)
    finally:
        store.close()
    with closing(sqlite3.connect(copy)) as db:
        db.execute("PRAGMA journal_mode = DELETE")


def _minutes(store: Store, meter: str) -> int | None:
    """How long the rows of the load profile are: the configuration at hand may not be the one they were made with."""
    sql = """SELECT ("end" - start) / 60 FROM load_profile WHERE device = (SELECT d.id FROM device d JOIN meter m ON m.id = d.meter
        WHERE m.name = ? AND d.role = ?) ORDER BY "end" DESC LIMIT 1"""
    row = store.execute(sql, (meter, ELECTRICITY)).fetchone()
    return None if row is None else int(row[0])


def _enter(store: Store, ledger: Ledger, readings: list[tuple[Kept, tuple[Event, ...]]], wanted: Terms) -> None:
    meter = ledger.meter
    memory = Memory.from_json(store.remembered(meter) or {})
    for kept, events in readings:
        memory, seen = afresh(memory, kept, wanted, meter)
        if kept.seq > ledger.taken:
            reading = restored(kept, wanted.profile, meter)
            quality = seen.quality if seen is not None else None
            ledger.enter(reading._replace(events=events, quality=quality), Stamp(kept.at, kept.offset, kept.status))
            ledger.taken = kept.seq
    ledger.write()
    ledger.written()
    store.remember(meter, memory._replace(seq=max(memory.seq, ledger.entered)).to_json())


def _proven(path: Path, called: Path, progress: Progress) -> Done:
    """What is in a file, if it is whole; StoreError if it is not. Blocks by their checksums."""
    wrong = next(faults(path, progress, every_reading=False), None)
    if wrong is not None:
        raise StoreError(f"{called} is not whole: {wrong}")
    with closing(Past(path)) as past:
        readings = sum(row.readings for row in past.rows())
        (days,) = past.db.execute("SELECT count(*) FROM daily_profile").fetchone()
    to_card(path)
    return Done(called, readings, days, path.stat().st_size)


def _aside(history: Path) -> None:
    """The history that is there, with all that belongs to it, under another name; an older one goes."""
    old = history.with_name(history.name + OLD)
    if not history.exists():
        return
    for end in ("-wal", "-shm", "", ".journal", ".tail"):
        old.with_name(old.name + end).unlink(missing_ok=True)
        if (one := history.with_name(history.name + end)).exists():
            one.replace(old.with_name(old.name + end))
    for one in tail.paths_of(history):
        if one.exists():  # of a daemon that was killed; in memory, which another file system is
            shutil.move(one, old.with_name(old.name + ".tail"))
