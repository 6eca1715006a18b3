"""Answers as CSV (RFC 4180): for spreadsheets. Pure; never asks for an answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

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
    """Of what a profile or the event book answers."""
    assert isinstance(answer, Mapping)
    if "columns" in answer:
        return of_rows(answer["columns"], answer["rows"])
    return of_rows(SHOWN, ([event.get(name) for name in SHOWN] for event in answer["events"]))
