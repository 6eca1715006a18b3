"""Two million telegrams of no two alike, cut ones and noise among them: does memory stay? Exit status 1 if it does not.

The telegrams are one simulated meter's, with new numbers put into its lines, so that making them costs less than reading them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.p1.crc import crc16_arc
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.telegram import parse, render

BEGIN = datetime(2026, 3, 20, 6, tzinfo=UTC)
#: Caches are full after so many.
SETTLED = 100_000
#: What the allocator may still take after that, in MiB.
GROWTH_MOST = 1.0
#: One in so many is cut, and followed by noise.
CUT_EVERY = 1000


def telegrams(count: int) -> Iterator[bytes]:
    """Yield so many, each with its CRC but for those that are cut."""
    template = render(MODELS["esmr5"].telegram(BEGIN, 7))[:-6].replace(b"%", b"%%")
    for code, number in ((b"1-0:1.8.1(", b"%010.3f*kWh"), (b"1-0:1.7.0(", b"%06.3f*kW"), (b"1-0:32.7.0(", b"%05.1f*V")):
        at = template.index(code) + len(code)
        template = template[:at] + number + template[template.index(b")", at) :]
    at = template.index(b"0-0:1.0.0(") + 10
    template = template[:at] + b"2603%02d%02d%02d%02dW" + template[template.index(b")", at) :]
    for n in range(count):
        clock = (1 + n // 86400 % 28, n // 3600 % 24, n // 60 % 60, n % 60)
        text = template % (*clock, n / 1000, n * 7 % 9973 / 1000, 220 + n % 211 / 10)
        yield text[: n % 800] + b"\xff%d/" % n if n % CUT_EVERY == 0 else text + b"%04X\r\n" % crc16_arc(text)


def resident() -> float:
    """MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> int:
    """Read, measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--telegrams", type=int, default=2_000_000)
    chosen = options.parse_args()
    framer = Framer()
    read, settled, began = 0, 0.0, time.process_time()
    for number, data in enumerate(telegrams(chosen.telegrams), 1):
        for event in framer.feed(data):
            read += isinstance(event, Frame) and bool(decode(parse(event)).values)
        if number == SETTLED:
            settled = resident()
    grown = resident() - settled
    spent = (time.process_time() - began) / chosen.telegrams * 1e6
    wanted = chosen.telegrams - (chosen.telegrams + CUT_EVERY - 1) // CUT_EVERY
    print(f"{read} readings of {chosen.telegrams} telegrams, {spent:.1f} µs each with the making")
    print(f"{settled:.1f} MiB after {SETTLED}, {grown:+.1f} MiB at the end (limit {GROWTH_MOST:g})")
    return 0 if grown <= GROWTH_MOST and read == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
