"""What goes wrong with a sink, told once: how long to wait before the next try, what is set aside. Never tries anything itself."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum

from p1monitor.p1.records import Reading
from p1monitor.sinks import SinkError
from p1monitor.status import Status

log = logging.getLogger(__name__)

#: The longest that a server's Retry-After is believed: nobody means days.
RETRY_AFTER_MOST_S = 300.0
#: Reasons that are remembered: readings with one may alternate with readings that have another.
REASONS_MOST = 20
_NUMBER = re.compile(r"-?\d+")


class Outcome(Enum):
    """What became of a batch."""

    DONE = "accepted, or never will be"
    FEWER = "a smaller one may fare better"
    LATER = "try again"


class Trouble:
    """Of one sink, or of one part of what it does. Changes are logged, ticks are not."""

    def __init__(self, name: str, first_s: float, most_s: float) -> None:
        """The pause after a failure is `first_s`, and doubles up to `most_s`."""
        self._name, self._first_s, self._most_s = name, first_s, most_s
        self._delays = self._doubling()
        self.asked = 0.0  #: seconds the other side wants us to wait
        self.sentence: str | None = None  #: what is wrong; None: nothing is

    def ill(self, error: Exception) -> bool:
        """It failed; whether that is news. What nobody expected is told with its traceback."""
        expected = isinstance(error, SinkError)
        sentence = str(error) if expected else f"{type(error).__name__}: {error}"
        self.asked = min(error.retry_after or 0.0, RETRY_AFTER_MOST_S) if isinstance(error, SinkError) else 0.0
        if sentence == self.sentence:
            return False
        log.warning("%s: %s", self._name, sentence, exc_info=None if expected else error)
        self.sentence = sentence
        return True

    def well(self) -> bool:
        """It worked; whether that is news."""
        if self.sentence is None:
            return False
        log.info("%s: working again", self._name)
        self.sentence, self.asked = None, 0.0
        self._delays = self._doubling()
        return True

    def pause(self) -> float:
        """Seconds to wait now."""
        return max(next(self._delays), self.asked)

    def _doubling(self) -> Iterator[float]:
        delay = self._first_s
        while True:
            yield delay
            delay = min(delay * 2, self._most_s)


class Aside:
    """Readings that a sink will never take: counted, the last with its reason; a reason is logged once, whatever its numbers."""

    def __init__(self, name: str, status: Status) -> None:
        self._name, self._status = name, status
        self._reasons = deque[str](maxlen=REASONS_MOST)

    def put(self, readings: Sequence[Reading], error: SinkError) -> None:
        """Set them aside."""
        self._status.count("set_aside", len(readings), sink=self._name)
        for reading in readings:
            words = f"reading {reading.seq} of {reading.meter}, {reading.at or 'undated'}: {error}"
            self._status.set("last_set_aside", words, sink=self._name)
            if (reason := _NUMBER.sub("", str(error))) not in self._reasons:  # a server may quote the point
                log.warning("%s: set aside: %s", self._name, words)
                self._reasons.append(reason)
