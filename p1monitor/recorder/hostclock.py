"""Whether the host knows the time. Never sets a clock, never waits."""

from __future__ import annotations

import secrets
from pathlib import Path

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.records import SET_LEAST

#: systemd-timesyncd makes it when it has set the clock for the first time since boot.
SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
#: Another one after each start of the host.
BOOT = Path("/proc/sys/kernel/random/boot_id")
#: Other time services leave no mark: after so long a year that can be is believed.
PATIENCE_S = 600.0
#: Pause between two looks for the mark: each telegram asks several times.
LOOK_S = 5.0


class HostClock:
    """Answers whether the wall clock can be believed. Asked by any thread."""

    def __init__(self, clock: Clock = SYSTEM, mark: Path = SYNCHRONISED) -> None:
        self._clock = clock
        self._mark = mark
        self._began = clock.monotonic()
        self._marked, self._look = False, self._began

    def synchronised(self) -> bool:
        """True where the system says so: such a clock is a witness against a meter's."""
        now = self._clock.monotonic()
        if not self._marked and now >= self._look:
            self._marked, self._look = self._mark.exists(), now + LOOK_S
        return self._marked and self._can_be()

    def trusted(self) -> bool:
        """True as soon as the system says that it is synchronised, or ten minutes have passed, in a year that can be.

        A clock that is set to a year that cannot be, later, is not believed either.
        """
        return self._can_be() and (self._clock.monotonic() - self._began >= PATIENCE_S or self.synchronised())

    def _can_be(self) -> bool:
        return self._clock.wall() >= SET_LEAST


def boot() -> str:
    """The name of this run of the host: its monotonic time goes on as long as that stays. One of no worth if there is none."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return secrets.token_hex(8)
