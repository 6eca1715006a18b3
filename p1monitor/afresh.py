"""A reading of the journal, observed once more: what a kill made the observer forget. Never stores, never publishes."""

from __future__ import annotations

from dataclasses import replace

from p1monitor.observer import Memory, observe
from p1monitor.p1.frames import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Received
from p1monitor.p1.telegram import parse
from p1monitor.recorder.kept import Kept


def afresh(memory: Memory, kept: Kept, profile: str, meter: str) -> Memory:
    """What the observer remembers then; what it had seen already changes nothing."""
    if kept.seq <= memory.seq:
        return memory
    wall = float(kept.at if kept.received is None else kept.received)
    clock = memory.clock
    # The monotonic clock is not kept: as much of it has passed as of the host's.
    received = Received(wall, max(0.0, clock.monotonic + wall - clock.wall) if clock else 0.0)
    reading = decode(parse(Frame(kept.frame, kept.crc)), received, profile, meter=meter, frame=kept.frame)
    return observe(replace(memory, seq=kept.seq - 1), reading)[0]
