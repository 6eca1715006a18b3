"""Readings of one meter that share a moment, kept apart by milliseconds; and which of them opens an interval. Never reads a clock.

A place that knows a point by its time alone (InfluxDB) would keep the last of them only. What comes out depends on nothing but
the readings before, in their order: a reading that is sent once more, by another run of the daemon, stands where it stood.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from p1monitor.p1.records import Reading

#: Moments that are remembered: clocks are set back by seconds, not minutes, and one that stands still is not believed for long.
KEPT = 600
#: So many readings before it tell all that a reading's place depends on.
REACH = 2 * KEPT

_NOTHING: Final = MappingProxyType[str, object]({})


class Apart:
    """Of one meter. Is shown every reading, in order."""

    def __init__(self, resolution_s: int = 0) -> None:
        """Of each interval of so many seconds only the first reading keeps its values; 0: all do."""
        self._resolution = resolution_s
        self._seen: dict[int, int] = {}  # moment -> readings that have it
        self._last: int | None = None

    def see(self, at: int) -> tuple[int, bool]:
        """A reading of this moment: how many have had it before, and whether it opens an interval."""
        before = self._seen.pop(at, 0)
        self._seen[at] = before + 1  # at the end: what was seen longest ago is forgotten first
        if len(self._seen) > KEPT:
            del self._seen[next(iter(self._seen))]
        last, self._last = self._last, at
        return before, not self._resolution or last is None or last // self._resolution != at // self._resolution

    def placed(self, reading: Reading, at: int | None = None) -> Reading:
        """The reading at a moment of its own; `at` is its stamp in the archive.

        A reading in between, where an interval is opened by another, keeps its M-Bus devices only: those have captures of their
        own. One that nobody can date yet stays as it is.
        """
        moment = at if at is not None else moment_of(reading)
        if moment is None:
            return reading
        nth, opens = self.see(moment)
        at_its_moment = reading.at is not None and int(reading.at.timestamp()) == moment
        if nth or not at_its_moment:
            whole = reading.at if reading.at and at_its_moment else datetime.fromtimestamp(moment, UTC)
            reading = reading._replace(at=whole + timedelta(milliseconds=nth))
        return reading if opens else reading._replace(values=_NOTHING)  # type: ignore[arg-type]  # a mapping of nothing


def moment_of(reading: Reading) -> int | None:
    """The whole second of a reading, as the archive stamps it: the meter's, else the host's if it knew the time."""
    if reading.at is not None:
        return int(reading.at.timestamp())
    received = reading.received
    return int(received.wall) if received is not None and received.known else None
