"""What one durable sink is owed, meter by meter, and its next piece out of the archive. Never delivers, never waits.

The newest readings go to the sink as they come. What it did not take then is a hole behind its position, and comes out of the
archive, in order, as the reading that it was: same moment, same values, nothing that was held back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock

from p1monitor.apart import REACH, Apart, moment_of
from p1monitor.p1.records import Reading
from p1monitor.recorder.cursors import Cursors
from p1monitor.recorder.kept import reading as restored
from p1monitor.recorder.owed import Owed
from p1monitor.recorder.position import Position
from p1monitor.recorder.store import Store
from p1monitor.sinks import Policy

#: Readings that are in memory at once: some five megabytes.
READ_MOST = 500
#: Newest readings that wait for a sink that has an archive behind it; the rest is there.
QUEUE_MOST = 120


class Owing:
    """Of one sink. Its runner's thread does everything, but for `left` and `offered`."""

    def __init__(
        self,
        path: Path,
        place: str,
        began: Mapping[str, Position],
        cursors: Cursors,
        kept_to: Callable[[str], int],
        profile_of: Callable[[str], str],
        stamp: Callable[[Reading], int | None],
        resolution_s: int = 0,
    ) -> None:
        """`began` is where the sink is with each meter; `place` names its cursors, `kept_to` and `stamp` are the recorder's."""
        self._owed, self._kept_to, self._profile_of = Owed(path, kept_to), kept_to, profile_of
        self._stamp, self._place, self._cursors, self._resolution = stamp, place, cursors, resolution_s
        self._lock = Lock()
        self._positions = dict(began)
        self._newest: dict[str, tuple[int, int]] = {}  # number before the first reading of this run, and of the newest
        self._next: deque[Reading] = deque()  # the piece that is at hand
        self._upto = 0  # where it ends
        self._apart: dict[str, tuple[int, Apart]] = {}  # and the number that comes next
        self.since: float | None = None  #: stamp of the oldest reading that is owed, where it is known
        for meter in began:
            self._note(meter)

    def begin(self, apart: MutableMapping[str, Apart]) -> None:
        """Recall the moments of the last readings before this run, for those that come now; and look at what is owed."""
        apart.update(self._primed({meter: position.upto + 1 for meter, position in self._positions.items()}))
        self.piece(1)
        self.rest()

    # The newest readings.

    def moment(self, reading: Reading) -> int | None:
        """Where the archive has it; None where that is not known to the second yet."""
        return None if moment_of(reading) is None else self._stamp(reading)

    def offered(self, reading: Reading) -> None:
        """It waits for the sink now."""
        first, _ = self._newest.get(reading.meter, (reading.seq - 1, 0))
        self._newest[reading.meter] = first, reading.seq

    def left(self, reading: Reading) -> None:
        """It is not for now: the archive will tell when it was."""
        self.offered(reading)
        self._change(reading.meter, lambda position: position.left(reading.seq))

    def took(self, readings: Sequence[Reading]) -> None:
        """The sink has them."""
        for reading in readings:
            self._change(reading.meter, lambda position, seq=reading.seq: position.took(seq))  # type: ignore[misc]  # binds seq
        for meter in {reading.meter for reading in readings}:
            self._note(meter)

    # The backlog.

    def owes(self) -> bool:
        """Whether there is a backlog, be it in the journal already or not."""
        return any(position.owed for position in list(self._positions.values()))

    def waits(self) -> bool:
        """Whether `piece` can find something: it is owed, and in the journal already."""
        if self._next:
            return True
        holes = ((meter, position.owed) for meter, position in list(self._positions.items()))
        return any(owed and self._kept_to(meter) >= owed[0][0] for meter, owed in holes)

    def piece(self, most: int) -> list[Reading]:
        """The next readings, in order, of one meter; the same again until they are `done`."""
        if not self._next:
            for meter in list(self._positions):
                while (position := self._positions[meter]).owed and self._read(meter, *position.owed[0]):
                    pass
                if self._next:
                    break
            else:
                self.rest()
        return list(islice(self._next, most))

    def done(self, number: int) -> None:
        """So many of them are with the sink, or set aside."""
        last = [self._next.popleft() for _ in range(number)][-1]
        meter, upto = last.meter, last.seq if self._next else self._upto
        self._change(meter, lambda position: position.made_good(upto))
        self._note(meter)
        if self._next or self.owes():
            self._look()
        else:
            self.rest()

    def rest(self) -> None:
        """Let go of what is in memory: all is done, or nothing can be delivered for now."""
        self._next.clear()
        self._apart.clear()
        self._owed.rest()
        if not self.owes():
            self.since = None

    def behind(self) -> int:
        """How many readings the sink has not taken yet."""
        count = 0
        for meter, position in list(self._positions.items()):
            first, newest = self._newest.get(meter, (0, 0))
            count += position.missing + max(0, newest - max(first, position.upto))
        return count

    def _read(self, meter: str, first: int, last: int) -> bool:
        """Read on; True if there was a stretch without readings, and more may be behind it."""
        found = self._owed.some(meter, first, last, READ_MOST)
        if found.kept:
            expected, apart = self._apart.get(meter, (0, None))
            if apart is None or expected != first:
                apart = self._primed({meter: first})[meter]
            profile = self._profile_of(meter)
            self._next.extend(apart.placed(restored(kept, profile, meter), kept.at) for kept in found.kept)
            self._apart[meter], self._upto = (found.upto + 1, apart), found.upto
            self._look()
            return False
        if found.upto >= first:
            self._change(meter, lambda position: position.made_good(found.upto))
            self._note(meter)
        return found.upto >= first

    def _primed(self, before: Mapping[str, int]) -> dict[str, Apart]:
        found = {meter: Apart(self._resolution) for meter in before}
        for meter, stamps in self._owed.stamps(before, REACH).items():
            for at in stamps:
                found[meter].see(at)
        return found

    def _look(self) -> None:
        if self._next:
            at = self._next[0].at
            self.since = at.timestamp() if at is not None else None

    def _change(self, meter: str, step: Callable[[Position], Position]) -> None:
        with self._lock:
            self._positions[meter] = step(self._positions[meter])

    def _note(self, meter: str) -> None:
        self._cursors.put(_key(self._place, meter), str(self._positions[meter]))


def owing(
    policy: Policy,
    meters: Sequence[str],
    store: Store,
    kept_to: Callable[[str], int],
    cursors: Cursors,
    profile_of: Callable[[str], str],
    stamp: Callable[[Reading], int | None],
) -> Owing:
    """What a sink is owed when the daemon starts: all that was kept since its cursors; a new one nothing, or all there is."""
    began = {}
    for meter in meters:
        try:
            position = Position.read(store.noted(_key(policy.place, meter)) or "")
        except ValueError:
            position = Position(0 if policy.backfill else kept_to(meter))
            store.note(_key(policy.place, meter), str(position))  # at once: a kill must not lose the beginning
        began[meter] = position.left(kept_to(meter))
    return Owing(store.path, policy.place, began, cursors, kept_to, profile_of, stamp, policy.resolution_s)


def _key(place: str, meter: str) -> str:
    return f"cursor:{place}:{meter}"
