"""What the history costs a card: bytes that reach the device, on file systems of its own, in real time. As root.

A recorder takes a telegram a second for some minutes; the device's own counter is read before and after. What comes once an hour
or when somebody looks is made to happen at the end, measured apart, and extrapolated. Exit status 1 if a day on the file system
that mkfs makes of itself comes to more than the promise for this `sync`; blocks of 4 KiB are told beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.clock import SystemClock
from p1monitor.observer import Memory, observe
from p1monitor.p1.frames import Frame
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Received
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import Store, build
from p1monitor.recorder.pace import WANTED_MOST_S, WANTED_MOST_SYNCS
from p1monitor.settings import HistorySettings

METER, DAY_S = "home", 86_400
#: MB a day, by `sync`.
PROMISED = {10: 50.0, 60: 15.0}
#: mkfs gives a file system of less than 512 MB blocks of 1 KiB, a larger one 4 KiB.
IMAGE = 448 << 20
#: The file system writes what is behind after so many seconds: its journal after 5, the rest after 30.
SETTLES_S = 36.0
#: Hours of which the mean is taken.
SEALS = 2


class Layout(NamedTuple):
    """A file system and how it is mounted."""

    block: int | None  #: None: as mkfs does it
    options: str


#: The first is the one that is judged.
LAYOUTS = (
    Layout(None, "defaults"),
    Layout(4096, "defaults"),
    Layout(4096, "noatime,commit=300"),
)


class Cost(NamedTuple):
    """Bytes on the device."""

    block: int
    journal: float  #: of a day
    seal: float  #: of one
    look: float  #: of a save because somebody looks

    @property
    def day(self) -> float:
        """Of a day on which nobody looks."""
        return self.journal + 24 * self.seal


class Device:
    """A loop device with a file system, mounted."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        image, self.mount = folder / "card.img", folder / "card"
        self.mount.mkdir()
        with image.open("wb") as file:
            file.truncate(IMAGE)
        size = ("-b", str(layout.block)) if layout.block else ()
        made = ("mkfs.ext4", "-q", "-F", *size, "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
        subprocess.run(made, check=True)
        self.name = subprocess.run(("losetup", "-f", "--show", image), check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(("mount", "-o", layout.options, self.name, self.mount), check=True)
        self.block = os.statvfs(self.mount).f_bsize

    def written(self) -> int:
        """Bytes that were written to it, by the kernel (Documentation/block/stat)."""
        return int(Path(f"/sys/block/{Path(self.name).name}/stat").read_text().split()[6]) * 512

    def settled(self) -> int:
        """The same, when all that was dirty is written in its own time, and what has more time than that."""
        time.sleep(SETTLES_S)
        subprocess.run(("sync", "-f", self.mount), check=True)
        return self.written()

    def close(self) -> None:
        """Unmount, and let go."""
        subprocess.run(("umount", self.mount), check=True)
        subprocess.run(("losetup", "-d", self.name), check=True)


class Ahead(SystemClock):
    """The host's clock, which can be put forward."""

    ahead = 0.0

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return super().monotonic() + self.ahead


class Meter:
    """A simulated meter, its observer and the recorder."""

    def __init__(self, path: Path, sync: int) -> None:
        self.memory, self.clock = Memory(), Ahead()
        self.at = datetime.now(UTC).replace(minute=1, second=0, microsecond=0)
        settings = HistorySettings(path=path, sync=sync)
        store = Store(path)
        self.recorder = build(settings, store, memory_of=lambda _: self.memory, clock=self.clock, trusted=lambda: True)

    def later(self, seconds: float) -> None:
        """So much later nothing has come."""
        self.clock.ahead += seconds
        self.recorder.deliver([])

    def second(self) -> None:
        """One telegram."""
        frame = render(MODELS["esmr5"].telegram(self.at, 0))
        reading = decode(parse(Frame(frame)), Received(time.time(), self.clock.monotonic()), meter=METER, frame=frame)
        self.memory, reading = observe(self.memory, reading)
        self.recorder.deliver([reading])
        self.at += timedelta(seconds=1)

    def run(self, seconds: float) -> int:
        """In real time; how many telegrams."""
        due, count = time.monotonic(), 0
        end = due + seconds
        while due < end:
            self.second()
            count += 1
            due += 1
            time.sleep(max(0.0, due - time.monotonic()))
        return count


def measured(sync: int, minutes: float, layout: Layout) -> Cost:
    """What it costs."""
    with tempfile.TemporaryDirectory() as folder:
        device = Device(Path(folder), layout)
        try:
            meter = Meter(device.mount / "history.sqlite", sync)
            _hour(meter)  # what is done once: tables, the first pages, a first checkpoint; the write-ahead log has its size then
            before, begun = device.settled(), meter.recorder.saves
            meter.run(minutes * 60)
            steady = device.settled() - before
            assert meter.recorder.saves == begun
            look = _look(device, meter, sync)
            seal = sum(_seal(device, meter, sync) for _ in range(SEALS)) / SEALS
            meter.recorder.close()
            return Cost(device.block, steady / (minutes * 60) * DAY_S, seal, look)
        finally:
            device.close()


def _look(device: Device, meter: Meter, sync: int) -> int:
    """Bytes of the save of some minutes' profiles because somebody looks, while the journal is quiet."""
    pause = max(WANTED_MOST_S, WANTED_MOST_SYNCS * sync)
    for _ in range(int(pause)):
        meter.second()
    meter.later(sync)
    before = device.settled()
    meter.recorder.wanted()
    meter.later(pause)
    return device.settled() - before


def _seal(device: Device, meter: Meter, sync: int) -> int:
    """Bytes of the hour's end: a save, the block, and both to the card."""
    meter.second()
    while meter.at.minute or meter.at.second:
        meter.second()
    meter.later(sync)
    before = device.settled()
    meter.second()
    return device.settled() - before


def _hour(meter: Meter) -> None:
    """As fast as it goes, to the second minute of the next."""
    while meter.at.minute:
        meter.second()
    for _ in range(60):
        meter.second()


def told(sync: int, layout: Layout, cost: Cost) -> bool:
    """Print; True if the promise was kept."""
    pause = max(WANTED_MOST_S, WANTED_MOST_SYNCS * sync)
    kept = cost.day / 1e6 <= PROMISED[sync]
    words = f"promised are {PROMISED[sync]:.0f}, {'kept' if kept else 'NOT kept'}" if layout == LAYOUTS[0] else "for comparison"
    print(f"sync = {sync}, ext4 with blocks of {cost.block}, mounted {layout.options}: {cost.day / 1e6:.1f} MB a day ({words})")
    print(f"  journal {cost.journal / 1e6:.1f} MB, seals {24 * cost.seal / 1e6:.1f} MB ({cost.seal / 1e3:.0f} kB each)")
    hour = cost.look * 3600 / pause / 1e6
    print(f"  while somebody looks {hour:.1f} MB an hour more ({cost.look / 1e3:.0f} kB every {pause:.0f} s)")
    return kept or layout != LAYOUTS[0]


def main() -> int:
    """Measure what was asked for, all at the same time: each has a device of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sync", type=int, choices=PROMISED, action="append")
    options.add_argument("--minutes", type=float, default=5.0)
    chosen = options.parse_args()
    runs = [(sync, layout) for sync in chosen.sync or PROMISED for layout in LAYOUTS]
    with ProcessPoolExecutor(len(runs)) as pool:
        costs = [pool.submit(measured, sync, chosen.minutes, layout) for sync, layout in runs]
        kept = [told(*run, cost.result()) for run, cost in zip(runs, costs, strict=True)]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
