"""Where the durable sinks are in the archive: a small table that they write and the recorder saves. Never touches a file.

It is saved with the recorder's own transactions, once an hour and at the end, and so costs a card nothing of its own. What a
kill takes of it is sent once more, and stored once.
"""

from __future__ import annotations

from threading import Lock


class Cursors:
    """Name -> position as text. Any thread; every method returns at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told: dict[str, str] = {}

    def put(self, name: str, text: str) -> None:
        """A sink has come so far."""
        with self._lock:
            self._told[name] = text

    def notes(self) -> dict[str, str]:
        """All of them."""
        with self._lock:
            return dict(self._told)
