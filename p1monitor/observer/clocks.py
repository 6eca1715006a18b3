"""The meter's clock: not believed while it stands still, or lies ahead of all others. Pure; asks no clock, holds no register."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from p1monitor.observer.memory import Clock
from p1monitor.p1.frames import new
from p1monitor.p1.records import Event, Reading, Received

#: A meter's clock that is further ahead of a host that has gone on as it should is wrong.
AHEAD_S = 86_400.0
#: A clock that shows the same for so long while telegrams come stands still: meters send every second to every minute.
FROZEN_S = 300.0
#: Without a CRC: a time that differs so much from what passed must be told twice.
ASTRAY_S = 3600.0


class Seen(NamedTuple):
    """What is thought of the clock."""

    clock: Clock | None
    at: float | None  #: the meter's time, where it has one that is believed
    events: tuple[Event, ...] = ()


def look(clock: Clock | None, reading: Reading) -> Seen:
    """Compare the meter's time with what it was, and with the host's clocks."""
    received = reading.received
    if reading.at is None:
        return Seen(clock, None)
    at = reading.at.timestamp()
    if received is None:
        return Seen(clock, at)
    if clock is None or received.monotonic < clock.monotonic:  # the first, or another start of the host: no witness
        return Seen(Clock(at, received.monotonic, received.wall), at)
    waited = received.monotonic - clock.monotonic
    if reading.telegram.crc == "absent" and not clock.doubted and not _confirmed(clock, at, received):
        strange = clock._replace(strange=(at, received.monotonic))
        return Seen(strange, None)
    why = ""
    jumped = clock.at <= clock.wall + AHEAD_S and at - clock.at > max(waited, received.wall - clock.wall) + AHEAD_S
    if at > received.wall + AHEAD_S and (clock.doubted.startswith("ahead") or (jumped and received.known)):
        why = f"ahead: it shows {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    elif at == clock.at and waited >= FROZEN_S:
        why = f"it stands still at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if not why:
        again = () if not clock.doubted else _event(reading, "the meter's clock is believed again")
        return new(Seen, (_moved(clock, at, received), at, again))
    told = () if clock.doubted else _event(reading, f"the meter's clock is not believed, {why}")
    return Seen(clock._replace(doubted=clock.doubted or why, strange=None), None, told)


def _confirmed(clock: Clock, at: float, received: Received) -> bool:
    """Tell whether the time is what it should be by now, or what the telegram before said."""
    known = ((clock.at, clock.monotonic), clock.strange or (clock.at, clock.monotonic))
    return any(abs(at - before - (received.monotonic - when)) <= ASTRAY_S for before, when in known)


def _moved(clock: Clock, at: float, received: Received) -> Clock:
    if at == clock.at:  # since when it shows this
        return clock._replace(strange=None, doubted="")
    return new(Clock, (at, received.monotonic, received.wall, "", None))


def _event(reading: Reading, words: str) -> tuple[Event, ...]:
    return (Event(None, reading.received, "clock", None, words),)
