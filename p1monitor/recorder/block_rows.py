"""Blocks as rows of the archive, and how readings come together in one. Never makes a block, never commits."""

from __future__ import annotations

from dataclasses import dataclass

from p1monitor.recorder import summaries
from p1monitor.recorder.blocks import Block
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.levels import HOUR_S
from p1monitor.recorder.packing import BYTES_MOST, READINGS_MOST
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.store import Store


@dataclass(slots=True)
class Span:
    """Readings of one meter and hour that are to be one block."""

    hour: int
    first: int
    last: int
    readings: int = 0
    start: int = 0
    end: int = 0
    size: int = 0  #: of the frames

    def takes(self, kept: Kept) -> bool:
        """Whether a reading goes into the same block: it is of this hour, and there is room."""
        return self.hour == kept.at // HOUR_S and self.readings < READINGS_MOST and self.size < BYTES_MOST

    def add(self, kept: Kept) -> None:
        """The next one."""
        self.start = min(self.start, kept.at) if self.readings else kept.at
        self.end = max(self.end, kept.at) if self.readings else kept.at
        self.readings += 1
        self.size += len(kept.frame)
        self.last = kept.seq


def begun(kept: Kept) -> Span:
    """The span of a block that begins with this reading, which is to be added yet."""
    return Span(kept.at // HOUR_S, kept.seq, kept.seq)


def stored_shapes(store: Store) -> Shapes:
    """The shapes that the history has."""
    return Shapes(store.execute("SELECT id, template FROM shape").fetchall())


def put(store: Store, meter: str, span: Span, block: Block, shapes: Shapes, *, summed: bool = True) -> None:
    """Store a block, the shapes that are new with it, and, if it is to be, what its hour was like; inside a transaction."""
    number = store.meter(meter)
    for shape in shapes.new():
        store.execute("INSERT INTO shape VALUES (?, ?)", shape)
    # Asked of the index by time, which has all of it: rows have a page of the block in them, and there may be years of them.
    before = "SELECT count(*) FROM archive WHERE meter = ? AND start >= ? AND start < ?"
    (nth,) = store.execute(before, (number, span.hour * HOUR_S, (span.hour + 1) * HOUR_S)).fetchone()
    row = (number, span.hour, nth, span.first, span.last, span.start, span.end, span.readings, len(block.content), *block)
    store.execute("INSERT INTO archive VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    if summed:
        summaries.add(store, number, block, shapes)
