"""A simulated meter at the other end of a cable: on a pseudo-terminal, on TCP, or into a file. Never reads what it is sent."""

from __future__ import annotations

import contextlib
import os
import socket
import tty
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.sources.simulated import SimulatedSource

#: Who may listen at once, and how long one who does not read is waited for: less than the shortest period.
CLIENTS = 8
SEND_S = 0.2
DAY_S = 86_400


def to_pty(model: str, seed: int, say: Callable[[str], None], clock: Clock = SYSTEM) -> None:
    """Send on a new pseudo-terminal, whose name is told, until interrupted."""
    meter, device = os.openpty()
    tty.setraw(device)
    os.set_blocking(meter, False)
    say(os.ttyname(device))
    os.close(device)  # else it would be held by us, and a reader wants it alone
    try:
        for chunk in SimulatedSource(model, seed, clock).chunks():
            with contextlib.suppress(OSError):  # nobody has it open, or nobody reads: a meter goes on all the same
                os.write(meter, chunk)
    finally:
        os.close(meter)


def to_tcp(model: str, seed: int, listen: tuple[str, int], say: Callable[[str], None], clock: Clock = SYSTEM) -> None:
    """Send to everybody who connects, until interrupted."""
    clients: list[socket.socket] = []
    with socket.create_server(listen, backlog=CLIENTS) as server:
        server.setblocking(False)
        host, port = server.getsockname()[:2]
        say(f"{host}:{port}")
        for chunk in SimulatedSource(model, seed, clock).chunks():
            _welcome(server, clients)
            for client in list(clients):
                try:
                    client.sendall(chunk)
                except OSError:
                    clients.remove(client)
                    client.close()


def to_file(model: str, seed: int, path: Path, days: float, end: float) -> int:
    """Write the telegrams of some days until `end` (POSIX seconds), as they would have come; their number comes back."""
    count = 0
    with path.open("wb") as file:
        for moment in _moments(end - days * DAY_S, end, MODELS[model].period_s):
            file.write(render(MODELS[model].telegram(datetime.fromtimestamp(moment, UTC), seed)))
            count += 1
    return count


def _moments(start: float, end: float, period: float) -> Iterator[float]:
    now = ceil(start / period) * period
    while now < end:
        yield now
        now += period


def _welcome(server: socket.socket, clients: list[socket.socket]) -> None:
    while len(clients) < CLIENTS:
        try:
            client, _ = server.accept()
        except BlockingIOError:
            return
        client.settimeout(SEND_S)
        clients.append(client)
