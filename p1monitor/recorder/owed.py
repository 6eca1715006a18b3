"""What a sink is owed of a meter between two numbers, read from the archive's blocks and then from the journal. Never writes.

Holds a block at a time. Made for one thread that is not the recorder's; what is sealed meanwhile is missed nowhere.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from p1monitor.recorder import heap
from p1monitor.recorder.blocks import BlockError
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.reading_back import Past, Row

log = logging.getLogger(__name__)


class Piece(NamedTuple):
    """Some of it."""

    kept: list[Kept]  #: in order
    upto: int  #: up to this number there is nothing else


class Owed:
    """One history, for one sink."""

    def __init__(self, path: Path, kept_to: Callable[[str], int]) -> None:
        """`kept_to`: the number up to which a meter's readings are in the history or its journal, or never will be."""
        self._path, self._kept_to = path, kept_to
        self._past: Past | None = None
        self._block: tuple[Row, Iterator[Kept]] | None = None
        self._at = 0  # the newest number that was read of the block

    def some(self, meter: str, first: int, last: int, most: int) -> Piece:
        """The next readings of first … last, `most` at most. Imported ones have numbers below 1, and are nobody's due."""
        kept_to = min(self._kept_to(meter), last)  # before anything is read: so much is there now
        if kept_to < first:
            return Piece([], first - 1)
        while True:
            row = self._row(meter, first, kept_to)
            if row is not None:
                return self._of_block(row, first, kept_to, most)
            found = list(islice(self._unsealed(meter, first, kept_to), most))
            if self._sought(meter, first, kept_to) is None:  # else it was sealed while we read
                return Piece(found, found[-1].seq if len(found) == most else kept_to)

    def stamps(self, before: Mapping[str, int], most: int) -> dict[str, deque[int]]:
        """The stamps of the last readings before a number of each meter, oldest first; of all at once, for the journal is one."""
        past = self._opened(afresh=True)
        newest = {meter: deque[int](maxlen=most) for meter in before}
        for meter, number in before.items():
            for row in past.last_blocks(meter, number, most):
                try:
                    newest[meter].extend(kept.at for kept in past.block(row) if kept.seq < number)
                except BlockError as error:
                    self._damaged(row, error)
        archived = past.archived()
        for meter, kept in past.unsealed({meter: max(archived.get(meter, 0), 0) for meter in before}):
            if kept.seq < before[meter]:
                newest[meter].append(kept.at)
        return newest

    def rest(self) -> None:
        """Nothing is owed, or it cannot be delivered: let go of what is in memory."""
        self._block = None
        if self._past is not None:
            self._past.close()
            self._past = None
            heap.give_back()

    def _row(self, meter: str, first: int, last: int) -> Row | None:
        """The block that has the next of them: the one that is open, else what the history says."""
        if self._block is not None:
            row = self._block[0]
            if row.meter == meter and self._at < first <= row.to_seq:
                return row
            self._block = None
        return self._sought(meter, first, last)

    def _unsealed(self, meter: str, first: int, last: int) -> Iterator[Kept]:
        found = (kept for _, kept in self._opened().unsealed({meter: first - 1}))
        return takewhile(lambda kept: kept.seq <= last, found)

    def _sought(self, meter: str, first: int, last: int) -> Row | None:
        return self._opened().block_after(meter, first, last)

    def _of_block(self, row: Row, first: int, last: int, most: int) -> Piece:
        if self._block is None:
            self._block = row, self._opened(afresh=True).block(row)  # it may have shapes that are new
        mine = (kept for kept in self._block[1] if kept.seq >= first)
        try:
            found = list(islice(mine, most))
        except BlockError as error:
            self._damaged(row, error)
            found = []
        if len(found) < most:
            self._block, end = None, row.to_seq
        else:
            end = self._at = found[-1].seq
        return Piece([kept for kept in found if kept.seq <= last], min(end, last))

    def _opened(self, *, afresh: bool = False) -> Past:
        if self._past is not None and afresh:
            self._past.close()
            self._past = None
        self._past = self._past or Past(self._path)
        return self._past

    def _damaged(self, row: Row, error: BlockError) -> None:
        log.warning("%s: a block of %d readings of %s is damaged (%s): it is left out", self._path, row.readings, row.meter, error)
