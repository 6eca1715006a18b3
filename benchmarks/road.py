"""The whole road, bytes to committed: p1monitor beside dsmr_parser with plain rows in SQLite, in one run.

Ours: framer, parse, decode, observe, profiles, the journal (synced every ten seconds of meter time), hours packed, compared and
sealed, profiles saved; every telegram whole. Theirs: dsmr_parser, and a row of each telegram's numbers, committed as it comes:
with SQLite's defaults, as plain code has it, and in WAL mode, which waits for no disk. Rounds alternate, each a further hour of
telegrams that neither has seen. Exit status 1 if a telegram does not come back, or the goal is missed: in elapsed time, beside
plain rows. Processor time is told too. The folder for temporary files must be on a disk.
"""

from __future__ import annotations

import argparse
import logging
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import NamedTuple

from dsmr_parser import telegram_specifications
from dsmr_parser.clients.telegram_buffer import TelegramBuffer
from dsmr_parser.parsers import TelegramParser

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import Store, build
from p1monitor.recorder.reading_back import EVER, telegrams
from p1monitor.settings import HistorySettings
from tests.clocks import Hands

#: The ratio that a change may not fall below.
GOAL = 20
METER, SEED = "home", 7
#: What a read of a socket brings; how many readings a sink takes at once while it keeps up.
CHUNK, BATCH = 1024, 10
#: How their rows are committed.
WAYS = {"plain rows": (), "rows in WAL mode": ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")}
#: dsmr_parser needs so much longer that it gets only the first of each round's telegrams.
THEIR_SHARE = 12
HOUR_S = 3600
BEGIN = datetime(2026, 3, 20, 6, tzinfo=UTC)


def stream(number: int) -> list[bytes]:
    """An hour of a Dutch three-phase meter with gas, a telegram each second."""
    begin = BEGIN + timedelta(seconds=number * HOUR_S)
    return [render(MODELS["esmr5"].telegram(begin + timedelta(seconds=second), SEED)) for second in range(HOUR_S)]


class Ours:
    """From the bytes to the history."""

    def __init__(self, path: Path) -> None:
        self.path, self.memory, self.framer = path, Memory(), Framer()
        self.clock = Hands(BEGIN.timestamp())
        settings = HistorySettings(path=path)
        self.recorder = build(settings, Store(path), memory_of=lambda _: self.memory, clock=self.clock, trusted=lambda: True)

    def take(self, data: bytes) -> None:
        """Bytes as they come."""
        batch: list[Reading] = []
        framer, clock = self.framer, self.clock
        for at in range(0, len(data), CHUNK):
            for event in framer.feed(data[at : at + CHUNK]):
                if isinstance(event, Frame):
                    clock.now += 1
                    received = Received(clock.wall(), clock.now)
                    reading = decode(parse(event), received, meter=METER, frame=event.data)
                    self.memory, reading = observe(self.memory, reading)
                    batch.append(reading)
            if len(batch) >= BATCH:
                self.recorder.deliver(batch)
                batch.clear()
        self.recorder.deliver(batch)


class Theirs:
    """dsmr_parser, as its own readers use it (clients.socket_.SocketReader), and a row for each telegram."""

    def __init__(self, path: Path, pragmas: Iterable[str]) -> None:
        self.buffer, self.parser = TelegramBuffer(), TelegramParser(telegram_specifications.V5)
        self.db, self._insert = sqlite3.connect(path), ""
        for pragma in pragmas:
            self.db.execute(pragma)

    def take(self, data: bytes) -> None:
        """Bytes as they come."""
        for row in self._rows(data):
            if not self._insert:
                self.db.execute(f"CREATE TABLE reading ({', '.join(f'v{index}' for index in range(len(row)))})")
                self._insert = f"INSERT INTO reading VALUES ({', '.join('?' * len(row))})"
            self.db.execute(self._insert, row)
            self.db.commit()

    def _rows(self, data: bytes) -> Iterator[list[object]]:
        for at in range(0, len(data), CHUNK):
            for line in data[at : at + CHUNK].splitlines(keepends=True):
                self.buffer.append(line.decode("ascii"))
            for text in self.buffer.get_all():
                telegram = self.parser.parse(text)
                yield [_plain(value) for _, item in telegram for value in _values(item)]


def _values(item: object) -> list[object]:
    if isinstance(item, list):
        return [value for one in item for value in _values(one)]
    return [getattr(item, "value", None)]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return value.timestamp() if isinstance(value, datetime) else value if isinstance(value, (str, int)) else str(value)


class Took(NamedTuple):
    """Microseconds per telegram."""

    elapsed: float
    processor: float


def timed(taker: Ours | Theirs, sent: list[bytes]) -> Took:
    """Let one of them take telegrams."""
    data = b"".join(sent)
    began, processor = time.perf_counter(), time.process_time()
    taker.take(data)
    elapsed, processor = time.perf_counter() - began, time.process_time() - processor
    return Took(elapsed / len(sent) * 1e6, processor / len(sent) * 1e6)


def main() -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--hours", type=int, default=7)
    hours = options.parse_args().hours
    logging.disable(logging.CRITICAL)  # dsmr_parser logs what it cannot parse
    rounds: dict[str, list[Took]] = {way: [] for way in ("p1monitor", *WAYS)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = Ours(folder / "history.sqlite")
        theirs = {way: Theirs(folder / f"{way}.sqlite", pragmas) for way, pragmas in WAYS.items()}
        ours.take(b"".join(stream(0)))  # what is done once: tables, shapes, first rows
        for number in range(1, hours + 1):
            sent = stream(number)
            rounds["p1monitor"].append(timed(ours, sent))
            for way, other in theirs.items():
                rounds[way].append(timed(other, sent[: HOUR_S // THEIR_SHARE]))
        ours.recorder.close()
        if list(telegrams(ours.path, None, *EVER)) != [frame for number in range(hours + 1) for frame in stream(number)]:
            sys.exit("the history gives other telegrams back")
    print(f"{hours * HOUR_S} telegrams, every one back byte for byte; medians of {hours} rounds")
    ratios = {}
    for way, took in rounds.items():
        both = [median(column) for column in zip(*took, strict=True)]
        times = [median(one / other for one, other in zip(mine, all_ours, strict=True)) for mine, all_ours in _beside(took, rounds)]
        ratios[way] = times[0]
        print(f"  {way:17s} {both[0]:7.1f} µs, {times[0]:5.1f} ×; of the processor {both[1]:6.1f} µs, {times[1]:4.1f} ×")
    print(f"goal: at least {GOAL} × beside plain rows")
    return 0 if ratios["plain rows"] >= GOAL else 1


def _beside(took: list[Took], rounds: dict[str, list[Took]]) -> Iterator[tuple[list[float], list[float]]]:
    for index in range(len(Took._fields)):
        yield [one[index] for one in took], [one[index] for one in rounds["p1monitor"]]


if __name__ == "__main__":
    sys.exit(main())
