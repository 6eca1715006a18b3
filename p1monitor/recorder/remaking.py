"""All profiles of a history made again of its telegrams. Never runs beside the daemon: it needs the store for itself.

What the journal has beyond the profiles is left for the next start, as ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from p1monitor.p1.records import QualityRow, Reading
from p1monitor.recorder import summaries
from p1monitor.recorder.blocks import BlockError
from p1monitor.recorder.kept import Kept, reading
from p1monitor.recorder.ledger import Stamp
from p1monitor.recorder.levels import load_profile
from p1monitor.recorder.opening import StoreError, sentence
from p1monitor.recorder.reading_back import Past
from p1monitor.recorder.rebuild import Again, Edge, Made, rebuild
from p1monitor.recorder.store import Store

#: Takes the readings of one meter in their order, with the time of their stamps; gives the rows of power quality that they end.
Rater = Callable[[Reading, int], QualityRow | None]


#: Takes how much is done, from 0 to 1.
Progress = Callable[[float], object]


class How(NamedTuple):
    """How a meter is to be understood."""

    profile: str = "auto"  #: its country
    billing_day: int = 1


def remade(
    store: Store, load_minutes: int, how: Callable[[str], How], rater: Callable[[], Rater], progress: Progress = lambda _: None
) -> Iterator[tuple[str, Made]]:
    """Make the profiles of each meter again, with these periods.

    A block that is damaged is as one that is not there: rows that reach into it stay as they are.
    """
    load = load_profile(load_minutes)
    with closing(Past(store.path)) as past:
        for meter in past.archived():
            known = how(meter)
            lost: list[Edge] = []
            again = _again(_kept(past, meter, lost, progress), meter, store.recorded(meter), known.profile, rater())
            try:
                made = rebuild(store, meter, again, load, known.billing_day, lost)
                with store.transaction():
                    changed = summaries.made_again(store, store.meter(meter), past.packed(meter), past.shapes)
                yield meter, made._replace(others={**made.others, **({"summary": changed} if changed else {})})
            except (sqlite3.Error, OSError) as error:
                raise StoreError(sentence(store.path, error)) from error


def rebuilt(
    path: Path, load_minutes: int, how: Callable[[str], How], rater: Callable[[], Rater], progress: Progress = lambda _: None
) -> Iterator[str]:
    """The same for a history that nobody else writes to: one sentence for each profile that was not what the telegrams say."""
    if not path.exists():
        raise StoreError(f"{path}: there is no history")
    with closing(Store(path)) as store:
        for meter, made in remade(store, load_minutes, how, rater, progress):
            for table, rows in made.others.items():
                yield f"{meter}: {rows} rows of {table} were not what the telegrams say; they are now"


def _again(found: Iterator[Kept], meter: str, recorded: int, profile: str, rate: Rater) -> Iterator[Again]:
    for kept in found:
        if kept.seq <= recorded:
            one = reading(kept, profile, meter)
            yield one._replace(quality=rate(one, kept.at)), Stamp(kept.at, kept.offset, kept.status)


def _kept(past: Past, meter: str, lost: list[Edge], progress: Progress) -> Iterator[Kept]:
    after = past.archived()
    rows = past.rows(meter)
    for number, row in enumerate(rows, 1):
        progress(number / len(rows))
        try:
            yield from past.block(row)
        except BlockError:
            lost.append(Edge(row.start, row.end))
    yield from (kept for name, kept in past.journal(after) if name == meter)
