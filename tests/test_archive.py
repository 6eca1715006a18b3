from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from p1monitor.cli import main
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.recorder import Store, StoreError, blocks, disk, tail
from p1monitor.recorder.archive import Archive, open_journal
from p1monitor.recorder.disk import Disk
from p1monitor.recorder.journal import path_of
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.kept_record import from_bytes, to_bytes
from p1monitor.recorder.packing import Packer
from p1monitor.recorder.reading_back import EVER, telegrams
from p1monitor.recorder.retention import DROPPED_MOST, Keep, parse
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.streams import PackingError
from p1monitor.recorder.verify import faults
from tests.cutting import METER, NOON, Life, cut, kept_of, killed, samples
from tests.packingkit import GAS, HELD, frames_of, kept

HOUR_S = 3600


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv(tail.RUNTIME, str(tmp_path / "run"))
    return tmp_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of three hours and a bit."""
    path = tmp_path_factory.mktemp("old") / "history.sqlite"
    life = Life(path, step=30, tail=path.with_name("tail"))
    while life.now < 3 * HOUR_S + 600:
        life.second()
    life.recorder.close()
    return path


@pytest.fixture
def lived(old: Path, path: Path) -> Path:
    """A copy of it."""
    for file in (old, path_of(old)):
        shutil.copy(file, path.parent)
    return path


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


def moments(begin: int, end: int, step: int) -> Iterator[datetime]:
    return (NOON + timedelta(seconds=at) for at in range(begin, end, step))


def test_an_hour_is_sealed_when_the_next_has_begun_and_its_room_is_free_then(writer: Writer) -> None:
    writer.feed(hours(1))
    writer.save()
    assert writer.rows() == []
    writer.feed(hours(3)[3:])
    assert writer.archive.due()
    writer.save()
    assert writer.rows() == [(0, 0, 1, 3, 3), (1, 0, 4, 6, 3)]
    assert [one.seq for _, one in writer.archive.replay()] == [4, 5, 6, 7, 8, 9]  # those that one sync wrote go together


def test_an_hour_that_comes_twice_has_two_blocks(writer: Writer) -> None:
    story = hours(2)
    again = [one._replace(seq=one.seq + 6) for one in story]
    writer.feed([*story, *again, again[-1]._replace(seq=13, at=9 * HOUR_S)])
    writer.save()
    assert writer.rows() == [(0, 0, 1, 3, 3), (1, 0, 4, 6, 3), (0, 1, 7, 9, 3), (1, 1, 10, 12, 3)]


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
    assert left == [100 - DROPPED_MOST, 100 - 2 * DROPPED_MOST, 100 - 3 * DROPPED_MOST, 25]
    assert writer.rows("hour")[0] == (75,)
    (pages,) = writer.store.execute("PRAGMA page_count").fetchone()
    writer.feed(hours(50, first=1000))
    writer.save()
    assert writer.store.execute("PRAGMA page_count").fetchone() == (pages,)
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
        self.f_blocks, self.f_frsize = found.f_blocks, found.f_frsize
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


# Damage


def runs(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_whole_history_is_verified_silently(lived: Path) -> None:
    assert runs("verify", "--history", lived) == (0, "")


def test_a_damaged_block_is_named_and_all_others_stay_readable(lived: Path) -> None:
    with sqlite3.connect(lived) as db:
        db.execute(
            "UPDATE archive SET block = CAST(substr(block, 1, 99) || x'00' || substr(block, 101) AS BLOB) WHERE from_seq = 121"
        )
    db.close()
    code, told = runs("verify", "--history", lived)
    assert (code, told.count("\n")) == (1, 1)
    assert told.startswith("home: the block of readings 121 to 240: cannot be read")
    life = Life(lived, begin=5 * HOUR_S, step=30)
    life.second()
    life.recorder.close()
    good = [*telegrams(lived, None, EVER[0], int(NOON.timestamp()) + HOUR_S)]
    assert len(good) == 120
    assert len([*telegrams(lived, None, int(NOON.timestamp()) + 2 * HOUR_S + 1, EVER[1])]) == 120 + 20
    assert runs("export", "--telegrams", "--history", lived)[0] == 1


@pytest.mark.parametrize(
    ("statement", "words"),
    {
        "UPDATE archive SET readings = 7 WHERE from_seq = 1": "7 readings are said to be in it, 120 are",
        "UPDATE archive SET to_seq = 130 WHERE from_seq = 1": "overlaps",
        "UPDATE daily_profile SET energy_import_wh = 0, date = '2030-01-01'": None,
        "DELETE FROM shape": "cannot be read",
    }.items(),
)
def test_what_verify_finds(lived: Path, statement: str, words: str | None) -> None:
    with sqlite3.connect(lived) as db:
        db.execute(statement)
    db.close()
    told = "\n".join(faults(lived))
    assert (words or "") in told
    assert bool(told) == bool(words)


@pytest.mark.parametrize("begin", [100, 16 * 4096])
def test_a_file_that_is_damaged_all_over_is_told_in_a_few_lines(lived: Path, begin: int) -> None:
    """From its first page on, or only behind the schema."""
    content = bytearray(lived.read_bytes())
    chance = random.Random(1)
    for _ in range(200):
        content[chance.randrange(begin, len(content))] ^= 0xFF
    lived.write_bytes(content)
    code, told = runs("verify", "--history", lived)
    assert code == 1
    assert 0 < told.count("\n") < 50


def test_read_only_files_are_one_sentence(lived: Path) -> None:
    if not os.getuid():  # root may write anything; a mount may not be written by root either
        subprocess.run(["mount", "--bind", lived.parent, lived.parent], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", lived.parent], check=True)
    try:
        with pytest.raises(StoreError, match=r"history\.sqlite: the history cannot be (written|opened)"):
            Store(lived)
    finally:
        if not os.getuid():
            subprocess.run(["umount", lived.parent], check=True)


def test_a_journal_that_is_no_file_is_one_sentence(lived: Path) -> None:
    path_of(lived).unlink()
    path_of(lived).mkdir()
    with pytest.raises(StoreError, match=r"history\.sqlite"):
        Life(lived)


# The commands


@pytest.mark.parametrize(
    ("options", "count"),
    {
        (): 380,
        ("--from", "2026-01-15T13:00:00+00:00"): 260,
        ("--from", "2026-01-15T13:00:00Z", "--to", "2026-01-15T14:00:00Z"): 120,
        ("--meter", "garage"): 0,
    }.items(),
)
def test_telegrams_are_exported_by_time_and_meter(lived: Path, tmp_path: Path, options: tuple[str, ...], count: int) -> None:
    out = tmp_path / "out.txt"
    assert runs("export", "--telegrams", "--history", lived, "-o", out, *options) == (0, "")
    content = out.read_bytes() if out.exists() else b""
    assert sum(isinstance(event, Frame) for event in Framer().feed(content)) == count


@pytest.mark.parametrize(
    ("arguments", "words"),
    {
        ("export",): "say what: --telegrams",
        ("export", "--telegrams", "--from", "yesterday"): '"yesterday" is no time',
        ("export", "--telegrams", "--history", "/nowhere/h.sqlite"): "there is no history",
        ("verify", "--history", "/nowhere/h.sqlite"): "there is no history",
    }.items(),
)
def test_each_mistake_is_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    code, told = runs(*arguments)
    assert code
    assert words in told


# Kills and power cuts; `make endure` has two hundred of each


def test_kills_lose_nothing(path: Path) -> None:
    assert "none lost" in killed(path, iter((0.02, 0.3, 0.7)))


def test_power_cuts_lose_no_more_than_was_promised(tmp_path: Path) -> None:
    assert cut(tmp_path / "cuts", 6, 3)


def test_a_kill_forgets_nothing_that_was_observed(path: Path) -> None:
    life = Life(path)
    for _ in range(30):
        life.second()
    again = Life(path.with_name("other.sqlite"))  # the same without a kill
    for _ in range(31):
        again.second()
    shutil.copy(path, path.with_name("killed.sqlite"))
    os.close(life.store._claim)
    life.archive.journal.close()
    after = Life(path, begin=30)
    assert after.entered == 30
    assert replace(after.memory, seq=30).totals == life.memory.totals
    assert after.memory.marks.keys() == life.memory.marks.keys()
    after.second()
    assert after.memory.totals == again.memory.totals
