"""A ledger on a file, and readings for it. Never part of the product."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from p1monitor.p1.records import Reading
from p1monitor.recorder import Store
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.levels import load_profile
from tests.readings import METER


class Desk:
    """A ledger on a file, to be saved and started again at any moment."""

    def __init__(self, path: Path, billing_day: int = 1, minutes: int = 15) -> None:
        self.path, self.day, self.minutes = path, billing_day, minutes
        self.begin()

    def begin(self) -> None:
        self.store = Store(self.path)
        self.store._db.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug here
        self.ledger = Ledger(self.store, METER, load_profile(self.minutes), self.day)

    def enter(self, one: Reading, status: int = 0) -> int:
        assert one.at is not None
        shift = one.at.utcoffset()
        assert shift is not None
        return self.ledger.enter(one, Stamp(int(one.at.timestamp()), int(shift.total_seconds()), status))

    def save(self) -> None:
        with self.store.transaction():
            self.ledger.write()
            self.store.record(METER, self.ledger.entered, closed=True)
        self.ledger.written()

    def restart(self) -> None:
        self.save()
        self.store.close()
        self.begin()

    def close(self) -> None:
        self.save()
        self.store.close()

    def rows(self, table: str, columns: str = "*") -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(f"SELECT {columns} FROM {table}").fetchall()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "history.sqlite")


def kwh(watt_hours: int) -> str:
    return f"{watt_hours / 1000:.3f}"
