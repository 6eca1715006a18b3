"""Which moment a reading gets: the meter's time where it is sane, else the host's, as soon as that is known. Keeps no reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, tzinfo

from p1monitor.clock import Clock
from p1monitor.p1.records import Event, Reading, Received
from p1monitor.recorder.ledger import Stamp
from p1monitor.recorder.profiles import Bit

#: A meter's clock that is further ahead of a host that knows the time is wrong.
AHEAD_S = 86_400


class Stamping:
    """By the clocks of one host."""

    def __init__(self, clock: Clock, trusted: Callable[[], bool], synchronised: Callable[[], bool], zone: tzinfo | None) -> None:
        """`trusted`: the host knows the time, `synchronised`: for sure; `zone` is its own, None the system's."""
        self._clock, self.trusted, self._synchronised, self._zone = clock, trusted, synchronised, zone

    def stamp(self, reading: Reading) -> Stamp | None:
        """The meter's time where it is sane; else the host's, as soon as that is known."""
        came = self.came(reading.received)
        if reading.at is not None:
            at = reading.at.timestamp()
            # A host that only waited for its ten minutes is a worse witness than a meter.
            if came is None or at <= came + AHEAD_S or not self._synchronised():
                shift = reading.at.utcoffset()
                return Stamp(int(at), int(shift.total_seconds()) if shift is not None else 0, 0)
        return None if came is None else self._host_stamp(reading, came)

    def came(self, received: Received | None) -> float | None:
        """When it came, by a host that knew the time then, or knows it now and how long ago that was."""
        if received is None or not self.trusted():
            return None
        return received.wall if received.known else self._clock.wall() - (self._clock.monotonic() - received.monotonic)

    def dated(self, reading: Reading) -> Reading:
        """The reading, its events with the time at which they came as it is known now: None rather than 1970."""
        received = reading.received
        if not reading.events or received is None or received.known:
            return reading
        return reading._replace(events=tuple([self.known(event) for event in reading.events]))

    def known(self, event: Event) -> Event:
        """The same for one event."""
        received = event.received
        if received is None or received.known:
            return event
        came = self.came(received)
        return replace(event, received=None if came is None else Received(came, received.monotonic))

    def _host_stamp(self, reading: Reading, wall: float) -> Stamp:
        # With no zone given, astimezone() takes the system's, which knows summer time.
        shift = datetime.fromtimestamp(wall).astimezone(self._zone).utcoffset()
        has_clock = reading.at is not None or "clock" in reading.values
        return Stamp(int(wall), int(shift.total_seconds()) if shift else 0, Bit.CIV | Bit.DNV if has_clock else 0)
