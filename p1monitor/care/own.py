"""p1monitor's own exports of profiles, as CSV or JSON Lines, on their way back. Streams; touches no history."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from decimal import InvalidOperation
from typing import TextIO

from p1monitor.care.columns import HEAD, Cell, row_of
from p1monitor.care.incoming import ImportProblem, Incoming
from p1monitor.recorder.queries import PROFILES
from p1monitor.recorder.rows import EVERY

#: How a CSV export of ours begins.
BEGIN = ",".join(HEAD)


def read(file: TextIO, name: str, incoming: Incoming) -> None:
    """Take in every row of one export."""
    first = file.readline()
    file.seek(0)
    rows = _lines(file) if first.lstrip().startswith("{") else csv.DictReader(file)
    for number, cells in enumerate(rows, 1):
        try:
            _take(cells, incoming)
        except (KeyError, ValueError, TypeError, InvalidOperation) as error:
            raise ImportProblem(f"{name}: row {number} is no row of an export ({error})") from error


def _lines(file: TextIO) -> Iterator[Mapping[str, Cell]]:
    for line in file:
        if line.strip():
            yield json.loads(line)


def _take(cells: Mapping[str, Cell], incoming: Incoming) -> None:
    table = EVERY[PROFILES[str(cells["profile"])]]
    device = incoming.device(str(cells["meter"]), str(cells["role"]), str(cells["medium"]))
    offset = {str(name): int(value) for name, value in json.loads(str(cells["offset"])).items()}
    segment = incoming.segment(device, str(cells["segment"]), str(cells["equipment_id"] or ""), offset)
    incoming.add(table.name, device, segment, row_of(cells, table))
