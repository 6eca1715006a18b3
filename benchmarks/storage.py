"""What a telegram takes on the card: the archive beside VictoriaMetrics and plain integer rows, in one run, every value compared.

The same telegrams, one a second, of a simulated three-phase meter with sun and gas, go into all three: twice, as the simulation
has them, and with the restlessness of a real house laid over (its powers and voltages are never still). The archive's blocks
stand in an SQLite file, as they do in a history, and give every telegram back byte for byte; the two others have the numbers.
Exit status 1 if a value differs, or if a goal is missed. Ten days: `--days 10`, some ten minutes. Needs victoria-metrics (Debian).
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zlib
from array import array
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import Pool
from multiprocessing.pool import AsyncResult
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.p1.catalogue import PHASES, obis_of
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import DataObject, Telegram, render
from p1monitor.recorder.kept import Cast, Kept, Verdict
from p1monitor.recorder.packing import Packer, columns, unpack
from p1monitor.recorder.shapes import Shapes
from tests.services import Victoria

#: Goals: bytes of the file per telegram, beside VictoriaMetrics, telegrams per second of a processor, seconds for one column.
BYTES_MOST, RATIO_MOST, RATE_LEAST, COLUMN_MOST_S = 6.0, 1.25, 100_000, 0.003
BEGIN = datetime(2026, 3, 20, tzinfo=UTC)
HOUR, SEED, METER = 3600, 7, "esmr5"
PROCESSES = 2
#: Hours that are made ahead of those that are stored.
AHEAD = 2 * PROCESSES
#: How restless a real house is: watts that are always there, a share of the power; tenths of volts from second to second.
STILL_W, SHARE, TENTHS = 1.5, 0.01, 0.8
VERDICT = Verdict("E0052000000000007", (Cast("gas", "gas", 1, "G0061000000000007", dated=True),), ())
POWER, OTHER = obis_of("power_import_w"), obis_of("power_export_w")
#: Numbers in parentheses, and times without their S or W; the first time is the telegram's own. Identifiers have more digits.
VALUES = re.compile(rb"\((-?\d{1,18})(?:\.(\d+))?(?:\*\w+|S|W)?\)")
TABLES = """
CREATE TABLE shape (id INTEGER PRIMARY KEY, template BLOB NOT NULL) STRICT;
CREATE TABLE archive (
    meter TEXT NOT NULL, hour INTEGER NOT NULL, number INTEGER NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, readings INTEGER NOT NULL, block BLOB NOT NULL, PRIMARY KEY (meter, from_seq)
) STRICT;
"""


class Hour(NamedTuple):
    """An hour's telegrams, and their numbers as they are printed, without the point."""

    start: int
    frames: list[bytes]
    rows: list[tuple[int, ...]]
    decimals: tuple[int, ...]


def made(number: int, lively: bool) -> Hour:
    """Make an hour; another process does this."""
    begin, random = BEGIN + timedelta(hours=number), Random(number)
    telegrams = (MODELS[METER].telegram(begin + timedelta(seconds=second), SEED) for second in range(HOUR))
    frames = [render(one) for one in (restless(telegrams, random) if lively else telegrams)]
    found = [VALUES.findall(frame) for frame in frames]
    rows = [tuple([int(whole + rest) for whole, rest in values]) for values in found]
    return Hour(int(begin.timestamp()), frames, rows, tuple(len(rest) for _, rest in found[0]))


def restless(telegrams: Iterator[Telegram], random: Random) -> Iterator[Telegram]:
    """Telegrams with noise on every phase's power and voltage; the total is their sum, rounded by itself."""
    wander = dict.fromkeys(PHASES, 0.0)
    for telegram in telegrams:
        texts = {item.code: item.groups[0] for item in telegram.objects}
        total = random.randint(-1, 1)
        for phase in PHASES:
            plus, minus, volt = (
                obis_of(f"{stem}_l{phase}_{unit}")
                for stem, unit in (("power_import", "w"), ("power_export", "w"), ("voltage", "v"))
            )
            net = watts(texts[plus]) - watts(texts[minus])
            net += round(random.gauss(0, STILL_W + SHARE * abs(net)))
            texts[plus], texts[minus] = printed(max(net, 0)), printed(max(-net, 0))
            total += net
            wander[phase] = 0.97 * wander[phase] + random.gauss(0, TENTHS)
            texts[volt] = f"{float(texts[volt].partition('*')[0]) + round(wander[phase]) / 10:05.1f}*V"
        texts[POWER], texts[OTHER] = printed(max(total, 0)), printed(max(-total, 0))
        objects = tuple(
            DataObject(item.code, (texts[item.code], *item.groups[1:]), item.breaks, item.obis) for item in telegram.objects
        )
        yield telegram._replace(objects=objects)


def watts(text: str) -> int:
    """A power as it is printed, in W."""
    return int(text.partition("*")[0].replace(".", ""))


def printed(power: int) -> str:
    """A power as the meter prints it."""
    return f"{power // 1000:02d}.{power % 1000:03d}*kW"


class Archive:
    """Ours."""

    def __init__(self, path: Path) -> None:
        self.path, self.shapes, self.db = path, Shapes(), sqlite3.connect(path)
        self.db.executescript(TABLES)
        self.seconds: list[float] = []
        self.column: list[float] = []
        self._proofs: list[int] = []

    def take(self, hour: Hour, number: int) -> None:
        """Pack and store an hour; see that it comes back."""
        first = number * HOUR + 1
        kept = [
            Kept(first + i, hour.start + i, 3600, 0, hour.start + i, "valid", VERDICT, frame) for i, frame in enumerate(hour.frames)
        ]
        began = time.process_time()
        packer = Packer(self.shapes)
        for one in kept:
            packer.add(one)
        block = packer.pack()
        self.seconds.append((time.process_time() - began) / len(kept))
        if list(unpack(block, self.shapes)) != kept:
            sys.exit("the archive gives other telegrams back")
        began = time.process_time()
        columns(block, self.shapes, (POWER,))
        self.column.append(time.process_time() - began)
        with self.db:
            self.db.executemany("INSERT INTO shape VALUES (?, ?)", self.shapes.new())
            row = (METER, hour.start, 0, first, kept[-1].seq, hour.start, kept[-1].at, len(kept), block)
            self.db.execute("INSERT INTO archive VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._proofs.append(zlib.crc32(block))

    def size(self) -> int:
        """Bytes of the file, when all that was proven is found in it."""
        if [zlib.crc32(block) for (block,) in self.db.execute("SELECT block FROM archive ORDER BY from_seq")] != self._proofs:
            sys.exit("the file has other blocks")
        self.db.close()
        return self.path.stat().st_size


class Rows:
    """A table with a row for each telegram and a column for each number."""

    def __init__(self, path: Path, width: int) -> None:
        self.path, self.db, self.seconds = path, sqlite3.connect(path), list[float]()
        self.db.execute(f"CREATE TABLE reading (at INTEGER PRIMARY KEY, {', '.join(f'v{i} INTEGER' for i in range(width))})")
        self._insert = f"INSERT INTO reading VALUES ({', '.join('?' * (width + 1))})"

    def take(self, hour: Hour) -> None:
        """Store an hour."""
        began = time.process_time()
        with self.db:
            self.db.executemany(self._insert, [(hour.start + i, *row) for i, row in enumerate(hour.rows)])
        self.seconds.append((time.process_time() - began) / len(hour.rows))

    def size(self, expected: list[array[int]]) -> int:
        """Bytes of the file, when every number was found in it."""
        for index, values in enumerate(expected):
            if array("q", (value for (value,) in self.db.execute(f"SELECT v{index} FROM reading ORDER BY at"))) != values:
                sys.exit(f"the rows have other numbers in column {index}")
        self.db.close()
        return self.path.stat().st_size


class Metrics:
    """VictoriaMetrics, with a series for each number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.server = Victoria(folder)
        self.server.start()

    def take(self, hour: Hour) -> None:
        """Import an hour, each number as it was printed."""
        stamps = [(hour.start + i) * 1000 for i in range(len(hour.rows))]
        lines = []
        for index, values in enumerate(zip(*hour.rows, strict=True)):
            numbers = [value / 10 ** hour.decimals[index] for value in values] if hour.decimals[index] else values
            lines.append(json.dumps({"metric": {"__name__": f"v{index}"}, "values": numbers, "timestamps": stamps}))
        self.ask("/api/v1/import", "\n".join(lines).encode())

    def ask(self, path: str, data: bytes | None = None) -> bytes:
        """One request."""
        with urllib.request.urlopen(self.server.url + path, data, timeout=300) as answer:
            return bytes(answer.read())

    def size(self, expected: list[array[int]], decimals: tuple[int, ...]) -> int:
        """Bytes of its data, merged, when every number was found in it."""
        self.server.flush()
        for index, values in enumerate(expected):
            factor, found = 10 ** decimals[index], array("q")
            for line in sorted(self.ask(f"/api/v1/export?{urllib.parse.urlencode({'match[]': f'v{index}'})}").splitlines()):
                found.extend(round(value * factor) for value in json.loads(line)["values"])
            if found != values:
                sys.exit(f"VictoriaMetrics has other numbers in series {index}")
        self.ask("/internal/force_merge")
        while b"\nvm_active_force_merges 0" not in self.ask("/metrics"):
            time.sleep(0.2)
        self.server.stop()
        return sum(path.stat().st_size for path in (self.folder / "storage" / "data").rglob("*") if path.is_file())


def hours(days: int, lively: bool) -> Iterator[Hour]:
    """Every hour in its order, made in other processes, a few ahead."""
    with Pool(PROCESSES) as pool:
        waiting: deque[AsyncResult[Hour]] = deque()
        for number in range(24 * days):
            waiting.append(pool.apply_async(made, (number, lively)))
            if len(waiting) > AHEAD:
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()


def compared(days: int, lively: bool, folder: Path) -> bool:
    """Measure with one set of telegrams; True if the goals are met."""
    archive, metrics = Archive(folder / "archive.sqlite"), Metrics(folder / "victoria")
    rows: Rows | None = None
    expected: list[array[int]] = []
    decimals: tuple[int, ...] = ()
    for number, hour in enumerate(hours(days, lively)):
        decimals = hour.decimals
        rows = rows or Rows(folder / "rows.sqlite", len(decimals))
        expected = expected or [array("q") for _ in decimals]
        archive.take(hour, number)
        rows.take(hour)
        metrics.take(hour)
        for values, more in zip(expected, zip(*hour.rows, strict=True), strict=True):
            values.extend(more)
    assert rows is not None
    count = len(expected[0])
    ours, plain, theirs = archive.size() / count, rows.size(expected) / count, metrics.size(expected, decimals) / count
    pace, column = median(archive.seconds), median(archive.column)
    print(f"{'with a restless house' if lively else 'as simulated'}: {count} telegrams, {len(expected)} numbers each, all compared")
    print(f"  archive           {ours:7.2f} B per telegram (goal: at most {BYTES_MOST}), every telegram whole")
    print(f"  VictoriaMetrics   {theirs:7.2f} B: the archive is {ours / theirs:.2f} × (goal: at most {RATIO_MOST})")
    print(f"  integer rows      {plain:7.2f} B: {plain / ours:.0f} × the archive")
    beside = median(rows.seconds) / pace
    print(f"  packing           {1 / pace:7.0f} telegrams/s (goal: {RATE_LEAST}), {beside:.2f} × the pace of plain rows")
    print(f"  one power column  {column * 1000:7.2f} ms per hour (goal: less than {COLUMN_MOST_S * 1000:.0f})")
    return ours <= BYTES_MOST and ours <= RATIO_MOST * theirs and pace <= 1 / RATE_LEAST and column < COLUMN_MOST_S


def main() -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--days", type=int, default=5, help="a file of one day is mostly pages that are not full")
    chosen = options.parse_args()
    met = []
    for lively in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            met.append(compared(chosen.days, lively, Path(folder)))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
