"""How an increment becomes a row: the columns of each profile, and the one statement that adds. Never opens a file.

An increment of a row that is there is merged: bits and sums are added, minima and maxima kept. Registers are not
always taken over: where the meter's time repeats, a row that was closed keeps what it was closed with, and the energy of
the repeated time is in the first row after it. So no period is ever negative.
"""

# ruff: noqa: S608 -- SQL is put together of the tables below only
from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from p1monitor.recorder.profiles import Increment, Sample
from p1monitor.recorder.samples import REGISTERS, VOLTAGES

#: Sum and number of the samples' powers, and the extremes. Means are made where they are asked for, so that a row does not
#: depend on when its parts were saved.
POWERS = ("power_sum_w", "powers", "power_min_w", "power_max_w")
DEMANDS = ("demand_max_w", "demand_max_at", "demand_own")
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
    demands: tuple[str, ...] = ()
    head: tuple[str, ...] = _HEAD

    @property
    def order(self) -> str:
        """The column by which rows follow one another."""
        return "date" if "date" in self.key else "end"

    @property
    def seen(self) -> str:
        """The column that says whether readings came in a row's time; empty or 0 where none did."""
        return self.head[-1]

    @property
    def all(self) -> tuple[str, ...]:
        """Every column, in the order of `values`."""
        return (*self.head, *self.powers, *self.volts, *self.demands, *self.own, *self.columns)


_EVERY = tuple(range(len(REGISTERS)))
_COLUMNS = tuple(map(column, REGISTERS))
_TOTALS = (0, len(REGISTERS) // 2)
#: Sum in tenths of a volt, and number, per phase.
_VOLTS = tuple(name.removesuffix("_v") + part for name in VOLTAGES for part in ("_sum_dv", "_count"))

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            Table("minute", ("device", "end", "segment"), _TOTALS, tuple(_COLUMNS[n] for n in _TOTALS), volts=_VOLTS),
            Table("load_profile", ("device", "end", "segment"), _EVERY, _COLUMNS),
            Table("daily_profile", ("device", "date", "segment"), _EVERY, _COLUMNS, own=("date",)),
            Table("billing_profile", ("device", "date", "segment"), _EVERY, _COLUMNS, (), own=("date",), demands=DEMANDS),
            Table("mbus_profile", ("device", "name", "end", "segment"), (0,), ("value",), powers=(), own=("name",)),
        )
    }
)

#: Of these the profile of power quality has means.
QUALITY_MEANS = (
    *(f"current_l{number}_a" for number in (1, 2, 3)),
    "power_import_w",
    "power_export_w",
    "power_reactive_import_var",
    "power_reactive_export_var",
)


def part(name: str, which: str) -> str:
    """The column of a value's sum, or least or most, in thousandths: of `voltage_l1_v` and `sum` it is `voltage_l1_sum_mv`."""
    stem, _, unit = name.rpartition("_")
    return f"{stem}_{which}_m{unit}"


def many(name: str) -> str:
    """The column of how many samples of a value there were."""
    return f"{name.rpartition('_')[0]}_count"


#: The profile of power quality: no increments add up to its rows; the observer makes them whole.
QUALITY = Table(
    "quality_profile",
    ("device", "end", "segment"),
    (),
    (
        *(one for name in VOLTAGES for one in (part(name, "sum"), many(name), part(name, "min"), part(name, "max"))),
        *(one for name in QUALITY_MEANS for one in (part(name, "sum"), many(name))),
        "power_factor_permille",
    ),
    powers=(),
    head=("device", "segment", "start", "end", "status", "samples"),
)
#: All profiles.
EVERY: Mapping[str, Table] = MappingProxyType({**TABLES, QUALITY.name: QUALITY})


#: Columns for people that come of a table's sums, and the SQL of each.
_POWER_MEANS = {"power_mean_w": "1.0 * power_sum_w / powers", "power_min_w": "power_min_w", "power_max_w": "power_max_w"}
_VOLT_MEANS = {name: "{0}_sum_dv / 10.0 / {0}_count".format(name.removesuffix("_v")) for name in VOLTAGES}


def means(table: Table) -> dict[str, str]:
    """The columns for people that come of a table's sums, and the SQL of each."""
    return {**(_POWER_MEANS if table.powers else {}), **(_VOLT_MEANS if table.volts else {})}


def values(increment: Increment, device: int, name: str, *, takes: bool) -> tuple[object, ...]:
    """The row that this increment would be alone; `name` is the register of an M-Bus device."""
    table, span = TABLES[increment.level.table], increment.span
    head = (
        device,
        span.segment,
        span.start,
        span.end,
        int(increment.status),
        increment.samples,
        increment.registers_at if takes else None,
    )
    some = increment.powers > 0
    powers = (increment.power_sum, increment.powers, increment.power_min, increment.power_max) if some else (None,) * 4
    volts = [part for phase in increment.volts for part in (phase if phase[1] else (None, None))]
    own = {(): (), ("date",): (span.key,), ("name",): (name,)}[table.own]
    demand = increment.demand
    demands = (demand.watts, demand.at, int(demand.own)) if demand is not None else (None,) * 3
    registers = (
        increment.registers if takes and increment.registers else (None,) * (1 if table.name == "mbus_profile" else len(REGISTERS))
    )
    return (
        *head,
        *(powers if table.powers else ()),
        *((volts or (None,) * len(table.volts)) if table.volts else ()),
        *(demands if table.demands else ()),
        *own,
        *(registers[n] for n in table.registers),
    )


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
    merged += [_sum(one) for one in (*table.powers[:2], *table.volts)]
    merged += [_extreme("min", one) for one in table.powers[2:3]] + [_extreme("max", one) for one in table.powers[3:]]
    merged += [f"{one} = iif({_HIGHER}, excluded.{one}, {one})" for one in table.demands]
    if takes:
        later = "excluded.registers_at >= coalesce(registers_at, 0)"
        # A register that was held back at the end keeps what it was before, within the row.
        merged += [f"{one} = iif({later}, coalesce(excluded.{one}, {one}), {one})" for one in (*table.columns, "registers_at")]
        merged += ['"end" = excluded."end"'] if "end" not in table.key else []
    return insert + "UPDATE SET " + ", ".join(merged)


@cache
def known_sql(name: str) -> str:
    """Whether there is a row with registers: device, key, register of an M-Bus device. Another meter's counts as well."""
    table = TABLES[name]
    which = " AND name = ?" if "name" in table.key else ""
    return f'SELECT 1 FROM {name} WHERE device = ? AND "{table.order}" = ?{which} AND registers_at IS NOT NULL'


#: The row of the load profile that a moment lies in, if it has registers: device, moment, moment.
QUARTER_SQL = """SELECT segment, "end" FROM load_profile WHERE device = ? AND "end" >= ? AND start < ? AND registers_at IS NOT NULL
    ORDER BY "end" LIMIT 1"""


@cache
def disown_sql(name: str) -> str:
    """Take the registers of later rows away where they are behind: device, key, [register's name,] segment, registers.

    A row of another segment is behind in any case: that meter was there before this one.
    """
    table = TABLES[name]
    which = " AND name = ?" if "name" in table.key else ""
    cleared = ", ".join(f"{one} = NULL" for one in (*table.columns, "registers_at"))
    behind = " OR ".join(f"{one} < ?" for one in table.columns)
    return f'UPDATE {name} SET {cleared} WHERE device = ? AND "{table.order}" > ?{which} AND (segment <> ? OR {behind})'


def captured(db: sqlite3.Connection, device: int) -> list[str]:
    """The registers of an M-Bus device that have a profile; one look for each, however many rows there are."""
    names: list[str] = []
    sql = "SELECT min(name) FROM mbus_profile WHERE device = ? AND name > ?"
    while (name := db.execute(sql, (device, names[-1] if names else "")).fetchone()[0]) is not None:
        names.append(name)
    return names


def newest(db: sqlite3.Connection, device: int, name: str) -> Sample | None:
    """The newest registers of a device that are stored; `name` is the register of an M-Bus device, else ""."""
    if name:
        sql = "SELECT segment, registers_at, value FROM mbus_profile WHERE device = ? AND name = ? AND registers_at > 0"
        row = db.execute(f'{sql} ORDER BY "end" DESC LIMIT 1', (device, name)).fetchone()
    else:
        columns = ", ".join(TABLES["load_profile"].columns)
        sql = f"SELECT segment, registers_at, {columns} FROM load_profile WHERE device = ? AND registers_at > 0"
        row = db.execute(f'{sql} ORDER BY "end" DESC LIMIT 1', (device,)).fetchone()
    return None if row is None else Sample(row[0], row[1], _offset(db, device), registers=tuple(row[2:]))


def _offset(db: sqlite3.Connection, device: int) -> int:
    """The offset of local time by which the newest day ended."""
    sql = """SELECT strftime('%s', date) + 86400 - "end" FROM daily_profile WHERE device = ? ORDER BY date DESC LIMIT 1"""
    row = db.execute(sql, (device,)).fetchone()
    return 0 if row is None else int(row[0])


#: A demand of the meter's own is worth more than ours; of equal ones the first counts.
_HIGHER = "(coalesce(excluded.demand_own, -1), excluded.demand_max_w) > (coalesce(demand_own, -1), demand_max_w)"


def _sum(one: str) -> str:
    return f"{one} = iif(excluded.{one} IS NULL, {one}, coalesce({one}, 0) + excluded.{one})"


def _extreme(which: str, one: str) -> str:
    return f"{one} = {which}(coalesce({one}, excluded.{one}), coalesce(excluded.{one}, {one}))"
