"""What was used today, this month and this year: registers, less what they were at its beginning. Never writes, never guesses.

The history says what they were. It is asked now and then, for it is saved once an hour; in between the registers are followed,
so that what is told is as new as the reading, through a meter's swap too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from p1monitor import days
from p1monitor.p1.records import Reading
from p1monitor.recorder.ledger import ELECTRICITY
from p1monitor.recorder.opening import StoreError
from p1monitor.recorder.queries import near
from p1monitor.recorder.samples import REGISTERS, captures, scaled
from p1monitor.recorder.steps import Stood
from p1monitor.sinks import Spent

#: The history is saved once an hour; what was followed over a swap or a roll-over is then put right.
ASK_S = 3600.0
#: A day that began is in the history a little later, with the hour that is over.
SOON_S = 60.0
#: Thousandths, as the history counts.
MILLI = -3


class Queries(Protocol):
    """What is asked of the history."""

    def stood(self, meter: str, moment: float) -> Mapping[str, Mapping[str, Stood]]:
        """The registers as they were seen last at a moment, by role."""


#: Role and name of a register.
_Place = tuple[str, str]


class _Shown(NamedTuple):
    """A register in a reading, and the meter that shows it. Thousandths."""

    at: float
    equipment_id: str
    value: int


class _Book:
    """Of one meter: the totals of its registers now, and what they were when each period began."""

    def __init__(self) -> None:
        self.begun: Mapping[str, float] = {}
        self.ask_at = float("-inf")
        self.bases: dict[str, dict[_Place, int]] = {}
        self.newest: dict[_Place, tuple[_Shown, int]] = {}  # and its total

    def follow(self, place: _Place, shown: _Shown) -> bool:
        """Count a register on; another meter's, or one that fell, goes on from where it stood, which False tells."""
        if place not in self.newest:  # the history does not know it yet
            return True
        before, total = self.newest[place]
        same = shown.equipment_id == before.equipment_id and shown.value >= before.value
        self.newest[place] = shown, total + (shown.value - before.value if same else 0)
        for period, start in self.begun.items():
            if shown.at <= start and place in self.bases.get(period, {}):  # a capture of before, told since
                self.bases[period][place] = self.newest[place][1]
        return same

    def begin(self, period: str, start: float, first: Mapping[_Place, Stood], newest: Mapping[_Place, Stood]) -> None:
        """What the history says of a period's beginning; of a capture of before it, one that came since says it better."""
        bases = self.bases.setdefault(period, {})
        for place in self.newest:
            if place not in bases or (place in newest and newest[place].at >= start):
                bases.pop(place, None)
                if place in first and start - first[place].at <= near(place[0]):
                    bases[place] = first[place].total

    def told(self) -> dict[str, Spent]:
        """Of each period: name of the register -> how far it went. Of two devices of one medium the first."""
        told: dict[str, Spent] = {}
        for period, bases in self.bases.items():
            used = {place: self.newest[place][1] - base for place, base in sorted(bases.items(), reverse=True)}
            told[period] = {name: Decimal(one).scaleb(MILLI) for (_, name), one in used.items()}
        return told


class Spending:
    """What was used, of all meters. Called by one thread."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._books: dict[str, _Book] = {}

    def of(self, reading: Reading) -> Mapping[str, Spent]:
        """Of "day", "month" and "year", as far as the history reaches back: each register's name and how far it went."""
        moment = _moment(reading)
        if moment is None:
            return {}
        now, shown = moment.timestamp(), dict(_shown(reading, moment.timestamp()))
        book = self._books.setdefault(reading.meter, _Book())
        begun = days.starts(moment)
        if begun != book.begun:
            book.bases = {period: one for period, one in book.bases.items() if begun[period] == book.begun[period]}
            book.begun, book.ask_at = begun, now
        went_on = [book.follow(place, one) for place, one in shown.items()]
        if not all(went_on):
            book.ask_at = min(book.ask_at, now)
        if not now < book.ask_at <= now + ASK_S:
            book.ask_at = now + (ASK_S if self._ask(book, reading.meter, now, shown) else SOON_S)
        return book.told()

    def _ask(self, book: _Book, meter: str, now: float, shown: Mapping[_Place, _Shown]) -> bool:
        """Put the book right by the history. False if that has not come to this day yet."""
        try:
            newest = _places(self._queries.stood(meter, now))
            known = {period: _places(self._queries.stood(meter, start)) for period, start in book.begun.items()}
        except (StoreError, sqlite3.Error):  # the page says why
            return False
        for place, one in shown.items():
            stood = newest.get(place)
            if stood and stood.equipment_id == one.equipment_id and stood.value <= one.value:
                book.newest[place] = one, stood.total + one.value - stood.value
        came = max((stood.at for (role, _), stood in newest.items() if role == ELECTRICITY), default=0)
        for period, start in book.begun.items():
            if came >= start:
                book.begin(period, start, known[period], newest)
        return came >= max(book.begun.values())


def _places(stood: Mapping[str, Mapping[str, Stood]]) -> dict[_Place, Stood]:
    return {(role, name): one for role, names in stood.items() for name, one in names.items()}


def _shown(reading: Reading, now: float) -> Iterator[tuple[_Place, _Shown]]:
    """The registers of a reading that are not doubtful."""
    for name in REGISTERS:
        if (value := scaled(reading.values.get(name))) is not None:
            yield (ELECTRICITY, name), _Shown(now, reading.equipment_id, value)
    for device in reading.devices:
        for name, measurement, value in captures(device) if device.role else ():
            at = measurement.at or device.at
            yield (device.role, name), _Shown(at.timestamp() if at else now, device.equipment_id, value)


def _moment(reading: Reading) -> datetime | None:
    """By the meter's clock, else by the host's, where it knows the time."""
    if reading.at is not None or reading.received is None or not reading.received.known:
        return reading.at
    return days.moment(None, None, reading.received.wall)
