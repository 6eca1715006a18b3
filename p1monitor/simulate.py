"""A simulated meter at the other end of a cable: on a pseudo-terminal, on TCP, or into a file. Never reads what it is sent."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import socket
import termios
import tty
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from math import ceil
from pathlib import Path
from threading import Event

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.meters import MODELS
from p1monitor.p1.modec import SPEEDS, Baud, Pause, Send
from p1monitor.p1.modec_meter import START, MeterSide
from p1monitor.p1.scenes import KINDS, Scene
from p1monitor.p1.telegram import Telegram
from p1monitor.p1.times import central

#: Who may listen at once, and how long one who does not read is waited for: less than the shortest period.
CLIENTS = 8
SEND_S = 0.2
#: … and with no pace to keep, where a reader is waited for: as long as a slow machine may need.
PATIENCE_S = 30.0
DAY_S = 86_400
CHUNK = 1024
#: What a terminal calls the speeds of mode C.
_SPEEDS = {getattr(termios, f"B{rate}"): rate for rate in SPEEDS.values()}
#: NAME@TIME or NAME@TIME/SECONDS; TIME is ISO 8601, or +SECONDS after the start.
_SCENE = re.compile(r"(?P<name>[^@]+)@(?:\+(?P<after>[0-9]{1,9})|(?P<time>[^/+]+(?:\+[0-9:]{4,5})?))(?:/(?P<seconds>[0-9]{1,8}))?")


class SimulateError(ValueError):
    """What a user asked for cannot be; one sentence."""


@dataclass(frozen=True, slots=True)
class Play:
    """Which meter, what befalls it, and how its time passes."""

    model: str
    seed: int
    start: float  #: POSIX seconds
    scenes: tuple[Scene, ...] = ()
    speed: float | None = 1.0  #: times real pace; None: as fast as it is read

    def telegrams(self, clock: Clock = SYSTEM, stop: Event | None = None) -> Iterator[bytes]:
        """Yield what is sent, when it is sent, until stopped. While the meter has no power that is nothing, b""."""
        never = stop or Event()
        period = MODELS[self.model].period_s
        began, moment = clock.monotonic(), ceil(self.start / period) * period
        while True:
            if self.speed is not None and clock.wait(never, max(began + (moment - self.start) / self.speed - clock.monotonic(), 0)):
                return
            yield self.at(moment)
            moment += period

    def at(self, moment: float) -> bytes:
        """Return what is sent at a moment, POSIX seconds."""
        telegram = self.telegram(moment)
        return b"" if telegram is None else MODELS[self.model].sent(telegram, datetime.fromtimestamp(moment, UTC))

    def telegram(self, moment: float) -> Telegram | None:
        """Return what the meter knows at a moment; None while it has no power."""
        return MODELS[self.model].staged(datetime.fromtimestamp(moment, UTC), self.seed, self.scenes)


def play(
    model: str,
    seed: int,
    start: str | None,
    scenes: Iterable[str],
    speed: float | None,
    *,
    past_days: float = 0,
    clock: Clock = SYSTEM,
) -> Play:
    """Read what a user typed; without a start it is now, or so many days ago. Raises SimulateError."""
    if model not in MODELS:
        raise SimulateError(f'there is no simulated meter "{model}": choose one of {", ".join(MODELS)}')
    begin = moment_of(start) if start else clock.wall() - past_days * DAY_S
    return Play(model, seed, begin, tuple(scene_of(scene, begin) for scene in scenes), speed)


def listing() -> Iterator[str]:
    """Tell which meters and scenes there are."""
    yield "Meters:"
    for model in MODELS.values():
        yield f"  {model.name:<16} {model.title}; {model.settings}, every {model.period_s:g} s"
    yield "Scenes:"
    for kind in KINDS.values():
        yield f"  {kind.name:<16} {kind.title}" + (f" ({kind.seconds} s)" if kind.seconds else "")


def moment_of(text: str) -> float:
    """Read a moment, POSIX seconds: ISO 8601, Central European Time where no offset stands. Raises SimulateError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SimulateError(f"{text}: not a time such as 2026-10-25T01:30 or 2026-10-25T01:30+02:00") from None
    if moment.tzinfo is None:  # the hour that comes twice is its first
        first, second = (moment.replace(tzinfo=UTC) - timedelta(hours=hours) for hours in (2, 1))
        moment = first if central(first).replace(tzinfo=None) == moment else second
    return moment.timestamp()


def scene_of(text: str, start: float) -> Scene:
    """Read a scene, NAME@TIME or NAME@TIME/SECONDS. Raises SimulateError."""
    match = _SCENE.fullmatch(text)
    if match is None:
        raise SimulateError(f"{text}: a scene is NAME@TIME or NAME@TIME/SECONDS, its TIME such as 2026-10-25T01:30 or +60")
    name = match["name"]
    if name not in KINDS:
        near = get_close_matches(name, KINDS, 1)
        raise SimulateError(f'there is no scene "{name}": ' + (f'"{near[0]}"?' if near else f"choose one of {', '.join(KINDS)}"))
    begins = start + int(match["after"]) if match["after"] else moment_of(match["time"])
    return Scene(name, int(begins), int(match["seconds"]) if match["seconds"] else KINDS[name].seconds)


def to_pty(play: Play, say: Callable[[str], None], clock: Clock = SYSTEM) -> None:
    """Send on a new pseudo-terminal, whose name is told, until interrupted."""
    meter, device = os.openpty()
    tty.setraw(device)
    name = os.ttyname(device)
    os.close(device)  # it is the reader's: one who looks for others on his port must find nobody
    os.set_blocking(meter, play.speed is None)
    say(name)
    try:
        for chunk in play.telegrams(clock):
            while not _plugged(meter, chunk) and play.speed is None:  # without a pace to keep, somebody is waited for
                clock.wait(Event(), SEND_S)
    finally:
        os.close(meter)


def serve(play: Play, listen: tuple[str, int] | None, head: str | None, say: Callable[[str], None]) -> None:
    """Be there until interrupted: on an address, else on a pseudo-terminal; as an optical port with an address where `head` is."""
    if head is None:
        to_tcp(play, listen, say) if listen else to_pty(play, say)
    elif listen:
        to_far_head(play, head, listen, say)
    else:
        to_head(play, head, say)


def to_far_head(
    play: Play, address: str, listen: tuple[str, int], say: Callable[[str], None], clock: Clock = SYSTEM, stop: Event | None = None
) -> None:
    """Answer as an optical port behind a bridge whose speed stays does: one client at a time, characters without parity."""
    never, side = stop or Event(), _side(play, address, clock, parity=False)
    with socket.create_server(listen, backlog=CLIENTS) as server:
        server.settimeout(SEND_S)
        host, port = server.getsockname()[:2]
        say(f"{host}:{port}")
        while not never.is_set():
            with contextlib.suppress(OSError), server.accept()[0] as client:  # nobody came, or he has gone
                client.settimeout(SEND_S)
                _answer(client, side, clock, never)


def _answer(client: socket.socket, side: MeterSide, clock: Clock, stop: Event) -> None:
    while not stop.is_set():
        try:
            said = client.recv(CHUNK)
        except TimeoutError:
            continue
        if not said:
            return
        for action in side.feed(said):
            match action:
                case Pause(seconds):
                    clock.wait(stop, seconds)
                case Send(data):
                    client.sendall(data)


def _side(play: Play, address: str, clock: Clock, *, parity: bool) -> MeterSide:
    began = clock.monotonic()

    def read() -> Telegram | None:
        return play.telegram(play.start + (clock.monotonic() - began) * (play.speed or 1))

    return MeterSide(read, address=address, parity=parity)


def to_head(play: Play, address: str, say: Callable[[str], None], clock: Clock = SYSTEM, stop: Event | None = None) -> None:
    """Answer on a new pseudo-terminal as an optical port does (IEC 62056-21 mode C), until stopped.

    A pseudo-terminal has eight bits and no parity, but it has a speed: what is sent at another one than it is read at is lost.
    """
    never, side = stop or Event(), _side(play, address, clock, parity=True)
    port, device = os.openpty()
    tty.setraw(device)
    name = os.ttyname(device)
    os.close(device)
    say(name)

    speed = START
    try:
        while not never.is_set():
            for action in side.feed(_asked(port, clock, never, speed)):
                match action:
                    case Baud(rate):
                        speed = rate
                    case Pause(seconds):
                        clock.wait(never, seconds)
                    case Send(data) if _speed(port) == speed:
                        _plugged(port, data)
    finally:
        os.close(port)


def _asked(port: int, clock: Clock, stop: Event, speed: int) -> bytes:
    """What somebody says at the right speed; nothing within SEND_S, or while nobody has opened the other end."""
    if not select.select([port], [], [], SEND_S)[0]:
        return b""
    try:
        said = os.read(port, CHUNK)
    except OSError:
        clock.wait(stop, SEND_S)
        return b""
    return said if _speed(port) == speed else b""


def _speed(port: int) -> int | None:
    return _SPEEDS.get(termios.tcgetattr(port)[5])


def _plugged(meter: int, chunk: bytes) -> bool:
    """Write what is sent; False if nobody has opened the other end. A meter does not care, nor whether it is read."""
    try:
        os.write(meter, chunk)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return False
    return True


def to_tcp(play: Play, listen: tuple[str, int], say: Callable[[str], None], clock: Clock = SYSTEM) -> None:
    """Send to everybody who connects, until interrupted."""
    clients: list[socket.socket] = []
    with socket.create_server(listen, backlog=CLIENTS) as server:
        host, port = server.getsockname()[:2]
        say(f"{host}:{port}")
        for chunk in play.telegrams(clock):
            server.setblocking(play.speed is None and not clients)  # without a pace to keep, somebody is waited for
            _welcome(server, clients, SEND_S if play.speed else PATIENCE_S)
            for client in list(clients):
                try:
                    client.sendall(chunk)
                except OSError:
                    clients.remove(client)
                    client.close()


def to_file(play: Play, path: Path, days: float) -> int:
    """Write the telegrams of some days, as they would have come; their number comes back."""
    count = 0
    with path.open("wb") as file:
        for moment in _moments(play.start, play.start + days * DAY_S, MODELS[play.model].period_s):
            sent = play.at(moment)
            file.write(sent)
            count += bool(sent)
    return count


def _moments(start: float, end: float, period: float) -> Iterator[float]:
    now = ceil(start / period) * period
    while now < end:
        yield now
        now += period


def _welcome(server: socket.socket, clients: list[socket.socket], patience: float) -> None:
    while len(clients) < CLIENTS:
        try:
            client, _ = server.accept()
        except BlockingIOError:
            return
        client.settimeout(patience)
        clients.append(client)
        server.setblocking(False)
