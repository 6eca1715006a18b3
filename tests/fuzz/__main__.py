"""Search for bytes on which a target fails, led by the code that they reach: python -m tests.fuzz framer 60. Linux, CPython.

What was found interesting is kept in .fuzz/ for the next time; bytes on which a target failed are written there and named.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["p1monitor"]):
    from tests.fuzz.targets import TARGETS

#: A little more than the largest frame, so that limits are met.
LONGEST = 20_000


def main() -> None:
    """Run one target for so many seconds."""
    name, seconds = sys.argv[1], int(sys.argv[2])
    target = TARGETS[name]
    corpus = Path(".fuzz") / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={corpus}/failed-", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(corpus)], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
