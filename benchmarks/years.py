"""Three years of a meter to which everything happens, recorded, held against the truth, and made again of the readings.

Ends with 1 where a day is not what the registers say, to their last digit.
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from p1monitor.recorder import sums
from tests.readings import WINTER
from tests.truth import House
from tests.verdict import live, rebuilt

#: In three years, among them 50 outages of both kinds.
COUNTS = {"off": 30, "cut": 20, "repeat": 2, "step": 12, "swap": 2, "quiet": 3}
START = datetime(2026, 1, 1, tzinfo=WINTER)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3 * 365)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts = {kind: max(1, count * arguments.days // (3 * 365)) for kind, count in COUNTS.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        begin = time.perf_counter()
        lived = live(path, lambda: House(arguments.seed, START, arguments.days, counts))
        print(f"{len(lived.stamps)} readings of {arguments.days} days in {time.perf_counter() - begin:.0f} s; {counts}")
        wrong = [one for table in ("daily_profile", "load_profile", "billing_profile") for one in lived.wrong_ends(table)]
        wrong += [*lived.wrong_gaps(), *lived.wrong_gas()]
        for table in ("daily_profile", "load_profile", "billing_profile"):
            totals = lived.totals(table)
            wrong += [(table, a, b) for a, b in itertools.pairwise(totals) if a[1] > b[1] or a[2] > b[2]]
            wrong += [(table, totals[-1], lived.last)] if totals[-1][1:] != lived.last else []
        print(f"checked: {dict(lived.checked)}; days of other lengths: {lived.hours()}")
        wrong += rebuilt(lived, path)
        wrong += list(sums.faults(sqlite3.connect(path)))
        print(f"made again after {time.perf_counter() - begin:.0f} s")
    print(f"{len(wrong)} wrong, as {str(wrong[:3])[:600]}" if wrong else "well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
