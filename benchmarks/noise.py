"""Garbage that never ends: what the framer spends per byte, and what it holds. Exit status 1 beyond the limits."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.p1.framer import FRAME_MAX, Frame, Framer

#: Microseconds per byte: at 11 520 bytes a second this is one hundredth of a core.
GOAL_US = 1.0
#: The machine's moods: a run that is worse than this is worse for certain.
LIMIT_US = 2.0

_HEADER = b"/TST5\\METER\r\n\r\n"
_LINE = b"1-0:1.7.0(01.193*kW)\r\n"


def _random(size: int) -> bytes:
    return random.Random(1).randbytes(size)


def _printable(size: int) -> bytes:
    return bytes(random.Random(2).choices(b"0123456789-:.()*kWhV/!\r\n", k=size))


def _repeated(unit: bytes) -> Callable[[int], bytes]:
    return lambda size: unit * (size // len(unit))


KINDS: dict[str, Callable[[int], bytes]] = {
    "random bytes": _random,
    "random characters of a telegram": _printable,
    "0xFF": _repeated(b"\xff"),
    "line ends": _repeated(b"\r\n"),
    "/": _repeated(b"/"),
    "!": _repeated(b"!"),
    "/!": _repeated(b"/!"),
    "/ on lines of their own": _repeated(b"\n/"),
    "! on lines of their own": _repeated(b"\n!"),
    "/ and ! on lines of their own": _repeated(b"\r\n/\r\n!"),
    "! with wrong CRCs": _repeated(b"\r\n!12AB\r\n"),
    "headers": _repeated(_HEADER),
    "headers in the middle of lines": _repeated(b"x" + _HEADER.rstrip()),
    "data lines without end": lambda size: _HEADER + _LINE * (size // len(_LINE)),
    "a line without end": lambda size: _HEADER + b"0-0:96.13.0(" + b"41" * (size // 2),
    "short frames with wrong CRCs": _repeated(_HEADER + _LINE + b"!0000\r\n"),
    "frames of slashes with wrong CRCs": _repeated(_HEADER + _LINE + b"/" * 2000 + b"\r\n!0000\r\n"),
    "large frames with wrong CRCs": _repeated(_HEADER + _LINE * 700 + b"!0000\r\n"),
    "large frames of headers with wrong CRCs": _repeated(_HEADER + (_LINE + b"x" + _HEADER) * 380 + b"!0000\r\n"),
    "large frames without CRC, cut": _repeated(_HEADER + _LINE * 600 + b"1-0:1.7/" + _LINE * 90 + b"!\r\n"),
}


def measure(data: bytes, chunk: int) -> tuple[float, int, int]:
    """Microseconds per byte, most bytes held, events."""
    framer = Framer()
    held = events = 0
    began = time.process_time()
    for at in range(0, len(data), chunk):
        for event in framer.feed(data[at : at + chunk]):
            events += 1
            if isinstance(event, Frame):
                sys.exit(f"a telegram out of garbage: {event.data[:80]!r}")
        held = max(held, framer.held)
    return (time.process_time() - began) / len(data) * 1e6, held, events


def main() -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bytes", type=int, default=512 * 1024, help="per kind")
    chosen = options.parse_args()
    worst, most = 0.0, 0
    print(f"{'':42}{'whole':>9}{'256 B':>9}{'16 B':>9}{'1 B':>9}  µs/byte, held, events")
    for name, make in KINDS.items():
        data = make(chosen.bytes)
        runs = [measure(data, chunk) for chunk in (len(data), 256, 16)]
        runs.append(measure(data[: len(data) // 8], 1))  # the calls themselves cost, whatever the bytes
        times = "".join(f"{spent:9.3f}" for spent, _, _ in runs)
        held, events = max(run[1] for run in runs), runs[0][2]
        print(f"{name:42}{times}  {held:6} {events:6}")
        worst, most = max(worst, *(run[0] for run in runs[:3])), max(most, held)
    print(f"worst {worst:.2f} µs/byte in chunks of 16 bytes and more (goal {GOAL_US:g}); held {most} bytes of {FRAME_MAX}")
    return 0 if worst <= LIMIT_US and most <= FRAME_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
