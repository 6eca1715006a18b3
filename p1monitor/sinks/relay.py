"""The telegrams themselves over TCP, verbatim, for any program that reads a P1 port. Never listens to what clients say.

A stream of telegrams says nowhere whose they are, so it carries those of one meter: the one named, else the first.
"""

from __future__ import annotations

import errno
import logging
import selectors
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread

from p1monitor import listen
from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.crc import crc16_arc
from p1monitor.p1.records import Reading
from p1monitor.settings import RelaySettings
from p1monitor.sinks import House, Policy, SinkError

log = logging.getLogger(__name__)

#: Live: a client wants the telegram of this second. The queue bridges a moment in which the thread does not get to run.
POLICY = Policy(live=True, queue=32, batch=32)

#: A house has a handful of readers; each costs two sockets' buffers at most, and nobody can use up our descriptors.
CLIENTS_MAX = 32
#: Whole telegrams that wait for one client; the oldest gives way. Eight seconds of a fast meter.
WAITING_MAX = 8
#: What the kernel may hold for one client: without this limit one that slept would first get telegrams of long ago.
SEND_BUFFER = 16 * 1024
#: A client that takes no byte for so long while some wait is gone, or might as well be.
BLOCKED_S = 30.0
#: How often that is looked at while somebody is blocked.
PATROL_S = 1.0
#: Keepalive finds clients whose host vanished while the meter was silent: after a minute, then three times ten seconds.
KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
#: The thread never waits for a client, so it ends at once; the limit is for a machine out of breath.
JOIN_S = 3.0
#: Bytes of a client that are read and dropped at a time.
IGNORED = 4096

_SENTENCES = {
    errno.EADDRINUSE: "another program listens there already",
    errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE, which this process does not have",
    errno.EADDRNOTAVAIL: "this host does not have that address",
}


def build(settings: RelaySettings, house: House, clock: Clock = SYSTEM) -> Relay:
    """Make the relay of a house."""
    return Relay(settings, house, clock)


class Relay:
    """One listening socket, and one thread that accepts and writes: `deliver` only hands over, and never waits."""

    name = "relay"

    def __init__(self, settings: RelaySettings, house: House, clock: Clock = SYSTEM) -> None:
        self._settings = settings
        self._house = house
        self._meter = settings.meter or next(iter(house.meters), "")
        self._clock = clock
        self._switchboard: _Switchboard | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, once open."""
        if self._switchboard is None:
            raise SinkError("the relay is not open")
        host, port = self._switchboard.listener.getsockname()[:2]
        return str(host), int(port)

    def open(self) -> None:
        """Bind, and begin to accept."""
        self._opened()

    def deliver(self, readings: Sequence[Reading]) -> None:
        """Hand the telegrams to whoever is connected. Nobody being connected is fine."""
        switchboard = self._opened()
        for reading in readings:
            if reading.meter == self._meter and reading.frame and (reading.telegram.crc != "gcm" or self._settings.decrypted):
                frame = complete(reading.frame, append_crc=self._settings.append_crc)
                came = reading.received.monotonic if reading.received else self._clock.monotonic()
                switchboard.send(frame, came)

    def close(self) -> None:
        """Drop all clients and stop listening."""
        switchboard, self._switchboard = self._switchboard, None
        if switchboard is not None:
            switchboard.stop()
            switchboard.join(JOIN_S)

    def _opened(self) -> _Switchboard:
        """Return the thread that runs. One that died of a bug has told so itself; a new one takes its place."""
        if self._switchboard is None or not self._switchboard.is_alive():
            self.close()
            listener = _bind(self._settings.listen)
            self._switchboard = _Switchboard(listener, self._clock, lambda: self._house.stale_after(self._meter))
            self._switchboard.start()
        return self._switchboard


def complete(frame: bytes, *, append_crc: bool) -> bytes:
    """Return the frame verbatim; with a line end if it has none, with a CRC if that is asked for and missing."""
    footer = frame.rindex(b"!") + 1
    if append_crc and not frame[footer:].strip(b"\r\n\0 "):
        return b"%b%04X\r\n" % (frame[:footer], crc16_arc(frame[:footer]))
    return frame if frame.endswith(b"\n") else frame + b"\r\n"


def _bind(address: str) -> socket.socket:
    try:
        host, port = listen.split(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = host == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        why = _SENTENCES.get(error.errno or 0, error.strerror or str(error))
        raise SinkError(f"cannot listen on {address}: {why}; choose another `listen` in [relay]") from None
    except ValueError as error:
        raise SinkError(f"cannot listen on {address}: it {error}", permanent=True) from None
    listener.setblocking(False)
    return listener


class _Client:
    """One connection, with what still waits for it."""

    __slots__ = ("deaf", "rest", "since", "socket", "waiting")

    def __init__(self, connection: socket.socket, now: float) -> None:
        self.socket = connection
        self.waiting: deque[bytes] = deque(maxlen=WAITING_MAX)
        self.rest = memoryview(b"")  # of the telegram that is on its way: once begun, it is never dropped
        self.since = now  # when it last took a byte, or had nothing to take
        self.deaf = False  # it has closed its side, and may still read ours

    @property
    def events(self) -> int:
        """What to wait for: 0 for a half-closed client with nothing to take, which shows only at the next write."""
        reading = 0 if self.deaf else selectors.EVENT_READ
        return reading | (selectors.EVENT_WRITE if self.rest or self.waiting else 0)


class _Switchboard(Thread):
    """The thread: owns the listener and all clients. Whatever goes wrong with one client ends that client only."""

    def __init__(self, listener: socket.socket, clock: Clock, stale_after: Callable[[], float]) -> None:
        super().__init__(name="relay-clients", daemon=True)
        self.listener = listener
        self._clock = clock
        self._stale_after = stale_after
        self._inbox: deque[tuple[bytes, float]] = deque(maxlen=WAITING_MAX)  # all that passes between the threads
        self._latest: tuple[bytes, float] | None = None
        self._stopped = Event()
        self._bell, self._button = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._clients: list[_Client] = []
        self._full = self._resting = False

    def send(self, frame: bytes, came: float) -> None:
        """Hand over one telegram; from the runner's thread."""
        self._inbox.append((frame, came))
        self._ring()

    def stop(self) -> None:
        """End the thread; from the runner's thread."""
        self._stopped.set()
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # it rings already, or the thread has ended
            self._button.send(b"\0")

    def run(self) -> None:
        """Accept, read away, write, until stopped."""
        self._bell.setblocking(False)
        self._button.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(self.listener, selectors.EVENT_READ)
        try:
            while not self._stopped.is_set():
                blocked = any(client.rest or client.waiting for client in self._clients)
                self._turn(self._selector.select(PATROL_S if blocked else None))
        finally:
            for client in list(self._clients):
                self._drop(client)
            for item in (self._selector, self.listener, self._bell, self._button):
                item.close()

    def _turn(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, events in ready:
            if key.fileobj is self._bell:
                self._bell.recv(IGNORED)
                self._hand_out()
            elif key.fileobj is self.listener:
                self._accept()
            elif events & selectors.EVENT_READ:
                self._ignore(key.data)
        for client in list(self._clients):
            self._write(client)

    def _hand_out(self) -> None:
        while self._inbox:
            self._latest = self._inbox.popleft()
            for client in self._clients:
                client.waiting.append(self._latest[0])
        if self._resting:
            self._resting = False
            self._selector.register(self.listener, selectors.EVENT_READ)

    def _accept(self) -> None:
        try:
            connection, address = self.listener.accept()
        except BlockingIOError:  # it went away again
            return
        except OSError as error:
            # Out of descriptors. The listener would stay ready, so it is not asked again before the next telegram.
            log.warning("relay: cannot take another client for now: %s", error.strerror)
            self._resting = True
            self._selector.unregister(self.listener)
            return
        if len(self._clients) >= CLIENTS_MAX and not self._make_room():
            connection.close()
            if not self._full:
                log.warning("relay: %d clients, the most it serves: %s was turned away", CLIENTS_MAX, address[0])
            self._full = True
            return
        self._full = False
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_NODELAY, 1), *KEEPALIVE):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        client = _Client(connection, self._clock.monotonic())
        if (latest := self._latest) and self._clock.monotonic() - latest[1] <= self._stale_after():
            client.waiting.append(latest[0])
        self._clients.append(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _make_room(self) -> bool:
        """Let go of the oldest client that closed its side: it may be gone, which only a write would tell."""
        oldest = next((client for client in self._clients if client.deaf), None)
        if oldest is not None:
            self._drop(oldest)
        return oldest is not None

    def _ignore(self, client: _Client) -> None:
        if client.socket.fileno() < 0:
            return  # it had to make room in this very round
        try:
            client.deaf = not client.socket.recv(IGNORED)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)

    def _write(self, client: _Client) -> None:
        now = self._clock.monotonic()
        try:
            while client.rest or client.waiting:
                client.rest = client.rest or memoryview(client.waiting.popleft())
                client.rest = client.rest[client.socket.send(client.rest) :]
                client.since = now
            client.since = now
        except BlockingIOError:
            if now - client.since > BLOCKED_S:
                log.info("relay: a client that took nothing for %d s was disconnected", BLOCKED_S)
                self._drop(client)
        except OSError:
            self._drop(client)
        self._watch(client)

    def _watch(self, client: _Client) -> None:
        if client.socket.fileno() < 0:
            return
        known = client.socket.fileno() in self._selector.get_map()
        wanted = client.events
        if known and not wanted:
            self._selector.unregister(client.socket)
        elif known:
            self._selector.modify(client.socket, wanted, client)
        elif wanted:
            self._selector.register(client.socket, wanted, client)

    def _drop(self, client: _Client) -> None:
        if client.socket.fileno() < 0:
            return
        if client.socket.fileno() in self._selector.get_map():
            self._selector.unregister(client.socket)
        client.socket.close()
        self._clients.remove(client)
