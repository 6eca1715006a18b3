"""What p1monitor tells of itself, on its way into the event book. Any thread may tell, the recorder's takes. Never writes."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import NamedTuple

from p1monitor.p1.records import Event, Received
from p1monitor.recorder.event_book import OWN

#: Events that wait for the next save, or until the host knows the time; more than a day of a link that breaks each quarter.
WAITING_MOST = 200
STARTED, STOPPED = "p1monitor {} started", "p1monitor {} stopped"
KILLED = "p1monitor {} started again: it had been killed, or the power went"


def own_event(words: str, received: Received | None, seconds: float | None = None) -> Event:
    """One event of ours, that no meter told."""
    return Event(None, received, OWN, None, words, seconds=seconds)


class Told(NamedTuple):
    """An event and whose it is."""

    meter: str
    event: Event


class OwnEvents:
    """The box at the recorder's door."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[Told] = deque(maxlen=WAITING_MOST)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, meter: str, event: Event) -> None:
        """Leave one; of too many the oldest goes."""
        with self._lock:
            self._waiting.append(Told(meter, event))

    def waiting(self) -> list[Told]:
        """All that wait, oldest first."""
        with self._lock:
            return list(self._waiting)

    def written(self, told: list[Told]) -> None:
        """These are on file."""
        with self._lock:
            for one in told:
                if self._waiting and self._waiting[0] is one:
                    self._waiting.popleft()
