"""What keeps the daemon small."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest

from p1monitor.p1.records import Measurement
from p1monitor.recorder import Queries, heap
from p1monitor.recorder.recent import Recent
from p1monitor.recorder.samples import VOLTAGES
from tests.archiving import folder, path
from tests.readings import METER
from tests.staged import Staged

__all__ = ["folder", "path"]  # fixtures

BEGIN = 1_781_522_400
PIECES, PIECE = 20_000, 1000


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(heap._trim is None, reason="this C library cannot give memory back")
def test_what_is_free_between_what_is_kept_is_given_back() -> None:
    pieces = [bytes([number % 256]) * PIECE for number in range(PIECES)]
    kept = pieces[::50]
    full = resident()
    del pieces
    heap.give_back()
    assert full - resident() > PIECES * PIECE / 2
    assert all(len(piece) == PIECE for piece in kept)


def test_a_recent_reading_keeps_what_it_has_not_and_forgets_what_no_meter_can_mean() -> None:
    recent = Recent()
    names = ["power_w", *VOLTAGES]
    for second, told in enumerate((("-5", "230.1", "", "229.9"), ("", "", "", ""), ("1E30", "1E30", "0", "-9E18"))):
        found = {
            name: Measurement(Decimal(text), "", "", derived=name == "power_w")
            for name, text in zip(names, told, strict=True)
            if text
        }
        recent.put(METER, second + 1, BEGIN + second, found)
    numbers = recent.look(METER, names, 0, BEGIN - 1, BEGIN + 9).numbers
    assert list(zip(*numbers, strict=True)) == [(-5000, 230100, None, 229900), (None,) * 4, (None, None, 0, None)]


def test_all_threads_ask_by_one_connection(path: Path) -> None:
    life = Staged(path, "esmr5", BEGIN)
    life.run(5, 1)
    queries = Queries(path)
    files = []
    for _ in range(3):
        thread = Thread(target=queries.meters)
        thread.start()
        thread.join()
        files.append(sum(path.name in str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()))
    queries.close()
    assert files[0] == files[-1]


def test_a_daemon_on_a_real_meter_loads_no_simulated_one() -> None:
    code = "import sys, p1monitor.cli, p1monitor.daemon; sys.exit('p1monitor.p1.meters' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
