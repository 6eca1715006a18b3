"""What goes wrong at one place, told once, and how long to wait before the next try. Never tries anything itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from p1monitor.sinks import SinkError

log = logging.getLogger(__name__)

#: The longest that a server's Retry-After is believed: nobody means days.
RETRY_AFTER_MOST_S = 600.0


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
