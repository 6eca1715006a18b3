"""How an increment becomes a row: the columns of each profile, and the one statement that adds. Never opens a file.

An increment of a row that is there is merged: bits are added, means weighted, minima and maxima kept. Registers are not
always taken over: where the meter's time repeats, a row that was closed keeps what it was closed with, and the energy of
the repeated time is in the first row after it. So no period is ever negative.
"""

# ruff: noqa: S608 -- SQL is put together of the tables below only
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from p1monitor.recorder.profiles import Increment
from p1monitor.recorder.samples import REGISTERS, VOLTAGES

POWERS = ("power_mean_w", "power_min_w", "power_max_w")
_HEAD = ("device", "segment", "start", "end", "status", "samples", "registers_at")


def column(register: str) -> str:
    """The column of a register of the electricity meter: Wh."""
    return register.replace("_kwh", "_wh")


@dataclass(frozen=True, slots=True)
class Table:
    """One profile's table."""

    name: str
    key: tuple[str, ...]
    registers: tuple[int, ...]  #: which of the sample's registers it has
    columns: tuple[str, ...]  #: their names
    powers: tuple[str, ...] = POWERS
    volts: tuple[str, ...] = ()
    own: tuple[str, ...] = ()  #: a column that only this table has

    @property
    def all(self) -> tuple[str, ...]:
        """Every column, in the order of `values`."""
        return (*_HEAD, *self.powers, *self.volts, *self.own, *self.columns)


_EVERY = tuple(range(len(REGISTERS)))
_COLUMNS = tuple(map(column, REGISTERS))
_TOTALS = (0, len(REGISTERS) // 2)

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            Table("minute", ("device", "end", "segment"), _TOTALS, tuple(_COLUMNS[n] for n in _TOTALS), volts=VOLTAGES),
            Table("load_profile", ("device", "end", "segment"), _EVERY, _COLUMNS),
            Table("daily_profile", ("device", "date", "segment"), _EVERY, _COLUMNS, own=("date",)),
            Table("mbus_profile", ("device", "name", "end", "segment"), (0,), ("value",), powers=(), own=("name",)),
        )
    }
)


def values(increment: Increment, device: int, name: str) -> tuple[object, ...]:
    """The row that this increment would be alone; `name` is the register of an M-Bus device."""
    table, span = TABLES[increment.level.table], increment.span
    head = (
        device,
        span.segment,
        span.start,
        span.end,
        int(increment.status),
        increment.samples,
        increment.registers_at,
    )
    powers = (increment.power_mean, increment.power_min, increment.power_max) if table.powers else ()
    volts = (increment.volt_means or (None,) * len(table.volts)) if table.volts else ()
    own = {(): (), ("date",): (span.key,), ("name",): (name,)}[table.own]
    registers = increment.registers or (None,) * (len(REGISTERS) if table.powers else 1)
    return (*head, *powers, *volts, *own, *(registers[n] for n in table.registers))


@cache
def statement(name: str, *, filler: bool, takes: bool) -> str:
    """The INSERT of one increment; `takes`: a row that is there takes over its registers."""
    table = TABLES[name]
    columns = ", ".join(f'"{one}"' for one in table.all)
    key = ", ".join(f'"{one}"' for one in table.key)
    insert = f"INSERT INTO {name} ({columns}) VALUES ({', '.join('?' * len(table.all))}) ON CONFLICT ({key}) DO "
    if filler:
        return insert + "NOTHING"
    merged = ["status = status | excluded.status", "samples = samples + excluded.samples"]
    merged += [_mean(one) for one in (*table.powers[:1], *table.volts)]
    merged += [_extreme("min", one) for one in table.powers[1:2]] + [_extreme("max", one) for one in table.powers[2:]]
    if takes:
        later = "excluded.registers_at >= coalesce(registers_at, 0)"
        # A register that was held back at the end keeps what it was before, within the row.
        merged += [f"{one} = iif({later}, coalesce(excluded.{one}, {one}), {one})" for one in (*table.columns, "registers_at")]
        merged += ['"end" = excluded."end"'] if "end" not in table.key else []
    return insert + "UPDATE SET " + ", ".join(merged)


@cache
def known_sql(name: str) -> str:
    """Whether a row is there that has registers: device, segment, key, register of an M-Bus device."""
    table = TABLES[name]
    key = next(one for one in ("date", "end") if one in table.key)
    which = " AND name = ?" if "name" in table.key else ""
    return f'SELECT 1 FROM {name} WHERE device = ? AND segment = ? AND "{key}" = ?{which} AND registers_at IS NOT NULL'


@cache
def disown_sql(name: str) -> str:
    """Take the registers of later rows away where they are behind: device, end, register of an M-Bus device, value."""
    table = TABLES[name]
    which = " AND name = ?" if "name" in table.key else ""
    cleared = ", ".join(f"{one} = NULL" for one in (*table.columns, "registers_at"))
    return f'UPDATE {name} SET {cleared} WHERE device = ? AND "end" > ?{which} AND {table.columns[0]} < ?'


def _mean(one: str) -> str:
    weighted = f"({one} * samples + excluded.{one} * excluded.samples) / (samples + excluded.samples)"
    return f"{one} = iif(excluded.{one} IS NULL, {one}, iif({one} IS NULL, excluded.{one}, {weighted}))"


def _extreme(which: str, one: str) -> str:
    return f"{one} = {which}(coalesce({one}, excluded.{one}), coalesce(excluded.{one}, {one}))"
