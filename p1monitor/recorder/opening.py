"""How a history is opened, made and brought up to this program's version. Never touches a file that is not its own."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from p1monitor.recorder.forward import VersionError, copied, version_of
from p1monitor.recorder.schema import APPLICATION, STEPS

#: STRICT tables came with 3.37, of 2021.
SQLITE_LEAST = (3, 37)
#: Seconds to wait for another connection that holds a lock; readers in WAL mode hardly ever do.
BUSY_S = 5.0
#: Memory for pages of the file: the writer needs the few that are written over and over, a reader those of one answer.
WRITER_KIB, READER_KIB = 512, 256


#: What a damaged file brings: its own words in SQLite's sentence may be no text any more.
DAMAGE = (sqlite3.Error, UnicodeDecodeError)


class StoreError(Exception):
    """The history cannot be used; one sentence that says why."""


def claimed(path: Path) -> int:
    """Be the one writer: a lock beside the file, as a descriptor that is held as long as the store is open."""
    try:
        path.parent.mkdir(exist_ok=True)  # one level only: a disk that is not mounted is no reason for a new history
        claim = os.open(path.with_name(path.name + "-writer"), os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise StoreError(sentence(path, error)) from error
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(claim)
        raise StoreError(f"{path}: another p1monitor writes to this history; stop it first, or name another file") from error
    return claim


def opened(path: Path) -> sqlite3.Connection:
    """The writer's connection. A file that is not there is made, an older one is brought forward."""
    if sqlite3.sqlite_version_info < SQLITE_LEAST:
        least = ".".join(map(str, SQLITE_LEAST))
        raise StoreError(f"the history needs SQLite {least} or newer, this Python has {sqlite3.sqlite_version}")
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        _prepare(db, path)
    except (OSError, *DAMAGE, VersionError) as error:
        if db is not None:
            db.close()
        raise StoreError(str(error) if isinstance(error, VersionError) else sentence(path, error)) from error
    return db


def opened_for_reading(path: Path) -> sqlite3.Connection:
    """A reader's connection; it can write nothing."""
    try:
        how = "mode=ro&immutable=1" if _alone(path) else "mode=ro"
        db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_S, check_same_thread=False)
        db.execute(f"PRAGMA cache_size = -{READER_KIB}")
    except DAMAGE as error:
        raise StoreError(sentence(path, error)) from error
    return db


def _alone(path: Path) -> bool:
    """Whether nobody can write to it: a card that went read-only, where SQLite could not make the files for who shares it."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY) and not path.with_name(path.name + "-wal").exists()
    except OSError:
        return False


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    version = version_of(db, path)
    if 0 < version < len(STEPS):
        copied(db, path, version)
    db.execute(f"PRAGMA cache_size = -{WRITER_KIB}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    for number, step in enumerate(STEPS[version:], version + 1):
        marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number};"
        db.executescript(f"BEGIN IMMEDIATE; {step} {marks} COMMIT;")
    # A file that cannot be written is found out now, not with the first reading.
    db.execute("BEGIN IMMEDIATE")
    db.execute(f"PRAGMA user_version = {len(STEPS)}")
    db.execute("COMMIT")


def _full(path: Path) -> bool:
    """Whether the file's disk has no room: SQLite calls some of what follows from that an input or output error."""
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False


def sentence(path: Path, error: Exception) -> str:
    """What is wrong with the file, in words of people."""
    told = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
    if _full(path):
        return f"{path}: there is no room left on the disk or card ({told})"
    words = next((words for sign, words in _TROUBLES.items() if sign in told), "the history cannot be used")
    return f"{path}: {words} ({told})"


_OWNER = "its owner must be the user that runs p1monitor"
_TROUBLES: Mapping[str, str] = MappingProxyType(
    {
        "not a database": "this file is no history, or it is damaged at its very beginning",
        "malformed": "the history is damaged; move it away and restore a backup, or begin a new one",
        "readonly": f"the history cannot be written; {_OWNER}",
        "Read-only": "the history cannot be written: its disk or card is read-only",
        "ermission denied": f"the history cannot be opened; {_OWNER}",
        "unable to open": "the history cannot be opened; does its directory belong to the user that runs p1monitor?",
        "locked": "another process writes to this history; is a second p1monitor running?",
        "No such file": "its folder is not there",
        "is full": "there is no room left for the history",
        "nput/output error": "the disk or card of the history fails",
        "I/O error": "the disk or card of the history fails",
    }
)
