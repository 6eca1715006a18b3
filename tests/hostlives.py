"""Whole lives of a daemon on a host whose clock is wrong, told in one table. Never part of the product, never waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from p1monitor.live import Live
from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import Telegram, data_object, parse, render
from p1monitor.reader import Reader
from p1monitor.recorder import Store, build
from p1monitor.recorder.hostclock import HostClock
from p1monitor.settings import HistorySettings, MeterSettings
from p1monitor.sinks import House
from p1monitor.sinks.retained import Retained
from p1monitor.sinks.topics import Topics
from p1monitor.status import Status
from p1monitor.webapp import payload
from tests.readings import METER, WINTER

#: The true time at which the daemon starts: a Thursday, 13:00 on the wall.
TRUTH = datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp()
EPOCH = datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC).timestamp() - TRUTH
FUTURE = datetime(2031, 3, 1, tzinfo=UTC).timestamp() - TRUTH
HOUR, DAY = 3600, 86_400
#: When the grid company has something to say: that is an event.
MESSAGE_S = 60
LENGTH_S, PERIOD_S, BATCH = 5400, 10, 6
#: One that has a clock, one that has none and no checksum either, and one more of another make.
METERS = ("esmr5", "dsmr22", "me381")
CLOCKLESS = METERS[1:]


class Story(NamedTuple):
    """What befalls the clock of a host."""

    boot: float  #: seconds by which the wall clock is ahead of the truth at first
    sets: Mapping[int, float] = {}  #: second -> by how much it is ahead from then on
    mark: int | None = 0  #: second from which the system says that it is synchronised; None: never
    known: int | None = 0  #: second from which the host is believed; None: never


STORIES: Mapping[str, Story] = {
    "right": Story(0),
    "1970, set after half a minute": Story(EPOCH, {33: 0}, 33, 33),
    "1970, set after an hour": Story(EPOCH, {HOUR: 0}, HOUR, HOUR),
    "2031, set after five minutes": Story(FUTURE, {303: 0}, 303, 303),
    "2031, believed, set after an hour": Story(FUTURE, {HOUR: 0}, HOUR, 600),
    "three days behind, set after five minutes": Story(-3 * DAY, {303: 0}, 303, 303),
    "three days behind, never set": Story(-3 * DAY, {}, None, 600),
    "set forward by hours, and back": Story(0, {1803: 5 * HOUR, HOUR: 0}),
    "set back by hours, and right again": Story(0, {1803: -5 * HOUR, HOUR: 0}),
    "1970 for ever": Story(EPOCH, {}, None, None),
}


class Hands:
    """A monotonic clock that only goes on, and a wall clock that is set."""

    def __init__(self, boot: float) -> None:
        self.second, self.ahead = 0.0, boot

    def wall(self) -> float:
        return TRUTH + self.second + self.ahead

    def monotonic(self) -> float:
        return 77.0 + self.second

    def wait(self, stop: Event, seconds: float) -> bool:
        raise AssertionError("nothing is waited for")


@dataclass(frozen=True)
class Moment:
    """What was so when a telegram had come."""

    second: int
    knows: bool
    wall: float
    monotonic: float
    reading: Reading
    published: int  #: readings that a listener of the live stream got
    live: Mapping[str, Any]
    stale: bool
    topics: Mapping[str, str]  #: what MQTT was told


@dataclass
class Life:
    """What came of it."""

    moments: list[Moment] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    status: dict[str, Any] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    log: list[str] = field(default_factory=list)


class Line:
    """A source that sends on time whatever the host's clock says, while the story goes on."""

    name = "line"

    def __init__(self, model: str, story: Story, hands: Hands, mark: Path) -> None:
        self._model, self._story, self._hands, self._mark = model, story, hands, mark
        self.opened = 0

    def open(self) -> None:
        self.opened += 1

    def chunks(self) -> Iterator[bytes]:
        for second in range(LENGTH_S):
            self._hands.second = second
            self._hands.ahead = self._story.sets.get(second, self._hands.ahead)
            if second == self._story.mark:
                self._mark.touch()
            yield octets(self._model, second) if second % PERIOD_S == 0 else b""

    def proven(self) -> None:
        """Nothing to learn."""

    def close(self) -> None:
        """Nothing to let go."""

    def port_errors(self) -> Mapping[str, int] | None:
        return None


@cache
def octets(model: str, second: int) -> bytes:
    """What a meter sends in this second of true time."""
    sent = MODELS[model].telegram(datetime.fromtimestamp(TRUTH + second, UTC), 0)
    hello = data_object("0-0:96.13.0", b"hello".hex())
    said = [hello if item.obis == hello.obis and second >= MESSAGE_S else item for item in sent.objects]
    return render(Telegram(sent.identification, tuple(said), sent.crc))


def earlier(model: str) -> Memory:
    """What the daemon knew before the host lost power: today until eleven o'clock."""
    memory = Memory()
    for second in range(-2 * HOUR, -HOUR, 600):
        (frame,) = (event for event in Framer().feed(octets(model, second)) if isinstance(event, Frame))
        received = Received(TRUTH + second, 100_000.0 + second)
        memory, _ = observe(memory, decode(parse(frame), received, meter=METER, frame=frame.data), WINTER)
    return Memory.from_json(memory.to_json())


def live(model: str, story: Story, folder: Path) -> Life:
    """Let the daemon live through a story: reader, page, MQTT and recorder, with batches as the runner makes them."""
    life, hands = Life(), Hands(story.boot)
    host, status, newest = HostClock(hands, folder / "mark"), Status("test", hands), Live((METER,))
    house = House("abc", (METER,), "test", stale_after=status.stale_after, knows_time=host.trusted)
    listener, retained = newest.subscribe(METER), Retained(house, Topics("p1monitor", ""), 10.0)
    kept = build(
        HistorySettings(folder / "history.sqlite"),
        Store(folder / "history.sqlite"),
        memory_of=lambda _: reader.memory,
        count=lambda key, n: life.counted.update({key: n}),
        clock=hands,
        trusted=host.trusted,
        synchronised=host.synchronised,
        zone=WINTER,
    )
    batch: list[Reading] = []

    def publish(reading: Reading) -> None:
        newest.publish(reading)
        now = hands.monotonic()
        life.moments.append(
            Moment(
                int(hands.second),
                host.trusted(),
                hands.wall(),
                now,
                reading,
                sum(listener.next(0) is reading for _ in range(1)),
                payload.live(METER, newest.latest(METER), now),
                status.stale(METER),
                retained.take(reading, now) | retained.ages(now),
            )
        )
        batch.append(reading)
        if len(batch) == BATCH:
            kept.deliver(batch)
            batch.clear()

    line = Line(model, story, hands, folder / "mark")
    reader = Reader(MeterSettings(METER), line, publish, status, earlier(model), clock=hands, knows_time=host.trusted)
    reader.start()
    reader._thread.join()
    kept.deliver(batch)
    life.status, life.memory = status.snapshot(), reader.memory
    kept.close()
    return life
