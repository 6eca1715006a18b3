"""A source that plays a file of telegrams, at the pace they came or as fast as it goes. Never changes a byte."""

from __future__ import annotations

import binascii
import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import BinaryIO

from p1monitor.clock import SYSTEM, Clock
from p1monitor.sources import SourceError

BLOCK = 64 * 1024  #: read at once, and the longest piece played at once: four times the longest telegram
SLICE_S = 1.0  #: a wait is told as silence so often
PERIOD_S = 1.0  #: of telegrams whose variant sends each second (DSMR 5, e-MUCS)
SLOW_PERIOD_S = 10.0  #: of all others
GAP_MOST_S = 30.0  #: a hole in the recording is not waited out; the reader would take it for a dead source at 60

_TIME = re.compile(rb"^0-0:1\.0\.0\((\d{12})([SW])\)", re.MULTILINE)
_EACH_SECOND = re.compile(rb"^1-3:0\.2\.8\(5|^0-0:96\.1\.4\(", re.MULTILINE)
_OFFSETS = {b"S": 7200, b"W": 3600}


class ReplaySource:
    """A recording of what a port sent. A `*.hex` file is a dump: pairs of hex digits."""

    def __init__(self, path: Path, speed: float | None = 1.0, loop: bool = False, clock: Clock = SYSTEM) -> None:
        self._path, self._speed, self._loop, self._clock = path, speed, loop, clock
        self._closed = Event()
        self._file: BinaryIO | None = None
        pace = "as fast as it goes" if speed is None else f"{speed:g} times real pace"
        self.name = f"replay {path} ({pace}{', again and again' if loop else ''})"

    def open(self) -> None:
        """Open the file, at its beginning."""
        if self._file is not None:
            self._file.close()
        self._closed.clear()
        try:
            self._file = open_recording(self._path)
        except OSError as trouble:
            raise SourceError(f"{self._path} cannot be read: {trouble.strerror}") from trouble
        except ValueError as trouble:
            raise SourceError(f"{self._path} is no hex dump: {trouble}") from trouble

    def chunks(self) -> Iterator[bytes]:
        """One telegram at a time, when it is due; ends with the file unless it loops."""
        file = self._file
        if file is None:
            return
        try:
            while not self._closed.is_set():
                yield from self._once(file)
                if not self._loop:
                    return
                file.seek(0)
        finally:
            file.close()

    def _once(self, file: BinaryIO) -> Iterator[bytes]:
        due = self._clock.monotonic()
        before: bytes | None = None
        for piece in pieces(file):
            if before is not None and self._speed is not None:
                due += pace(before, piece) / self._speed
                yield from self._until(due)
            if self._closed.is_set():
                return
            before = piece
            yield piece
        if before is None:
            raise SourceError(f"{self._path} is empty")
        if self._loop and self._speed is not None:
            yield from self._until(due + pace(before, before) / self._speed)

    def _until(self, due: float) -> Iterator[bytes]:
        while (left := due - self._clock.monotonic()) > 0:
            if self._clock.wait(self._closed, min(left, SLICE_S)):
                return
            if left > SLICE_S:
                yield b""

    def proven(self) -> None:
        """Nothing to learn: a file has no settings."""

    def close(self) -> None:
        """End the playing; the file is closed by the thread that plays it, or by the next open."""
        self._closed.set()

    def port_errors(self) -> Mapping[str, int] | None:
        """None: there is no port."""
        return None


def open_recording(path: Path) -> BinaryIO:
    """The bytes of a recording; of a `*.hex` dump those that it stands for. ValueError if it is none."""
    if path.suffix.lower() != ".hex":
        return path.open("rb")
    return io.BytesIO(binascii.unhexlify(b"".join(path.read_bytes().split())))


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Cut a recording where a `/` begins a line; together the pieces are the file, byte for byte."""
    held = b""
    while block := file.read(BLOCK):
        held += block
        at = 0
        while (end := held.find(b"\n/", at)) >= 0:
            yield held[at : end + 1]
            at = end + 1
        held = held[at:]
        if len(held) > BLOCK:
            yield held
            held = b""
    if held:
        yield held


def pace(before: bytes, piece: bytes) -> float:
    """Seconds between two telegrams: by their own clocks, or by the period of their variant."""
    first, second = _moment(before), _moment(piece)
    if first is not None and second is not None and second > first:
        return min((second - first), GAP_MOST_S)
    return PERIOD_S if _EACH_SECOND.search(piece) else SLOW_PERIOD_S


def _moment(piece: bytes) -> float | None:
    match = _TIME.search(piece)
    if match is None:
        return None
    try:
        local = datetime.strptime(match[1].decode(), "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return local.timestamp() - _OFFSETS[match[2]]
