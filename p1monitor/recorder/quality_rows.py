"""The profile of power quality: its rows of ten minutes, in and out. Never makes one: the observer does, see observer/quality.py.

The same row told again takes the place of the one that is there, so a reading that is entered twice changes nothing; where the
meter's clock was set back into a period, the row of more samples stays.
"""

# ruff: noqa: S608 -- SQL is put together of the columns below only
from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from types import MappingProxyType

from p1monitor.p1.records import QualityRow
from p1monitor.recorder.levels import Bit
from p1monitor.recorder.rows import QUALITY, QUALITY_MEANS, many, part
from p1monitor.recorder.samples import VOLTAGES

#: Seconds of a row.
PERIOD_S = 600
#: A longer pause between two readings is a gap: as for faults, three telegrams of the slowest meters.
GAP_S = 30

_PUT = f"""INSERT INTO {QUALITY.name} ({", ".join(f'"{one}"' for one in QUALITY.all)})
    VALUES ({", ".join("?" * len(QUALITY.all))}) ON CONFLICT ({", ".join(f'"{one}"' for one in QUALITY.key)}) DO UPDATE SET
    {", ".join(f'"{one}" = excluded."{one}"' for one in QUALITY.all if one not in QUALITY.key)} WHERE excluded.samples >= samples"""


def _mean(name: str) -> str:
    return f"{part(name, 'sum')} / 1000.0 / {many(name)}"


#: Column of an answer -> its SQL.
_SHOWN = MappingProxyType(
    {
        **{
            shown: sql
            for name in VOLTAGES
            for shown, sql in (
                (name, _mean(name)),
                (f"{name.removesuffix('_v')}_min_v", f"{part(name, 'min')} / 1000.0"),
                (f"{name.removesuffix('_v')}_max_v", f"{part(name, 'max')} / 1000.0"),
            )
        },
        **{name: _mean(name) for name in QUALITY_MEANS},
        "power_factor": "power_factor_permille / 1000.0",
    }
)
#: Columns of an answer.
HEADS = ("role", "equipment_id", "start", "end", "status", "samples", *_SHOWN)


class Watch:
    """What the status of the running row will say: bits of its readings, and whether some are missing."""

    def __init__(self, memory: Sequence[int] = (0, 0)) -> None:
        self._status, self._last = memory

    def memory(self) -> list[int]:
        """What must be kept over a restart."""
        return [self._status, self._last]

    def see(self, at: int, status: int) -> None:
        """One reading."""
        if self._last and at - self._last > GAP_S:
            self._status |= Bit.DNV
        self._status |= status
        self._last = at

    def close(self, row: QualityRow, at: int) -> int:
        """The row is over, with the reading of this moment, which is not in it."""
        end = int(row.end.timestamp())
        status = self._status | (Bit.DNV if end - self._last > GAP_S else 0)
        self._status, self._last = 0, max(end, at // PERIOD_S * PERIOD_S)
        return int(status)


def put(db: sqlite3.Connection, device: int, segment: int, status: int, row: QualityRow) -> None:
    """Keep a row."""
    numbers: list[int | None] = []
    for name in VOLTAGES:
        numbers += [row.sums.get(name), row.counts.get(name), row.least.get(name), row.most.get(name)]
    for name in QUALITY_MEANS:
        numbers += [row.sums.get(name), row.counts.get(name)]
    factor = row.power_factor
    numbers.append(None if factor is None else int((1000 * factor).quantize(Decimal(1))))
    span = int(row.start.timestamp()), int(row.end.timestamp())
    head = device, segment, *span, status, max(row.counts.values(), default=0)
    db.execute(_PUT, (*head, *numbers))


def profile(db: sqlite3.Connection, meter: str, start: float, end: float) -> list[Sequence[object]]:
    """Rows whose end lies between two moments, as HEADS has them."""
    sql = f"""SELECT d.role, s.equipment_id, p.start, p."end", p.status, p.samples, {", ".join(_SHOWN.values())}
        FROM quality_profile p JOIN device d ON d.id = p.device JOIN meter m ON m.id = d.meter JOIN segment s ON s.id = p.segment
        WHERE m.name = ? AND p."end" > ? AND p."end" <= ? ORDER BY p."end", p.start"""
    return db.execute(sql, (meter, start, end)).fetchall()
