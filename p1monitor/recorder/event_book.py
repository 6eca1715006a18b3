"""The event book: what happened, as rows. Never decides what an event is, never commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from p1monitor.p1.records import Event

_ADD = "INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


def add(db: sqlite3.Connection, meter: str, seq: int, events: Iterable[Event]) -> None:
    """Keep the events of one reading; the same reading twice is kept once."""
    number = db.execute("SELECT id FROM meter WHERE name = ?", (meter,)).fetchone()[0]
    for index, event in enumerate(events):
        at = event.at.isoformat() if event.at else None
        received = event.received.wall if event.received else None
        db.execute(_ADD, (number, seq, index, at, received, event.kind, event.code, event.words, event.phase, event.channel))
