"""What the history costs a card: bytes that reach the device, on a file system of its own, in real time. As root.

A recorder takes a telegram a second for some minutes; the device's own counter is read before and after. What comes rarer than
that is made to happen at the end, measured apart, and extrapolated: saves of profiles, and the seal of an hour. Exit status 1 if
a day comes to more than the promise for this `sync`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.clock import SystemClock
from p1monitor.observer import Memory, observe
from p1monitor.p1.frames import Frame
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Received
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import Store, build
from p1monitor.recorder.recorder import SAVE_S, SAVE_SYNCS
from p1monitor.settings import HistorySettings

METER, DAY_S = "home", 86_400
#: MB a day, by `sync`.
PROMISED = {10: 50.0, 60: 15.0}
#: Big enough for the file system's own journal to have its usual size.
IMAGE = 1 << 30
#: The file system writes what is behind after so many seconds: its journal after 5, the rest after 30.
SETTLES_S = 36.0


class Device:
    """A loop device with a file system, mounted."""

    def __init__(self, folder: Path, block: int, options: str) -> None:
        image, self.mount = folder / "card.img", folder / "card"
        self.mount.mkdir()
        with image.open("wb") as file:
            file.truncate(IMAGE)
        made = ("mkfs.ext4", "-q", "-F", "-b", str(block), "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
        subprocess.run(made, check=True)
        self.name = subprocess.run(("losetup", "-f", "--show", image), check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(("mount", "-o", options, self.name, self.mount), check=True)

    def written(self) -> int:
        """Bytes that were written to it, by the kernel (Documentation/block/stat)."""
        return int(Path(f"/sys/block/{Path(self.name).name}/stat").read_text().split()[6]) * 512

    def settled(self) -> int:
        """The same, when all that was dirty is written in its own time."""
        time.sleep(SETTLES_S)
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


def measured(sync: int, minutes: float, block: int, options: str) -> bool:
    """Run, print; True if the promise was kept."""
    with tempfile.TemporaryDirectory() as folder:
        device = Device(Path(folder), block, options)
        try:
            meter = Meter(device.mount / "history.sqlite", sync)
            _hour(meter)  # what is done once: tables, the first pages, a first checkpoint; the write-ahead log has its size then
            before = device.settled()
            begun = meter.recorder.saves
            meter.run(minutes * 60)
            steady, saved = device.settled() - before, meter.recorder.saves - begun
            save = _save(device, meter, sync)
            seal = _seal(device, meter, sync)
            meter.recorder.close()
        finally:
            device.close()
    pause = max(SAVE_S, SAVE_SYNCS * sync)
    journal = max(0.0, steady - saved * save) / (minutes * 60) * DAY_S
    parts = {"journal": journal, "saves": save * DAY_S / pause, "seals": seal * 24}
    total = sum(parts.values()) / 1e6
    print(f"sync = {sync}, ext4 with blocks of {block}, mounted {options}: {total:.1f} MB a day; promised are {PROMISED[sync]:.0f}")
    print(f"  measured in {minutes:g} minutes: {steady} bytes, with {saved} saves; a save {save:.0f} bytes, a seal {seal:.0f}")
    print("  extrapolated: " + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in parts.items()))
    return total <= PROMISED[sync]


def _save(device: Device, meter: Meter, sync: int) -> int:
    """Bytes of one save of some minutes' profiles, while the journal is quiet."""
    for _ in range(int(SAVE_S)):
        meter.second()
    meter.later(sync)
    before = device.settled()
    meter.later(max(SAVE_S, SAVE_SYNCS * sync))
    return device.settled() - before


def _seal(device: Device, meter: Meter, sync: int) -> int:
    """Bytes of the hour's end: a save, the block, and both to the card."""
    while meter.at.minute:
        meter.second()
    meter.later(sync)
    before = device.settled()
    meter.second()
    return device.settled() - before


def _hour(meter: Meter) -> None:
    """As fast as it goes, to the second minute of the next, with its saves."""
    while meter.at.minute:
        meter.second()
        if not meter.at.second and not meter.at.minute % 5:
            meter.later(SAVE_S)
    for _ in range(60):
        meter.second()


def main() -> int:
    """Measure what was asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sync", type=int, choices=PROMISED, action="append")
    options.add_argument("--minutes", type=float, default=5.0)
    options.add_argument("--block", type=int, default=4096, help="of the file system; a card of more than 512 MB has 4096")
    options.add_argument("--mount", default="noatime", help="options, as in fstab")
    chosen = options.parse_args()
    kept = [measured(sync, chosen.minutes, chosen.block, chosen.mount) for sync in chosen.sync or PROMISED]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
