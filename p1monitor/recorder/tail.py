"""The journal's tail: what is not on the card yet, in memory-backed storage, one write per reading. A power cut takes it away."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

#: What systemd calls the service's folder in memory, and where it is.
RUNTIME, SERVICE = "RUNTIME_DIRECTORY", Path("/run/p1monitor")
#: Without systemd: Linux has memory-backed files here.
SHARED = Path("/dev/shm")  # noqa: S108 - the folder in it is made for its owner alone, and looked at before it is used


def path_for(history: Path) -> Path:
    """Where the tail of a history is written: in the service's folder, in shared memory, else beside the history."""
    folder = next(iter(_folders()), None)
    return _name(folder, history) if folder else history.with_name(history.name + ".tail")


def paths_of(history: Path) -> Iterator[Path]:
    """Everywhere the tail of a history may be: a command looks for that of the service."""
    yield from (_name(folder, history) for folder in (*_folders(), SERVICE))
    yield history.with_name(history.name + ".tail")


class Tail:
    """The file. Raises OSError as the system does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def read(self) -> bytes:
        """All of it."""
        return os.pread(self._file, os.fstat(self._file).st_size, 0)

    def append(self, written: bytes) -> None:
        """One write; all or nothing of it is kept."""
        end = os.lseek(self._file, 0, os.SEEK_END)
        if os.write(self._file, written) < len(written):
            os.ftruncate(self._file, end)
            raise OSError(errno.ENOSPC, "only a part was written", str(self.path))

    def clear(self, rest: int = 0) -> None:
        """Its records are on the card; with `rest`, what lies behind so many bytes is torn."""
        os.ftruncate(self._file, rest)

    def close(self, *, empty: bool) -> None:
        """Let go of it; an empty one leaves nothing behind."""
        os.close(self._file)
        if empty:
            self.path.unlink(missing_ok=True)


def _folders() -> Iterator[Path]:
    given = os.environ.get(RUNTIME, "").partition(":")[0]
    if given and os.access(given, os.W_OK):
        yield Path(given)
    if SHARED.is_dir():
        folder = SHARED / f"p1monitor-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
        except OSError:
            return
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            yield folder


def _name(folder: Path, history: Path) -> Path:
    return folder / f"{sha256(str(history.absolute()).encode()).hexdigest()[:16]}.tail"
