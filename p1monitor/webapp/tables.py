"""Answers as CSV (RFC 4180): for spreadsheets. Pure; never asks for an answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from p1monitor.recorder.event_book import SHOWN

MIMETYPE = "text/csv"


def of_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines of a table; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def of_answer(answer: object) -> str:
    """Of what a profile, a series or the event book answers."""
    assert isinstance(answer, Mapping)
    if "start" in answer:
        return of_rows(*_series(answer))
    if "columns" in answer:
        return of_rows(answer["columns"], answer["rows"])
    return of_rows(SHOWN, ([event.get(name) for name in SHOWN] for event in answer["events"]))


def _series(answer: Mapping[str, Any]) -> tuple[list[str], Iterable[Sequence[object]]]:
    """Three columns for each name."""
    heads, columns = list[str](), list[Sequence[object]]()
    for name, column in answer.items():
        parts = {f"{name}_{part}": one for part, one in column.items()} if isinstance(column, Mapping) else {name: column}
        heads += parts
        columns += parts.values()
    return heads, zip(*columns, strict=True)
