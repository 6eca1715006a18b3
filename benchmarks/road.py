"""The whole road, bytes to committed: p1monitor beside dsmr_parser with plain rows in SQLite, in one run.

Ours: framer, parse, decode, observe, profiles, journal (synced to the disk every ten seconds of meter time), hours packed, compared
and sealed, profiles saved every five minutes; every telegram whole. Theirs: dsmr_parser, and each telegram's numbers as a row, committed one by one
or in the same batches. Rounds alternate, each a further hour of telegrams that neither has seen; processor time. Exit status 1 if
a telegram does not come back, or the goal is missed.
"""

from __future__ import annotations

import argparse
import logging
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

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

    def __init__(self, path: Path, batch: int) -> None:
        self.buffer, self.parser = TelegramBuffer(), TelegramParser(telegram_specifications.V5)
        self.db, self._batch, self._insert = sqlite3.connect(path), batch, ""
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.count = 0

    def take(self, data: bytes) -> None:
        """Bytes as they come."""
        for row in self._rows(data):
            if not self._insert:
                self.db.execute(f"CREATE TABLE reading ({', '.join(f'v{index}' for index in range(len(row)))})")
                self._insert = f"INSERT INTO reading VALUES ({', '.join('?' * len(row))})"
            self.db.execute(self._insert, row)
            self.count += 1
            if self.count % self._batch == 0:
                self.db.commit()
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


def timed(taker: Ours | Theirs, sent: list[bytes]) -> float:
    """Microseconds per telegram."""
    data = b"".join(sent)
    began = time.process_time()
    taker.take(data)
    return (time.process_time() - began) / len(sent) * 1e6


def main() -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--hours", type=int, default=7)
    hours = options.parse_args().hours
    logging.disable(logging.CRITICAL)  # dsmr_parser logs what it cannot parse
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, each, batched = (
            Ours(folder / "history.sqlite"),
            Theirs(folder / "each.sqlite", 1),
            Theirs(folder / "some.sqlite", BATCH),
        )
        ours.take(b"".join(stream(0)))  # what is done once: tables, shapes, first rows
        rounds: list[tuple[float, float, float]] = []
        for number in range(1, hours + 1):
            sent = stream(number)
            few = sent[: HOUR_S // THEIR_SHARE]
            rounds.append((timed(ours, sent), timed(each, few), timed(batched, few)))
            mine, one, some = rounds[-1]
            print(f"hour {number}: {mine:6.1f} µs; dsmr_parser {one:7.1f} µs a row a commit, {some:7.1f} µs {BATCH} rows a commit")
        ours.recorder.close()
        if list(telegrams(ours.path, None, *EVER)) != [frame for number in range(hours + 1) for frame in stream(number)]:
            sys.exit("the history gives other telegrams back")
    ratios = [median(other / mine for mine, *others in rounds for other in others[at : at + 1]) for at in (0, 1)]
    print(
        f"median: {median(mine for mine, *_ in rounds):.1f} µs, every telegram back byte for byte; dsmr_parser with a commit a row"
    )
    print(f"  takes {ratios[0]:.1f} × as long, with {BATCH} rows a commit {ratios[1]:.1f} × (goal: at least {GOAL} ×)")
    return 0 if min(ratios) >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
