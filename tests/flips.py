"""A meter without CRC on a bad line: bytes flipped at random, and what may be published all the same. Never part of the product.

`run` is called by the suite for a short while, and by benchmarks/flips.py for 100 000 telegrams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from p1monitor.observer import Memory, observe
from p1monitor.observer.limits import FUSE_W, GAS_M3_H, REGISTERS, step
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse, render
from tests.readings import WINTER

#: One byte in so many is another one.
EVERY = 5000
PERIOD_S = 10
#: Local time of the meter: a winter, so that no hour comes twice.
BEGIN = datetime(2026, 1, 10, 20, tzinfo=WINTER)
TODAY = ("energy_import_today_kwh", "energy_export_today_kwh", "gas_today_m3")

#: name -> value, of what is not held
Published = Mapping[str, Decimal]


@dataclass
class Result:
    """What was seen."""

    telegrams: int = 0
    damaged: int = 0  #: telegrams with a flipped byte
    readings: int = 0  #: frames that were taken all the same
    held: int = 0
    wrong: int = 0  #: registers published that are not the simulator's
    most_wrong: Decimal = Decimal(0)
    longest_held_s: float = 0.0
    days: int = 0  #: totals of a day that were compared
    days_exact: int = 0
    most_off: Decimal = Decimal(0)
    doubts: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)  #: what must not be


class Line:
    """A line that flips bytes."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def spoil(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        at = self._gap()
        while at < len(spoilt):
            other = spoilt[at] ^ (1 << self._random.randrange(8))  # one bit, or any other byte
            spoilt[at] = (
                other if self._random.random() < 0.5 else self._random.choice([*range(spoilt[at]), *range(spoilt[at] + 1, 256)])
            )
            at += 1 + self._gap()
        return bytes(spoilt)

    def _gap(self) -> int:
        return int(self._random.expovariate(1 / EVERY))


def published(reading: Reading) -> dict[str, Decimal]:
    """Registers and totals that go out, of all devices."""
    found: dict[str, Decimal] = {}
    for values in (reading.values, *(device.values for device in reading.devices)):
        for name, measurement in values.items():
            value = measurement.value
            if not measurement.held and isinstance(value, Decimal) and (name in REGISTERS or name in TODAY or name == "gas_m3"):
                found[name] = value
    return found


def allowed(name: str, seconds: float) -> float:
    """What the connection carries."""
    return (GAS_M3_H if name.startswith("gas") else FUSE_W / 1000) * seconds / 3600


def stream(count: int, seed: int) -> Iterator[tuple[datetime, bytes]]:
    """The simulator's own telegrams."""
    for index in range(count):
        moment = BEGIN + timedelta(seconds=PERIOD_S * index)
        yield moment, render(MODELS["me381"].telegram(moment, seed))


class Watched:
    """One way from bytes to readings."""

    def __init__(self) -> None:
        self.framer, self.memory = Framer(), Memory()

    def take(self, data: bytes, moment: datetime) -> list[Reading]:
        seen = []
        received = Received(moment.timestamp(), moment.timestamp() - BEGIN.timestamp())
        for event in self.framer.feed(data):
            if isinstance(event, Frame):
                self.memory, reading = observe(self.memory, decode(parse(event), received), WINTER)
                seen.append(reading)
        return seen


class Judge:
    """Compares what is published with what the simulator says."""

    def __init__(self) -> None:
        self.result = Result()
        self._last: dict[str, tuple[Decimal, datetime]] = {}

    def look(self, moment: datetime, shown: Published, truth: Published) -> None:
        result = self.result
        for name, value in shown.items():
            if name in TODAY:
                continue
            before, when = self._last.get(name, (value, moment))
            seconds = (moment - when).total_seconds()
            if name not in truth:
                result.faults.append(f"{moment}: {name} does not exist")
                continue
            off = abs(value - truth[name])
            if off:
                result.wrong += 1
                result.most_wrong = max(result.most_wrong, off)
            if off > Decimal(allowed(name, max(seconds, PERIOD_S))) + step(value):
                result.faults.append(f"{moment}: {name} is {value}, not {truth[name]}")
            if value < before:
                result.faults.append(f"{moment}: {name} went from {before} back to {value}")
            result.longest_held_s = max(result.longest_held_s, seconds)
            self._last[name] = value, moment


def run(count: int, seed: int = 1) -> Result:
    """Send so many telegrams over the bad line, and beside it over a good one."""
    line, judge = Line(seed), Judge()
    bad, good = Watched(), Watched()
    result = judge.result
    days: dict[tuple[str, int], Decimal] = {}
    truths: dict[tuple[str, int], Decimal] = {}
    touched: set[int] = set()  # days that began or ended with a damaged telegram
    for moment, data in stream(count, seed):
        spoilt = line.spoil(data)
        result.telegrams += 1
        result.damaged += spoilt != data
        (clean,) = good.take(data, moment)
        # Of the first telegram alone no register is certain: the truth is what the simulator printed.
        truth = published(decode(parse(Frame(data, "absent")), None))
        day = moment.astimezone(WINTER).toordinal()
        for name, value in published(clean).items():
            if name in TODAY:
                truths[name, _day(clean, name, day)] = value
        since = (moment - moment.replace(hour=0, minute=0, second=0)).total_seconds()
        # The meter has no clock: a day begins and ends with a telegram, and the next one is as good but for its 10 s.
        if spoilt != data and not 60 <= since < 86_400 - 60:
            touched |= {day, day - 1 if since < 60 else day + 1}
        for reading in bad.take(spoilt, moment):
            result.readings += 1
            shown = published(reading)
            judge.look(moment, shown, truth)
            result.held += bad.memory.held
            result.doubts += [f"{moment:%d %H:%M:%S} {words}" for words in bad.memory.doubts]
            result.events.update(event.kind for event in reading.events)
            result.faults += [f"{moment}: {event.words}" for event in reading.events if event.kind != "message"]
            for name in TODAY:
                if name in shown:
                    days[name, _day(reading, name, day)] = shown[name]
    for key, total in truths.items():
        result.days += 1
        off = abs(days.get(key, Decimal(0)) - total)
        result.days_exact += not off
        result.most_off = max(result.most_off, off)
        if off > (step(total) * 2 if key[1] in touched else 0):
            result.faults.append(f"{key[0]} of {datetime.fromordinal(key[1]):%d.%m.}: {days.get(key)}, not {total}")
    return result


def _day(reading: Reading, name: str, day: int) -> int:
    """The day that a total belongs to: of gas that of its capture."""
    if not name.startswith("gas"):
        return day
    at = reading.devices[0].at
    return at.astimezone(WINTER).toordinal() if at is not None else day
