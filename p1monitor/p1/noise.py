"""Bytes that are no telegram, one after the other: where they began, how many came, how they look. Holds a sample only."""

from __future__ import annotations

from collections.abc import Callable

from p1monitor.p1.frames import Frame, Rejected
from p1monitor.p1.looks import SAMPLE

#: What a line may say between two telegrams without meaning anything: line ends, and what a port makes of silence.
IDLE = b"\r\n\x00\xff "


class Noise:
    """The run of them since the last event."""

    __slots__ = ("_at", "_idle", "_look", "_sample", "length")

    def __init__(self, look: Callable[[bytes], str]) -> None:
        """`look` names a sample: a key of frames.REASONS."""
        self._look = look
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.length = self._at = 0
        self._idle = True
        self._sample = b""

    def add(self, buffer: bytearray, length: int, offset: int) -> None:
        """Count the buffer's first bytes, of which the first stands at `offset` in the stream."""
        if not self.length:
            self._at = offset
        if len(self._sample) < SAMPLE:
            self._sample += bytes(memoryview(buffer)[: min(length, SAMPLE - len(self._sample))])
        if self._idle:
            self._idle = not buffer[:length].strip(IDLE)
        self.length += length

    @property
    def rejected(self) -> Rejected | None:
        """The run so far as an event; None where it is idle."""
        if not self.length or self._idle:
            return None
        return Rejected(self._look(self._sample), self._at, self.length, self._sample)

    def flush(self, events: list[Frame | Rejected]) -> None:
        """Put the run behind the events, and begin anew."""
        if (rejected := self.rejected) is not None:
            events.append(rejected)
        self.clear()
