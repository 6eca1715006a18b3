"""What is owed comes out of blocks and journal, whole and in order, while the recorder goes on sealing."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from p1monitor.recorder import reading_back, tail
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.owed import Owed
from p1monitor.sinks import SinkError
from tests.archiving import HOUR_S, folder, lived, old, path
from tests.cutting import METER, Life, kept_of

__all__ = ["folder", "lived", "old", "path"]


def broken(*_: object) -> int:
    raise OSError(errno.EIO, "the card is broken")


def all_of(owed: Owed, first: int, last: int, most: int) -> list[int]:
    """The numbers of what is owed, piece by piece."""
    found: list[int] = []
    while first <= last:
        piece = owed.some(METER, first, last, most)
        assert len(piece.kept) <= most
        assert piece.upto >= first
        assert all(first <= kept.seq <= piece.upto for kept in piece.kept)
        found += [kept.seq for kept in piece.kept]
        first = piece.upto + 1
    return found


@pytest.mark.parametrize("most", [1, 7, 120, 1000])
def test_everything_comes_once_and_in_order(lived: Path, most: int) -> None:
    newest = max(kept_of(lived))
    owed = Owed(lived, lambda _: newest)
    assert all_of(owed, 1, newest, most) == list(range(1, newest + 1))
    assert all_of(owed, 100, newest - 5, most) == list(range(100, newest - 4))
    owed.rest()
    assert owed.some(METER, 250, 260, 500).kept == [kept for seq, kept in sorted(kept_of(lived).items()) if 250 <= seq <= 260]
    assert owed.some("shed", 1, newest, most) == ([], newest)


def test_what_is_not_recorded_yet_stays_owed(lived: Path) -> None:
    newest = max(kept_of(lived))
    owed = Owed(lived, lambda _: newest)
    assert owed.some(METER, newest - 1, newest + 50, 500).upto == newest
    assert owed.some(METER, newest + 1, newest + 50, 500) == ([], newest)


def test_what_neither_tail_nor_card_took_stays_owed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(path, tail=path / "nowhere")
    life.second()
    owed = Owed(path, life.recorder.kept_to)
    with monkeypatch.context() as card:
        card.setattr(os, "pwrite", broken)
        with pytest.raises(SinkError):
            life.second()
        assert owed.some(METER, 2, 2, 9) == ([], 1)
    life.second()
    assert [kept.seq for kept in owed.some(METER, 2, 9, 9).kept] == [2, 3]
    life.recorder.close()


def test_an_hour_that_is_sealed_while_the_journal_is_read_is_not_missed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(path, step=60, tail=path.with_name("tail"))
    last = max(life.second() for _ in range(HOUR_S // 60))
    unsealed = reading_back.Past.unsealed

    def slow(past: reading_back.Past, _: Mapping[str, int]) -> Iterator[tuple[str, Kept]]:
        while life.now < HOUR_S + 120:
            life.second()
        assert life.recorder._archive.archived(METER) == last
        return unsealed(past, {METER: last})  # their room was written over

    life.clock.now += 60  # hours are sealed together, a moment later
    with monkeypatch.context() as patch:
        patch.setattr(reading_back.Past, "unsealed", slow)
        found = Owed(path, lambda _: last).some(METER, 1, last, 500)
    assert [kept.seq for kept in found.kept] == list(range(1, last + 1))
    life.recorder.close()


@pytest.mark.parametrize("whose", ["a due", "an export"])
def test_what_is_synced_while_the_journal_is_read_is_not_missed(path: Path, monkeypatch: pytest.MonkeyPatch, whose: str) -> None:
    life = Life(path, tail=path.with_name("tail"))
    last = max(life.second() for _ in range(5))
    monkeypatch.setattr(tail, "paths_of", lambda _: iter([path.with_name("tail")]))
    card = reading_back.Past._card

    def synced(past: reading_back.Past) -> object:
        found = list(card(past))
        life.recorder._archive.journal.sync(life.clock.monotonic())
        return found

    monkeypatch.setattr(reading_back.Past, "_card", synced)
    with closing(reading_back.Past(path)) as past:
        owed = Owed(path, lambda _: last)
        found = owed.some(METER, 1, last, 9).kept if whose == "a due" else [kept for _, kept in past.journal({})]
    assert [kept.seq for kept in found] == list(range(1, last + 1))
    life.recorder.close()


def test_a_damaged_block_is_left_out_and_told(lived: Path, caplog: pytest.LogCaptureFixture) -> None:
    newest = max(kept_of(lived))
    with sqlite3.connect(lived) as db:
        first, last = db.execute("SELECT from_seq, to_seq FROM archive ORDER BY from_seq LIMIT 1 OFFSET 1").fetchone()
        db.execute("UPDATE archive SET block = x'00' WHERE from_seq = ?", (first,))
    found = all_of(Owed(lived, lambda _: newest), 1, newest, 100)
    assert found == [*range(1, first), *range(last + 1, newest + 1)]
    assert caplog.text.count("is damaged") == 1


def test_stamps_before_a_number(lived: Path) -> None:
    ats = [kept.at for _, kept in sorted(kept_of(lived).items())]
    owed = Owed(lived, lambda _: len(ats))
    for before, most in ((len(ats) + 1, 50), (len(ats) + 1, 200), (130, 20), (130, 500), (1, 5)):
        assert list(owed.stamps({METER: before}, most)[METER]) == ats[: before - 1][-most:]


def test_what_was_imported_is_nobodys_due(lived: Path) -> None:
    with sqlite3.connect(lived) as db:
        db.execute("UPDATE archive SET from_seq = from_seq - 100000, to_seq = to_seq - 100000 WHERE from_seq = 1")
    newest = max(kept_of(lived))
    found = all_of(Owed(lived, lambda _: newest), 1, newest, 500)
    assert found
    assert min(found) > 1
    assert len(Owed(lived, lambda _: newest).stamps({METER: newest + 1}, 10_000)[METER]) == len(found)
