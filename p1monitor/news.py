"""What the log and the event book say about the link to one meter: changes, each once, refusals hourly. Never decides anything."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable

from p1monitor.clock import Clock
from p1monitor.p1.framer import Rejected

log = logging.getLogger(__name__)

SUMMARY_S = 3600.0  #: between lines about refused bytes
LOST_S = 30.0  #: without telegrams, and the event book has it: a gateway that restarts is no event
DOUBTS_MOST = 8  #: lines about values that are held back, in an hour
TOLD_MOST = 16  #: different sentences about one stretch of trouble; more are only counted

LOST, REGAINED = "link lost: no telegrams come", "link regained: telegrams come again"


class News:
    """The newspaper of one meter, written by its reader's thread."""

    def __init__(self, meter: str, clock: Clock, tell: Callable[[str, float | None], None]) -> None:
        """`tell` takes what belongs into the event book: words, and how long it lasted."""
        self.good = False  #: valid telegrams come
        self._tell = tell
        self._lost = False  # the event book has it
        self._meter, self._clock = meter, clock
        self._since: float | None = None  # when they ceased to come
        self._opens = 0
        self._open_told = False
        self._told: set[str] = set()  # sentences since the last valid telegram
        self._faults: set[str] = set()  # for good: a fault that comes with each telegram would fill the card
        self._refused: Counter[str] = Counter()
        self._telegrams = 0  # since the last summary
        self._summary_at: float | None = None
        self._doubts = 0  # since an hour began
        self._doubts_until: float | None = None

    def opened(self, source: str) -> bool:
        """The source was opened; True if not for the first time."""
        if not self._open_told:
            log.info("%s: %s is open", self._meter, source)
        self._open_told = True
        self._opens += 1
        return self._opens > 1

    def telegram(self, source: str, identification: str) -> bool:
        """A valid telegram came; True if that is news."""
        self._telegrams += 1
        if self.good:
            return False
        self.good, self._open_told = True, False
        self._told.clear()
        if self._since is None:
            log.info("%s: telegrams of %s come from %s", self._meter, identification, source)
        else:
            gap = self._clock.monotonic() - self._since
            log.info("%s: telegrams come again from %s, after %.0f s", self._meter, source, gap)
            if self._lost:
                self._tell(REGAINED, gap)
        self._lost = False
        return True

    def lost(self) -> None:
        """The source was closed."""
        if self.good:
            self._since = self._clock.monotonic()
        self.good = False

    def look(self, now: float) -> None:
        """Tell a link that has been lost for a while."""
        if self._since is not None and not (self.good or self._lost) and now - self._since >= LOST_S:
            self._lost = True
            self._tell(LOST, None)

    def trouble(self, sentence: str) -> None:
        """Tell a sentence, once until things are good again."""
        gist = re.sub(r"\d+ (?:s|in a row)\b", "", sentence)  # with another number of seconds it is no news
        if gist not in self._told and len(self._told) < TOLD_MOST:
            self._told.add(gist)
            log.warning("%s: %s", self._meter, sentence)

    def fault(self, fault: Exception) -> None:
        """Tell a fault of our own with its traceback, once."""
        if repr(fault) not in self._faults and len(self._faults) < TOLD_MOST:
            self._faults.add(repr(fault))
            log.error("%s: a fault in p1monitor; the reading goes on", self._meter, exc_info=fault)

    def doubts(self, sentences: Iterable[str]) -> None:
        """Tell what is held back from now on; after many lines in an hour the rest is only counted."""
        now = self._clock.monotonic()
        for sentence in sentences:
            if self._doubts_until is None or now >= self._doubts_until:
                self._doubts, self._doubts_until = 0, now + SUMMARY_S
            self._doubts += 1
            if self._doubts <= DOUBTS_MOST:
                rest = "; from here on counted, for an hour" if self._doubts == DOUBTS_MOST else ""
                log.warning("%s: %s%s", self._meter, sentence, rest)

    def refused(self, event: Rejected, now: float) -> None:
        """Tell the first refusal; those after it are counted for the summary."""
        if self._summary_at is None:
            log.warning("%s: refused %d bytes: %s; from here on counted", self._meter, event.length, event.words)
            self._summary_at = now + SUMMARY_S
            self._telegrams = 0
        else:
            self._refused[event.reason] += 1

    def summary(self, now: float) -> None:
        """Once an hour, say how many were refused; after an hour without any the next one is told at once again."""
        if self._summary_at is None or now < self._summary_at:
            return
        self._summary_at = None
        if self._refused:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self._refused.most_common())
            log.warning("%s: refused in the last hour: %s; good: %d", self._meter, reasons, self._telegrams)
            self._summary_at = now + SUMMARY_S
        self._refused.clear()
        self._telegrams = 0
