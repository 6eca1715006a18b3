"""Is a history whole? One sentence for each fault. Never repairs, never writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from p1monitor.recorder import sums
from p1monitor.recorder.blocks import BlockError
from p1monitor.recorder.card import scan
from p1monitor.recorder.journal import path_of
from p1monitor.recorder.opening import DAMAGE, sentence
from p1monitor.recorder.reading_back import Past, Row

#: Faults of one kind that are told one by one; of a file that is damaged all over the rest is counted.
FAULTS_MOST = 20


def faults(path: Path, progress: Callable[[float], object] = lambda _: None, *, every_reading: bool = True) -> Iterator[str]:
    """What is wrong, worst first; nothing if all is well. StoreError where the history cannot be opened at all.

    Without `every_reading` a block is believed its checksum: that takes a minute where the other takes an hour.
    """
    with closing(Past(path)) as past:
        yield from _database(past)
        yield from _few(_archive(past, progress, every_reading=every_reading), "more blocks")
        yield from _journal(past)


def _database(past: Past) -> Iterator[str]:
    try:
        found = [str(row[0]) for row in past.db.execute(f"PRAGMA quick_check({FAULTS_MOST})")]
        yield from (f"{past.path}: {' '.join(words.split())}" for words in found if words != "ok")
        yield from _few(sums.faults(past.db), "more sums")
    except DAMAGE as error:
        yield sentence(past.path, error)


def _archive(past: Past, progress: Callable[[float], object], *, every_reading: bool) -> Iterator[str]:
    newest: dict[str, int] = {}
    try:
        rows = past.rows()
    except DAMAGE as error:
        yield f"{past.path}: the archive cannot be read ({error})"
        return
    for number, row in enumerate(rows, 1):
        progress(number / len(rows))
        if row.from_seq <= newest.get(row.meter, row.from_seq - 1):
            yield f"{_named(row)}: overlaps the block before"
        newest[row.meter] = row.to_seq
        try:
            if not every_reading:
                past.prove(row)
                continue
            found = [(kept.seq, kept.at) for kept in past.block(row)]
        except (BlockError, *DAMAGE) as error:
            yield f"{_named(row)}: cannot be read ({error})"
            continue
        if len(found) != row.readings or [seq for seq, _ in found] != sorted({seq for seq, _ in found}):
            yield f"{_named(row)}: {row.readings} readings are said to be in it, {len(found)} are"
        elif found and (found[0][0], found[-1][0]) != (row.from_seq, row.to_seq):
            yield f"{_named(row)}: its numbers are not those of its readings"


def _journal(past: Past) -> Iterator[str]:
    path = path_of(past.path)
    if not path.exists():
        return
    try:
        found = scan(path.read_bytes(), past.installation)
        list(past.journal(past.archived()))
    except (OSError, ValueError) as error:
        yield f"{path}: cannot be read ({error})"
        return
    if found.foreign and not found.chunks:
        yield f"{path}: belongs to another history"


def _named(row: Row) -> str:
    return f"{row.meter}: the block of readings {row.from_seq} to {row.to_seq}"


def _few(found: Iterator[str], what: str) -> Iterator[str]:
    count = 0
    for words in found:
        count += 1
        if count <= FAULTS_MOST:
            yield words
    if count > FAULTS_MOST:
        yield f"and {count - FAULTS_MOST} {what}"
