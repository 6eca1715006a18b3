"""A bad line: a meter without CRC, one byte in 5 000 flipped at random. Exit status 1 if a wrong number got out."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.flips import EVERY, run


def main() -> int:
    """Send, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--telegrams", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    began = time.monotonic()
    result = run(chosen.telegrams, chosen.seed)
    print(f"{result.telegrams} telegrams, one byte in {EVERY} flipped: {result.damaged} damaged, {result.readings} readings taken")
    print(f"{result.lost} good telegrams were lost with the damaged one before them")
    print(f"{result.held} values held back, {len(result.doubts)} doubts told; the longest pause {result.longest_held_s:.0f} s")
    print(f"{result.wrong} registers published that were not the meter's, by {result.most_wrong} at most")
    print(
        f"{result.days_exact} of {result.days} totals of a day equal to the last digit, the others off by {result.most_off} at most"
    )
    print(f"events: {dict(result.events)}; {time.monotonic() - began:.0f} s")
    print("\n".join(result.faults) or "well")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
