"""Registers between edges, from the profiles: what they were at a row's start and at its end. Reads only; never guesses.

A row in which a register was not seen is not there. What it counted meanwhile is in the first row after: its least is what was
known before it, so that the differences of all rows add up to what the register went.
"""

# ruff: noqa: S608 -- SQL is put together of constants and column names of our own tables
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from p1monitor.p1.catalogue import DEVICE_REGISTERS
from p1monitor.recorder.levels import DAY_S, HOUR_S, MINUTE
from p1monitor.recorder.rows import TABLES, captured, column
from p1monitor.recorder.samples import REGISTERS
from p1monitor.recorder.series import Cell, Cells
from p1monitor.recorder.steps import Known, capture, seen

#: Between a role and the name of its register: gas_2/gas_m3.
OF = "/"


#: Every name of a register that has a profile: of the electricity meter, and of whatever else may be connected to it.
NAMES = (*REGISTERS, *DEVICE_REGISTERS)


class Register(NamedTuple):
    """Whose register, and which."""

    device: int
    name: str
    mbus: bool


def found(db: sqlite3.Connection, meter: str, name: str) -> Register | None:
    """The register of a name: of the electricity meter, of the role before the stroke, or of the first device that has it."""
    role, _, plain = name.rpartition(OF)
    sql = "SELECT d.id, d.role FROM device d JOIN meter m ON m.id = d.meter WHERE m.name = ? ORDER BY d.id"
    for device, known in db.execute(sql, (meter,)).fetchall():
        if role in {"", known} and plain in (REGISTERS if known == "electricity" else captured(db, device)):
            return Register(device, plain, known != "electricity")
    return None


def length(register: Register, width: float, quarter: int) -> int:
    """How long the rows should be at least that are this wide: those of the longest profile that still fill half of the points."""
    fine = HOUR_S if register.mbus else MINUTE.seconds if column(register.name) in TABLES["minute"].columns else quarter
    return max((one for one in (DAY_S, quarter) if fine < one <= 2 * width), default=fine)


def cells(db: sqlite3.Connection, register: Register, edges: Sequence[int]) -> Cells:
    """What a register was at its rows' starts (least) and ends (most)."""
    rows: Cells = {}
    offsets = _offsets(db, register)
    before = _before(db, register, edges[0])
    for index, now in enumerate(_known(db, register, edges)):
        if now is None:
            continue
        before = before or _after(db, register, edges[0]) or now  # a history that begins here
        least, most = (one.value + offsets.get(one.segment, 0) for one in (before, now))
        rows[index] = Cell(0, least, most, 0)
        before = now
    return rows


def _known(db: sqlite3.Connection, register: Register, edges: Sequence[int]) -> Iterator[Known | None]:
    """The register as it was last seen in each row: one or two looks at an index for each."""
    for start, end in pairwise(edges):
        some = (_row(db, look, register, start, end) for look in _looks(register, start, end))
        yield max((Known(*row) for row in some if row), default=None)


def _looks(register: Register, start: int, end: int) -> Iterator[tuple[str, int]]:
    """SQL of the newest row in a span, and how long rows are: the span's last one may end beyond it."""
    if register.mbus:
        yield "SELECT registers_at, segment, value FROM mbus_profile WHERE name = ? AND ", HOUR_S
        if end - start < HOUR_S or end % HOUR_S:
            yield "SELECT at, segment, value FROM mbus_capture WHERE name = ? AND ", 0
        return
    one = column(register.name)
    yield f"SELECT registers_at, segment, {one} FROM load_profile WHERE {one} IS NOT NULL AND ", HOUR_S
    if end % HOUR_S and one in TABLES["minute"].columns:
        yield f"SELECT registers_at, segment, {one} FROM minute WHERE {one} IS NOT NULL AND ", MINUTE.seconds


def _row(db: sqlite3.Connection, look: tuple[str, int], register: Register, start: int, end: int) -> tuple[int, int, int] | None:
    sql, longest = look
    which = (register.name,) if register.mbus else ()
    if longest:
        rest = 'device = ? AND "end" > ? AND "end" < ? AND registers_at > ? AND registers_at <= ? ORDER BY "end" DESC LIMIT 1'
        bound: tuple[object, ...] = (register.device, start, end + longest, start, end)
    else:
        rest, bound = "device = ? AND at > ? AND at <= ? ORDER BY at DESC LIMIT 1", (register.device, start, end)
    row: tuple[int, int, int] | None = db.execute(sql + rest, (*which, *bound)).fetchone()
    return row


def _before(db: sqlite3.Connection, register: Register, moment: int) -> Known | None:
    if register.mbus:
        return capture(db, register.device, register.name, moment)
    return seen(db, register.device, moment).get(register.name)


def _after(db: sqlite3.Connection, register: Register, moment: int) -> Known | None:
    if register.mbus:
        return capture(db, register.device, register.name, moment, forward=True)
    return seen(db, register.device, moment, forward=True).get(register.name)


def _offsets(db: sqlite3.Connection, register: Register) -> Mapping[int, int]:
    rows = db.execute('SELECT id, "offset" FROM segment WHERE device = ?', (register.device,)).fetchall()
    return {number: json.loads(offset).get(register.name, 0) for number, offset in rows}
