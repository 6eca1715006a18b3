"""Kept readings, observed once more: what a kill made the observer forget, and power quality. Never stores, never publishes."""

from __future__ import annotations

from collections.abc import Callable

from p1monitor.observer import Memory, observe, quality
from p1monitor.observer.demand import DEFAULT
from p1monitor.observer.memory import Moment
from p1monitor.observer.quality_memory import Quality
from p1monitor.p1.frames import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.records import QualityRow, Reading, Received
from p1monitor.p1.telegram import parse
from p1monitor.recorder.kept import Kept
from p1monitor.terms import Terms


def afresh(memory: Memory, kept: Kept, terms: Terms, meter: str, received: Received | None = None) -> tuple[Memory, Reading | None]:
    """What the observer remembers then, and what it made of the reading; None of one that it had seen already.

    `received` tells when it came, where it has no stamp yet.
    """
    if kept.seq <= memory.seq:
        return memory, None
    wall = float(kept.at if kept.received is None else kept.received)
    clock = memory.clock
    # The monotonic clock is not kept: as much of it has passed as of the host's.
    received = received or Received(wall, max(0.0, clock.monotonic + wall - clock.wall) if clock else 0.0)
    reading = decode(parse(Frame(kept.frame, kept.crc)), received, terms.profile, meter=meter, frame=kept.frame)
    return observe(memory._replace(seq=kept.seq - 1), reading, configured=terms.configured, rules=terms.rules)


def rated() -> Callable[[Reading, int], QualityRow | None]:
    """What makes the rows of power quality of kept readings, one after the other. Whatever the limits are: rows have none."""
    known: Quality | None = None
    before, names = Moment(None, None), tuple[str, ...]()

    def rate(reading: Reading, at: int) -> QualityRow | None:
        nonlocal known, before, names
        now, same = Moment(None, float(at), None), tuple(reading.values) == names
        more = quality.onward(known, reading, now.clock) if same and not any(one.held for one in reading.values.values()) else None
        counted = quality.Counted(more)
        if more is None:
            counted = quality.count(known, reading, quality.step(before, now, reading, True), DEFAULT.quality)
        known, before, names = counted.quality, now, tuple(reading.values)
        return counted.row

    return rate
