"""Home Assistant's long-term statistics, of its SQLite file. Only reads, and no more than the sums of energy and gas.

A statistic has a row per hour: `sum` is what was used since it began, `state` the register as it stood. Sums count, so that days
are what Home Assistant's energy dashboard says; the newest state says where the meter's register is.
"""

# ruff: noqa: S608 -- SQL is put together of marks and numbers only
from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.care.columns import Cell
from p1monitor.care.incoming import ABSOLUTE, ImportProblem, Incoming
from p1monitor.care.local import day_of, midnight
from p1monitor.recorder.rows import column

NAME = "Home Assistant"
HOUR_S = 3600
GAS = "gas_m3"
#: What a unit is in thousandths of ours.
_UNITS: Mapping[str, int] = MappingProxyType({"Wh": 1, "kWh": 1000, "MWh": 1_000_000, "m³": 1000, "m3": 1000, "L": 1})
#: Words for one direction, as integrations name their sensors; the Dutch ones too.
_IMPORT = r"(?:import|consum\w*|delivered|usage|verbruik\w*|afgenomen)"
_EXPORT = r"(?:export|produc\w*|returned|return|teruggeleverd\w*|opbrengst)"
_RATE = r"(?:tari\w*_|t|delivered_|returned_|_)"
#: Our name -> what the name of a sensor of it looks like. The first that fits counts.
PATTERNS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        **{
            f"energy_{flow}_t{rate}_kwh": re.compile(rf"(?=.*{words})(?=.*(?:energ|electric|elektr)).*{_RATE}{rate}(?:_kwh)?$")
            for rate in (1, 2, 3, 4)
            for flow, words in (("import", _IMPORT), ("export", _EXPORT))
        },
        GAS: re.compile(r".*gas_(?:m3|delivered|consum\w*|verbruik|meter_gas)|.*gas$|.*gas_meter_gas_consumption"),
    }
)
_TOTALS = ("energy_import_kwh", "energy_export_kwh")
#: Names that a statistic may be given.
NAMES = (*PATTERNS, *_TOTALS)


class Statistic(NamedTuple):
    """One statistic that is taken."""

    name: str  #: ours
    id: int
    known_as: str
    factor: int
    base: int  #: of the register where its sum is 0
    absolute: bool


def read(path: Path, incoming: Incoming, meter: str, gas: str | None, chosen: Mapping[str, str]) -> None:
    """Take in the statistics; `chosen` says which one is which, where that is not plain."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            found = _found(db, path, chosen)
            if GAS in found and gas is None:
                incoming.notes.append("gas was left out: this history has seen no gas meter yet")
            power = {name: one for name, one in found.items() if name != GAS}
            if power:
                _enter(db, incoming, incoming.device(meter, "electricity", "electricity"), power)
            if GAS in found and gas is not None:
                _enter(db, incoming, incoming.device(meter, gas, "gas"), {GAS: found[GAS]})
    except sqlite3.Error as error:
        raise ImportProblem(f"{path}: this is no database of Home Assistant of 2023.2 or later ({error})") from error
    if all(one.absolute for one in found.values()):
        incoming.store.note(ABSOLUTE, NAME)
    incoming.notes += [f"{one.known_as} is {name}" for name, one in found.items()]


def _found(db: sqlite3.Connection, path: Path, chosen: Mapping[str, str]) -> dict[str, Statistic]:
    rows = db.execute("SELECT id, statistic_id, unit_of_measurement FROM statistics_meta WHERE has_sum ORDER BY id").fetchall()
    fits: dict[str, list[tuple[int, str, str]]] = {}
    for number, known_as, unit in rows:
        name = next((ours for ours, theirs in chosen.items() if theirs == known_as), None)
        if name is None and unit in _UNITS:
            plain = known_as.partition(".")[2].lower()
            fitting = (one for one, pattern in PATTERNS.items() if pattern.fullmatch(plain) and one not in chosen)
            name = next((one for one in fitting if (one == GAS) == (unit[0] in "mL")), None)
        if name is not None:
            fits.setdefault(name, []).append((number, known_as, unit))
    if lost := [theirs for ours, theirs in chosen.items() if ours not in fits]:
        raise ImportProblem(f"{path}: there is no statistic {lost[0]} with a sum")
    for name, several in fits.items():
        if len(several) > 1:
            which = " or ".join(one[1] for one in several)
            raise ImportProblem(f"{path}: which one is {name}, {which}? Say so: --statistic {name}={several[0][1]}")
    if not fits:
        known = ", ".join(one[1] for one in rows[:20])
        raise ImportProblem(f"{path}: none of its statistics has a name that p1monitor knows; say --statistic NAME=ID of: {known}")
    found = {name: _statistic(db, name, *one[0]) for name, one in fits.items()}
    return {name: one for name, one in found.items() if one is not None}


def _statistic(db: sqlite3.Connection, name: str, number: int, known_as: str, unit: str) -> Statistic | None:
    sql = "SELECT sum, state FROM statistics WHERE metadata_id = ? AND sum IS NOT NULL ORDER BY start_ts {} LIMIT 1"
    last = db.execute(sql.format("DESC"), (number,)).fetchone()
    if last is None:
        return None
    factor = _UNITS.get(unit, 1000)
    least = db.execute("SELECT min(sum) FROM statistics WHERE metadata_id = ?", (number,)).fetchone()[0]
    base = None if last[1] is None else round(last[1] * factor) - round(last[0] * factor)
    # A register that would have begun below zero: another meter came in between, and the sums went on.
    absolute = base is not None and base + min(0, round(least * factor)) >= 0
    return Statistic(name, number, known_as, factor, base if absolute and base is not None else 0, absolute)


def _enter(db: sqlite3.Connection, incoming: Incoming, device: int, found: Mapping[str, Statistic]) -> None:
    segment = incoming.segment(device, NAME, NAME)
    by_id = {one.id: one for one in found.values()}
    marks = ", ".join("?" * len(by_id))
    sql = f"""SELECT start_ts, metadata_id, sum FROM statistics WHERE metadata_id IN ({marks}) AND sum IS NOT NULL
        ORDER BY start_ts"""
    registers: dict[str, int] = {}
    day: tuple[date, int, dict[str, int]] | None = None  # the newest: its date, when it was seen, its registers
    for start, rows in groupby(db.execute(sql, tuple(by_id)), lambda row: int(row[0])):
        if not registers:
            registers = {name: one.base for name, one in found.items()}
            _hour(incoming, device, segment, start, registers)
            _day(incoming, device, segment, (day_of(start) - timedelta(days=1), start, registers))
        for _, number, total in rows:
            one = by_id[number]
            registers[one.name] = one.base + round(total * one.factor)
        _hour(incoming, device, segment, start + HOUR_S, registers)
        today = day_of(start)
        if day is not None and day[0] != today:
            _day(incoming, device, segment, day)
        day = today, start + HOUR_S, dict(registers)
    if day is not None:
        _day(incoming, device, segment, day)


def _hour(incoming: Incoming, device: int, segment: int, end: int, registers: Mapping[str, int]) -> None:
    head = {"start": end - HOUR_S, "end": end, "registers_at": end}
    if GAS in registers:
        incoming.add("mbus_profile", device, segment, {**head, "name": GAS, "value": registers[GAS]})
    else:
        incoming.add("load_profile", device, segment, {**head, **_cells(registers)})


def _day(incoming: Incoming, device: int, segment: int, day: tuple[date, int, Mapping[str, int]]) -> None:
    on, seen, registers = day
    if GAS not in registers:
        head: dict[str, Cell] = {
            "start": midnight(on),
            "end": midnight(on + timedelta(days=1)),
            "date": on.isoformat(),
            "registers_at": seen,
        }
        incoming.add("daily_profile", device, segment, {**head, **_cells(registers)})


def _cells(registers: Mapping[str, int]) -> dict[str, int]:
    """The columns; a total that has no statistic of its own is what its rates are together."""
    every = dict(registers)
    for total, flow in zip(_TOTALS, ("import", "export"), strict=True):
        rates: Sequence[int] = [value for name, value in registers.items() if f"_{flow}_t" in name]
        if total not in every and rates:
            every[total] = sum(rates)
    return {column(name): value for name, value in every.items()}
