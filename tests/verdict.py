"""A simulated life recorded, and its rows held against the truth. Never part of the product."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from p1monitor.p1.records import Reading
from p1monitor.recorder import Store
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.levels import Bit, load_profile
from p1monitor.recorder.rebuild import Again, rebuild
from tests.readings import METER
from tests.truth import DAY_S, House, Told

QUARTER = load_profile(15)
SAVE_EVERY = 5000
TABLES = ("minute", "load_profile", "daily_profile", "billing_profile", "mbus_profile")


@dataclass
class Lived:
    """What was recorded, and what is true."""

    path: Path
    house: Callable[[], House]
    statuses: bytearray = field(default_factory=bytearray)
    stamps: list[tuple[int, int, int, int]] = field(default_factory=list)  #: at, offset, import, export
    gas: dict[int, int] = field(default_factory=dict)  #: moment of the capture -> value
    gaps: list[tuple[int, int, bool]] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)

    @property
    def last(self) -> list[int]:
        """The truth at the end."""
        return list(self.stamps[-1][2:])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(sql).fetchall()

    def totals(self, table: str) -> list[list[int]]:
        """End of each interval, and what was imported and exported until then, since the first reading."""
        offsets = {number: json.loads(text) for number, text in self.rows('SELECT id, "offset" FROM segment')}
        first = self._first
        found: dict[int, list[int]] = {}
        sql = f"""SELECT "end", segment, energy_import_wh, energy_export_wh FROM {table} WHERE registers_at IS NOT NULL
            ORDER BY "end", segment"""
        for end, segment, *registers in self.rows(sql):  # of two meters in one interval the second counts
            names = ("energy_import_kwh", "energy_export_kwh")
            parts = [one + offsets[segment].get(name, 0) - zero for one, name, zero in zip(registers, names, first, strict=True)]
            found[end] = [end, *parts]
        return list(found.values())

    @property
    def _first(self) -> tuple[int, int]:
        one = next(iter(self.house().told()))
        values = (one.reading.values[name].value for name in ("energy_import_kwh", "energy_export_kwh"))
        shown = [int(value * 1000) for value in values if isinstance(value, Decimal)]
        return shown[0] - one.imported, shown[1] - one.exported

    def wrong_ends(self, table: str) -> list[object]:
        """Rows that do not say what the last reading before their end said; where the clock went back, none says that."""
        known = {end: parts for end, *parts in self.totals(table)}
        first, last = self.stamps[0][0], max(stamp[0] for stamp in self.stamps)
        wrong: list[object] = []
        for end, truth in self._truths(sorted(known)):
            if first < end <= last and truth is not None:
                self.checked[table] += 1
                if known[end] != truth:
                    wrong.append((table, end, known[end], truth))
        return wrong

    def _truths(self, ends: list[int]) -> Iterator[tuple[int, list[int] | None]]:
        """What the last reading before each end said; None where readings beyond it came before others up to it."""
        newest: dict[int, list[int]] = {}
        unclear: set[int] = set()
        reached = 0
        for at, _, imported, exported in self.stamps:
            index = bisect_left(ends, at)
            if index < reached:  # the clock went back over these ends
                unclear.update(ends[index : reached + 1])
            reached = max(reached, index)
            if index < len(ends):
                newest[ends[index]] = [imported, exported]
        for end in ends:
            yield end, None if end in unclear else newest.get(end)

    def hours(self) -> dict[str, tuple[float, int]]:
        """The days that are not as long as others: hours, and quarters."""
        sql = f"""SELECT DISTINCT date, ("end" - start) / 3600.0, (SELECT count(DISTINCT l."end") FROM load_profile l
            WHERE l."end" > d.start AND l."end" <= d."end") FROM daily_profile d WHERE "end" - start <> {DAY_S}"""
        return {str(date): (float(hours), count) for date, hours, count in self.rows(sql)}

    def wrong_gaps(self) -> list[object]:
        """Quarters within an outage that know a register, or do not say what happened."""
        wrong: list[object] = []
        stamps = sorted(stamp[0] for stamp in self.stamps)
        for before, after, failed in self.gaps:
            if bisect_left(stamps, after) != bisect_right(stamps, before):
                continue  # a clock that was set back has been there
            needed = Bit.DNV | (Bit.PDN if failed else 0)
            first, last = -(-before // 900) * 900, (after - 1) // 900 * 900
            sql = f'SELECT "end", status, samples, registers_at FROM load_profile WHERE start >= {first} AND "end" <= {last}'
            for end, status, samples, registers_at in self.rows(sql):
                self.checked["gaps"] += 1
                if registers_at is not None or samples or status & (Bit.DNV | Bit.PDN) != needed:
                    wrong.append((end, status, samples, registers_at))
        return wrong

    def wrong_gas(self) -> list[object]:
        """Hours whose value is not what was captured at their end."""
        rows = self.rows("SELECT registers_at, value, samples FROM mbus_profile WHERE registers_at IS NOT NULL")
        wrong: list[object] = [row for row in rows if self.gas.get(row[0]) != row[1] or row[2] != 1]
        return wrong if len(rows) == len(self.gas) else [*wrong, (len(rows), len(self.gas))]


def live(path: Path, house: Callable[[], House]) -> Lived:
    """Record a life, saved and restarted now and then."""
    lived = Lived(path, house)
    one_life = house()
    store, ledger = _opened(path)
    for number, told in enumerate(one_life.told(), 1):
        lived.statuses.append(ledger.enter(told.reading, Stamp(told.at, told.offset, 0)))
        lived.stamps.append((told.at, told.offset, told.imported, told.exported))
        captured = told.reading.devices[0].at
        assert captured is not None
        lived.gas[int(captured.timestamp())] = told.gas
        if number % SAVE_EVERY == 0:
            _saved(store, ledger)
            store.close()
            store, ledger = _opened(path)
    _saved(store, ledger)
    store.close()
    lived.gaps = one_life.gaps
    return lived


def rebuilt(lived: Lived, path: Path) -> list[object]:
    """Make the profiles of a copy again; the rows that are not the same."""
    before = _all(path)
    store = Store(path)
    made = rebuild(store, METER, _again(lived), QUARTER)
    store.close()
    after = _all(path)
    wrong: list[object] = [(table, before[table] ^ after[table]) for table in TABLES if before[table] != after[table]]
    rows = sum(len(before[table]) for table in TABLES)
    return wrong if made == (rows, {}) else [*wrong, (made, rows)]


def _again(lived: Lived) -> Iterator[Again]:
    for told, status in zip(lived.house().told(), lived.statuses, strict=True):
        yield _kept(told), Stamp(told.at, told.offset, status)


def _kept(told: Told) -> Reading:
    return told.reading._replace(received=None)


def _opened(path: Path) -> tuple[Store, Ledger]:
    store = Store(path)
    return store, Ledger(store, METER, QUARTER)


def _saved(store: Store, ledger: Ledger) -> None:
    with store.transaction():
        ledger.write()
        store.record(METER, ledger.entered, closed=True)
    ledger.written()


def _all(path: Path) -> dict[str, set[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        return {table: set(db.execute(f"SELECT * FROM {table}")) for table in TABLES}
