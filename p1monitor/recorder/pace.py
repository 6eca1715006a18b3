"""When profiles and events are saved: with the hour that is sealed, when somebody looks, and before too much waits. Never saves.

The journal has all that is not saved, and each save costs a card as much as some minutes of the journal.
"""

from __future__ import annotations

from threading import Condition, Event

from p1monitor.clock import Clock
from p1monitor.recorder.archive import Archive

#: Where no hour is sealed (a silent meter) profiles are saved a little later.
SAVE_S = 3900.0
#: Without room for seconds, or for the journal's file, a power cut must not cost an hour, and room may come back. Small facts wait
#: for no hour either.
SOON_S = 300.0
#: Whoever looks gets what came up to now, but not more often than this. A page that stays open all day gets it rarer and rarer.
WANTED_S, WANTED_MOST_S = 60.0, 300.0
#: The same in syncs, where the card is to be spared.
WANTED_SYNCS, WANTED_MOST_SYNCS = 6, 15
#: Seconds that whoever looks waits for the save at most: the recorder turns a little more often.
FRESH_S = 1.5
#: Rows that wait before they are saved anyway: a past that is fed at once comes in thousands.
SAVE_ROWS = 5000
#: An hour ends for all meters at nearly the same time: so long the first waits for the others, to be saved with them.
GATHER_S = 10.0
#: Pause between two attempts to bring to the card what a reader is in the way of.
AGAIN_S = 60.0


class Pace:
    """Of one recorder. All but `wanted` and `fresh` is called by its thread."""

    def __init__(self, clock: Clock, archive: Archive, sync_s: float) -> None:
        self._clock, self._archive = clock, archive
        self._least = self._pause = max(WANTED_S, WANTED_SYNCS * sync_s)
        self._most = max(WANTED_MOST_S, WANTED_MOST_SYNCS * sync_s)
        self._wanted, self._turned = Event(), Condition()
        self._saved = self._tried = clock.monotonic()
        self._over: float | None = None  # since when an hour is, of some meter

    def wanted(self) -> None:
        """Somebody looks. Any thread; never waits."""
        self._wanted.set()

    def fresh(self) -> None:
        """The same, and wait for the save if it is time for one. Any thread; never waits for long."""
        self._wanted.set()
        before = self._saved
        if self._clock.monotonic() - before >= self._pause:
            with self._turned:
                self._turned.wait_for(lambda: self._saved != before, FRESH_S)

    def due(self, waiting: int, *, noted: bool) -> bool:
        """Whether to save: `waiting` rows and events are there for it; `noted`: small facts too."""
        archive, since = self._archive, self._clock.monotonic() - self._saved
        if self._hours() or (archive.crowded() and (not archive.unsafe or since >= AGAIN_S)):
            return True
        looks = self._wanted.is_set() and since >= self._pause
        if looks and not waiting:  # what is there is fresh
            self.begun()
            self.saved()
            return False
        soon = noted or archive.resting
        return waiting >= SAVE_ROWS or (waiting > 0 and (looks or since >= (SOON_S if soon else SAVE_S)))

    def _hours(self) -> bool:
        if not self._archive.due():
            return False
        now = self._clock.monotonic()
        self._over = now if self._over is None else self._over
        return self._archive.all_due() or now - self._over >= GATHER_S

    def again(self) -> bool:
        """Whether to try once more to bring to the card what is saved."""
        return self._archive.unsafe and self._clock.monotonic() - self._tried >= AGAIN_S

    def begun(self) -> None:
        """What has come so far is being saved."""
        again = self._wanted.is_set() and self._clock.monotonic() - self._saved < 2 * self._most
        self._pause = min(2 * self._pause, self._most) if again else self._least
        self._wanted.clear()
        self._over = None

    def saved(self) -> None:
        """It is."""
        with self._turned:
            self._saved = self._clock.monotonic()
            self._turned.notify_all()

    def tried(self) -> None:
        """It was brought to the card, or could not be."""
        self._tried = self._clock.monotonic()
