"""What happens before a history is brought forward: is it ours, do we know its version, is there a copy. Never changes a table."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from p1monitor.recorder.schema import APPLICATION, STEPS

log = logging.getLogger(__name__)

#: Times the file's size that a step may need beside it: the copy, and what the step writes anew, in the log and in the file.
ROOM_TIMES = 3
#: Behind a history's name: the copy that was made before it was brought forward, and the version it had.
COPY = ".version-"


class VersionError(Exception):
    """The file is another program's, or a newer one's, or cannot be brought forward; one sentence."""


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """The version of a history, 0 for a file that is empty yet; VersionError where it is not for this program. Only reads."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION and (tables or version):
        raise VersionError(f"{path} is the database of another program; name another file in [history] path")
    if version > len(STEPS):
        raise VersionError(
            f"{path} was written by a newer p1monitor (version {version} of the history, this one knows {len(STEPS)});"
            " it was not touched"
        )
    return int(version)


def current(db: sqlite3.Connection, path: Path) -> None:
    """For who only reads: VersionError where the tables are not those that this program knows."""
    version = version_of(db, path)
    if version < len(STEPS):
        raise VersionError(
            f"{path} is of an older p1monitor (version {version} of the history, this one knows {len(STEPS)});"
            " the daemon brings it forward when it starts"
        )


def copied(db: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy a history before its tables change. One copy is kept: those of earlier steps go."""
    size = path.stat().st_size
    found = os.statvfs(path.parent)
    if found.f_bavail * found.f_frsize < ROOM_TIMES * size:
        raise VersionError(
            f"{path} has to be brought forward, and there is no room for a copy before that:"
            f" {ROOM_TIMES * size // 10**6 + 1} MB are needed; it was not touched"
        )
    copy = path.with_name(f"{path.name}{COPY}{version}")
    part = copy.with_name(copy.name + ".part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(part)) as other:
        db.backup(other)
        other.execute("PRAGMA journal_mode = DELETE")
    to_card(part)
    part.replace(copy)
    for old in path.parent.glob(f"{path.name}{COPY}*"):
        if old != copy:
            old.unlink()
    log.info("%s is brought forward to version %s; as it was, it is in %s", path, len(STEPS), copy)
    return copy


def to_card(path: Path) -> None:
    """Wait until a file is on the card."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
