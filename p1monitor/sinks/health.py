"""How well telegrams come through, in one small retained message. Pure; counts what it is told, decides nothing."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from p1monitor.p1.records import Received
from p1monitor.sinks.topics import json_text

#: How often it is told: it is for a look at the cable, not for a database.
EVERY_S = 60.0
#: Looks back: a quarter of an hour shows a cable that is loose now, and not one noise of last week.
LOOKS = 15


class Health:
    """The line of one meter."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque([(0, 0)], maxlen=LOOKS + 1)

    def look(self, good: int, refused: int) -> Decimal | None:
        """Percent of what came in the last quarter of an hour that was a valid telegram; None where nothing came."""
        self._counts.append((good, refused))
        good, refused = (now - then for now, then in zip(self._counts[-1], self._counts[0], strict=True))
        return round(Decimal(100 * good) / (good + refused), 1) if good + refused > 0 else None


def health_text(meter: str, quality: Decimal | None, last: Received | None) -> str:
    """Its payload. The time of the last telegram is null while nobody knows the time."""
    came = last.shown.isoformat(timespec="seconds") if last and last.shown else None
    return json_text({"meter": meter, "link_quality_percent": quality, "last_telegram": came})
