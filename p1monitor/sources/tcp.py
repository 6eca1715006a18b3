"""A source that reads a TCP stream: ser2net, SlimmeLezer, another p1monitor's relay. Never sends a byte."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator, Mapping
from threading import Event, Lock

from p1monitor.sources import SourceError

CONNECT_S = 10.0  #: per address of the host; a device in the house answers in milliseconds
SILENCE_S = 1.0  #: one read waits so long
CHUNK = 4096  #: bytes per read: several telegrams
KEEPALIVE_S = 75  #: idle before the first probe: longer than the period of the slowest bridge
PROBE_S, PROBES = 15, 4  #: a bridge that lost power is noticed after 75 + 4 * 15 seconds

_OUTSIDE = re.compile(rb"[/\xff\xdb]")
_NOT_TEXT = re.compile(rb"[\xff\xdb]")
_IAC = 0xFF
_OPTIONS = range(0xFB, 0xFF)  # WILL WONT DO DONT, each followed by an option (RFC 854)


class TcpSource:
    """The bytes that a host sends on a port."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._closed = Event()
        self._reading = Lock()  # held while the socket is in use, so that nobody closes it under a read
        self._telnet = Telnet()
        self.name = f"tcp {self._where}"

    @property
    def _where(self) -> str:
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    def open(self) -> None:
        """Connect to the first of the host's addresses that answers."""
        self.close()
        self._closed.clear()
        self._telnet = Telnet()
        try:
            addresses = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as trouble:
            raise SourceError(f"the name {self._host} cannot be resolved: {_words(trouble)}") from trouble
        failure: OSError | None = None
        for family, kind, protocol, _, address in addresses:
            try:
                with self._reading:
                    self._connect(socket.socket(family, kind, protocol), address)
            except OSError as trouble:
                failure = trouble
            else:
                return
            if self._closed.is_set():
                break
        raise SourceError(f"{self._where} cannot be reached: {_words(failure)}") from failure

    def _connect(self, link: socket.socket, address: tuple[object, ...]) -> None:
        self._socket = link  # before connecting, so that close() can end that too
        try:
            for level, option, value in (
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S),
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES),
            ):
                link.setsockopt(level, option, value)
            link.settimeout(CONNECT_S)
            link.connect(address)
            link.settimeout(SILENCE_S)
        except OSError:
            self._socket = None
            link.close()
            raise

    def chunks(self) -> Iterator[bytes]:
        """What came, as it comes, without the telnet negotiation."""
        while True:
            with self._reading:
                link = self._socket
                if link is None or self._closed.is_set():
                    return
                chunk = self._receive(link)
            if chunk is None:
                return
            yield self._telnet.strip(chunk)

    def _receive(self, link: socket.socket) -> bytes | None:
        try:
            chunk = link.recv(CHUNK)
        except TimeoutError:
            return b""
        except OSError as trouble:
            if self._closed.is_set():
                return None
            raise SourceError(f"the connection to {self._where} broke: {_words(trouble)}") from trouble
        if chunk:
            return chunk
        if self._closed.is_set():
            return None
        raise SourceError(f"{self._where} closed the connection: does another program read from it as well?")

    def proven(self) -> None:
        """Nothing to learn: a TCP stream has no settings."""

    def close(self) -> None:
        """Let go of the connection."""
        self._closed.set()
        link = self._socket
        if link is None:
            return
        with contextlib.suppress(OSError):  # it is not connected, or not yet
            link.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads or connects
        # In vain only while a connect goes on that the shutdown came too early for: its thread closes afterwards.
        if self._reading.acquire(timeout=2 * SILENCE_S):
            self._socket = None
            link.close()
            self._reading.release()

    def port_errors(self) -> Mapping[str, int] | None:
        """None: the line is at the other end."""
        return None


class Telnet:
    """Drops telnet negotiation between telegrams, whatever the chunks; inside one every byte stays as it is.

    IAC WILL/WONT/DO/DONT and its option go, a doubled IAC is one 0xFF. A telegram, for this, is what lies between a `/`
    and a `!` at the beginning of a line. Where DB 08 shows that the stream is of encrypted frames, everything stays:
    there 0xFF is data.
    """

    def __init__(self) -> None:
        self._inside = False
        self._binary = False
        self._held = b""  # the beginning of a negotiation that the next chunk completes
        self._last = 0x0A  # the byte before the chunk

    def strip(self, chunk: bytes) -> bytes:
        """The chunk without its negotiation."""
        if self._binary:
            return chunk
        if not self._held and chunk[:1] not in {b"", b"!"} and _NOT_TEXT.search(chunk) is None:  # nearly every one
            end = chunk.rfind(b"\n!")
            self._inside = b"/" in chunk[end + 1 :] or (end < 0 and self._inside)
            self._last = chunk[-1]
            return chunk
        chunk, self._held = self._held + chunk, b""
        kept = bytearray()
        at = 0
        while at < len(chunk):
            at = self._in_telegram(chunk, at, kept) if self._inside else self._between(chunk, at, kept)
        if chunk:
            self._last = chunk[-1]
        return bytes(kept)

    def _in_telegram(self, chunk: bytes, at: int, kept: bytearray) -> int:
        """Keep all up to the `!` that ends the telegram."""
        end = chunk.find(b"!", at)
        while end >= 0 and (chunk[end - 1] if end else self._last) != 0x0A:
            end = chunk.find(b"!", end + 1)
        stop = end + 1 if end >= 0 else len(chunk)
        self._inside = end < 0
        kept += chunk[at:stop]
        return stop

    def _between(self, chunk: bytes, at: int, kept: bytearray) -> int:
        """Keep all up to the next `/`, but negotiation."""
        match = _OUTSIDE.search(chunk, at)
        stop = match.start() if match else len(chunk)
        kept += chunk[at:stop]
        if match is None:
            return stop
        what = chunk[stop : stop + 3]
        if what[0] == _IAC:
            return self._negotiation(what, stop, len(chunk), kept)
        if what[0] == 0xDB and len(what) == 1:
            self._held = what
            return len(chunk)
        if what[:2] == b"\xdb\x08":
            self._binary = True
            kept += chunk[stop:]
            return len(chunk)
        self._inside = what[0] == 0x2F
        kept.append(what[0])
        return stop + 1

    def _negotiation(self, what: bytes, at: int, end: int, kept: bytearray) -> int:
        if len(what) == 1 or (len(what) == 2 and what[1] in _OPTIONS):
            self._held = what
            return end
        if what[1] in _OPTIONS:
            return at + 3
        kept.append(_IAC)
        return at + 2 if what[1] == _IAC else at + 1


def _words(trouble: BaseException | None) -> str:
    if isinstance(trouble, TimeoutError):
        return "no answer"
    if isinstance(trouble, socket.gaierror):
        return trouble.strerror or str(trouble)
    if isinstance(trouble, OSError) and trouble.errno:
        return os.strerror(trouble.errno)
    return str(trouble)
