"""Bytes to checked, typed reading: p1monitor beside dsmr_parser, in one run, on telegrams of which no two are the same.

Four streams: Dutch, Belgian, one without CRC, one encrypted. Both get the same bytes in the same pieces, find the telegrams in
them, prove them by their CRC or tag, and decode every value. Rounds of the two alternate, in processor time, so that a busy
machine troubles both alike; each round has telegrams that were never seen before, for repeating them would flatter caches. Exit
status 1 if the two read different values, or if p1monitor is less than 30 times as fast on the Dutch stream.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from dsmr_parser import telegram_specifications as specifications
from dsmr_parser.clients.telegram_buffer import EncryptedTelegramBuffer, TelegramBuffer
from dsmr_parser.parsers import TelegramParser

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.p1.cipher import framer_for
from p1monitor.p1.crc import accelerated
from p1monitor.p1.framer import Frame
from p1monitor.p1.gcm import Keys
from p1monitor.p1.meters import MODELS, Model
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse
from p1monitor.p1.totalling import SIMULATED
from tests.oracle import pairs

#: The ratio on the Dutch stream that a change may not fall below, and what it should be.
LEAST, GOAL = 30, 40
#: What a read of a file or a socket brings. (A serial port at 115200 baud brings a few dozen bytes: see noise.py.)
CHUNK = 1024
#: dsmr_parser needs so much longer that it gets only the first of each round's telegrams.
THEIR_SHARE = 5
BEGIN = datetime(2026, 3, 20, 6, tzinfo=UTC)


class Theirs(Protocol):
    """What dsmr_parser cuts a stream with."""

    def append(self, data: Any, /) -> None:
        """Take bytes, or text."""

    def get_all(self) -> Iterable[str]:
        """Give the telegrams that are complete."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Telegrams of one simulated meter, and how each of the two reads it."""

    title: str
    model: Model
    specification: Mapping[str, Any]
    keys: Keys | None = None

    def sent(self, count: int, begin: int) -> list[bytes]:
        """Consecutive telegrams."""
        moments = (BEGIN + timedelta(seconds=(begin + number) * self.model.period_s) for number in range(count))
        return [self.model.sent(self.model.telegram(moment, 7), moment) for moment in moments]

    def ours(self, data: bytes) -> Iterator[Reading]:
        """Read a stream of bytes."""
        framer = framer_for("auto", self.keys)
        for at in range(0, len(data), CHUNK):
            for event in framer.feed(data[at : at + CHUNK]):
                if isinstance(event, Frame):
                    yield decode(parse(event), Received(0.0, 0.0))

    def theirs(self, data: bytes) -> Iterator[object]:
        """Read a stream of bytes, as dsmr_parser's own readers do (clients.socket_.SocketReader, serial_.SerialReader)."""
        parser = TelegramParser(self.specification)
        buffer: Theirs = TelegramBuffer() if self.keys is None else EncryptedTelegramBuffer()
        keys = () if self.keys is None else (self.keys.decryption.hex(), self.keys.authentication.hex())
        for at in range(0, len(data), CHUNK):
            chunk = data[at : at + CHUNK]
            if self.keys is None:
                for line in chunk.splitlines(keepends=True):
                    buffer.append(line.decode("ascii"))
            else:
                buffer.append(chunk)
            for text in buffer.get_all():
                yield parser.parse(text, *keys)

    def same(self, telegrams: Sequence[bytes]) -> int:
        """How many values both found in these telegrams; ends the run if one differs."""
        count = 0
        data = b"".join(telegrams)
        for reading, telegram in zip(self.ours(data), self.theirs(data), strict=True):
            for pair in pairs(telegram, reading):
                if pair.ours != pair.theirs:
                    sys.exit(f"{self.title}: {pair.name}: p1monitor reads {pair.ours}, dsmr_parser {pair.theirs}")
                count += 1
        return count

    def round(self, telegrams: Sequence[bytes]) -> tuple[float, float]:
        """Seconds per telegram: ours, theirs."""
        few = telegrams[: max(1, len(telegrams) // THEIR_SHARE)]
        return _seconds(self.ours, telegrams), _seconds(self.theirs, few)


def _seconds(read: Callable[[bytes], Iterator[object]], telegrams: Sequence[bytes]) -> float:
    data = b"".join(telegrams)
    began = time.process_time()
    found = sum(1 for _ in read(data))
    spent = time.process_time() - began
    if found != len(telegrams):
        sys.exit(f"{found} readings of {len(telegrams)} telegrams")
    return spent / len(telegrams)


#: What a Luxembourgish meter sends is sealed; dsmr_parser's specification leaves that open.
_SEALED_SMARTY = {**specifications.LUXEMBOURG_SMARTY, "general_global_cipher": True}
STREAMS = (
    Stream("Dutch, DSMR 5.0", MODELS["esmr5"], specifications.V5),
    Stream("Belgian, e-MUCS", MODELS["emucs3"], specifications.BELGIUM_FLUVIUS),
    Stream("DSMR 2.2, no CRC", MODELS["dsmr22"], specifications.V2_2),
    Stream("Luxembourg, encrypted", MODELS["lux"], _SEALED_SMARTY, SIMULATED),
)


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


def main() -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("--telegrams", type=int, default=500, help="per round")
    chosen = options.parse_args()
    logging.disable(logging.CRITICAL)  # dsmr_parser logs what it cannot parse
    print(f"CRC by crcmod's {'C extension' if accelerated() else 'PURE PYTHON fallback: install crcmod-plus'}")
    ratios = [measure(stream, chosen.rounds, chosen.telegrams) for stream in STREAMS]
    print(f"on the Dutch stream {ratios[0]:.1f} × (goal {GOAL} ×, at least {LEAST} ×)")
    return 0 if ratios[0] >= LEAST else 1


def measure(stream: Stream, rounds: int, telegrams: int) -> float:
    """Compare, measure, print; the median of the rounds' ratios."""
    checked = stream.sent(50, 0)
    size = sum(map(len, checked)) / len(checked)
    values = stream.same(checked)
    print(f"{stream.title}: {size:.0f} bytes; both read the same {values} values of {len(checked)} telegrams")
    if stream.keys is None:
        changing, new = novelty(stream.sent(telegrams, 3600))
        print(f"    from one to the next {changing:.1f} lines change, {new:.1f} of them to what was never there before")
    times = [stream.round(stream.sent(telegrams, 3600 + number * telegrams)) for number in range(rounds)]
    ratio = median(other / mine for mine, other in times)
    mine, other = median(one for one, _ in times), median(two for _, two in times)
    print(f"    {mine * 1e6:6.1f} µs, dsmr_parser {other * 1e6:6.1f} µs: {ratio:5.1f} ×")
    return ratio


if __name__ == "__main__":
    sys.exit(main())
