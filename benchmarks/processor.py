"""The processor at a telegram a second: the daemon with MQTT, history and page, nobody looking, beside dsmr_parser and paho.

Both get the same telegrams over TCP, at the same moments. What a process took is summed over its threads, in nanoseconds, as the
scheduler counts them (ticks of ten milliseconds are too coarse for what sleeps most of the time); its wake-ups stand beside it.
Exit status 1 if the daemon takes more than its share of the bridge's.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.footprint import BRIDGE, environment, live, started, telegram
from tests.services import Mosquitto, free_port

SHARE_MOST = 0.7
#: Telegrams that come at once at first, and the time after them: what every process does once is done then.
FIRST, SETTLE_S = 120, 15.0


class Taken(NamedTuple):
    """Of one process, since it began."""

    processor_s: float
    wakes: int

    def since(self, before: Taken) -> Taken:
        """Of the time between."""
        return Taken(self.processor_s - before.processor_s, self.wakes - before.wakes)


def taken(process: int) -> Taken:
    """Ask the kernel (proc(5)); a thread that has just ended took nothing worth telling."""
    seconds, wakes = 0.0, 0
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):
            seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
            told = (task / "status").read_text().rpartition("\nvoluntary_ctxt_switches:")[2]
            wakes += int(told.split()[0])
    return Taken(seconds, wakes)


def configuration(folder: Path, meter: int, broker: int) -> Path:
    """MQTT, history and page."""
    path = folder / "config.toml"
    path.write_text(
        f'[[meter]]\n[meter.source]\ntype = "tcp"\nhost = "127.0.0.1"\nport = {meter}\n[history]\npath = "history.sqlite"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker}\n[web]\nlisten = "127.0.0.1:{free_port()}"\n'
    )
    return path


def measure(folder: Path, stack: ExitStack, seconds: float) -> float:
    """Run both; the daemon's share of the bridge's."""
    broker = Mosquitto(folder)
    broker.start()
    stack.callback(broker.stop)
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    port = listener.getsockname()[1]
    daemon = started(stack, ["-m", "p1monitor", "run", "-c", str(configuration(folder, port, broker.port))], environment(folder))
    ours = stack.enter_context(listener.accept()[0])
    bridge = started(stack, ["-c", BRIDGE, str(port), str(broker.port)], os.environ)
    theirs = stack.enter_context(listener.accept()[0])
    moment = int(time.time()) - FIRST
    for client in (ours, theirs):
        client.sendall(b"".join(telegram(moment - one) for one in range(FIRST, 0, -1)))
    over = threading.Event()
    stack.callback(over.set)
    threading.Thread(target=live, args=([ours, theirs], moment, over), daemon=True).start()
    time.sleep(SETTLE_S)
    before = [taken(process) for process in (daemon, bridge)]
    time.sleep(seconds)
    spent = [taken(process).since(one) for process, one in zip((daemon, bridge), before, strict=True)]
    for name, one in zip(("p1monitor", "dsmr_parser and paho"), spent, strict=True):
        print(f"  {name:22s} {1e3 * one.processor_s / seconds:6.2f} ms a second, {one.wakes / seconds:5.1f} wake-ups a second")
    return spent[0].processor_s / spent[1].processor_s


def main() -> int:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seconds", type=float, default=90.0)
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        share = measure(Path(name), stack, arguments.seconds)
    print(f"  {share:.2f} of the bridge's; goal: {SHARE_MOST}; load of this machine: {os.getloadavg()[0]:.1f}")
    over = share > SHARE_MOST
    print("more than its share" if over else "well")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
