"""A household whose energy is known to the last digit, seen through a meter that fails in every way. Never part of the product.

The truth is counted here, step by step, beside the registers that the meter shows; nothing of the recorder is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import NamedTuple

from p1monitor.p1.records import Device, Measurement, Reading, Received
from p1monitor.p1.times import central
from tests.readings import METER, TELEGRAM

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
#: Wh at which a rate's register begins again: 99 999.999 kWh.
RANGE = 100_000_000


class Told(NamedTuple):
    """One reading, its stamp, and what is true."""

    reading: Reading
    at: int  #: by the meter's clock
    offset: int
    imported: int  #: Wh since the beginning, whatever the registers show
    exported: int
    gas: int  #: thousandths of a m³, as of its last capture


class Scene(NamedTuple):
    """Something that befalls the meter."""

    at: int
    kind: str
    seconds: int


def scenes(random: Random, start: int, days: int, counts: Mapping[str, int]) -> list[Scene]:
    """So many of each kind, each in a stretch of time of its own."""
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    random.shuffle(kinds)
    room = days * DAY_S // (len(kinds) + 1)
    lengths: dict[str, Callable[[], int]] = {
        "off": lambda: random.choice([300, 1000, 7200, DAY_S + 5000, 2 * DAY_S]),
        "cut": lambda: random.choice([400, 4000, 30_000]),
        "repeat": lambda: HOUR_S,
        "step": lambda: random.choice([-700, -40, 30, 900]),
        "swap": lambda: 600,
        "quiet": lambda: DAY_S,
    }
    return [Scene(start + (n + 1) * room + random.randrange(room // 4), kind, lengths[kind]()) for n, kind in enumerate(kinds)]


class House:
    """The house, its meter and what p1monitor sees of it."""

    def __init__(self, seed: int, start: datetime, days: int, counts: Mapping[str, int]) -> None:
        self.random = Random(seed)
        self.start = int(start.timestamp())
        self.end = self.start + days * DAY_S
        self.scenes = scenes(self.random, self.start, days, counts)
        self.gaps: list[tuple[int, int, bool]] = []  #: last and next stamp around what was not seen; the meter lost power
        self._now, self._shift, self._seq, self._number, self._fails = self.start, 0, 0, 1, 0
        self._low, self._high, self._out = RANGE - 40_000, 5_000_000, 700  # the registers
        self._imported = self._exported = 0
        self._gas = self._captured = 5000
        self._captured_at, self._gas_stops = self.start, 0

    def told(self) -> Iterator[Told]:
        """All readings, in order."""
        waiting = list(self.scenes)
        while self._now < self.end:
            if waiting and self._now >= waiting[0].at:
                scene = waiting.pop(0)
                yield from self._seconds(20)
                yield from getattr(self, f"_{scene.kind}")(scene.seconds)
                yield from self._seconds(20)
                self._pass(-self._now % MINUTE_S)
            else:
                self._pass(MINUTE_S)
            yield self._tell()

    def _seconds(self, count: int) -> Iterator[Told]:
        for _ in range(count):
            self._pass(1)
            yield self._tell()

    def _off(self, seconds: int) -> Iterator[Told]:
        """p1monitor is away, the house goes on."""
        before = self._stamp()
        for _ in range(seconds // MINUTE_S):
            self._pass(MINUTE_S)
        self.gaps.append((before, self._stamp(), False))
        yield self._tell()

    def _cut(self, seconds: int) -> Iterator[Told]:
        """No power: nothing is used."""
        before = self._stamp()
        self._now += seconds
        self._fails += 1
        self.gaps.append((before, self._stamp(), True))
        yield self._tell()

    def _repeat(self, seconds: int) -> Iterator[Told]:
        """The meter's clock begins again an hour ago, and is put right half a day later."""
        self._shift -= seconds
        for _ in range(12 * 60):
            yield self._tell()
            self._pass(MINUTE_S)
        self._shift += seconds
        yield self._tell()

    def _step(self, seconds: int) -> Iterator[Told]:
        self._shift += seconds
        yield self._tell()
        self._pass(MINUTE_S)
        self._shift -= seconds
        yield self._tell()

    def _swap(self, seconds: int) -> Iterator[Told]:
        """Another meter: what is used before its first telegram is on neither."""
        self._now += seconds
        self._number += 1
        self._low, self._high, self._out = RANGE - 20_011, 0, 3
        yield self._tell()

    def _quiet(self, seconds: int) -> Iterator[Told]:
        """The gas meter is not heard for a day."""
        self._gas_stops = self._now + seconds
        yield self._tell()

    def _pass(self, seconds: int) -> None:
        """Time passes, and energy with it, in whole watt hours."""
        self._now += seconds
        used, made = self.random.randrange(3 * seconds), self.random.randrange(2 * seconds) if seconds > 1 else 0
        low = self._now // HOUR_S % 24 < 7
        self._low = (self._low + used) % RANGE if low else self._low
        self._high += 0 if low else used
        self._out += made
        self._imported, self._exported = self._imported + used, self._exported + made
        self._gas += used // 7
        if self._now // HOUR_S > self._captured_at // HOUR_S and self._now >= self._gas_stops:
            self._captured, self._captured_at = self._gas, self._now // HOUR_S * HOUR_S

    def _stamp(self) -> int:
        return self._now + self._shift

    def _tell(self) -> Told:
        self._seq += 1
        at = self._stamp()
        values = {
            "energy_import_t1_kwh": _kwh(self._low),
            "energy_import_t2_kwh": _kwh(self._high),
            "energy_import_kwh": _kwh(self._low + self._high),
            "energy_export_kwh": _kwh(self._out),
            "power_w": Measurement(Decimal(self._seq % 3000), "W", ""),
            "any_power_fail_count": Measurement(Decimal(self._fails), "", ""),
        }
        gas = Measurement(Decimal(self._captured).scaleb(-3), "m3", "")
        captured = datetime.fromtimestamp(self._captured_at, UTC)
        device = Device(1, "gas", "gas", "G1", captured, {"gas_m3": gas})
        received = Received(float(self._now), float(self._now - self.start))
        reading = Reading(self._seq, None, received, values, (device,), (), TELEGRAM, b"", METER, f"E{self._number}")
        return Told(reading, at, _offset(at), self._imported, self._exported, self._captured)


def _kwh(watt_hours: int) -> Measurement:
    return Measurement(Decimal(watt_hours).scaleb(-3), "kWh", "")


_OFFSETS: dict[int, int] = {}


def _offset(at: int) -> int:
    hour = at // HOUR_S
    if hour not in _OFFSETS:
        shift = central(datetime.fromtimestamp(hour * HOUR_S, UTC)).utcoffset()
        _OFFSETS[hour] = int(shift.total_seconds()) if shift else 0
    return _OFFSETS[hour]
