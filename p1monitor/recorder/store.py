"""The history in SQLite: the one writer. Never folds a reading, never answers a question of the page.

Only the recorder's thread writes; whoever else has something small to keep (`note`, `remember`) leaves it for the next
transaction. WAL and synchronous=NORMAL: a killed process loses nothing that was committed; after a power cut the newest
commits may be missing (the kernel writes them within half a minute), what is there is whole.
"""

# ruff: noqa: S608 -- SQL is put together of constants only
from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from p1monitor.p1.records import Event, QualityRow
from p1monitor.recorder import event_book, quality_rows
from p1monitor.recorder.levels import MINUTE
from p1monitor.recorder.opening import StoreError, claimed, opened
from p1monitor.recorder.profiles import Increment, Sample
from p1monitor.recorder.rows import QUARTER_SQL, TABLES, captured, disown_sql, known_sql, newest, statement, values

#: Minute rows are kept for two years, at some 37 MB a year and one page in each save; single captures for two days.
MINUTES_S, CAPTURES_S = 731 * 86_400, 2 * 86_400
#: Numbers that may have been given to readings after the last save, when the program was killed: a full queue and more.
SEQ_MARGIN = 10_000

#: A table, a device, and the register of an M-Bus device, else "".
Place = tuple[str, int, str]


class Segment(NamedTuple):
    """One physical meter in the life of a device, from one roll-over of a register to the next."""

    id: int
    device: int
    equipment_id: str
    from_seq: int
    offset: Mapping[str, int]  #: register -> thousandths to add, so that totals go on


class Store:
    """Opens the file, makes it if there is none, and brings it up to this program's version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._pending: set[str] = set()
        self._newest: dict[Place, int | str] = {}  # key of the last row
        self._running: dict[Place, tuple[int, int | str]] = {}  # segment and key of the row that grows
        self._unread: dict[str, str] = {}  # meters without a reading so far, and what was noted of them before
        self._claim = claimed(path)
        try:
            self._db = opened(path)
        except StoreError:
            os.close(self._claim)
            raise
        self._notes: dict[str, str] = dict(self._db.execute("SELECT key, value FROM note").fetchall())
        self._recall_running()
        self.next_segment: int = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM segment").fetchone()[0]

    def close(self) -> None:
        """Write what waits and close."""
        for meter, text in self._unread.items():
            self.note(f"seq:{meter}", text)
        try:
            with self.transaction():
                pass
        finally:
            self._db.close()
            os.close(self._claim)

    # Small facts. May be called from any thread, and touch no file; kept with the next transaction.

    def note(self, key: str, text: str) -> None:
        """Keep a small fact."""
        with self._lock:
            if self._notes.get(key) != text:
                self._notes[key] = text
                self._pending.add(key)

    def noted(self, key: str) -> str | None:
        """A fact that was noted; None if it never was."""
        with self._lock:
            return self._notes.get(key)

    @property
    def pending(self) -> bool:
        """Whether something that was noted waits for a transaction."""
        return bool(self._pending)

    def installation(self) -> str:
        """The identity of this installation, made at first start: the root of all outward names."""
        if (known := self.noted("installation")) is None:
            known = secrets.token_hex(8)
            self.note("installation", known)
            with self.transaction():
                pass
        return known

    def remember(self, meter: str, memory: Mapping[str, Any]) -> None:
        """Keep what the observer knows of a meter."""
        self.note(f"memory:{meter}", json.dumps(memory, ensure_ascii=False, separators=(",", ":")))

    def remembered(self, meter: str) -> dict[str, Any] | None:
        """What the observer knew when it was saved: its `seq` is that of the last reading that is in it. None for a new meter."""
        told = self.noted(f"memory:{meter}")
        return None if told is None else dict(json.loads(told))

    def last_seq(self, meter: str) -> int:
        """The highest number a reading of this meter may have had; after a kill, with a margin."""
        recorded, _, end = (self.noted(f"seq:{meter}") or "0 closed").partition(" ")
        return int(recorded) + (0 if end == "closed" else SEQ_MARGIN)

    def recorded(self, meter: str) -> int:
        """The number of the last reading that is in the profiles."""
        return int((self.noted(f"seq:{meter}") or "0").partition(" ")[0])

    def record(self, meter: str, seq: int, *, closed: bool) -> None:
        """Keep the number of the last reading that is in the profiles; `closed`: no later one was given."""
        self._unread.pop(meter, None)
        self.note(f"seq:{meter}", f"{seq} {'closed' if closed else 'open'}")

    def opened_for(self, meters: Iterable[str]) -> None:
        """From now on readings of these meters are numbered: a kill before the first save must not give a number twice."""
        found = {meter: self.noted(f"seq:{meter}") or "0 closed" for meter in meters}
        for meter in found:
            self.record(meter, self.recorded(meter), closed=False)
        with self.transaction():
            pass
        self._unread = found

    # The recorder's thread.

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; what waits to be noted goes with it. Inside another one it is part of that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._note_running()
            written = self._write_notes()
            self._db.execute("COMMIT")
        except BaseException:
            self._newest.clear()
            self._db.rollback()
            self._recall_running()
            raise
        with self._lock:
            self._pending -= {key for key, text in written.items() if self._notes[key] == text}

    @contextmanager
    def beside(self, path: Path, name: str) -> Iterator[sqlite3.Connection]:
        """The writer's connection with another file attached to it; for who takes rows over."""
        self._db.execute(f"ATTACH DATABASE ? AS {name}", (str(path),))
        try:
            yield self._db
        finally:
            self._db.execute(f"DETACH DATABASE {name}")
            self._newest.clear()

    def meter(self, name: str) -> int:
        """The number of a meter, made if it is new; inside a transaction."""
        self._db.execute("INSERT INTO meter (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
        return int(self._db.execute("SELECT id FROM meter WHERE name = ?", (name,)).fetchone()[0])

    def device(self, meter: str, role: str, medium: str) -> int:
        """The number of a device, made if it is new."""
        with self.transaction():
            number = self.meter(meter)
            made = "INSERT INTO device (meter, role, medium) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            self._db.execute(made, (number, role, medium))
            found = self._db.execute("SELECT id FROM device WHERE meter = ? AND role = ?", (number, role)).fetchone()
        return int(found[0])

    def segment(self, device: int) -> Segment | None:
        """The newest segment of a device."""
        sql = 'SELECT id, device, equipment_id, from_seq, "offset" FROM segment WHERE device = ? ORDER BY from_seq DESC LIMIT 1'
        row = self._db.execute(sql, (device,)).fetchone()
        return None if row is None else Segment(row[0], row[1], row[2], row[3], json.loads(row[4]))

    def keep(self, segment: Segment) -> None:
        """Keep a segment that began, or what has become known of it."""
        sql = """INSERT INTO segment (id, device, equipment_id, from_seq, "offset") VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET equipment_id = excluded.equipment_id, "offset" = excluded."offset" """
        self._db.execute(sql, (*segment[:4], json.dumps(dict(segment.offset))))

    def captured(self, device: int) -> list[str]:
        """The registers of an M-Bus device that have a profile."""
        return captured(self._db, device)

    def last(self, device: int, name: str = "") -> Sample | None:
        """The newest registers of a device that are stored; `name` is the register of an M-Bus device."""
        return newest(self._db, device, name)

    def add(self, device: int, name: str, increments: Iterable[Increment]) -> None:
        """Add increments to their rows, in order."""
        for increment in increments:
            place, span = (increment.level.table, device, name), increment.span
            newest = self._newest_key(*place)
            takes = not increment.filler and self._takes(place, increment, newest)
            row = values(increment, device, name, takes=takes)
            self._db.execute(statement(place[0], filler=increment.filler, takes=takes), row)
            if takes:
                self._running[place] = span[:2]
                if not _follows(span.key, newest):
                    self._disown(place, increment)
            self._newest[place] = span.key if _follows(span.key, newest) else newest

    def _takes(self, place: Place, increment: Increment, newest: int | str) -> bool:
        """Tell whether the row takes the registers over: it is the newest, or runs, or has none. Another was closed."""
        (table, device, name), span = place, increment.span
        if _follows(span.key, newest):
            return True
        running, which = self._running.get(place) == span[:2], (device, span.key, *((name,) if name else ()))
        if running or self._db.execute(known_sql(table), which).fetchone():
            return running
        # A minute that was missing tells no other registers than its quarter, which was closed.
        row = self._db.execute(QUARTER_SQL, (device, span.end, span.end)).fetchone() if table == MINUTE.table else None
        load = "load_profile", device, name
        return row is None or row[1] == self._newest_key(*load) or self._running.get(load) == row

    def _disown(self, place: Place, increment: Increment) -> None:
        """A later row that knows less was stamped by a clock that was ahead: it loses its registers, so that none goes back."""
        table, device, name = place
        which = (device, increment.span.key, *((name,) if name else ()))
        taken = f"{known_sql(table)} AND segment = ? AND registers_at = ?"
        if self._db.execute(taken, (*which, increment.span.segment, increment.registers_at)).fetchone():
            known = [increment.registers[n] for n in TABLES[table].registers]
            self._db.execute(disown_sql(table), (*which, increment.span.segment, *known))

    def add_capture(self, device: int, segment: int, name: str, at: int, value: int) -> None:
        """Keep a single capture of an M-Bus device."""
        sql = "INSERT INTO mbus_capture (device, segment, name, at, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        self._db.execute(sql, (device, segment, name, at, value))

    def add_events(self, meter: str, seq: int, events: Iterable[Event]) -> None:
        """Keep what happened; the same reading twice is kept once."""
        event_book.add(self._db, self.meter(meter), seq, events)

    def add_own_event(self, meter: str, event: Event) -> None:
        """Keep what no reading told; each call is another event."""
        event_book.add_own(self._db, self.meter(meter), self.recorded(meter), event)

    def add_quality(self, device: int, segment: int, status: int, row: QualityRow) -> None:
        """Keep a row of power quality; the same row twice is kept once."""
        quality_rows.put(self._db, device, segment, status, row)

    def forget(self, device: int, newest: int) -> None:
        """Drop minute rows and captures of a device that are too old."""
        self._db.execute('DELETE FROM minute WHERE device = ? AND "end" <= ?', (device, newest - MINUTES_S))
        self._db.execute("DELETE FROM mbus_capture WHERE device = ? AND at <= ?", (device, newest - CAPTURES_S))

    def _note_running(self) -> None:
        """Keep which rows grow though they are not the newest: the meter's clock was set back into them."""
        behind = [[*place, *row] for place, row in self._running.items() if row[1] != self._newest.get(place)]
        if behind or self.noted("running"):
            self.note("running", json.dumps(behind) if behind else "")

    def _recall_running(self) -> None:
        behind = json.loads(self._notes.get("running") or "[]")
        self._running = {(table, device, name): (segment, key) for table, device, name, segment, key in behind}

    def _write_notes(self) -> dict[str, str]:
        with self._lock:
            waiting = {key: self._notes[key] for key in self._pending}
        sql = "INSERT INTO note VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        self._db.executemany(sql, waiting.items())
        return waiting

    def _newest_key(self, table: str, device: int, name: str) -> int | str:
        if (known := self._newest.get((table, device, name))) is None:
            which, more = ("AND name = ?", (name,)) if name else ("", ())
            sql = f'SELECT max("{TABLES[table].order}") FROM {table} WHERE device = ? {which}'
            known = self._newest[table, device, name] = self._db.execute(sql, (device, *more)).fetchone()[0] or 0
        return known

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        """The archive's door: its statements, in the recorder's thread."""
        return self._db.execute(sql, parameters)

    def durable(self) -> bool:
        """Bring all that is committed to the card; False if a reader is in the way, and it has to be tried again."""
        busy, pages, done = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return not busy and int(pages) == int(done)


def _follows(key: int | str, newest: int | str) -> bool:
    """Tell whether a row is the newest; 0 is the newest of none."""
    return not newest or key >= newest  # type: ignore[operator]  # both are dates, or both are ends
