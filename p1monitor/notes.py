"""Small facts of one meter that outlive the daemon, in the store. Never anything of a telegram."""

from __future__ import annotations

from p1monitor.recorder.store import Store


class Notes:
    """Small facts of one meter in the store: what worked at the port, so that a power cut starts no new search."""

    def __init__(self, where: Store, meter: str) -> None:
        self._store, self._meter = where, meter

    def get(self, key: str) -> str | None:
        """Return what was noted."""
        return self._store.noted(f"{self._meter}.{key}")

    def put(self, key: str, text: str) -> None:
        """Note it."""
        self._store.note(f"{self._meter}.{key}", text)
