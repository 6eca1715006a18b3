"""InfluxDB away for a week at one telegram a second, the daemon killed twice meanwhile: is every point there in the end, once?

The meter's time passes as fast as the machine can; a real VictoriaMetrics stands for InfluxDB. When it is back, the meter sends at
its own pace again, and it is looked how long its readings take while the backlog comes behind them. Exit status 1 if a point is
missing, too many or another than the archive's, or if the newest wait for the backlog.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.care.export import lines
from p1monitor.p1.records import Reading
from p1monitor.recorder.reading_back import EVER, Past
from p1monitor.settings import InfluxSettings
from p1monitor.sinks import influxdb
from tests.influxkit import HOUSE
from tests.owingkit import Home
from tests.services import Victoria

DAY_S = 86_400
#: Readings between two words of a child.
STRIDE = 500
#: Seconds within which a reading is written while the backlog comes: a second of gathering, and one piece.
DELAY_MOST_S = 3.0
#: So much faster than it came the backlog has to go, on a busy machine too.
SPEED_LEAST = 20
BUCKET = "energy"

Series = dict[tuple[str, str], tuple["array[int]", "array[float]"]]


class Watched:
    """The sink itself; notes when a reading was taken."""

    def __init__(self, settings: InfluxSettings) -> None:
        self.inner = influxdb.build(settings, HOUSE)
        self.name, self.open, self.close = self.inner.name, self.inner.open, self.inner.close
        self.taken: dict[int, float] = {}

    def deliver(self, readings: Sequence[Reading]) -> None:
        """Deliver, and look at the clock."""
        self.inner.deliver(readings)
        now = time.monotonic()
        self.taken |= {reading.seq: now for reading in readings}


def home_of(path: Path, url: str, begin: int) -> tuple[Home, Watched]:
    """The recorder and the sink of a daemon, as it runs them."""
    settings = InfluxSettings(url, bucket=BUCKET)
    sink = Watched(settings)
    return Home(path, sink, influxdb.policy(settings), begin=begin), sink


def child(path: Path, url: str, begin: int, end: int) -> None:
    """Live until the meter says `end`, or killed."""
    home, _ = home_of(path, url, begin)
    home.start()
    while home.life.now < end:
        home.live(STRIDE)
        print(home.life.now, flush=True)
    home.close()


def lived(path: Path, url: str, begin: int, kill: int, end: int) -> int:
    """One life, killed when the meter says `kill`; the time at which the next begins."""
    command = [sys.executable, __file__, "--child", str(path), url, str(begin), str(end)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        now = begin
        for line in process.stdout:
            now = int(line)
            if now >= kill:
                process.kill()
                break
        for line in process.stdout:
            now = int(line)
    return now + 60 + STRIDE


def caught_up(path: Path, url: str, begin: int, behind: int) -> tuple[list[str], int]:
    """The last life: live readings at their own pace until nothing is owed; what was wrong, and where the meter is."""
    home, sink = home_of(path, url, begin)
    offered: dict[int, float] = {}
    home.start()
    started = time.monotonic()
    patience = behind / SPEED_LEAST + 60
    while (told := home.told()["behind"]) > len(offered.keys() - sink.taken.keys()) and time.monotonic() - started < patience:
        home.life.second()
        offered[home.life.newest.seq] = time.monotonic()
        home.runner.offer(home.life.newest)
        time.sleep(1.0)
    passed = time.monotonic() - started
    home.caught_up()
    delays = sorted(sink.taken[seq] - at for seq, at in offered.items())
    worst = delays[-1] if delays else 0.0
    middle = delays[len(delays) // 2] if delays else 0.0
    count = len(delays)
    print(f"{behind} readings made good in {passed:.0f} s; {count} that came meanwhile: median {middle:.2f} s, worst {worst:.2f} s")
    told = home.told()
    home.close()
    faults = {
        f"{told['dropped']} dropped": told["dropped"],
        f"{told['set_aside']} set aside": told["set_aside"],
        f"the newest waited for {worst:.1f} s": worst > DELAY_MOST_S,
        f"not done after {patience:.0f} s": passed >= patience,
    }
    return [words for words, true in faults.items() if true], home.life.now


def archived(path: Path) -> Series:
    """All points of the archive."""
    found: Series = defaultdict(lambda: (array("q"), array("d")))
    with closing(Past(path)) as past:
        for line in lines(past, "readings", "influx", None, EVER, lambda _: None):
            head, fields, at = line.decode().rsplit(" ", 2)
            role = head.partition("role=")[2]
            for field in fields.split(","):
                name, _, value = field.partition("=")
                moments, values = found[role, name]
                moments.append(int(at))
                values.append(float(value))
    return found


def differences(victoria: Victoria, should: Series) -> Iterator[str]:
    """What the server has otherwise."""
    victoria.flush()
    for (role, name), (moments, values) in should.items():
        has: dict[int, float] = {}
        for part in victoria.export(f'{{__name__="p1_{name}",role="{role}"}}'):
            has.update(zip(part["timestamps"], part["values"], strict=True))  # type: ignore[call-overload]  # lists
        points = dict(zip(moments, values, strict=True))
        if has != points:
            missing, more = len(points.keys() - has.keys()), len(has.keys() - points.keys())
            others = sum(not math.isclose(points[at], has[at]) for at in points.keys() & has.keys())
            yield f"{role} {name}: {missing} points missing, {more} too many, {others} others"


def main() -> int:
    """Live, be killed, catch up, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=float, default=7.0)
    options.add_argument("--child", nargs=4, metavar=("PATH", "URL", "BEGIN", "END"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        path, url, begin, end = chosen.child
        child(Path(path), url, int(begin), int(end))
        return 0
    length = int(chosen.days * DAY_S)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "victoria").mkdir()
        victoria, path = Victoria(Path(folder) / "victoria"), Path(folder) / "history.sqlite"
        victoria.start()
        begin = lived(path, victoria.url, 0, 0, length)  # some readings come through before it goes
        victoria.stop()
        for share in (0.3, 0.6, 2.0):
            begin = lived(path, victoria.url, begin, int(share * length), length)
        victoria.start()
        try:
            faults, _ = caught_up(path, victoria.url, begin, length)
            should = archived(path)
            points = sum(len(moments) for moments, _ in should.values())
            print(f"{points} points in {len(should)} series")
            faults += differences(victoria, should)
        finally:
            victoria.stop()
    print("; ".join(faults) or "well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
