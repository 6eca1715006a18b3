"""The newest readings of all meters, in memory: the numbers that charts are made of, until their hour is sealed. Never a register.

The journal has them too, but to unpack an hour of it costs more than an answer may take.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import compress
from threading import Lock

from p1monitor.p1.records import Measurement
from p1monitor.recorder.measured import GAUGES
from p1monitor.recorder.samples import scaled
from p1monitor.recorder.told import Told

#: An hour of a meter that sends each second, and what comes until that hour is packed. Each name takes four bytes of each,
#: but nothing as long as it stays what it is.
RECENT_MOST = 4200
#: Names of one meter: the longest telegrams known have some sixty numbers.
NAMES_MOST = 128
#: What stands there for a number that a reading has not. What is larger, no meter of a house can mean.
_NONE = -(1 << 31)


class _Ring:
    """The newest readings of one meter; the place of the oldest is the next to be written."""

    def __init__(self) -> None:
        self.count = 0
        self.seq, self.at = array("q", bytes(8 * RECENT_MOST)), array("q", bytes(8 * RECENT_MOST))
        self.columns: dict[str, int | array[int]] = {}

    def put(self, seq: int, at: int, values: Mapping[str, Measurement]) -> None:
        place = self.count % RECENT_MOST
        self.seq[place], self.at[place] = seq, at
        for name in {*self.columns, *(GAUGES.keys() & values.keys())}:
            self._put(name, place, _number(name, values.get(name)))
        self.count += 1

    def _put(self, name: str, place: int, number: int) -> None:
        column = self.columns.get(name)
        if column is None:
            if len(self.columns) >= NAMES_MOST:
                return
            column = self.columns[name] = _NONE if self.count else number
        if isinstance(column, int):
            if column == number:
                return
            column = self.columns[name] = array("i", (column,)) * RECENT_MOST
        column[place] = number

    def order(self) -> list[int]:
        """The places, oldest reading first."""
        first = self.count % RECENT_MOST if self.count > RECENT_MOST else 0
        return [*range(first, min(self.count, RECENT_MOST)), *range(first)]

    def numbers(self, name: str, places: Sequence[int]) -> list[int | None]:
        column = self.columns.get(name, _NONE)
        if isinstance(column, int):
            return [None if column == _NONE else column] * len(places)
        return [None if column[place] == _NONE else column[place] for place in places]


class Recent:
    """The newest readings of all meters. The recorder puts them in, any thread may look."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rings: dict[str, _Ring] = {}

    def put(self, meter: str, seq: int, at: int, values: Mapping[str, Measurement]) -> None:
        """Remember one."""
        with self._lock:
            self._rings.setdefault(meter, _Ring()).put(seq, at, values)

    def look(self, meter: str, names: Sequence[str], after: int, start: float, end: float) -> Told:
        """Those of a time that are newer than a number."""
        with self._lock:
            ring = self._rings.get(meter)
            if ring is None:
                return Told([], [[] for _ in names])
            order = ring.order()
            places = list(compress(order, [ring.seq[one] > after and start < ring.at[one] <= end for one in order]))
            return Told([ring.at[one] for one in places], [ring.numbers(name, places) for name in names])


def _number(name: str, measurement: Measurement | None) -> int:
    """A number in thousandths, as the archive tells it: what only the observer makes of several readings is not in there."""
    if measurement is None or (measurement.derived and not GAUGES[name].plus):
        return _NONE
    value = scaled(measurement)
    return _NONE if value is None or abs(value) >= -_NONE else value
