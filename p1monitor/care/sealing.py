"""Readings that are in no block yet, sealed as the daemon would. Never commits."""

from __future__ import annotations

from collections.abc import Sequence

from p1monitor.recorder import Store, blocks
from p1monitor.recorder.block_rows import Span, begun, put, stored_shapes
from p1monitor.recorder.kept import Kept


def seal(store: Store, meter: str, readings: Sequence[Kept]) -> int:
    """Blocks of those that are in none, in their order; inside a transaction. How many readings were stored comes back."""
    number, shapes = store.meter(meter), stored_shapes(store)
    sql = "SELECT 1 FROM archive WHERE meter = ? AND ? BETWEEN from_seq AND to_seq"
    missing = [kept for kept in readings if not store.execute(sql, (number, kept.seq)).fetchone()]
    parts: list[tuple[Span, list[Kept]]] = []
    for kept in missing:
        if not parts or not parts[-1][0].takes(kept):
            parts.append((begun(kept), []))
        span, some = parts[-1]
        span.add(kept)
        some.append(kept)
    for span, some in parts:
        put(store, meter, span, blocks.made(some, shapes), shapes)
    return len(missing)
