"""The CSV exports of DSMR-reader: day and hour statistics. Streams nothing back, touches no history.

They tell what was used in each day or hour; since its version 4.17 a day tells the meter's registers at its beginning too. Columns
are known by their order: their titles are in the language of the browser. Days are Dutch. As its `ExportAsCsv` writes them:

    hours (6)   hour_start, electricity1, electricity2, electricity1_returned, electricity2_returned, gas
    days (18)   day, the same five, electricity1_cost, electricity2_cost, gas_cost, fixed_cost, total_cost,
                electricity_reading_timestamp, electricity1_reading, electricity2_reading, electricity1_returned_reading,
                electricity2_returned_reading, gas_reading_timestamp, gas_reading

In between there was a version without both timestamps (16), before it none of the readings (11), and before 4.3 no fixed_cost (10).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple, TextIO

from p1monitor.care.incoming import ABSOLUTE, ImportProblem, Incoming
from p1monitor.care.local import local, midnight
from p1monitor.recorder.rows import column

NAME = "DSMR-reader"
HOUR_S = 3600
#: What was used stands in these columns, the rates first and gas last.
USED = (1, 2, 3, 4, 5)
_RATES = ("energy_import_t1_kwh", "energy_import_t2_kwh", "energy_export_t1_kwh", "energy_export_t2_kwh")
_GAS = "gas_m3"
#: Columns of a table -> where the registers stand, in the same order. Six columns are hours, all others days.
_SHAPES: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {6: (), 10: (), 11: (), 16: (11, 12, 13, 14, 15), 18: (12, 13, 14, 15, 17)}
)
_HOURS = 6
#: A register that fell by more than this between two days, in thousandths, is another meter's.
_FALLEN = 1000


class Row(NamedTuple):
    """One day or hour, in thousandths."""

    start: int
    end: int
    day: date | None
    used: Mapping[str, int]
    registers: Mapping[str, int]  #: at the start


def read(file: TextIO, name: str, incoming: Incoming, meter: str, gas: str | None) -> None:
    """Take in one export; `gas` is the role of the gas meter, None where there is none."""
    rows = sorted(_rows(file, name), key=lambda row: row.start)
    if not rows:
        raise ImportProblem(f"{name}: there is no row in it")
    for role, medium, names in (("electricity", "electricity", _RATES), (gas, "gas", (_GAS,))):
        some = [_only(row, names) for row in rows if row.used.keys() & set(names)]
        if role is None and any(any(row.used.values()) for row in some):
            incoming.notes.append("gas was left out: this history has seen no gas meter yet")
        elif role is not None and some:
            _enter(incoming, incoming.device(meter, role, medium), some, electricity=medium == role)


def _rows(file: TextIO, name: str) -> Iterable[Row]:
    found = csv.reader(file)
    titles = next(found, [])
    if len(titles) not in _SHAPES:
        raise ImportProblem(f"{name}: no export that p1monitor knows; of DSMR-reader it takes day and hour statistics")
    for number, cells in enumerate(found, 2):
        if not any(cells):
            continue
        try:
            yield _row(cells, len(titles))
        except (ValueError, IndexError, InvalidOperation) as error:
            raise ImportProblem(f"{name}: line {number} is no row of DSMR-reader's statistics") from error


def _row(cells: Sequence[str], width: int) -> Row:
    used = {one: _thousandths(cells[at]) for one, at in zip((*_RATES, _GAS), USED, strict=True) if cells[at]}
    if width == _HOURS:
        start = local(datetime.fromisoformat(cells[0]))
        return Row(start, start + HOUR_S, None, used, {})
    day = _date(cells[0])
    registers = {one: _thousandths(cells[at]) for one, at in zip((*_RATES, _GAS), _SHAPES[width], strict=False) if cells[at]}
    return Row(midnight(day), midnight(day + timedelta(days=1)), day, used, registers)


def _date(text: str) -> date:
    """2026-01-31, or 31-01-2026 in a Dutch browser."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.strptime(text, "%d-%m-%Y").date()  # noqa: DTZ007 - a date has no zone


def _thousandths(text: str) -> int:
    return round(Decimal(text) * 1000)


def _only(row: Row, names: Sequence[str]) -> Row:
    return row._replace(
        used={name: row.used.get(name, 0) for name in names},
        registers={name: row.registers[name] for name in names if name in row.registers},
    )


def _enter(incoming: Incoming, device: int, rows: Sequence[Row], *, electricity: bool) -> None:
    """Registers that go as far as was told, and at the end of each meter's days stand where it stood."""
    parts = _parts(rows)
    stood = [_stood(part) for part in parts]
    offsets: list[dict[str, int]] = [{} for _ in parts]
    for index in range(len(parts) - 2, -1, -1):
        begun = _before(parts[index + 1], stood[index + 1])
        offsets[index] = {one: offsets[index + 1].get(one, 0) + begun[one] - end for one, end in stood[index].items()}
    if rows[-1].registers:
        incoming.store.note(ABSOLUTE, NAME)
    for part, end, offset in zip(parts, stood, offsets, strict=True):
        segment = incoming.segment(device, f"{NAME} {part[0].start}", NAME, _with_totals(offset) if electricity else offset)
        registers = _before(part, end)
        if part is parts[0]:
            _put(incoming, device, segment, _opening(part[0], part[0].end - part[0].start), registers)
        for row in part:
            registers = {one: value + row.used[one] for one, value in registers.items()}
            _put(incoming, device, segment, row, registers)


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    """The days of each meter: one begins where a register is behind where it stood."""
    parts = [[rows[0]]]
    for before, row in pairwise(rows):
        fell = any(value - row.registers.get(one, value) > _FALLEN for one, value in before.registers.items())
        parts = [*parts, [row]] if fell else parts
        if not fell:
            parts[-1].append(row)
    return parts


def _stood(part: Sequence[Row]) -> dict[str, int]:
    """The registers at the end: by the newest that were told, or from zero."""
    used = dict.fromkeys(part[0].used, 0)
    for row in reversed(part):
        used = {one: value + row.used[one] for one, value in used.items()}
        if row.registers.keys() == used.keys():
            return {one: row.registers[one] + value for one, value in used.items()}
    return used


def _before(part: Sequence[Row], stood: Mapping[str, int]) -> dict[str, int]:
    return {one: end - sum(row.used[one] for row in part) for one, end in stood.items()}


def _opening(first: Row, length: int) -> Row:
    day = None if first.day is None else first.day - timedelta(days=1)
    return Row(first.start - length if day is None else midnight(day), first.start, day, {}, {})


def _put(incoming: Incoming, device: int, segment: int, row: Row, registers: Mapping[str, int]) -> None:
    head = {"start": row.start, "end": row.end, "registers_at": row.end}
    if _GAS in registers:
        incoming.add("mbus_profile", device, segment, {**head, "name": _GAS, "value": registers[_GAS]})
        return
    own = {} if row.day is None else {"date": row.day.isoformat()}
    cells = {column(one): value for one, value in _with_totals(registers).items()}
    incoming.add("load_profile" if row.day is None else "daily_profile", device, segment, {**head, **own, **cells})


def _with_totals(registers: Mapping[str, int]) -> dict[str, int]:
    """The rates, and what they are together."""
    if not registers:
        return {}
    flows = ("import", "export")
    totals = {f"energy_{flow}_kwh": sum(value for one, value in registers.items() if f"_{flow}_" in one) for flow in flows}
    return {**totals, **registers}
