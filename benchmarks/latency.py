"""How long a telegram's last byte takes: from a pty to a subscriber of `/live`, to the page, and to both while others are ill.

Telegrams go into a pty as a cable at 115200 baud brings them, one a second; what counts begins when the last piece is written and
ends when one of our sockets has the message, by one monotonic clock. The daemon runs with MQTT, history and page. dsmr_parser's
own serial reader, with paho, has a pty and a topic of its own, and its turn in the other half of each second; between them a
message of our own goes to the broker and back, the least there can be. Then somebody looks at the page. Then the broker and an
InfluxDB accept and never answer, and five clients of the relay never read: what do the page and a sixth client get?
Exit status 1 if a goal is missed or something is lost.
"""

from __future__ import annotations

import argparse
import os
import queue
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.footprint import Page, environment, started, telegram
from tests.services import Mosquitto, free_port

#: Milliseconds to the subscriber; and to whoever is well while others are ill.
MEDIAN_MOST, LAST_MOST, ILL_MOST = 1.0, 3.0, 100.0
#: What a USB adapter hands over at a time, and how long the line takes for it at 115200 baud.
PIECE, PIECE_S = 62, 62 * 10 / 115_200
#: A telegram that has not come after so long is lost.
LOST_S = 5.0
#: The first ones are not counted: connections, caches, Home Assistant's announcements.
WARM = 5
#: A meter's period: its clock and the host's must agree.
PERIOD_S = 1.0
STALLED = 5
BRIDGE = """
import sys
from dsmr_parser import telegram_specifications
from dsmr_parser.clients import SERIAL_SETTINGS_V5, SerialReader
from paho.mqtt import client
broker = client.Client(client.CallbackAPIVersion.VERSION2)
broker.connect("127.0.0.1", int(sys.argv[2]))
broker.loop_start()
reader = SerialReader(sys.argv[1], SERIAL_SETTINGS_V5, telegram_specifications.V5)
for telegram in reader.read():
    broker.publish("bridge", telegram.to_json())
"""

LIVE = "p1monitor/home/live"
#: Moments at which something came.
Came = queue.SimpleQueue[float]


class Cable:
    """A pty that somebody reads as a serial port."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.device = os.ttyname(slave)
        os.close(slave)  # else the port is held by us

    def send(self) -> float:
        """One more telegram; when its last bytes were written."""
        sent = telegram(round(time.time()))
        *before, last = [sent[at : at + PIECE] for at in range(0, len(sent), PIECE)]
        for piece in before:
            os.write(self._master, piece)
            time.sleep(PIECE_S)
        now = time.monotonic()
        os.write(self._master, last)
        return now


def subscribed(stack: ExitStack, broker: Mosquitto) -> tuple[paho.Client, Mapping[str, Came]]:
    """Hear the daemon's live readings, the bridge's, and our own echo."""
    came: dict[str, Came] = {topic: queue.SimpleQueue() for topic in (LIVE, "bridge", "echo")}
    client, there = paho.Client(CallbackAPIVersion.VERSION2), threading.Event()
    client.on_message = lambda _client, _data, message: came[message.topic].put(time.monotonic())
    client.on_subscribe = lambda *_: there.set()
    client.connect(broker.host, broker.port)
    client.subscribe([(topic, 0) for topic in came])
    client.loop_start()
    stack.callback(client.loop_stop)
    stack.callback(client.disconnect)
    there.wait(LOST_S)
    return client, came


def heard(stack: ExitStack, port: int, ask: bytes, mark: bytes) -> Came:
    """Listen on a TCP port: each piece of what comes that has the mark is a telegram."""
    came: Came = queue.SimpleQueue()
    link = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
    link.sendall(ask)

    def listen() -> None:
        while piece := link.recv(65536):
            if mark in piece:
                came.put(time.monotonic())

    threading.Thread(target=listen, daemon=True).start()
    stack.callback(link.shutdown, socket.SHUT_RDWR)
    return came


def page(stack: ExitStack, port: int) -> Came:
    """A viewer's stream."""
    return heard(stack, port, b"GET /api/v1/live/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"data:")


@contextmanager
def quiet(count: int) -> Iterator[list[socket.socket]]:
    """Servers that accept and never answer: the kernel does that for whoever only listens."""
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]


def daemon(stack: ExitStack, folder: Path, cable: Cable, tables: str) -> Page:
    """Start it; its page, when it has opened the cable."""
    page = Page(free_port())
    (folder / "config.toml").write_text(
        f'[[meter]]\n[meter.source]\ntype = "serial"\ndevice = "{cable.device}"\nsettings = "115200 8N1"\n'
        f'[history]\npath = "history.sqlite"\n[web]\nlisten = "127.0.0.1:{page.port}"\n{tables}'
    )
    started(stack, ["-m", "p1monitor", "run", "-c", str(folder / "config.toml")], environment(folder))
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if b'"connected":true' in page.ask("api/v1/status").replace(b" ", b""):
                return page
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("the daemon does not start")


def ready(cable: Cable, came: Came) -> None:
    """Send until the first has come."""
    for _ in range(60):
        cable.send()
        try:
            came.get(timeout=PERIOD_S)
        except queue.Empty:
            continue
        return
    raise SystemExit("nothing comes at all")


def took(send: Callable[[], float], *hears: Came) -> list[float | None]:
    """Send something; how many milliseconds each took to hear it, None where it was lost."""
    for came in hears:
        while not came.empty():
            came.get()
    begin, times = send(), list[float | None]()
    for came in hears:
        try:
            times.append(1e3 * (came.get(timeout=LOST_S) - begin))
        except queue.Empty:
            times.append(None)
    return times


def turns(count: int, *each: Callable[[], list[float | None]]) -> list[list[float | None]]:
    """Take turns within each second; what everybody took, turn by turn, when all are warm."""
    table: list[list[float | None]] = []
    due = time.monotonic()
    for _ in range(WARM + count):
        row: list[float | None] = []
        for one in each:
            row += one()
            due += PERIOD_S / len(each)
            time.sleep(max(0.0, due - time.monotonic()))
        table.append(row)
    return [list(column) for column in zip(*table[WARM:], strict=True)]


def tell(what: str, all_of_them: Sequence[float | None]) -> tuple[float, float, int]:
    """Print a row; median, 99th percentile, and how many were lost."""
    times = sorted(one for one in all_of_them if one is not None)
    if not times:
        print(f"  {what:34s} nothing came")
        return float("inf"), float("inf"), len(all_of_them)
    middle, last = median(times), times[-(-99 * len(times) // 100) - 1]
    lost = len(all_of_them) - len(times)
    print(
        f"  {what:34s} median {middle:6.2f} ms   p99 {last:6.2f} ms   most {times[-1]:6.2f} ms   lost {lost} of {len(all_of_them)}"
    )
    return middle, last, lost


def well(folder: Path, telegrams: int) -> list[str]:
    """All well, beside the bridge; what was wrong."""
    with ExitStack() as stack:
        broker = Mosquitto(folder)
        broker.start()
        stack.callback(broker.stop)
        ours, theirs = Cable(), Cable()
        site = daemon(stack, folder, ours, f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n')
        started(stack, ["-c", BRIDGE, theirs.device, str(broker.port)], os.environ)
        client, mqtt = subscribed(stack, broker)

        def echo() -> float:
            now = time.monotonic()
            client.publish("echo", "x" * 1000)
            return now

        ready(ours, mqtt[LIVE])
        ready(theirs, mqtt["bridge"])
        mine, echoed, other = turns(
            telegrams,
            lambda: took(ours.send, mqtt[LIVE]),
            lambda: took(echo, mqtt["echo"]),
            lambda: took(theirs.send, mqtt["bridge"]),
        )
        viewer = page(stack, site.port)
        (seen,) = turns(telegrams // 3, lambda: took(ours.send, viewer))
    tell("paho → subscriber", echoed)
    tell("dsmr_parser and paho → subscriber", other)
    middle, last, lost = tell("p1monitor → subscriber", mine)
    _, page_last, unseen = tell("p1monitor → page", seen)
    return [
        *_over("median to the subscriber", middle, MEDIAN_MOST),
        *_over("p99 to the subscriber", last, LAST_MOST),
        *_over("p99 to the page", page_last, ILL_MOST),
        *([f"{lost + unseen} lost"] if lost + unseen else []),
    ]


def ill(folder: Path, telegrams: int) -> list[str]:
    """Everybody else hangs; what was wrong."""
    with ExitStack() as stack:
        broker, influx = stack.enter_context(quiet(2))
        relay, cable = free_port(), Cable()
        (folder / "token").write_text("secret")
        tables = (
            f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.getsockname()[1]}\n[relay]\nlisten = "127.0.0.1:{relay}"\n'
            f'[influxdb]\nurl = "http://127.0.0.1:{influx.getsockname()[1]}"\norg = "o"\nbucket = "b"\ntoken_file = "token"\n'
        )
        site = daemon(stack, folder, cable, tables)
        for _ in range(STALLED):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # as little as the kernel gives
            client.connect(("127.0.0.1", relay))
        viewer, reader = page(stack, site.port), heard(stack, relay, b"", b"!")
        ready(cable, viewer)
        seen, read = turns(telegrams // 3, lambda: took(cable.send, viewer, reader))
    _, page_last, unseen = tell("others ill → page", seen)
    _, relay_last, lost = tell("others ill → a client of the relay", read)
    return [
        *_over("p99 to the page while others are ill", page_last, ILL_MOST),
        *_over("p99 to a client of the relay while others are ill", relay_last, ILL_MOST),
        *([f"{lost + unseen} lost while others were ill"] if lost + unseen else []),
    ]


def _over(what: str, milliseconds: float, most: float) -> list[str]:
    return [f"{what} {milliseconds:.2f} ms (goal: {most:g})"] if milliseconds > most else []


def main() -> int:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--telegrams", type=int, default=150, help="of each")
    arguments = options.parse_args()
    faults = []
    for measured in (well, ill):
        with tempfile.TemporaryDirectory() as name:
            faults += measured(Path(name), arguments.telegrams)
    print(f"  load of this machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    print("; ".join(faults) or "well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
