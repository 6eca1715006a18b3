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
from p1monitor.p1.telegram import Telegram, parse, render
from tests.readings import WINTER

#: One byte in so many is another one.
EVERY = 5000
PERIOD_S = 10
#: Local time of the meter: a winter, so that no hour comes twice.
BEGIN = datetime(2026, 1, 10, 20, tzinfo=WINTER)
#: Total of a day -> its register.
TODAY = {
    "energy_import_today_kwh": "energy_import_kwh",
    "energy_export_today_kwh": "energy_export_kwh",
    "gas_today_m3": "gas_m3",
}
#: A day begins and ends with a telegram. Where one of those is damaged, another so near is as good, but for its last digit.
EDGE_S = 60
#: In so many good telegrams in a row nothing is held: a new identifier must be told twice, and then what it says.
HELD_MOST = 3

#: name -> value, of what is not held
Published = Mapping[str, Decimal]


@dataclass
class Result:
    """What was seen."""

    telegrams: int = 0
    damaged: int = 0  #: telegrams with a flipped byte
    readings: int = 0  #: frames that were taken all the same
    lost: int = 0  #: good telegrams that were not taken, for what came before them
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


def stream(count: int, seed: int) -> Iterator[tuple[datetime, Telegram]]:
    """The simulator's own telegrams."""
    for index in range(count):
        moment = BEGIN + timedelta(seconds=PERIOD_S * index)
        yield moment, MODELS["me381"].telegram(moment, seed)


class Watched:
    """The way from bytes to readings."""

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
    """Compares what is published with what the simulator's registers say."""

    def __init__(self) -> None:
        self.result = Result()
        self._last: dict[str, tuple[Decimal, datetime]] = {}
        self._held: Counter[str] = Counter()  # in how many good telegrams in a row, by register

    def look(self, moment: datetime, shown: Published, truth: Published, *, good: bool) -> None:
        """`good`: the telegram came as it was sent."""
        if good:
            self._right_again(moment, shown, truth)
        else:
            self._held.clear()
        for name, value in shown.items():
            if name in TODAY:
                continue
            if name not in truth:
                self.fault(f"{moment}: {name} does not exist")
                continue
            before, when = self._last.get(name, (value, moment))
            seconds = (moment - when).total_seconds()
            off = abs(value - truth[name])
            self.result.wrong += bool(off)
            self.result.most_wrong = max(self.result.most_wrong, off)
            if off > Decimal(allowed(name, max(seconds, PERIOD_S))) + step(value):
                self.fault(f"{moment}: {name} is {value}, not {truth[name]}")
            if value < before:
                self.fault(f"{moment}: {name} went from {before} back to {value}")
            self.result.longest_held_s = max(self.result.longest_held_s, seconds)
            self._last[name] = value, moment

    def _right_again(self, moment: datetime, shown: Published, truth: Published) -> None:
        """A good telegram publishes nothing wrong, and what is past the wrong one is published at once again."""
        for name, value in truth.items():
            past = name not in self._last or value >= self._last[name][0]
            self._held[name] = self._held[name] + 1 if name not in shown and past else 0
            if shown.get(name, value) != value:
                self.fault(f"{moment}: {name} is {shown[name]}, and the meter says {value}")
            if self._held[name] == HELD_MOST:
                self.fault(f"{moment}: {name} is held, and {HELD_MOST} good telegrams say it")

    def day(self, name: str, day: int, total: Decimal | None, truth: Decimal, *, edge: bool) -> None:
        """The total of one day; `edge`: a telegram with which it began or ended was damaged."""
        result = self.result
        off = abs((total or Decimal(0)) - truth)
        result.days += 1
        result.days_exact += not off
        result.most_off = max(result.most_off, off)
        if total is None or off > (step(truth) * 2 if edge else 0):
            self.fault(f"{name} of {datetime.fromordinal(day):%d.%m.}: {total}, not {truth}")

    def fault(self, words: str) -> None:
        self.result.faults.append(words)


class Days:
    """How far the simulator's registers went each day: from its first telegram (of gas: capture) to its last."""

    def __init__(self) -> None:
        self._span: dict[tuple[str, int], tuple[Decimal, Decimal]] = {}
        self.edges: set[int] = set()  #: days that began or ended with a damaged telegram

    def look(self, moment: datetime, reading: Reading, *, good: bool) -> None:
        """One telegram of the simulator. The first of all proves nothing yet: without CRC it must be told twice."""
        began = (moment - BEGIN).total_seconds()
        since = (moment - moment.replace(hour=0, minute=0, second=0)).total_seconds()
        day = moment.toordinal()
        if not good and (since < EDGE_S or since >= 86_400 - EDGE_S or began < EDGE_S):
            self.edges |= {day, day - 1 if since < EDGE_S else day + 1}
        if began:
            registers = published(reading)
            for name, register in TODAY.items():
                key, value = (name, day_of(reading, name, day)), registers[register]
                self._span[key] = self._span.get(key, (value, value))[0], value

    def totals(self) -> Mapping[tuple[str, int], Decimal]:
        return {key: last - first for key, (first, last) in self._span.items()}


def run(count: int, seed: int = 1) -> Result:
    """Send so many telegrams over the bad line."""
    line, judge, watched, days = Line(seed), Judge(), Watched(), Days()
    result = judge.result
    last: dict[tuple[str, int], Decimal] = {}  # what was published of each day's total in the end
    for moment, telegram in stream(count, seed):
        data = render(telegram)
        spoilt = line.spoil(data)
        good = spoilt == data
        result.telegrams += 1
        result.damaged += not good
        true = decode(telegram)
        truth = published(true)
        days.look(moment, true, good=good)
        readings = watched.take(spoilt, moment)
        result.lost += good and not readings
        for reading in readings:
            result.readings += 1
            shown = published(reading)
            judge.look(moment, shown, truth, good=good)
            result.held += watched.memory.held
            result.doubts += [f"{moment:%d %H:%M:%S} {words}" for words in watched.memory.doubts]
            result.events.update(event.kind for event in reading.events)
            result.faults += [f"{moment}: {event.words}" for event in reading.events if event.kind != "message"]
            last |= {(name, day_of(reading, name, moment.toordinal())): shown[name] for name in TODAY if name in shown}
    for (name, day), total in days.totals().items():
        judge.day(name, day, last.get((name, day)), total, edge=day in days.edges and not name.startswith("gas"))
    return result


def day_of(reading: Reading, name: str, day: int) -> int:
    """The day that a total belongs to: of gas that of its capture."""
    if not name.startswith("gas"):
        return day
    at = reading.devices[0].at
    return at.astimezone(WINTER).toordinal() if at is not None else day
