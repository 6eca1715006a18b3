"""A reading of the journal, observed once more: what a kill made the observer forget. Never stores, never publishes."""

from __future__ import annotations

from p1monitor.observer import Memory, observe
from p1monitor.p1.frames import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
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
