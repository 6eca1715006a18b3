"""A recorder with its observer, clock and file. Never part of the product."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from p1monitor.observer import Memory, observe
from p1monitor.p1.records import Reading, Received
from p1monitor.recorder import Recorder, Store, build
from p1monitor.recorder.pace import WANTED_S
from p1monitor.settings import HistorySettings
from tests.lines import FakeClock
from tests.readings import METER, WINTER, reading

NOON = datetime(2026, 1, 15, 12, tzinfo=WINTER)


class House:
    """A recorder with its observer, clock and file; restarted by making another one on the same path."""

    def __init__(self, path: Path, *, trusted: bool = True, minutes: int = 15) -> None:
        self.path, self.clock, self.trusted = path, FakeClock(NOON.timestamp()), trusted
        self.counted: Counter[str] = Counter()
        self.store = Store(path)
        self.memory = Memory.from_json(self.store.remembered(METER) or {})
        self.memory = self.memory._replace(seq=max(self.memory.seq, self.store.last_seq(METER)))
        self.recorder: Recorder = build(
            HistorySettings(path=path, load_profile_minutes=minutes),
            self.store,
            memory_of=lambda _: self.memory,
            count=self.count,
            clock=self.clock,
            trusted=lambda: self.trusted,
            zone=WINTER,
        )
        self.recorder.open()

    def count(self, key: str, n: int) -> None:
        self.counted[key] += n

    def see(self, one: Reading) -> Reading:
        self.memory, one = observe(self.memory, one, WINTER)
        return one

    def run(self, start: int, end: int, step: int = 10, register: int = 0, equipment_id: str = "E1") -> None:
        """One Wh per second, in batches as the runner makes them."""
        for first in range(start, end + 1, 6 * step):
            batch = [
                self.see(second(at, register + at - start, equipment_id))
                for at in range(first, min(first + 6 * step, end + 1), step)
            ]
            self.clock.now += len(batch) * step
            self.recorder.deliver(batch)

    def looked(self) -> None:
        """Somebody looked; a moment later all is saved."""
        self.recorder.wanted()
        self.clock.now += WANTED_S
        self.recorder.deliver([])

    def rows(self, table: str, columns: str = "*") -> list[tuple[object, ...]]:
        db = sqlite3.connect(self.path)
        try:
            return db.execute(f"SELECT {columns} FROM {table}").fetchall()
        finally:
            db.close()


def second(at: int, register: int, equipment_id: str = "E1", **more: object) -> Reading:
    when = NOON + timedelta(seconds=at)
    return reading(
        when,
        received=Received(when.timestamp() + 0.3, float(at)),
        equipment_id=equipment_id,
        energy_import_kwh=f"{register / 1000:.3f}",
        power_w=3600,
        **more,  # type: ignore[arg-type]  # what reading() takes
    )


def lives(path: Path, *stories: Sequence[Reading]) -> House:
    """One daemon after the other on the same file, each with its readings; the last one, closed."""
    house = House(path)
    for index, story in enumerate(stories):
        house = house if index == 0 else House(path)
        house.recorder.deliver([house.see(one) for one in story])
        house.recorder.close()
    return house


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def house(path: Path) -> Iterator[House]:
    house = House(path)
    yield house
    house.recorder.close()
