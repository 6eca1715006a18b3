"""The event book: what happened, as rows, and how they are found. Never decides what an event is, never commits.

A fact that is told twice, by the meter's last-event object and by our own samples or the meter's counters, is one entry: the
bare one is kept, and names the other.
"""

# ruff: noqa: S608 -- SQL is put together of constants only
from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from p1monitor.p1.event_codes import EVENTS, NORMAL, PHASES, UNDERVOLTAGE
from p1monitor.p1.records import Event

#: What p1monitor tells of itself.
OWN = "p1monitor"
#: Kind -> what it is about, for people.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "standard": "the meter itself: its clock, memory, firmware, battery",
        "fraud": "covers and magnets",
        "disconnector": "breakers and valves",
        "mbus": "gas, water, heat and other M-Bus meters",
        "power quality": "voltages and currents",
        "power failure": "power failures, short and long",
        "message": "the grid company's messages",
        "error": "bits of the error registers",
        "alarm": "bits of the alarm registers",
        "register": "registers that rolled over or jumped",
        "clock": "the meter's clock: doubted, set",
        "swap": "meters that were replaced",
        OWN: "p1monitor itself: started, stopped, no telegrams",
    }
)
#: The longest that a fault may have to last before our own samples tell it (300 s, settings.py), and as much as the meter's
#: counter may come later (70 s, observer/counted.py).
SAME_S = 370
_CODES = range(UNDERVOLTAGE, NORMAL + len(PHASES))

_COLUMNS = ("at", "received", "kind", "code", "words", "phase", "channel", "since", "seconds", "value", "unit", "moment")
_ADD = f"""INSERT INTO event (meter, seq, number, {", ".join(_COLUMNS)}) VALUES (?, ?, ?, {", ".join("?" * len(_COLUMNS))})
    ON CONFLICT DO NOTHING"""
_METER = "(SELECT id FROM meter WHERE name = ?)"
#: Numbers below zero are those of events that came with no reading.
_NEXT_OWN = "SELECT coalesce(min(number), 0) - 1 FROM event WHERE meter = ? AND seq = ? AND number < 0"
#: Entries near enough that say the same and have no twin yet; nearest first.
_TWINS = """SELECT id, words, value FROM event e WHERE meter = ? AND kind = ? AND code = ? AND moment BETWEEN ? AND ? AND id <> ?
    AND same IS NULL AND NOT EXISTS (SELECT 1 FROM event f WHERE f.same = e.id) ORDER BY abs(moment - ?)"""
#: Columns of an answer.
SHOWN = ("at", "received", "kind", "code", "words", "phase", "channel", "since", "seconds", "value", "unit")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; None and empty: any."""

    limit: int
    kinds: Collection[str] = ()
    start: float | None = None
    end: float | None = None
    phase: str | None = None


def add(db: sqlite3.Connection, meter: int, seq: int, events: Iterable[Event]) -> None:
    """Keep the events of one reading; the same reading twice is kept once."""
    for index, event in enumerate(events):
        cursor = db.execute(_ADD, (meter, seq, index, *_row(event)))
        if cursor.rowcount and event.code in _CODES and cursor.lastrowid is not None:
            _merge(db, meter, cursor.lastrowid, event)


def add_own(db: sqlite3.Connection, meter: int, seq: int, event: Event) -> None:
    """Keep an event that came with no reading, after the reading of this number."""
    db.execute(_ADD, (meter, seq, *db.execute(_NEXT_OWN, (meter, seq)).fetchone(), *_row(event)))


def look_up(db: sqlite3.Connection, meter: str, wanted: Wanted) -> list[dict[str, object]]:
    """Events that were asked for, the newest first: in the order in which they became known."""
    terms = [f"meter = {_METER}", "same IS NULL"]
    values: list[object] = [meter]
    for sql, value in (("moment >= ?", wanted.start), ("moment < ?", wanted.end), ("phase = ?", wanted.phase)):
        if value is not None:
            terms.append(sql)
            values.append(value)
    if wanted.kinds:
        terms.append(f"kind IN ({', '.join('?' * len(wanted.kinds))})")
        values += wanted.kinds
    sql = f"SELECT {', '.join(SHOWN)} FROM event WHERE {' AND '.join(terms)} ORDER BY id DESC LIMIT ?"
    return [dict(zip(SHOWN, row, strict=True)) for row in db.execute(sql, (*values, wanted.limit))]


def _row(event: Event) -> tuple[object, ...]:
    at, since = event.at, event.since
    received = event.received.wall if event.received else None
    when = None if at is None else at.timestamp()
    moment = received if when is None else when
    return (
        None if at is None else at.isoformat(),
        received,
        event.kind,
        event.code,
        event.words,
        event.phase,
        event.channel,
        None if since is None else since.isoformat(),
        event.seconds,
        None if event.value is None else float(event.value),
        event.unit,
        None if moment is None else int(moment),
    )


def _merge(db: sqlite3.Connection, meter: int, row: int, event: Event) -> None:
    """Where the same is there already, the one that says less names the other."""
    moment = _row(event)[-1]
    if not isinstance(moment, int):
        return
    mine = _bare(event.code, event.words, event.value)
    near = (meter, event.kind, event.code, moment - SAME_S, moment + SAME_S, row, moment)
    for other, words, value in db.execute(_TWINS, near).fetchall():
        if _bare(event.code, words, value) != mine:
            db.execute("UPDATE event SET same = ? WHERE id = ?", (other, row) if mine else (row, other))
            return


def _bare(code: int | None, words: str, value: object) -> bool:
    """Tell whether it is all that a last-event object says: the code."""
    return value is None and code is not None and words == EVENTS[code].words
