"""The two clocks of the host and the one way to wait. Everything that needs time is handed one, so tests hand in theirs."""

from __future__ import annotations

import time
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """Wall clock (may be wrong or jump), monotonic clock (never does), and a wait that a stop ends."""

    def wall(self) -> float:
        """POSIX seconds, as far as the host knows."""

    def monotonic(self) -> float:
        """Seconds since some moment; never jumps."""

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait until `stop` is set or `seconds` have passed; True if it was set."""


class SystemClock:
    """The host's own clocks."""

    def wall(self) -> float:
        """POSIX seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait on the event itself."""
        return stop.wait(seconds)


SYSTEM = SystemClock()
