"""What the page asks of the history. Any thread; all share one connection, which can write nothing.

SQLite lets threads take turns at each row. A connection for each of the page's threads would cost half a megabyte apiece.
"""

# ruff: noqa: S608 -- SQL is put together of constants and column names of our own tables
from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock

from p1monitor.recorder import curves, quality_rows
from p1monitor.recorder.event_book import Wanted, look_up
from p1monitor.recorder.ledger import ELECTRICITY
from p1monitor.recorder.opening import StoreError, opened_for_reading
from p1monitor.recorder.recent import Recent
from p1monitor.recorder.rows import TABLES, Table, captured, means
from p1monitor.recorder.samples import REGISTERS
from p1monitor.recorder.steps import Known, Peak, Stood, capture, gone, powers_of, seen, stood

#: name in a question -> table
PROFILES: Mapping[str, str] = {
    "load": "load_profile",
    "daily": "daily_profile",
    "billing": "billing_profile",
    "minute": "minute",
    "mbus": "mbus_profile",
    "quality": "quality_profile",
}
#: A register says what it was at a moment if it was seen so shortly before.
NEAR_S = 3600
#: M-Bus devices capture once an hour, and some meters hand it on late.
NEAR_CAPTURE_S = 3 * 3600
_FLOWS = ("energy_import_kwh", "energy_export_kwh")


class Queries:
    """Answers of one history file."""

    def __init__(self, path: Path, recent: Recent | None = None, wanted: Callable[[], object] = lambda: None) -> None:
        """`recent` is what the recorder in this process has in memory.

        `wanted` is called before each question: what came a moment ago is to be saved.
        """
        self.path, self._wanted = path, wanted
        self._recent = recent or Recent()
        self._lock = Lock()
        self._opened: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the connection; nobody may ask any more."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def meters(self) -> list[str]:
        """Names of the meters that have a history."""
        return [str(name) for (name,) in self._db.execute("SELECT name FROM meter ORDER BY id")]

    def devices(self, meter: str) -> list[dict[str, object]]:
        """The devices of a meter, and the segments of each: physical meters, oldest first."""
        sql = """SELECT d.role, d.medium, s.equipment_id, s.from_seq FROM device d JOIN meter m ON m.id = d.meter
            JOIN segment s ON s.device = d.id WHERE m.name = ? ORDER BY d.id, s.from_seq"""
        found: dict[str, dict[str, object]] = {}
        segments: dict[str, list[dict[str, object]]] = {}
        for role, medium, equipment_id, from_seq in self._db.execute(sql, (meter,)):
            segments.setdefault(role, []).append({"equipment_id": equipment_id, "from_seq": from_seq})
            found[role] = {"role": role, "medium": medium, "equipment_id": equipment_id, "segments": segments[role]}
        return list(found.values())

    def events(
        self,
        meter: str,
        limit: int,
        *,
        kinds: Sequence[str] = (),
        start: float | None = None,
        end: float | None = None,
        phase: str | None = None,
    ) -> list[dict[str, object]]:
        """The newest events of these kinds, of this time and phase, newest first."""
        return look_up(self._db, meter, Wanted(limit, kinds, start, end, phase))

    def series(self, meter: str, names: Sequence[str], start: float, end: float, points: int) -> dict[str, object]:
        """Columns of minimum, mean and maximum, in at most about so many rows, of the cheapest level that has each name.

        Rows are as long as they are: each has its start and its end. Where nothing is known there is one row of nulls. A
        name that this meter never sent is all nulls.
        """
        return curves.series(self._db, self._recent, meter, names, start, end, points)

    def profile(self, name: str, meter: str, start: float, end: float) -> dict[str, object]:
        """Rows of a profile whose end lies between two moments. Registers go on when a meter is replaced.

        Columns in which there is nothing are left out.
        """
        if name == "quality":
            return _used(quality_rows.HEADS, quality_rows.profile(self._db, meter, start, end))
        table = TABLES[PROFILES[name]]
        heads = ["role", "equipment_id", "start", "end", "status", "samples", "registers_at"]
        heads += [*means(table), *table.demands[:2], *table.own, *(one.replace("_wh", "_kwh") for one in table.columns)]
        rows: list[Sequence[object]] = []
        for device, role in self._devices_of(meter, mbus=name == "mbus"):
            for segment in self._segments(device):
                rows += self._rows(table, device, role, segment, start, end)
        rows.sort(key=lambda row: (row[3], row[2]))
        return _used(heads, rows)

    def used(self, meter: str, start: float, end: float) -> dict[str, dict[str, float | None]]:
        """How far each register went between two moments, by role; None where it is not known at one of them."""
        before, after = self.stood(meter, start), self.stood(meter, end)
        return {
            role: {
                name: _gone(role, (before[role].get(name), start), (known.get(name), end))
                for name in (_FLOWS if role == ELECTRICITY else known)
            }
            for role, known in after.items()
        }

    def steps(self, meter: str, edges: Sequence[float]) -> dict[str, dict[str, list[float | None]]]:
        """How far each register went from each moment to the next, by role; they add up to what it went in all.

        Registers of which nothing is known between these moments are left out.
        """
        answer: dict[str, dict[str, list[float | None]]] = {}
        for device, role in self._devices_of(meter, mbus=False):
            known = [seen(self._db, device, edge) for edge in edges]
            first = seen(self._db, device, edges[0], forward=True)
            rows = {name: ([one.get(name) for one in known], first.get(name)) for name in REGISTERS}
            answer[role] = self._steps(device, edges, rows)
        for device, role in self._devices_of(meter, mbus=True):
            rows = {
                name: (
                    [capture(self._db, device, name, edge) for edge in edges],
                    capture(self._db, device, name, edges[0], forward=True),
                )
                for name in captured(self._db, device)
            }
            answer[role] = self._steps(device, edges, rows)
        return answer

    def stood(self, meter: str, moment: float) -> dict[str, dict[str, Stood]]:
        """The registers as they were seen last at a moment, by role, however long ago that was."""
        answer: dict[str, dict[str, Stood]] = {}
        for device, role in self._devices_of(meter, mbus=False):
            answer[role] = stood(seen(self._db, device, moment), self._segments(device))
        for device, role in self._devices_of(meter, mbus=True):
            known = {name: capture(self._db, device, name, moment) for name in captured(self._db, device)}
            answer[role] = stood(known, self._segments(device))
        return answer

    def powers(self, meter: str, start: float, end: float) -> dict[str, float | Peak | None]:
        """Mean, highest and lowest power between two moments."""
        device = self._electricity(meter)
        return powers_of(self._db, device, start, end) if device is not None else {}

    def first(self, meter: str) -> float | None:
        """When the meter's history begins."""
        sql = 'SELECT min("end") FROM load_profile WHERE device = ?'
        found: float | None = self._db.execute(sql, (self._electricity(meter),)).fetchone()[0]
        return found

    @property
    def _db(self) -> sqlite3.Connection:
        self._wanted()
        with self._lock:
            if self._opened is None:
                self._opened = opened_for_reading(self.path)
            return self._opened

    def _electricity(self, meter: str) -> int | None:
        return next((device for device, _ in self._devices_of(meter, mbus=False)), None)

    def _devices_of(self, meter: str, *, mbus: bool) -> list[tuple[int, str]]:
        sql = f"""SELECT d.id, d.role FROM device d JOIN meter m ON m.id = d.meter
            WHERE m.name = ? AND d.role {"<>" if mbus else "="} 'electricity' ORDER BY d.id"""
        return self._db.execute(sql, (meter,)).fetchall()

    def _segments(self, device: int) -> list[tuple[int, str, Mapping[str, int]]]:
        sql = 'SELECT id, equipment_id, "offset" FROM segment WHERE device = ? ORDER BY from_seq'
        return [(row[0], row[1], json.loads(row[2])) for row in self._db.execute(sql, (device,))]

    def _steps(
        self,
        device: int,
        edges: Sequence[float],
        rows: Mapping[str, tuple[Sequence[Known | None], Known | None]],
    ) -> dict[str, list[float | None]]:
        segments = self._segments(device)
        found = {}
        for name, (known, first) in rows.items():
            offsets = {number: offset.get(name, 0) for number, _, offset in segments}
            found[name] = gone(edges, known, first, offsets)
        return {name: column for name, column in found.items() if any(one is not None for one in column)}

    def _rows(
        self,
        table: Table,
        device: int,
        role: str,
        segment: tuple[int, str, Mapping[str, int]],
        start: float,
        end: float,
    ) -> list[Sequence[object]]:
        number, equipment_id, offset = segment
        if table.name != "mbus_profile":
            names = [REGISTERS[index] for index in table.registers]
            registers = [f"({one} + {int(offset.get(name, 0))}) / 1000.0" for one, name in zip(table.columns, names, strict=True)]
        else:
            cases = " ".join(f"WHEN '{name}' THEN {int(value)}" for name, value in offset.items() if name.isidentifier())
            registers = [f"(value + {f'CASE name {cases} ELSE 0 END' if cases else '0'}) / 1000.0"]
        heads = ["?", "?", "start", '"end"', "status", "samples", "registers_at", *means(table).values()]
        heads += [*table.demands[:2], *table.own]
        sql = f"""SELECT {", ".join([*heads, *registers])} FROM {table.name}
            WHERE device = ? AND segment = ? AND "end" > ? AND "end" <= ?"""
        return self._db.execute(sql, (role, equipment_id, device, number, start, end)).fetchall()


def near(role: str) -> int:
    """How long a register of a device says what it was."""
    return NEAR_S if role == ELECTRICITY else NEAR_CAPTURE_S


def _used(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, object]:
    used = [index for index in range(len(heads)) if any(row[index] is not None for row in rows)]
    return {"columns": [heads[index] for index in used], "rows": [[row[index] for index in used] for row in rows]}


def _gone(role: str, before: tuple[Stood | None, float], after: tuple[Stood | None, float]) -> float | None:
    (first, start), (last, end) = before, after
    if first is None or last is None or min(first.at - start, last.at - end) < -near(role):
        return None
    return (last.total - first.total) / 1000


__all__ = ["PROFILES", "Queries", "StoreError"]
