from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p1monitor.care.sealing import seal
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.recorder import Store, blocks, disk
from p1monitor.recorder.archive import Archive, open_journal
from p1monitor.recorder.disk import Disk
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.kept_record import from_bytes, to_bytes
from p1monitor.recorder.packing import Packer
from p1monitor.recorder.reading_back import EVER, telegrams
from p1monitor.recorder.retention import DROPPED_MOST, Keep, parse
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.streams import PackingError
from p1monitor.recorder.verify import faults
from tests.archiving import HOUR_S, folder, lived, moments, old, path
from tests.cutting import METER, NOON, Life, kept_of, samples
from tests.packingkit import GAS, HELD, frames_of, kept

__all__ = ["folder", "lived", "old", "path"]  # fixtures


class Writer:
    """An archive that is fed by hand, and saves when it is told to."""

    def __init__(self, path: Path, keep: str = "forever") -> None:
        self.disk, self.told = Disk(path), dict[str, object]()
        self.store = Store(path)
        self.archive = Archive(self.store, open_journal(self.store, 10, self.disk), keep, self.disk, self.told.__setitem__)

    def feed(self, readings: list[Kept]) -> None:
        for one in readings:
            self.archive.take(METER, one)

    def save(self) -> None:
        self.archive.look()
        self.archive.journal.sync()
        with self.store.transaction():
            self.archive.write()
        if self.archive.written() and self.store.durable():
            self.archive.safe()

    def rows(self, columns: str = "hour, number, from_seq, to_seq, readings") -> list[tuple[object, ...]]:
        return self.store.execute(f"SELECT {columns} FROM archive ORDER BY from_seq").fetchall()

    def close(self) -> None:
        self.archive.journal.close()
        self.store.close()


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    made = Writer(path)
    yield made
    made.close()


def hours(number: int, per_hour: int = 3, first: int = 1) -> list[Kept]:
    """A few readings in each of some hours."""
    frames = frames_of("esmr5", NOON, number * per_hour)
    return [
        one._replace(seq=first + index, at=index // per_hour * HOUR_S + index % per_hour) for index, one in enumerate(kept(frames))
    ]


# One reading as bytes


@pytest.mark.parametrize("verdict", [GAS, HELD])
@pytest.mark.parametrize("received", [None, 0, 1_781_690_400])
def test_a_reading_comes_back_of_its_bytes(verdict: object, received: int | None) -> None:
    one = Kept(2**40, -5, -3600, 255, received, "gcm", verdict, b"/any bytes\0\xff\r\n!")  # type: ignore[arg-type]
    assert from_bytes(to_bytes(one)) == one


@pytest.mark.parametrize("record", [b"", b"\x02" + bytes(60), b"\x01"])
def test_bytes_of_another_version_are_told(record: bytes) -> None:
    with pytest.raises(ValueError, match="a record of"):
        from_bytes(record)


# Sealing


def test_every_telegram_comes_back_byte_for_byte_from_blocks_and_journal(lived: Path) -> None:
    sent = b"".join(render(MODELS["esmr5"].telegram(one, 0)) for one in moments(0, 3 * HOUR_S + 600, 30))
    assert b"".join(telegrams(lived, None, *EVER)) == sent
    assert len(Writer(lived).rows()) == 3


def test_an_hour_is_sealed_when_the_next_has_begun_and_its_room_is_free_then(writer: Writer) -> None:
    writer.feed(hours(1))
    writer.save()
    assert writer.rows() == []
    writer.feed(hours(3)[3:])
    assert writer.archive.due()
    writer.save()
    assert writer.rows() == [(0, 0, 1, 3, 3), (1, 0, 4, 6, 3)]
    assert [one.seq for _, one, _ in writer.archive.replay()] == [4, 5, 6, 7, 8, 9]  # those that one sync wrote go together


def test_an_hour_that_comes_twice_has_two_blocks(writer: Writer) -> None:
    story = hours(2)
    again = [one._replace(seq=one.seq + 6) for one in story]
    writer.feed([*story, *again, again[-1]._replace(seq=13, at=9 * HOUR_S)])
    writer.save()
    assert writer.rows() == [(0, 0, 1, 3, 3), (1, 0, 4, 6, 3), (0, 1, 7, 9, 3), (1, 1, 10, 12, 3)]


def test_to_store_a_block_costs_the_same_however_many_there_are(path: Path) -> None:
    """A look at each of those that are there would take minutes on a card after some years."""
    store, looks = Store(path), itertools.count()
    with store.transaction():
        row = "INSERT INTO archive VALUES (?, ?, 0, ?, ?, ?, ?, 10, 9, 1, x'00')"
        number = store.meter(METER)
        for hour in range(5000):
            store.execute(row, (number, hour, hour * 10 + 1, hour * 10 + 10, hour * HOUR_S, hour * HOUR_S + 9))
    story = [one._replace(seq=one.seq + 50_000, at=one.at + 5000 * HOUR_S) for one in hours(2)]
    store._db.set_progress_handler(lambda: next(looks) < 0, 1000)
    with store.transaction():
        assert seal(store, METER, story) == 6
        assert seal(store, METER, story) == 0
    store.close()
    assert next(looks) < 5


def test_what_was_not_saved_is_sealed_in_the_next_life(path: Path) -> None:
    first = Writer(path)
    first.feed(hours(2))
    first.archive.journal.sync()
    first.close()
    life = Life(path, begin=4 * HOUR_S)
    assert life.entered == 6
    life.second()
    assert [row[2:4] for row in Writer.rows(life)] == [(1, 3), (4, 6)]  # type: ignore[arg-type]
    life.recorder.close()


def test_what_does_not_come_back_packed_is_kept_as_it_is(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_self: object) -> bytes:
        raise PackingError("no")

    monkeypatch.setattr(Packer, "pack", fails)
    story = hours(2)
    writer.feed(story)
    writer.save()
    ((kind, content),) = writer.rows("format, block")
    assert isinstance(content, bytes)
    assert kind == blocks.VERBATIM
    assert list(blocks.read(blocks.Block(blocks.VERBATIM, content), Shapes())) == story[:3]


def test_a_transaction_that_fails_is_repeated_with_its_shapes(writer: Writer) -> None:
    writer.feed(hours(2))
    writer.archive.journal.sync()
    writer.store.execute("BEGIN IMMEDIATE")
    writer.archive.write()
    writer.store.execute("ROLLBACK")
    writer.archive.failed()
    writer.save()
    assert len(writer.rows()) == 1
    assert not list(faults(writer.store.path))


# How long


@pytest.mark.parametrize(
    ("words", "limits"),
    {
        "forever": Keep(),
        "1 day": Keep(seconds=86_400),
        "90 days": Keep(seconds=90 * 86_400),
        "2 months": Keep(seconds=62 * 86_400),
        "10 years": Keep(seconds=3660 * 86_400),
        "500 MB": Keep(size=500_000_000),
        "4 GB": Keep(size=4_000_000_000),
    }.items(),
)
def test_how_long_seconds_are_kept(words: str, limits: Keep) -> None:
    assert parse(words) == limits


def test_old_blocks_go_a_few_at_a_time_and_their_room_is_used_again(path: Path) -> None:
    everything = Writer(path)
    everything.feed(hours(101))
    everything.save()
    everything.close()
    writer = Writer(path, "1 day")
    left = []
    for _ in range(4):
        writer.save()
        left.append(len(writer.rows()))
    assert left == [100 - DROPPED_MOST, 100 - 2 * DROPPED_MOST, 100 - 3 * DROPPED_MOST, 27]
    assert writer.rows("hour")[0] == (73,)
    (pages,) = writer.store.execute("PRAGMA page_count").fetchone()
    writer.feed(hours(50, first=1000))
    writer.save()
    assert writer.store.execute("PRAGMA page_count").fetchone() == (pages,)
    writer.close()


def test_imported_hours_that_are_too_old_go_first_although_they_came_last(path: Path) -> None:
    writer = Writer(path, "30 days")
    writer.feed([one._replace(at=one.at + 100 * 86_400) for one in hours(6)])
    writer.save()
    writer.store.execute("UPDATE archive SET rowid = -rowid")  # as if they had come before those
    writer.feed(hours(5, first=1000))
    writer.save()
    writer.feed([one._replace(at=one.at + 101 * 86_400) for one in hours(5, first=2000)])
    writer.save()
    writer.save()
    assert writer.rows("min(hour)") == [(100 * 24,)]
    writer.close()


def test_one_hour_of_a_clock_that_runs_years_ahead_throws_nothing_away(path: Path) -> None:
    writer = Writer(path, "30 days")
    writer.feed(hours(20))
    writer.feed([one._replace(at=one.at + 4000 * 86_400) for one in hours(2, first=1000)])
    writer.save()
    before = writer.rows("hour")
    writer.save()
    assert writer.rows("hour") == before
    assert max(before) == (4000 * 24,)
    writer.close()


def test_a_size_is_kept_by_dropping_the_oldest(path: Path) -> None:
    writer = Writer(path)
    writer.feed(hours(31))
    writer.save()
    writer.archive._keep = Keep(size=writer.archive._bytes // 2)
    writer.save()
    kept_bytes = sum(int(str(row[0])) for row in writer.rows("length(block)"))
    assert kept_bytes == writer.archive._bytes <= writer.archive._keep.size  # type: ignore[operator]
    assert writer.rows("max(hour)") == [(29,)]
    writer.close()


# No room


def test_below_the_floor_seconds_rest_profiles_go_on_and_it_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(path, step=60)
    full = [False]
    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda where: Little(real(where), full=full[0]))
    for minutes, state in ((90, False), (180, True), (180, False)):
        full[0] = state
        for _ in range(minutes):
            life.second()
    life.recorder.close()
    assert samples(path) == 450
    there = kept_of(path).keys()
    assert {1, 60, 450} <= there
    assert not {100, 200, 260} & there
    assert caplog.text.count("seconds are not kept, profiles are") == 1
    assert not list(faults(path))


class Little:
    """A disk that is nearly full, or is not."""

    def __init__(self, found: os.statvfs_result, *, full: bool) -> None:
        self.f_blocks, self.f_frsize, self.f_flag = found.f_blocks, found.f_frsize, found.f_flag
        self.f_bavail = 0 if full else found.f_blocks


@pytest.mark.parametrize(("size", "floor"), [(4e9, 2e8), (1e12, disk.FLOOR), (1e6, 5e4)])
def test_the_floor_suits_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch, size: float, floor: float) -> None:
    free = [floor]
    found = type("Found", (), {"f_blocks": size, "f_frsize": 1, "f_bavail": property(lambda _: free[0])})
    monkeypatch.setattr(os, "statvfs", lambda _where: found())
    here = Disk(path)
    states = []
    for share in (1.0, 0.99, 1.01, 1.24, 1.25):
        free[0] = floor * share
        states.append(here.look())
    assert states == [False, True, True, True, False]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    where = tmp_path / "small"
    where.mkdir()
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", where], check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield where
    subprocess.run(["umount", where], check=True)


def test_on_a_disk_of_1_mb_there_are_profiles_without_seconds(small: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = Writer(small / "history.sqlite")
    assert not writer.archive.journal.on_card
    assert writer.told == {"archive": "no room: seconds are not kept, profiles are"}
    writer.feed(hours(2))
    writer.save()
    assert writer.rows() == []
    writer.close()
    assert caplog.text.count("seconds are not kept") == 1
