"""Whether the host knows the time, for meters that do not. Never sets a clock, never waits."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from p1monitor.clock import SYSTEM, Clock

#: systemd-timesyncd makes it when it has set the clock for the first time since boot.
SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
#: A Pi without a clock begins at its last shutdown or at the image's build; no p1monitor is older than this.
YEAR_LEAST = 2026
#: Other time services leave no mark: after so long a year that can be is believed.
PATIENCE_S = 600.0


class HostClock:
    """Answers whether the wall clock can be believed; once it can, it stays so."""

    def __init__(self, clock: Clock = SYSTEM, mark: Path = SYNCHRONISED) -> None:
        self._clock = clock
        self._mark = mark
        self._began = clock.monotonic()
        self._trusted = False

    def trusted(self) -> bool:
        """True as soon as the system says that it is synchronised, or ten minutes have passed, in a sane year."""
        if not self._trusted and datetime.fromtimestamp(self._clock.wall(), UTC).year >= YEAR_LEAST:
            waited = self._clock.monotonic() - self._began >= PATIENCE_S
            self._trusted = waited or self._mark.exists()
        return self._trusted
