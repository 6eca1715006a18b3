"""Objects that are lists: failure logs, histories, billing profiles. Newest first; never a fixed number of columns."""

from __future__ import annotations

import re
from datetime import datetime

from p1monitor.p1.catalogue import Row
from p1monitor.p1.records import Failure, Measurement
from p1monitor.p1.telegram import DataObject
from p1monitor.p1.times import meter_time
from p1monitor.p1.units import convert, is_count, number

#: Failures longer than this were never measured: meters print 2147483647 where they know nothing (Kaifa).
_FAILURE_MOST_S = 2**31 - 1000
#: A time, perhaps with a flag that says nothing (Holley prints T): its row counts, though nobody knows when it was.
_TIME = re.compile(r"[0-9]{12}[A-Za-z]?")


def failures(row: Row, item: DataObject, profile: str) -> Measurement:
    """(count)(code)(end)(seconds)…: S50 §6.11. Newest first whatever order the meter has; what was never measured is left out."""
    times = [group.strip() for group in item.groups if ":" not in group][1:]
    found: list[Failure] = []
    for end, duration in zip(times[::2], times[1::2], strict=False):
        parsed = number(duration)
        seconds = int(parsed[0]) if parsed else None
        at = meter_time(end, profile)
        if seconds is not None and seconds < _FAILURE_MOST_S and (at is not None or seconds):
            found.append((at, seconds))
    known = sorted((entry for entry in found if entry[0]), key=_by_time, reverse=True)
    return Measurement((*known, *(entry for entry in found if not entry[0])), row.unit, item.obis)


def history(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """(count)(column code)… and count rows, newest first whatever order the meter has. Generic, never by a fixed number of columns.

    Belgium: (n)(1-0:1.6.0)(1-0:1.6.0) and n times (end of month)(time of peak)(kW); large users have six columns.
    """
    groups = [group.strip() for group in item.groups if group.strip()]
    if not groups:
        return Measurement((), row.unit, item.obis)
    if not is_count(groups[0]):
        return None
    cells = [group for group in groups[1:] if ":" not in group]
    width = _width(int(groups[0]), len(groups) - 1 - len(cells), len(cells))
    if width is None:
        return None
    rows = [_cells(cells[at : at + width], profile) for at in range(0, len(cells), width)] if width else []
    return Measurement(tuple(sorted(rows, key=_by_time, reverse=True)), row.unit, item.obis)


def _width(count: int, codes: int, cells: int) -> int | None:
    """Cells of a row: one for each column's code, and one more where the time of the row has none. None if there is no telling.

    The count says which, but it may be wrong: then it is what leaves nothing over, with a time before the columns first.
    """
    if not cells:
        return 0
    if count and cells % count == 0 and (not codes or cells // count - codes in (0, 1)):
        return cells // count
    return next((width for width in (codes + 1, codes) if width > 1 and cells % width == 0), None)


def billing(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """As a history, with columns of energies (c.8.e): IDIS. Belgian histories under this code have peaks only."""
    energies = any(":" in group and group.partition(":")[2].split(".")[1:2] == ["8"] for group in item.groups)
    return history(row, item, profile) if energies else None


def snapshot(row: Row, item: DataObject, profile: str) -> Measurement | None:
    """(time)(value)…, Hungary: one row of bare values, without columns' codes."""
    groups = [group.strip() for group in item.groups if group.strip()]
    if not groups or _TIME.fullmatch(groups[0]) is None:
        return None
    return Measurement((_cells(groups, profile),), row.unit, item.obis)


def _cells(texts: list[str], profile: str) -> tuple[object, ...]:
    return tuple(_cell(text, profile) for text in texts)


def _cell(text: str, profile: str) -> object:
    found = number(text)
    if "*" in text and found is not None:
        printed = found[1] or ""
        for unit in ("W", "kWh", "kvarh", "kVAh", "A"):
            value = convert(found[0], printed, unit)
            if value is not None:
                return value
    moment = meter_time(text, profile)
    if moment is not None or found is None or len(text) >= 12:
        return moment
    return found[0]


def _by_time(line: tuple[object, ...]) -> float:
    return line[0].timestamp() if line and isinstance(line[0], datetime) else 0.0
