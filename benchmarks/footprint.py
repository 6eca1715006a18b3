"""What the daemon takes of a small machine: memory with MQTT, history and page on, and the processor, beside dsmr_parser and paho.

The daemon as systemd starts it, on a simulated meter behind TCP. First a week of telegrams as fast as they are kept: does memory
grow from day to day? (What ten seconds bring waits for the card, so it is more than at real pace.) Then it is started again, and
gets somewhat more than an hour at sixty times real pace, so that all that it remembers is there and an hour is sealed; then a
telegram a second: a while with nobody looking, then with four viewers, each a stream and all that the page asks. Beside it, on
the same telegrams, dsmr_parser and paho in a loop. Exit status 1 if memory is over the goals or grew in the week, or if a telegram
was lost. Memory is resident (RSS) in MiB, shared libraries included; PSS is told beside it.
"""

from __future__ import annotations

import argparse
import http.client
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
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from tests.services import Mosquitto, free_port

NOBODY_MOST, VIEWERS_MOST = 40.0, 45.0
#: The last day's memory beside the first's: the allocator's pages come and go by a little.
GROWTH_MOST = 1.02
VIEWERS, DAY_S, SEED = 4, 86_400, 7
#: Telegrams that may be under way in the week: far fewer than the recorder's queue holds, so that the flood itself weighs nothing.
AHEAD, PIECE = 200, 100
#: The hour that is sealed, and what the recorder remembers beyond it.
HOUR_S, WARM_S, WARM_SPEED = 3600, 4200, 60
#: What is new to a phase comes in first, then it is measured.
SETTLE_S = 10.0
ROOT = Path(__file__).parent.parent
UNIT = ROOT / "systemd" / "p1monitor.service"
MODEL = MODELS["esmr5"]
BRIDGE = """
import json, sys
from dsmr_parser import telegram_specifications
from dsmr_parser.clients import SocketReader
from paho.mqtt import client
broker = client.Client(client.CallbackAPIVersion.VERSION2)
broker.connect("127.0.0.1", int(sys.argv[2]))
broker.loop_start()
for telegram in SocketReader("127.0.0.1", int(sys.argv[1]), telegram_specifications.V5).read():
    broker.publish("bridge", telegram.to_json())
"""


class Used(NamedTuple):
    """Of one process, at one moment."""

    resident: float
    proportional: float
    processor_s: float
    own: float  #: of it, what is no page of a file: those come and go as the kernel likes


def used(process: int) -> Used:
    """Ask the kernel (proc(5))."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(size) / 1024 for name, size, *_ in (line.replace(":", " ").split() for line in lines)}
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    processor_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Used(sizes["Rss"], sizes["Pss"], processor_s, sizes["Anonymous"])


def telegram(moment: int) -> bytes:
    """What the meter sends."""
    return render(MODEL.telegram(datetime.fromtimestamp(moment, UTC), SEED))


def environment(folder: Path) -> dict[str, str]:
    """Ours, with what the service's unit sets; compiled as when it is installed, for what compiling takes is not the daemon's."""
    found = [line.partition("=")[2].split("=", 1) for line in UNIT.read_text().splitlines() if line.startswith("Environment=")]
    compiled = folder / "compiled"
    service = {**os.environ, "PYTHONPATH": str(ROOT), **dict(found), "PYTHONPYCACHEPREFIX": str(compiled)}
    subprocess.run(["sh", str(UNIT.parent / "compile.sh"), sys.executable, str(compiled)], env=service, check=True)
    return service


class Page:
    """The daemon's page, and those who look at it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard = 0  #: events of all streams
        self._lock = threading.Lock()

    def ask(self, path: str) -> bytes:
        """Ask for one thing."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=30) as answer:
            return bytes(answer.read())

    def kept(self) -> tuple[int, int]:
        """How many readings the recorder has taken, and how many anybody lost who may lose none."""
        told = json.loads(self.ask("api/v1/status"))
        recorder = told["sinks"]["recorder"]
        return recorder["accepted"], recorder["dropped"] + sum(told["meters"]["home"]["refused"].values())

    def look(self, over: threading.Event) -> None:
        """Be a viewer: a stream, and what the page asks for when it is opened and every minute."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/api/v1/live/stream")
        stream = connection.getresponse()
        threading.Thread(target=self._everything, daemon=True).start()
        while not over.is_set():
            event = stream.readline().startswith(b"data:")
            with self._lock:
                self.heard += event
        connection.close()

    def _everything(self) -> None:
        now = int(time.time())
        today, week = now // DAY_S * DAY_S, now - 7 * DAY_S
        for path in ("", "main.js", "view.js", "chart.js", "style.css"):
            self.ask(path)
        for path in (
            "meters",
            "catalogue",
            "status",
            "events?limit=50",
            "recent",
            "today",
            f"series?names=power_w&from={today - DAY_S}&to={today}&points=288",
            f"series?names=power_w&from={today}&to={now}&points=288",
            f"series?names=power_w,voltage_l1_v&from={now - 3600}&to={now}&points=3600",
            f"profiles/load?from={now - DAY_S}&to={now}",
            f"profiles/daily?from={week}&to={now}",
            "live",
        ):
            self.ask(f"api/v1/{path}")


def flood(client: socket.socket, page: Page, process: int, begin: int, days: int) -> Iterator[Used]:
    """Some days as fast as they are kept; memory at the end of each."""
    sent = page.kept()[0]
    for day in range(days):
        for piece in range(begin + day * DAY_S, begin + (day + 1) * DAY_S, PIECE):
            client.sendall(b"".join(telegram(moment) for moment in range(piece, piece + PIECE)))
            sent += PIECE
            while sent - page.kept()[0] > AHEAD:
                time.sleep(0.002)
        yield used(process)


def warm(client: socket.socket, moment: int) -> int:
    """More than an hour, faster than real, which ends just behind an hour's end; when that is."""
    end = (moment + WARM_S) // HOUR_S * HOUR_S + HOUR_S + WARM_SPEED
    due = time.monotonic()
    for now in range(end - WARM_S, end, WARM_SPEED):
        client.sendall(b"".join(telegram(one) for one in range(now, now + WARM_SPEED)))
        due += 1
        time.sleep(max(0.0, due - time.monotonic()))
    return end


def live(clients: list[socket.socket], moment: int, over: threading.Event) -> None:
    """A telegram a second, from there on."""
    due = time.monotonic()
    while not over.is_set():
        for client in clients:
            client.sendall(telegram(moment))
        moment += 1
        due += 1
        over.wait(max(0.0, due - time.monotonic()))


def phase(seconds: float, processes: list[int]) -> list[tuple[Used, float]]:
    """What each of them has after a while, and its share of a core meanwhile, in percent."""
    time.sleep(SETTLE_S)
    before = [used(process) for process in processes]
    time.sleep(seconds)
    after = [used(process) for process in processes]
    return [(now, 100 * (now.processor_s - then.processor_s) / seconds) for then, now in zip(before, after, strict=True)]


def tell(what: str, measured: tuple[Used, float]) -> float:
    """Print a row; the memory."""
    now, share = measured
    print(f"  {what:32s} {now.resident:6.1f} MiB (PSS {now.proportional:5.1f}), {share:5.2f} % of a core")
    return now.resident


def started(stack: ExitStack, arguments: list[str], environment: Mapping[str, str]) -> int:
    """Start a process that ends with the stack."""
    command = [sys.executable, *arguments]
    process = stack.enter_context(subprocess.Popen(command, env=environment, cwd="/", stderr=subprocess.DEVNULL))
    stack.callback(process.send_signal, signal.SIGTERM)
    return process.pid


def measure(folder: Path, stack: ExitStack, days: int, seconds: float) -> list[str]:
    """All of it; what was wrong."""
    broker = Mosquitto(folder)
    broker.start()
    stack.callback(broker.stop)
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    port, page = listener.getsockname()[1], Page(free_port())
    (folder / "config.toml").write_text(
        f'[[meter]]\n[meter.source]\ntype = "tcp"\nhost = "127.0.0.1"\nport = {port}\n[history]\npath = "history.sqlite"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n[web]\nlisten = "127.0.0.1:{page.port}"\n'
    )
    command = ["-m", "p1monitor", "run", "-c", str(folder / "config.toml")]
    service = environment(folder)
    begin = int(time.time()) - days * DAY_S - WARM_S - HOUR_S
    ended, lost = [], 0
    with ExitStack() as week:
        daemon = started(week, command, service)
        ours = week.enter_context(listener.accept()[0])
        for day, now in enumerate(flood(ours, page, daemon, begin, days), 1):
            ended.append(now.own)
            print(f"  after simulated day {day}: {now.resident:.1f} MiB, without pages of files {now.own:.1f}", flush=True)
        lost = page.kept()[1]
    daemon = started(stack, command, service)
    ours = stack.enter_context(listener.accept()[0])
    moment = warm(ours, begin + days * DAY_S)
    bridge = started(stack, ["-c", BRIDGE, str(port), str(broker.port)], os.environ)
    theirs = stack.enter_context(listener.accept()[0])
    over = threading.Event()
    stack.callback(over.set)
    threading.Thread(target=live, args=([ours, theirs], moment, over), daemon=True).start()
    alone, beside = phase(seconds, [daemon, bridge])
    for _ in range(VIEWERS):
        threading.Thread(target=page.look, args=(over,), daemon=True).start()
    (looked,) = phase(seconds, [daemon])
    tell("dsmr_parser and paho", beside)
    lost += page.kept()[1]
    nobody, viewers = tell("p1monitor, nobody looking", alone), tell(f"p1monitor, {VIEWERS} viewers", looked)
    print(f"goals: {NOBODY_MOST:g} and {VIEWERS_MOST:g} MiB; a week adds at most {GROWTH_MOST - 1:.0%}")
    faults = {
        f"{nobody:.1f} MiB with nobody looking": nobody > NOBODY_MOST,
        f"{viewers:.1f} MiB with {VIEWERS} viewers": viewers > VIEWERS_MOST,
        f"memory grew from {ended[0]:.1f} to {ended[-1]:.1f} MiB": ended[-1] > ended[0] * GROWTH_MOST,
        f"{lost} telegrams lost": lost,
        "a viewer heard nothing": page.heard < VIEWERS * seconds,
    }
    return [words for words, true in faults.items() if true]


def main() -> int:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--days", type=int, default=7, help="simulated days before it is measured")
    options.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        faults = measure(Path(name), stack, arguments.days, arguments.seconds)
    print("; ".join(faults) or "well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
