"""Kills and power cuts at random moments: does every restart open, is verify clean, is nothing lost beyond the promise?"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.cutting import cut, killed

#: Seconds that a life lasts at most; more than an hour of its meter passes in one.
LIFE_S = 1.0


def main() -> int:
    """Kill, cut, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--cuts", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    chance = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(killed(Path(folder) / "history.sqlite", (chance.uniform(0, LIFE_S) for _ in range(chosen.kills))))
            print(f"{chosen.cuts} power cuts in {cut(Path(folder) / 'cuts', chosen.cuts, chosen.seed)}, none beyond the promise")
        except AssertionError as fault:
            print(fault)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
