from __future__ import annotations

import os
import random
import sqlite3
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from p1monitor.cli import main
from p1monitor.p1.framer import Frame, Framer
from p1monitor.recorder import Store, StoreError
from p1monitor.recorder.journal import path_of
from p1monitor.recorder.reading_back import EVER, telegrams
from p1monitor.recorder.verify import faults
from tests.archiving import HOUR_S, folder, lived, old, path
from tests.cutting import NOON, Life

__all__ = ["folder", "lived", "old", "path"]  # fixtures


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
    code, told = runs("export", "--telegrams", "--history", lived, "-o", lived.with_name("all.txt"))
    assert (code, "1 blocks of the archive are damaged and left out" in told) == (1, True)
    assert lived.with_name("all.txt").read_bytes().count(b"\r\n!") == 380 + 1 - 120


@pytest.mark.parametrize(
    ("statement", "words"),
    {
        "UPDATE archive SET readings = 7 WHERE from_seq = 1": "7 readings are said to be in it, 120 are",
        "UPDATE archive SET to_seq = 130 WHERE from_seq = 1": "overlaps",
        "UPDATE daily_profile SET energy_import_wh = 0": "are not those of load_profile",
        'UPDATE load_profile SET energy_import_wh = 7 WHERE "end" % 7200 = 0': "is lower at 2026-01-15T1",
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


def test_read_only_files_are_one_sentence_and_stay_readable(lived: Path) -> None:
    if not os.getuid():  # root may write anything; a mount may not be written by root either
        subprocess.run(["mount", "--bind", lived.parent, lived.parent], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", lived.parent], check=True)
    try:
        with pytest.raises(StoreError, match=r"history\.sqlite: the history cannot be (written|opened)"):
            Store(lived)
        assert runs("verify", "--history", lived) == (0, "")
        assert len([*telegrams(lived, None, *EVER)]) == 380
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
    }.items(),
)
def test_telegrams_are_exported_by_time_and_meter(lived: Path, tmp_path: Path, options: tuple[str, ...], count: int) -> None:
    out = tmp_path / "out.txt"
    assert runs("export", "--telegrams", "--history", lived, "-o", out, *options) == (0, "")
    assert sum(isinstance(event, Frame) for event in Framer().feed(out.read_bytes())) == count


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
