"""Clocks for tests: their hands are moved by the test, and by whoever waits."""

from __future__ import annotations

from threading import Event


class Hands:
    """A wall clock and a monotonic one, which go together."""

    def __init__(self, wall: float = 1_790_000_000.0, monotonic: float = 1000.0) -> None:
        self.now, self._ahead = monotonic, wall - monotonic

    def wall(self) -> float:
        return self.now + self._ahead

    def monotonic(self) -> float:
        return self.now

    def wait(self, stop: Event, seconds: float) -> bool:
        self.now += seconds
        return stop.is_set()
