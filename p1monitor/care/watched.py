"""A file that is read, and how much of it was. Bytes of a *.gz count as they lie on the disk."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from p1monitor.sources.replay import open_recording

#: Takes how much is done, from 0 to 1.
Progress = Callable[[float], object]


def unseen(_share: float) -> None:
    """Where nobody looks."""


class _File(io.FileIO):
    """Tells with each piece how far it is."""

    def __init__(self, path: Path, progress: Progress) -> None:
        super().__init__(path)
        self._size, self._progress = max(1, path.stat().st_size), progress

    def readinto(self, buffer: Any, /) -> int | None:
        found = super().readinto(buffer)
        self._progress(min(1.0, self.tell() / self._size))
        return found


def opened(path: Path, progress: Progress) -> BinaryIO:
    """The bytes of a file, unzipped; of a *.hex dump those that it stands for."""
    if path.suffix.lower() == ".hex":
        return open_recording(path)
    file = io.BufferedReader(_File(path, progress))
    return gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file  # type: ignore[return-value]  # it reads like one


def text(path: Path, progress: Progress) -> TextIO:
    """Its text, as csv wants it."""
    return io.TextIOWrapper(opened(path, progress), encoding="utf-8-sig", newline="")


def of(progress: Progress, number: int, every: int) -> Progress:
    """Of several files, one after the other."""
    return lambda share: progress((number + share) / every)
