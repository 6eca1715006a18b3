"""Readings that are in no block yet, sealed as the daemon would. Never commits."""

from __future__ import annotations

from collections.abc import Sequence

from p1monitor.recorder import Store, blocks
from p1monitor.recorder.block_rows import Span, begun, put, stored_shapes
from p1monitor.recorder.kept import Kept


def seal(store: Store, meter: str, readings: Sequence[Kept], *, summed: bool = True) -> int:
    """Blocks of those that are in none, in their order; inside a transaction. How many readings were stored comes back.

    Without `summed` what their hours were like is to be told later.
    """
    number, shapes = store.meter(meter), stored_shapes(store)
    missing = _missing(store, number, readings)
    parts: list[tuple[Span, list[Kept]]] = []
    for kept in missing:
        if not parts or not parts[-1][0].takes(kept):
            parts.append((begun(kept), []))
        span, some = parts[-1]
        span.add(kept)
        some.append(kept)
    for span, some in parts:
        put(store, meter, span, blocks.made(some, shapes), shapes, summed=summed)
    return len(missing)


def _missing(store: Store, number: int, readings: Sequence[Kept]) -> Sequence[Kept]:
    """Those that are in no block. Blocks of a meter do not overlap, so one statement finds all that may have some."""
    if not readings:
        return readings
    least, most = readings[0].seq, readings[-1].seq
    sql = """SELECT from_seq, to_seq FROM archive WHERE meter = ?1 AND from_seq <= ?3 AND from_seq >= coalesce(
        (SELECT from_seq FROM archive WHERE meter = ?1 AND from_seq <= ?2 ORDER BY from_seq DESC LIMIT 1), ?2)"""
    spans = store.execute(sql, (number, least, most)).fetchall()
    return [kept for kept in readings if not any(first <= kept.seq <= last for first, last in spans)]
