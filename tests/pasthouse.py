"""A house with a past: months of a simulated meter in a real store, for the tests of the page's history. Tests nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from p1monitor.live import Live
from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Event, Reading, Received
from p1monitor.p1.telegram import parse, render
from p1monitor.p1.times import central
from p1monitor.recorder import Queries, recorder
from p1monitor.recorder.store import Store
from p1monitor.settings import HistorySettings, WebSettings
from p1monitor.status import Status
from p1monitor.webapp.app import create_app
from tests.webhouse import METER, House, Moment

#: A Monday evening, the day after the clocks went forward, by the meter's clock.
NOW = central(datetime(2026, 3, 30, 17, 40, tzinfo=UTC))
#: The meter says nothing in these hours of the 17th.
SILENT = (datetime(2026, 3, 17, 8, tzinfo=UTC), datetime(2026, 3, 17, 14, tzinfo=UTC))
#: Days ago from which telegrams come so often: what the views of that time need. A picture of a whole year needs more of them.
PACES = (
    (460 if "P1MONITOR_PICTURES" in os.environ else 60, timedelta(hours=1)),
    (14, timedelta(minutes=15)),
    (1, timedelta(minutes=1)),
)
SEED = 7


def telegram(at: datetime) -> Reading:
    """What the simulated meter says at that moment."""
    octets = render(MODELS["esmr5"].telegram(at, SEED))
    (frame,) = [event for event in Framer().feed(octets) if isinstance(event, Frame)]
    return decode(parse(frame), Received(at.timestamp(), at.timestamp()), meter=METER, frame=frame.data)


def moments() -> Iterator[datetime]:
    """When telegrams came."""
    for days, pace in PACES:
        finer = [other for other, _ in PACES if other < days]
        end = NOW - timedelta(days=finer[0]) if finer else NOW
        at = (NOW - timedelta(days=days)).replace(hour=0, minute=0)
        at, end = at.astimezone(UTC), (end.replace(hour=0, minute=0) if finer else end).astimezone(UTC)
        while at < end:
            if not SILENT[0] < at < SILENT[1]:
                yield at
            at += pace
    yield NOW


def happened(reading: Reading) -> tuple[Event, ...]:
    """Two events of another kind each, on two days."""
    at = reading.at
    if at is None or (at.hour, at.minute) != (10, 0) or at.date().isoformat() not in ("2026-03-04", "2026-03-12"):
        return ()
    return (
        Event(at, reading.received, "power quality", 76, "voltage sag ended in phase L1", phase=None, channel=None),
        Event(at, reading.received, "message", None, "message: work on the grid", phase=None, channel=None),
    )[at.day == 4 :]


def build(path: Path) -> Reading:
    """Write the history; the newest reading comes back."""
    memory, observed = Memory(), list[Reading]()
    for at in moments():
        memory, seen = observe(memory, telegram(at))
        observed.append(seen._replace(events=(*seen.events, *happened(seen))))
    sink = recorder.build(HistorySettings(path=path), Store(path), memory_of=lambda _meter: memory, trusted=lambda: True)
    sink.open()
    sink.deliver(observed)
    sink.close()
    return observed[-1]


def settled(path: Path, newest: Reading) -> Iterator[House]:
    """A house with that history, to which the newest reading has just come."""
    stopped = Moment(NOW.timestamp())
    house = House(stopped)
    queries = Queries(path)
    house.live = Live([METER])
    house.status = Status("0.1.0", stopped)
    house.app = create_app(house.live, queries, house.status, WebSettings(listen="127.0.0.1:0"), stopped)
    house.come(newest)
    yield house
    house.close()
    queries.close()
