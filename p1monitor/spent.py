"""What was used today, this month and this year, by the history. Never writes; what the history does not know is left out."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from p1monitor import days
from p1monitor.recorder.opening import StoreError
from p1monitor.recorder.samples import REGISTERS
from p1monitor.sinks import Spent

#: A row of the load profile is an hour at most; so near to a moment stands one, or nothing is known of it.
NEAR_S = 3600.0
THOUSANDTH = Decimal("0.001")


class Queries(Protocol):
    """What is asked of the store."""

    def used(self, meter: str, start: float, end: float) -> Mapping[str, Mapping[str, float | None]]:
        """How far each register went between two moments, by role."""

    def profile(self, name: str, meter: str, start: float, end: float) -> Mapping[str, object]:
        """Rows of a profile whose end lies between two moments."""


def spent(queries: Queries, meter: str, at: datetime) -> dict[str, Spent]:
    """Of "day", "month" and "year": each register's name and how far it went, rates too. Goes on through a meter's swap."""
    now = at.timestamp()
    try:
        last = _rates(queries, meter, now - NEAR_S, now + NEAR_S)
        return {period: _since(queries, meter, start, now, last) for period, start in days.starts(at).items()}
    except (StoreError, sqlite3.Error):  # the page says why
        return {}


def _since(queries: Queries, meter: str, start: float, now: float, last: Mapping[str, float]) -> Spent:
    used = {name: value for told in queries.used(meter, start, now).values() for name, value in told.items()}
    first = _rates(queries, meter, start - NEAR_S, start)
    went = {name: value - first[name] for name, value in last.items() if name in first}
    known = {name: value for name, value in {**went, **used}.items() if value is not None}
    return {name: Decimal(str(value)).quantize(THOUSANDTH) for name, value in known.items()}


def _rates(queries: Queries, meter: str, start: float, end: float) -> dict[str, float]:
    """The registers of the last row that ends in a span."""
    told = queries.profile("load", meter, start, end)
    heads, rows = told["columns"], told["rows"]
    if not rows or not isinstance(rows, list) or not isinstance(heads, list):
        return {}
    found = dict(zip(heads, rows[-1], strict=True))
    return {name: found[name] for name in REGISTERS if isinstance(found.get(name), float)}
