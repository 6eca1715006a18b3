"""Many simulated meters in one daemon, each sending every second, all at the same moment, with MQTT and history.

They are behind TCP, so that the simulation is not the daemon's to pay, and a few households must do for all of them.
Told are the processor, memory, how long after its telegram a reading is at a subscriber of `/live`, and how long the recorder's
oldest reading waited. Exit status 1 if a reading did not reach the subscriber, or was dropped or refused anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.footprint import Page, environment, started, used
from benchmarks.processor import taken
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from tests.services import Mosquitto, free_port

MODEL, HOUSEHOLDS = MODELS["esmr5"], 5
#: Connections, announcements and first looks are over then.
WARM_S = 10.0
#: The last ones may still be on their way.
LAST_S = 3.0


class Subscriber:
    """Hears all meters."""

    def __init__(self, broker: Mosquitto) -> None:
        self.seqs: defaultdict[str, list[int]] = defaultdict(list)
        self.lags: list[float] = []
        self._client, there = paho.Client(CallbackAPIVersion.VERSION2), threading.Event()
        self._client.on_message = self._hear
        self._client.on_subscribe = lambda *_: there.set()
        self._client.connect(broker.host, broker.port)
        self._client.subscribe("p1monitor/+/live")
        self._client.loop_start()
        there.wait(10)

    def _hear(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        now = time.time()
        told = json.loads(message.payload)
        self.seqs[told["meter"]].append(told["seq"])
        self.lags.append(now - datetime.fromisoformat(told["received"]).timestamp())

    def missing(self) -> int:
        """Numbers that were left out between the first and the last of each meter."""
        return sum(seqs[-1] - seqs[0] + 1 - len(set(seqs)) for seqs in self.seqs.values())

    def close(self) -> None:
        """Hear nothing more."""
        self._client.disconnect()
        self._client.loop_stop()


def send(clients: list[socket.socket], over: threading.Event) -> None:
    """A telegram a second to each, on the second."""
    while not over.wait(1 - time.time() % 1):
        moment = datetime.fromtimestamp(round(time.time()), UTC)
        told = [render(MODEL.telegram(moment, household)) for household in range(HOUSEHOLDS)]
        for number, client in enumerate(clients):
            client.sendall(told[number % HOUSEHOLDS])


def configuration(folder: Path, meters: int, port: int, broker: int, page: int) -> Path:
    """All of them behind one port, MQTT and history; the page to ask how it goes."""
    sources = "".join(
        f'[[meter]]\nname = "m{number}"\n[meter.source]\ntype = "tcp"\nhost = "127.0.0.1"\nport = {port}\n'
        for number in range(meters)
    )
    path = folder / "config.toml"
    path.write_text(
        f'{sources}[history]\npath = "history.sqlite"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker}\n'
        f'[web]\nlisten = "127.0.0.1:{page}"\n'
    )
    return path


def asked(page: Page) -> dict[str, Any]:
    """The daemon's own figures."""
    told: dict[str, Any] = json.loads(page.ask("api/v1/status"))
    return told


def measure(folder: Path, stack: ExitStack, meters: int, seconds: float) -> list[str]:
    """Run it; what was wrong."""
    broker = Mosquitto(folder)
    broker.start()
    stack.callback(broker.stop)
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=meters))
    page, over = Page(free_port()), threading.Event()
    path = configuration(folder, meters, listener.getsockname()[1], broker.port, page.port)
    daemon = started(stack, ["-m", "p1monitor", "run", "-c", str(path)], environment(folder))
    clients = [stack.enter_context(listener.accept()[0]) for _ in range(meters)]
    sender = threading.Thread(target=send, args=(clients, over))
    sender.start()
    stack.callback(sender.join)
    stack.callback(over.set)
    time.sleep(WARM_S)
    subscriber = Subscriber(broker)
    stack.callback(subscriber.close)
    before, begin, waited = taken(daemon), time.monotonic(), list[float]()
    while time.monotonic() - begin < seconds:
        time.sleep(1.0)
        waited.append(asked(page)["sinks"]["recorder"]["lag_s"])
    share = taken(daemon).since(before).processor_s / (time.monotonic() - begin)
    time.sleep(LAST_S)
    told, memory = asked(page), used(daemon)
    heard, lags = sum(map(len, subscriber.seqs.values())), sorted(subscriber.lags)
    dropped = {name: sink["dropped"] for name, sink in told["sinks"].items() if sink["dropped"]}
    refused = sum(sum(meter["refused"].values()) for meter in told["meters"].values())
    slow = [name for name, meter in told["meters"].items() if meter["telegrams"] < seconds]
    print(f"  {meters} meters, {heard} readings heard by a subscriber")
    print(f"  processor {100 * share:.1f} % of a core, memory {memory.resident:.1f} MiB (PSS {memory.proportional:.1f})")
    print(f"  reading → subscriber: median {1e3 * median(lags):.1f} ms, p99 {1e3 * lags[-1 - len(lags) // 100]:.1f} ms")
    print(f"  oldest reading in the recorder's queue: at most {max(waited):.2f} s")
    faults = {
        f"{subscriber.missing()} readings did not reach the subscriber": subscriber.missing(),
        f"{meters - len(subscriber.seqs)} meters were not heard": len(subscriber.seqs) < meters,
        f"dropped: {dropped}": dropped,
        f"{refused} refused": refused,
        f"fewer than one telegram a second: {', '.join(slow)}": slow,
    }
    return [words for words, true in faults.items() if true]


def main() -> int:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--meters", type=int, default=50)
    options.add_argument("--seconds", type=float, default=60.0)
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        faults = measure(Path(name), stack, arguments.meters, arguments.seconds)
    print(f"  load of this machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    print("; ".join(faults) or "well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
