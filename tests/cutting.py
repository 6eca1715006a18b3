"""A recorder that is killed, and one whose power is cut, at any moment. Never part of the product."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from p1monitor.afresh import afresh
from p1monitor.observer import Memory, observe
from p1monitor.p1.frames import Frame
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import Store, build
from p1monitor.recorder.archive import Archive, open_journal
from p1monitor.recorder.cursors import Cursors
from p1monitor.recorder.disk import Disk
from p1monitor.recorder.journal import path_of
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.reading_back import Past
from p1monitor.recorder.recorder import Recorder
from p1monitor.recorder.verify import faults
from p1monitor.settings import HistorySettings, MeterSettings
from p1monitor.terms import terms
from tests.clocks import Hands

METER = "home"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
#: Small enough to be written round and round.
JOURNAL = 256 * 1024
SECTOR = 512
SYNC_S, SPARING_S = 10, 60


#: Of a meter of which the configuration says nothing.
TERMS = terms(MeterSettings(METER))


class Life:
    """A meter, an observer and a recorder, until something befalls them. `step` seconds pass from one telegram to the next."""

    def __init__(self, path: Path, begin: int = 0, step: int = 1, tail: Path | None = None, sync: int = SYNC_S) -> None:
        self.now, self._step = begin, step
        self.clock = Hands(NOON.timestamp() + begin, float(begin))
        self.store = Store(path)
        self._model = MODELS["esmr5"]
        self.memory = Memory.from_json(self.store.remembered(METER) or {})
        settings = HistorySettings(path=path, sync=sync)
        disk = Disk(path)
        archive = self.archive = Archive(
            self.store, open_journal(self.store, sync, disk, size=JOURNAL, tail=tail), settings.keep, disk
        )
        self.cursors = Cursors()
        self.recorder: Recorder = build(
            settings,
            self.store,
            memory_of=lambda _: self.memory,
            clock=self.clock,
            trusted=lambda: True,
            archive=archive,
            notes=self.cursors.notes,
        )
        self.entered = self.recorder.replay(self._again)
        self.memory = self.memory._replace(seq=max(self.memory.seq, self.store.last_seq(METER)))
        self.store.opened_for([METER])

    def second(self) -> int:
        """The next telegram; the number of its reading."""
        received = Received(self.clock.wall(), self.clock.monotonic())
        frame = render(self._model.telegram(NOON + timedelta(seconds=self.now), 0))
        reading = decode(parse(Frame(frame)), received, meter=METER, frame=frame)
        self.memory, reading = observe(self.memory, reading)
        self.recorder.deliver([reading])
        self.newest = reading
        self.clock.now += self._step
        self.now += self._step
        return reading.seq

    def _again(self, meter: str, kept: Kept, received: Received | None) -> Reading | None:
        self.memory, again = afresh(self.memory, kept, TERMS, meter, received)
        return again


def kept_of(path: Path) -> dict[int, Kept]:
    """Everything that a history and its journal have, by number; it must be there once."""
    found: dict[int, Kept] = {}
    with closing(Past(path)) as past:
        after = past.archived()
        for row in past.rows():
            for kept in past.block(row):
                assert kept.seq not in found
                found[kept.seq] = kept
        for _, kept in past.journal(after):
            assert kept.seq not in found
            found[kept.seq] = kept
    return found


def samples(path: Path) -> int:
    """How many readings are in the profiles."""
    with closing(Past(path)) as past:
        return int(past.db.execute("SELECT coalesce(sum(samples), 0) FROM daily_profile").fetchone()[0])


def killed(path: Path, moments: Iterator[float], begin: int = 0, step: int = 5) -> str:
    """One life after the other, each killed after so many seconds. What was wrong, or what was done."""
    told: dict[int, int] = {}
    lives = 0
    for after in moments:
        lives += 1
        begin = max(told.values(), default=begin) + 60
        command = [sys.executable, "-m", "tests.cutting", str(path), str(begin), str(step)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(after)
            child.send_signal(signal.SIGKILL)
            lines = child.stdout.read().split(b"\n")[:-1]
        numbers = {int(seq): int(at) for seq, at in (line.split() for line in lines)}
        assert not told.keys() & numbers.keys(), "a number was given twice"
        told |= numbers
        wrong = list(faults(path))
        assert not wrong, wrong
    found = kept_of(path)
    lost = told.keys() - found.keys()
    assert not lost, f"{len(lost)} of {len(told)} readings were lost, such as {min(lost)}"
    last = Life(path, begin)
    last.recorder.close()
    assert not list(faults(path))
    assert len(kept_of(path)) == len(found)
    assert samples(path) == len(found), f"{samples(path)} samples of {len(found)} readings"
    return f"{lives} kills, {len(told)} readings taken, none lost"


class Cuts:
    """What a card has when the power goes: files as of their last sync, and of what was written since then any part."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self._random = folder, random.Random(seed)
        self.path = folder / "history.sqlite"
        self.journal, self.wal = path_of(self.path), self.path.with_name(self.path.name + "-wal")
        self._synced: dict[Path, bytes] = {}

    def synced(self, *files: Path) -> None:
        """These files are on the card as they are."""
        self._synced |= {file: file.read_bytes() for file in files}

    def image(self, folder: Path, *, whole: tuple[Path, ...] = ()) -> Path:
        """A copy as a cut leaves it; files in `whole` were synced, and only that was not told yet."""
        folder.mkdir()
        for file in (self.path, self.wal, self.journal):
            now = file.read_bytes()
            (folder / file.name).write_bytes(now if file in whole else self._torn(self._synced[file], now))
        return folder / self.path.name

    def _torn(self, old: bytes, new: bytes) -> bytes:
        length = self._random.choice((len(old), len(new), self._random.randint(min(len(old), len(new)), max(len(old), len(new)))))
        content = bytearray(length)
        for at in range(0, length, SECTOR):
            before, after = (one[at : at + SECTOR].ljust(SECTOR, b"\0") for one in (old, new))
            torn = self._random.choice((0, SECTOR, SECTOR, self._random.randrange(SECTOR)))
            content[at : at + SECTOR] = (after[:torn] + before[torn:])[: length - at]
        return bytes(content)


def cut(folder: Path, cuts: int, seed: int, step: int = 5) -> str:
    """One life, whose card is looked at again and again as a power cut would have left it."""
    chance = random.Random(seed)
    card = Cuts(folder / "card", seed)
    card.folder.mkdir(parents=True)
    life = Life(card.path, step=step, tail=folder / "tail")
    life.store.execute("PRAGMA wal_autocheckpoint = 0")  # what goes to the card, and when, is in `durable` only
    life.second()
    assert life.store.durable()
    card.synced(card.path, card.wal, card.journal)
    durable, fdatasync = life.store.durable, os.fdatasync
    ours = life.archive.journal._card
    assert ours is not None
    taken: dict[int, int] = {}
    images: list[tuple[Path, int]] = []  # and the time before which nothing may be lost
    made = safe = 0

    def look(chances: float, *, whole: tuple[Path, ...] = ()) -> None:
        nonlocal made
        if made < cuts and chance.random() < chances:
            images.append((card.image(folder / f"cut{made}", whole=whole), safe))
            made += 1

    def to_card(file: int) -> None:
        nonlocal safe
        if file != ours._file:
            return
        assert life.now - safe <= SYNC_S
        look(0.01)
        card.synced(card.journal)
        safe = life.now

    def checkpoint() -> bool:
        look(0.5)
        done = durable()
        look(0.5, whole=(card.wal,))
        card.synced(card.path, card.wal)
        return done

    life.store.durable, os.fdatasync = checkpoint, to_card  # type: ignore[method-assign,assignment]
    try:
        while made < cuts:
            at = life.now
            taken[life.second()] = at
            while images:
                _proven(*images.pop(), taken)
    finally:
        os.fdatasync = fdatasync
    return f"{len(taken)} readings"


def _proven(path: Path, safe: int, taken: dict[int, int]) -> None:
    before = list(faults(path))
    assert not before, before
    life = Life(path, tail=path.with_name("tail"))
    life.recorder.close()
    assert not list(faults(path))
    found = kept_of(path)
    lost = [seq for seq, at in taken.items() if at < safe and seq not in found]
    assert not lost, f"{len(lost)} readings were lost that were on the card before {safe}"
    assert samples(path) == len(found), f"{samples(path)} samples of {len(found)} readings"
    shutil.rmtree(path.parent)


def main() -> None:
    """Live, until killed."""
    path, begin, step = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    life = Life(path, begin, step, sync=SPARING_S)  # the more is in the tail only
    os.write(1, b"ready\n")
    while True:
        seq = life.second()
        os.write(1, b"%d %d\n" % (seq, life.now))


if __name__ == "__main__":
    main()
