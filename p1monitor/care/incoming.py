"""A store of its own for what comes from elsewhere, before it is taken over: rows as they are told. Never touches the history."""

# ruff: noqa: S608 -- SQL is put together of the profiles' tables only
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from p1monitor.care.columns import Cell
from p1monitor.recorder import Store
from p1monitor.recorder.rows import EVERY
from p1monitor.recorder.store import Segment

#: Rows between two transactions.
SAVE_EVERY = 20_000
#: The note that says that registers are the meter's own, not only what was used.
ABSOLUTE = "absolute"


class ImportProblem(Exception):
    """What was given cannot be taken over; one sentence."""


class Incoming:
    """The store, and how rows get into it."""

    def __init__(self, path: Path) -> None:
        self.path, self.store = path, Store(path)
        self.notes: list[str] = []  #: what the report has to say besides
        self._segments: dict[tuple[int, str], int] = {}
        self._waiting = 0
        self.store.execute("BEGIN IMMEDIATE")

    def device(self, meter: str, role: str, medium: str) -> int:
        """The number of a device."""
        return self.store.device(meter, role, medium)

    def segment(self, device: int, key: str, equipment_id: str, offset: Mapping[str, int] | None = None) -> int:
        """The number of a segment, made when it is asked for first: so they come in their order."""
        known = self._segments.get((device, key))
        if known is None:
            known = self._segments[device, key] = self.store.next_segment
            self.store.next_segment += 1
            self.store.keep(Segment(known, device, equipment_id, known, offset or {}))
        return known

    def add(self, table: str, device: int, segment: int, cells: Mapping[str, Cell]) -> None:
        """One row; what is not told is empty, and the first that was told of its key stays."""
        row = {"status": 0, "samples": 0, **cells, "device": device, "segment": segment}
        names = ", ".join(f'"{one}"' for one in row)
        assert set(row) <= set(EVERY[table].all)
        marks = ", ".join("?" * len(row))
        self.store.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", tuple(row.values()))
        self._waiting += 1
        if self._waiting >= SAVE_EVERY:
            self.store.execute("COMMIT")
            self.store.execute("BEGIN IMMEDIATE")
            self._waiting = 0

    def done(self) -> None:
        """All is told."""
        if self.store.execute("SELECT 1").connection.in_transaction:
            self.store.execute("COMMIT")


@contextmanager
def beside(history: Path) -> Iterator[Incoming]:
    """An empty one in the history's folder, where there is room if anywhere; gone afterwards."""
    with TemporaryDirectory(dir=history.parent, prefix=".import-") as folder:
        incoming = Incoming(Path(folder) / "incoming.sqlite")
        try:
            yield incoming
        finally:
            incoming.done()
            incoming.store.close()
