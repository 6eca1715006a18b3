"""A store and the meter that feeds it samples, for the tests of the store and of its questions. Never part of the product."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from p1monitor.recorder import Queries, Store
from p1monitor.recorder.profiles import DAILY, MINUTE, TELEGRAMS, Fold, Sample, load_profile
from p1monitor.recorder.samples import REGISTERS
from p1monitor.recorder.store import Segment

QUARTER = load_profile(15)
T0 = int(datetime(2026, 1, 15, tzinfo=UTC).timestamp())
METER = "home"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history" / "history.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


@pytest.fixture
def queries(path: Path) -> Iterator[Queries]:
    queries = Queries(path)
    yield queries
    queries.close()


def energy(imported: int | None, exported: int | None = None) -> tuple[int | None, ...]:
    found: list[int | None] = [None] * len(REGISTERS)
    found[0], found[len(REGISTERS) // 2] = imported, exported
    return tuple(found)


def begin(store: Store, device: int, equipment_id: str, from_seq: int, offset: dict[str, int]) -> Segment:
    segment = Segment(store.next_segment, device, equipment_id, from_seq, offset)
    store.next_segment += 1
    with store.transaction():
        store.keep(segment)
    return segment


class Meter:
    """The electricity meter of a store, fed by samples."""

    def __init__(self, store: Store, equipment_id: str = "E1") -> None:
        self.store = store
        self.device = store.device(METER, "electricity", "electricity")
        self.segment = store.segment(self.device) or begin(store, self.device, equipment_id, 1, {})
        self.fold = Fold([MINUTE, QUARTER, DAILY], TELEGRAMS, store.last(self.device))

    def take(self, at: int, imported: int | None, watts: int | None = None, **more: object) -> None:
        more.setdefault("offset", 3600)
        self.fold.add(Sample(self.segment.id, T0 + at, registers=energy(imported, 7), power=watts, **more))  # type: ignore[arg-type]

    def run(self, start: int, end: int, step: int = 10, register: int | None = None) -> None:
        """One Wh per second, 3600 W."""
        for at in range(start, end + 1, step):
            self.take(at, at - start + register if register is not None else at, 3600 + at % 100)

    def save(self) -> None:
        with self.store.transaction():
            self.store.add(self.device, "", self.fold.take())


def rows(store: Store, table: str, columns: str) -> list[tuple[object, ...]]:
    return store._db.execute(f'SELECT {columns} FROM {table} ORDER BY device, "end", segment').fetchall()
