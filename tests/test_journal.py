from __future__ import annotations

import logging
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from p1monitor.recorder import records, tail
from p1monitor.recorder.card import PAGE
from p1monitor.recorder.journal import CHUNK_MOST, ROOM_LEAST, Journal, path_of
from tests.archiving import folder

__all__ = ["folder"]  # fixture

SIZE = 16 * PAGE
SYNC_S = 10.0
Held = list[tuple[str, int, bytes]]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def opened(history: Path, installation: str = "one", size: int = SIZE) -> Journal:
    return Journal(history, installation, SYNC_S, size=size)


def held(journal: Journal) -> Held:
    return [(one.meter, one.seq, one.record) for one in journal.replay()]


def noise(seq: int, size: int = 300) -> bytes:
    """What zlib cannot make shorter."""
    return seq.to_bytes(4, "little") + os.urandom(size)


def fed(journal: Journal, seqs: range, meter: str = "home", *, sync: int = 3) -> Held:
    told = []
    for seq in seqs:
        told.append((meter, seq, noise(seq)))
        journal.append(*told[-1])
        if seq % sync == 0:
            journal.sync(0.0)
    return told


def test_a_kill_loses_nothing_that_was_appended(history: Path) -> None:
    told = fed(opened(history), range(1, 12))  # and nobody closes it
    assert held(opened(history)) == told


def test_a_power_cut_loses_what_was_not_synced(history: Path, folder: Path) -> None:
    told = fed(opened(history), range(1, 12))
    for left in (folder / "run").iterdir():
        left.unlink()
    assert held(opened(history)) == told[:9]


def test_what_is_in_both_files_comes_once(history: Path, folder: Path) -> None:
    journal = opened(history)
    told = fed(journal, range(1, 6), sync=100)
    (left,) = (folder / "run").iterdir()
    before = left.read_bytes()
    journal.sync(0.0)
    left.write_bytes(before)  # killed between the two
    assert held(opened(history)) == told


def test_a_clean_end_leaves_no_tail(history: Path, folder: Path) -> None:
    journal = opened(history)
    told = fed(journal, range(1, 6))
    journal.sync(0.0)
    journal.close()
    assert not list((folder / "run").iterdir())
    assert held(opened(history)) == told


def test_it_is_synced_when_its_time_has_come_and_a_little_early(history: Path) -> None:
    journal = opened(history)
    assert not journal.sync_due(100)
    journal.append("home", 1, b"x")
    assert [journal.sync_due(at) for at in (100, 109, 109.6)] == [False, False, True]
    journal.sync(109.6)
    assert not journal.sync_due(200)  # nothing waits


def test_a_sync_writes_one_page(history: Path) -> None:
    """Ten telegrams that differ by a few digits."""
    journal = opened(history)
    for seq in range(1, 361):
        journal.append("home", seq, os.urandom(8) + bytes(range(256)) * 3)
        if seq % 10 == 0:
            journal.sync(0.0)
    chunks = list(journal._has)
    assert len(chunks) == 36
    assert all(len(chunk.pages) == 1 for chunk in chunks)


def test_the_size_of_the_file_never_changes_and_its_room_is_used_again(history: Path) -> None:
    journal = opened(history)
    told: Held = []
    for begin in range(1, 400, 12):
        told = fed(journal, range(begin, begin + 12))
        assert held(journal) == told
        assert journal.room > ROOM_LEAST
        journal.sealed("home", told[-1][1])
    assert path_of(history).stat().st_size == SIZE
    assert journal.lost == 0
    assert held(opened(history))[-12:] == told  # older ones that are still whole come too: whoever sealed them knows


def test_room_is_kept_for_the_meter_that_was_not_sealed(history: Path) -> None:
    journal = opened(history)
    told = [*fed(journal, range(1, 4), "garage"), *fed(journal, range(1, 4))]
    journal.sealed("home", 3)
    assert held(journal) == told[:3]


def test_pages_that_are_kept_for_long_are_written_around(history: Path) -> None:
    journal = opened(history)
    told = fed(journal, range(1, 4), "garage")
    for begin in range(1, 400, 12):
        fed(journal, range(begin, begin + 12))
        journal.sealed("home", begin + 11)
    assert journal.lost == 0
    assert [one for one in held(opened(history)) if one[0] == "garage"] == told


def test_a_journal_that_is_full_loses_the_oldest_and_counts_them(history: Path) -> None:
    journal = opened(history)
    told = fed(journal, range(1, 301))
    kept = held(journal)
    assert kept == told[journal.lost :]
    assert 0 < journal.lost < 290


def test_without_a_file_on_the_card_what_is_done_with_leaves_the_tail(history: Path, folder: Path) -> None:
    journal = opened(history, size=0)
    told = [*fed(journal, range(1, 6)), *fed(journal, range(1, 3), "garage")]
    journal.sealed("home", 4)
    assert held(journal) == held(opened(history, size=0)) == told[4:]
    journal.sealed("home", 5)
    journal.sealed("garage", 2)
    (left,) = (folder / "run").iterdir()
    assert left.stat().st_size < 40
    journal.open_card(SIZE)
    assert fed(journal, range(6, 10)) == held(opened(history))


def test_what_came_together_while_the_card_stalled_goes_in_several_pieces(history: Path) -> None:
    journal = opened(history, size=64 * PAGE)
    told = fed(journal, range(1, 501), sync=1000)
    journal.sync(0.0)
    assert len(journal._has) > sum(len(one[2]) for one in told) // CHUNK_MOST
    assert held(journal) == told


@pytest.mark.parametrize("file", ["card", "tail"])
def test_torn_at_any_byte_all_before_is_whole(history: Path, folder: Path, file: str) -> None:
    journal = opened(history)
    told = fed(journal, range(1, 6))  # three on the card, two in the tail
    (left,) = (folder / "run").iterdir()
    path = path_of(history) if file == "card" else left
    whole = path.read_bytes()
    end = len(whole.rstrip(b"\0"))
    for at in range(0, end, 7):
        path.write_bytes(whole[:at] + bytes(len(whole) - at) if file == "card" else whole[:at])
        again = opened(history)
        found = held(again)
        again.close()
        rest = told[3:] if file == "card" else told[:3]
        assert set(rest) <= set(found)
        assert found == [one for one in told if one in found]
        path.write_bytes(whole)


def test_a_torn_piece_is_told_and_what_follows_it_is_found(history: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = opened(history)
    told = fed(journal, range(1, 13), sync=12)
    journal.append("home", 13, noise(13))
    journal.sync(0.0)
    content = bytearray(path_of(history).read_bytes())
    content[100] ^= 1
    path_of(history).write_bytes(content)
    again = opened(history)
    assert [one[1] for one in held(again)] == [13]
    assert (again.torn, len(told)) == (1, 12)
    assert "1 torn pieces were left out" in caplog.text


@pytest.mark.parametrize("content", ["another's", "no journal"])
def test_a_strange_file_is_moved_aside_and_said(history: Path, caplog: pytest.LogCaptureFixture, content: str) -> None:
    if content == "another's":
        other = opened(history, "two")
        fed(other, range(1, 4))
        other.close()
    else:
        path_of(history).write_bytes(b"holiday pictures")
    before = path_of(history).read_bytes()
    journal = opened(history)
    assert held(journal) == []
    assert path_of(history).with_name("history.sqlite.journal.strange").read_bytes() == before
    assert "belonged to another history" in caplog.text


def test_the_tail_of_another_history_is_not_taken(history: Path, caplog: pytest.LogCaptureFixture) -> None:
    fed(opened(history, "two", size=0), range(1, 3))
    assert held(opened(history)) == []
    assert "tail of another history" in caplog.text


@pytest.mark.parametrize("size", [0, 100, PAGE, SIZE - 1, 2 * SIZE])
def test_a_file_of_another_size_is_read_and_gone_on_with(history: Path, size: int) -> None:
    journal = opened(history)
    told = fed(journal, range(1, 4))
    with path_of(history).open("r+b") as file:
        file.truncate(size)
    again = opened(history)
    assert held(again) == (told if size >= PAGE else [])
    more = fed(again, range(4, 10))
    assert held(again)[-6:] == more
    assert path_of(history).stat().st_size == max(size, SIZE)


def test_without_memory_backed_storage_each_reading_goes_to_the_card(history: Path, folder: Path) -> None:
    (folder / "run").rmdir()
    (folder / "run").symlink_to(folder / "nowhere" / "at all")
    journal = Journal(history, "one", SYNC_S, size=SIZE, tail_path=folder / "nowhere" / "tail")
    journal.append("home", 1, b"x")
    assert journal.sync_due(0.0)
    journal.sync(0.0)
    assert held(opened(history)) == [("home", 1, b"x")]


def test_a_tail_that_fails_is_said_once_and_costs_nothing(history: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = opened(history)
    with small_files(2000):
        told = fed(journal, range(1, 12), sync=100)
    assert journal.sync_due(0.0)
    journal.sync(0.0)
    assert held(opened(history)) == told
    assert caplog.text.count("each reading goes to the card at once") == 1


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """A system on which no file may grow beyond this."""
    import signal  # noqa: PLC0415

    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_the_file_is_all_written_so_that_its_pages_have_their_place(history: Path) -> None:
    journal = opened(history)
    before = subprocess.run(["stat", "-c", "%b", path_of(history)], capture_output=True, text=True, check=True).stdout
    fed(journal, range(1, 20))
    after = subprocess.run(["stat", "-c", "%b", path_of(history)], capture_output=True, text=True, check=True).stdout
    assert before == after
    assert int(before) * 512 >= SIZE


def test_a_record_that_is_too_long_to_be_one_ends_the_reading() -> None:
    written = records.framed("home", 1, b"x") + b"\xff" * 40
    assert [one.seq for one in records.unframed(written)] == [1]


def test_a_tail_is_looked_for_where_the_service_has_it(history: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tail.path_for(history).parent == folder / "run"
    monkeypatch.delenv(tail.RUNTIME)
    assert tail.path_for(history).parent == tail.SHARED / f"p1monitor-{os.getuid()}"
    assert tail.SERVICE in [path.parent for path in tail.paths_of(history)]


def test_nothing_is_said_while_all_is_well(history: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        fed(opened(history), range(1, 40))
        opened(history)
    assert not caplog.records
