"""The daemon on a simulated meter that sends a hundred times too fast: does it keep up, does its memory stay?

Prints a line every ten seconds; ends with 1 if telegrams were refused or lost, or if memory grew after it had settled.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render

EVERY_S = 10.0
#: Caches fill and the database's pages come in during this share of the run; after it, memory may grow by so much.
SETTLES, GROWTH_MOST = 0.3, 1.15
TICKS = os.sysconf("SC_CLK_TCK")


def send(listener: socket.socket, rate: float, over: threading.Event) -> None:
    """A gateway with a meter behind it, whose seconds are short."""
    model = next(iter(MODELS.values()))
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
    client, _ = listener.accept()
    due = time.monotonic()
    with client:
        while not over.is_set():
            try:
                client.sendall(render(model.telegram(moment, 0)))
            except OSError:
                return
            moment += timedelta(seconds=model.period_s)
            due += 1 / rate
            over.wait(max(0.0, due - time.monotonic()))


def configuration(folder: Path, port: int, page: int) -> Path:
    """A meter behind the gateway, a history, and a page to ask for figures."""
    path = folder / "config.toml"
    path.write_text(
        f'[[meter]]\n[meter.source]\ntype = "tcp"\nhost = "127.0.0.1"\nport = {port}\n'
        f'[history]\npath = "history.sqlite"\n[web]\nlisten = "127.0.0.1:{page}"\n'
    )
    return path


def asked(page: int) -> dict[str, Any]:
    """The daemon's own figures."""
    with urllib.request.urlopen(f"http://127.0.0.1:{page}/api/v1/status", timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


def used(process: int) -> tuple[float, float]:
    """Memory in MB and processor seconds of a process, by the kernel (proc(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    resident = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resident / 1e6, (int(fields[11]) + int(fields[12])) / TICKS


def watch(process: int, page: int, minutes: float) -> list[str]:
    """Print figures until the time is over; what was wrong."""
    begin = time.monotonic()
    settled = 0.0
    print("  minute  telegrams  refused  dropped  memory MB  processor %")
    while True:
        time.sleep(EVERY_S)
        passed = time.monotonic() - begin
        told = asked(page)
        meter = told["meters"]["home"]
        refused = sum(meter["refused"].values())
        dropped = sum(sink["dropped"] for sink in told["sinks"].values())
        memory, seconds = used(process)
        load = 100 * seconds / passed
        print(f"{passed / 60:8.1f} {meter['telegrams']:10d} {refused:8d} {dropped:8d} {memory:10.1f} {load:12.1f}")
        if passed < SETTLES * minutes * 60 or not settled:
            settled = max(settled, memory)
        if passed >= minutes * 60:
            faults = {
                f"{refused} refused": refused,
                f"{dropped} dropped": dropped,
                "no telegrams": not meter["telegrams"],
                f"memory grew from {settled:.1f} to {memory:.1f} MB": memory > settled * GROWTH_MOST,
            }
            return [words for words, true in faults.items() if true]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=100.0, help="telegrams a second")
    arguments = parser.parse_args()
    over = threading.Event()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_server(("127.0.0.1", 0)) as free:
            page = free.getsockname()[1]
        path = configuration(Path(folder), listener.getsockname()[1], page)
        threading.Thread(target=send, args=(listener, arguments.rate, over), daemon=True).start()
        command = [str(Path(sys.executable).with_name("p1monitor")), "run", "-c", str(path)]
        environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}  # as the service has it
        with subprocess.Popen(command, env=environment) as daemon:
            try:
                faults = watch(daemon.pid, page, arguments.minutes)
            finally:
                over.set()
                daemon.send_signal(signal.SIGTERM)
    print("; ".join(faults) or "well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
