"""Whether the disk has room for seconds. The archive stops in time, so that profiles, and the machine, go on."""

from __future__ import annotations

import os
from pathlib import Path

#: Room that is left to all others: profiles of decades, the system's own log and updates. A year of seconds takes as much.
FLOOR = 200_000_000
#: … but no more than this share, or a small card never kept a second.
FLOOR_SHARE = 0.05
#: Room must come back by so much before the archive goes on: else it would stop and go on with each log file that is turned.
RESUME = 1.25


class Disk:
    """The file system of a history."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self.low = False

    def look(self, need: int = 0) -> bool:
        """Look again, and tell whether the archive has to rest; `need` is what is about to be taken."""
        try:
            found = os.statvfs(self._folder)
        except OSError:  # a card that fails is told by whoever writes
            return self.low
        floor = min(FLOOR, FLOOR_SHARE * found.f_blocks * found.f_frsize)
        free = found.f_bavail * found.f_frsize - need
        self.low = free < floor * (RESUME if self.low else 1)
        return self.low
