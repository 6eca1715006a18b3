"""A row of a profile as it leaves the house and comes back: kWh, volts, UTC in words. Both ways, exactly; pure.

Sums leave as means beside their numbers, which give the sums back to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.recorder.rows import QUALITY_MEANS, Table, many, part
from p1monitor.recorder.samples import VOLTAGES

#: What every row begins with.
HEAD = ("meter", "role", "medium", "profile", "equipment_id", "segment", "offset")
#: Columns that are moments.
_MOMENTS = frozenset({"start", "end", "registers_at", "demand_max_at"})
_TEXTS = frozenset({"date", "name"})

#: Columns of power quality -> their names outside, and where a number of samples makes a mean of a sum.
_THOUSANDTHS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **{part(name, "sum"): (name, many(name)) for name in (*VOLTAGES, *QUALITY_MEANS)},
        **{part(name, one): (f"{name.removesuffix('_v')}_{one}_v", "") for name in VOLTAGES for one in ("min", "max")},
        "power_factor_permille": ("power_factor", ""),
    }
)

Cell = str | int | float | None


class Column(NamedTuple):
    """One column outside, and the SQL that makes it."""

    name: str
    sql: str
    own: str  #: the column of the table that tells whether there is anything


def columns(table: Table) -> list[Column]:
    """The columns of a profile after `HEAD`, in their order."""
    return [_column(one) for one in table.all if one not in {"device", "segment"}]


def _column(own: str) -> Column:
    if own in _MOMENTS:
        return Column(own, f"""strftime('%Y-%m-%dT%H:%M:%SZ', p."{own}", 'unixepoch')""", own)
    if own == "power_sum_w":
        return Column("power_mean_w", "1.0 * p.power_sum_w / p.powers", own)
    if own.endswith("_sum_dv"):
        phase = own.removesuffix("_sum_dv")
        return Column(f"{phase}_v", f"p.{own} / 10.0 / p.{phase}_count", own)
    if own in _THOUSANDTHS:
        name, count = _THOUSANDTHS[own]
        return Column(name, f"p.{own} / 1000.0" + (f" / p.{count}" if count else ""), own)
    if own.startswith("energy_"):
        return Column(own.replace("_wh", "_kwh"), f"p.{own} / 1000.0", own)
    return Column(own, "p.value / 1000.0" if own == "value" else f'p."{own}"', own)


def row_of(cells: Mapping[str, Cell], table: Table) -> dict[str, Cell]:
    """The columns of the table again. ValueError or KeyError where a cell cannot be read."""
    row: dict[str, Cell] = {}
    for one in columns(table):
        cell = cells.get(one.name)
        if cell not in (None, ""):
            row[one.own] = _back(one, str(cell), cells)
    return row


def _back(one: Column, text: str, cells: Mapping[str, Cell]) -> Cell:
    if one.own in _TEXTS:
        return text
    if one.own in _MOMENTS:
        return int(moment(text).timestamp())
    if one.own in _THOUSANDTHS:
        count = _THOUSANDTHS[one.own][1]
        return round(Decimal(text) * 1000 * (Decimal(str(cells[count])) if count else 1))
    times = next((times(cells) for sign, times in _TIMES if one.own.endswith(sign) or one.own == sign), Decimal(1))
    return round(Decimal(text) * times)


#: What brings a number back: a mean its number, kWh thousands.
_TIMES: Sequence[tuple[str, Callable[[Mapping[str, Cell]], Decimal]]] = (
    ("power_sum_w", lambda cells: Decimal(str(cells["powers"]))),
    *(
        (f"voltage_{phase}_sum_dv", lambda cells, phase=phase: 10 * Decimal(str(cells[f"voltage_{phase}_count"])))
        for phase in ("l1", "l2", "l3")
    ),
    ("_wh", lambda _: Decimal(1000)),
    ("value", lambda _: Decimal(1000)),
)


def moment(text: str) -> datetime:
    """A time in words; UTC where it says nothing else."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
