"""Bytes to checked, typed reading: p1monitor beside dsmr_parser, in one run, on telegrams of which no two are the same.

Both get the same bytes in the same pieces, find the telegrams in them, prove them by their CRC, and decode every value.
Rounds of the two alternate, in processor time, so that a busy machine troubles both alike; each round has telegrams that
were never seen before, for repeating them would flatter caches. Exit status 1 if the two read different values, or if the
goal is missed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from dsmr_parser import telegram_specifications
from dsmr_parser.clients.telegram_buffer import TelegramBuffer
from dsmr_parser.parsers import TelegramParser

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.p1.crc import accelerated
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse, render
from tests.oracle import pairs

#: The ratio that a change may not fall below.
GOAL = 30
#: What a read of a file or a socket brings. (A serial port at 115200 baud brings a few dozen bytes: see noise.py.)
CHUNK = 1024
#: dsmr_parser needs so much longer that it gets only the first of each round's telegrams.
THEIR_SHARE = 5
BEGIN = datetime(2026, 3, 20, 6, tzinfo=UTC)


def stream(count: int, begin: int) -> list[bytes]:
    """Telegrams of consecutive seconds of a Dutch three-phase meter with gas."""
    model = MODELS["esmr5"]
    return [render(model.telegram(BEGIN + timedelta(seconds=begin + second), 7)) for second in range(count)]


def ours(data: bytes) -> Iterator[Reading]:
    """Read a stream of bytes."""
    framer = Framer()
    for at in range(0, len(data), CHUNK):
        for event in framer.feed(data[at : at + CHUNK]):
            if isinstance(event, Frame):
                yield decode(parse(event), Received(0.0, 0.0))


def theirs(data: bytes) -> Iterator[object]:
    """Read a stream of bytes, as dsmr_parser's own readers do (clients.socket_.SocketReader)."""
    buffer, parser = TelegramBuffer(), TelegramParser(telegram_specifications.V5)
    for at in range(0, len(data), CHUNK):
        for line in data[at : at + CHUNK].splitlines(keepends=True):
            buffer.append(line.decode("ascii"))
        for text in buffer.get_all():
            yield parser.parse(text)


def same(telegrams: Sequence[bytes]) -> int:
    """How many values both found in these telegrams; ends the run if one differs."""
    count = 0
    data = b"".join(telegrams)
    read = zip(ours(data), theirs(data), strict=True)
    for reading, telegram in read:
        for pair in pairs(telegram, reading):
            if pair.ours != pair.theirs:
                sys.exit(f"{pair.name}: p1monitor reads {pair.ours}, dsmr_parser {pair.theirs}")
            count += 1
    return count


def novelty(telegrams: Sequence[bytes]) -> tuple[float, float]:
    """How many lines differ from the telegram before, and how many were never seen: what caches can live on."""
    changing = new = 0
    seen: set[bytes] = set()
    before: set[bytes] = set()
    for one in telegrams:
        lines = set(one.split(b"\r\n"))
        changing += len(lines - before)
        new += len(lines - seen)
        seen |= lines
        before = lines
    return changing / len(telegrams), new / len(telegrams)


def round_of(telegrams: Sequence[bytes]) -> tuple[float, float]:
    """Seconds per telegram: ours, theirs."""
    data = b"".join(telegrams)
    began = time.process_time()
    found = sum(1 for _ in ours(data))
    mine = (time.process_time() - began) / len(telegrams)
    if found != len(telegrams):
        sys.exit(f"{found} readings of {len(telegrams)} telegrams")
    few = telegrams[: max(1, len(telegrams) // THEIR_SHARE)]
    data = b"".join(few)
    began = time.process_time()
    found = sum(1 for _ in theirs(data))
    other = (time.process_time() - began) / len(few)
    if found != len(few):
        sys.exit(f"dsmr_parser found {found} of {len(few)} telegrams")
    return mine, other


def main() -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("--telegrams", type=int, default=500, help="per round")
    chosen = options.parse_args()
    logging.disable(logging.CRITICAL)  # dsmr_parser logs what it cannot parse

    checked = stream(50, 0)
    values = same(checked)
    changing, new = novelty(stream(chosen.telegrams, 3600))
    size = sum(map(len, checked)) / len(checked)
    print(f"{len(checked)} telegrams of {size:.0f} bytes: both read the same {values} values")
    print(f"from one to the next {changing:.1f} lines change, {new:.1f} of them to what was never there before")
    print(f"CRC by crcmod's {'C extension' if accelerated() else 'PURE PYTHON fallback: install crcmod-plus'}")

    rounds = []
    for number in range(chosen.rounds):
        rounds.append(round_of(stream(chosen.telegrams, 3600 + number * chosen.telegrams)))
        mine, other = rounds[-1]
        print(f"round {number + 1}: {mine * 1e6:6.1f} µs, dsmr_parser {other * 1e6:6.1f} µs: {other / mine:5.1f} ×")
    mine, other = median(one for one, _ in rounds), median(two for _, two in rounds)
    ratio = median(two / one for one, two in rounds)
    print(f"median:  {mine * 1e6:6.1f} µs, dsmr_parser {other * 1e6:6.1f} µs: {ratio:5.1f} × (goal: at least {GOAL} ×)")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
