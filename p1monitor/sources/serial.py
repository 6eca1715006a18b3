"""A source that reads a serial port, and finds out how. Never sleeps between reads, and never shares its port."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import logging
import os
import pwd
import struct
import termios
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Protocol

import serial

from p1monitor.clock import SYSTEM, Clock
from p1monitor.sources import Remembered, SourceError
from p1monitor.sources.line import Line, Search, parse_line
from p1monitor.sources.ports import advice, holders, ports

log = logging.getLogger(__name__)

SILENCE_S = 1.0  #: one read waits so long for a first byte; a stop ends it sooner
TIOCGICOUNT = 0x545D  #: linux/tty.h; eleven counters and nine spare ints (struct serial_icounter_struct)
COUNTERS = {"frame": 6, "overrun": 7, "parity": 8, "brk": 9, "buf_overrun": 10}

_LOW_BITS = bytes(code & 0x7F for code in range(256))
_HELD = (errno.EBUSY, errno.EAGAIN)  # TIOCEXCL, and the lock, of somebody else


class SerialSource:
    """A P1 cable. `settings` is "auto" or a line such as "115200 8N1"."""

    def __init__(self, device: str, settings: str, remembered: Remembered, clock: Clock = SYSTEM) -> None:
        self._device, self._remembered, self._clock = device, remembered, clock
        self._key = f"serial {device}"
        self._fixed = None if settings == "auto" else parse_line(settings)
        if self._fixed is None and settings != "auto":
            raise SourceError(f'settings = "{settings}" is no serial line: write "auto", "115200 8N1" or "9600 7E1"')
        self._search = Search(self._fixed or parse_line(remembered.get(self._key) or ""))
        self._port: serial.Serial | None = None
        self._closed = Event()
        self._reading = Lock()  # held while the port is in use, so that nobody closes it under a read
        self._advised = False
        self.name = self._describe()

    @property
    def line(self) -> str:
        """The settings in use, such as "115200 8N1"."""
        return str(self._search.line)

    def open(self) -> None:
        """Open the port for us alone, with RTS (the data request of P1) and DTR asserted."""
        self.close()
        self._closed.clear()
        try:
            port = serial.Serial(self._device, self._search.line.baud, timeout=SILENCE_S, exclusive=True)
            _set(port, self._search.line)
        except (OSError, ValueError, termios.error) as trouble:  # SerialException is an OSError
            raise SourceError(_explain(self._device, trouble)) from trouble
        others, _ = _others(self._device)
        if others:  # it did not lock the port: each would get half of the bytes
            port.close()
            raise SourceError(_held_by(self._device, others))
        _ioctl(port.fileno(), termios.TIOCEXCL)
        self._port = port
        self._search.opened(self._clock.monotonic())
        self.name = self._describe()
        self._advise()

    def chunks(self) -> Iterator[bytes]:
        """What the port has, at once; b"" after a second without a byte."""
        while True:
            with self._reading:
                port = self._port
                if port is None or self._closed.is_set():
                    return
                chunk = self._read(port)
                masked = self._search.line.bits == 7
                if self._fixed is None and self._search.see(chunk, self._clock.monotonic()):
                    self._turn(port)
            yield chunk.translate(_LOW_BITS) if masked else chunk

    def proven(self) -> None:
        """Stay with these settings, and begin with them next time."""
        if self._search.proven or self._fixed is not None:
            return
        line = self._search.line
        if self._search.prove():
            log.info("%s: the meter speaks %s", self._device, line)
        self._remembered.put(self._key, str(line))
        self.name = self._describe()

    def close(self) -> None:
        """Let go of the port."""
        self._closed.set()
        port = self._port
        if port is None:
            return
        with contextlib.suppress(OSError, TypeError):  # another thread was faster
            port.cancel_read()
        with self._reading:
            if self._port is None:
                return
            self._port = None
            # Exclusive use would outlast us where somebody else holds the device as well.
            _ioctl(port.fileno(), termios.TIOCNXCL)
            port.close()

    def port_errors(self) -> Mapping[str, int] | None:
        """What the driver counted since it was loaded; None where it does not count (a pty, some adapters)."""
        port = self._port
        if port is None:
            return None
        counted = bytearray(20 * 4)
        try:
            fcntl.ioctl(port.fileno(), TIOCGICOUNT, counted)
        except (OSError, TypeError, serial.SerialException):
            return None
        numbers = struct.unpack("20i", counted)
        return {name: numbers[place] for name, place in COUNTERS.items()}

    def _read(self, port: serial.Serial) -> bytes:
        try:
            # Asking for more than there is waits for the timeout; asking for single bytes costs a turn each.
            first = bytes(port.read(1))
            return first + bytes(port.read(port.in_waiting)) if first else first
        except OSError as trouble:
            raise SourceError(f"{self._device} is gone: the cable was unplugged, or its adapter restarted") from trouble

    def _turn(self, port: serial.Serial) -> None:
        """Use other settings on the open port: closing it would drop RTS, and the meter would stop for a moment."""
        line = self._search.line
        try:
            _set(port, line)
            port.reset_input_buffer()
        except (OSError, ValueError, termios.error) as trouble:
            raise SourceError(f"{self._device} cannot be set to {line}: {trouble}") from trouble
        log.debug("%s: trying %s", self._device, line)
        self.name = self._describe()

    def _describe(self) -> str:
        sure = self._fixed is not None or self._search.proven
        return f"serial {self._device} ({'' if sure else 'trying '}{self._search.line})"

    def _advise(self) -> None:
        words = None if self._advised else advice(self._device)
        if words:
            log.warning("%s", words)
        self._advised = True


class OpenLine(Protocol):
    """What of a port matters to one who also writes to it."""

    baudrate: int

    @property
    def in_waiting(self) -> int:
        """Bytes that have come."""

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer after the timeout."""

    def write(self, data: bytes, /) -> int | None:
        """Send them."""

    def flush(self) -> None:
        """Wait until they are sent."""

    def reset_input_buffer(self) -> None:
        """Forget what has come."""

    def close(self) -> None:
        """Let go."""


def open_line(device: str, line: Line, timeout: float) -> tuple[OpenLine, bool]:
    """Open a port that is asked, a device or a URL of pyserial (rfc2217://, socket://); and whether it leaves parity to us."""
    try:
        far = "://" in device
        opened = serial.serial_for_url if far else partial(serial.Serial, exclusive=True)
        port = opened(device, line.baud, timeout=timeout)
        return port, _set(port, line)
    except (OSError, ValueError, termios.error) as trouble:
        raise SourceError(f"{device}: {trouble}" if "://" in device else _explain(device, trouble)) from trouble


def _explain(device: str, trouble: Exception) -> str:
    number = getattr(trouble, "errno", None)
    if number == errno.ENOENT:
        return _missing(device)
    if number == errno.EACCES:
        return _forbidden(device)
    if number in _HELD:
        return _held(device)
    return f"{device} cannot be opened as a serial port: {os.strerror(number) if number else trouble}"


def _set(port: serial.Serial, line: Line) -> bool:
    """Set the line; True if the port passes eight bits, so that a seventh and its parity are ours to deal with."""
    wanted = {"baudrate": line.baud, "bytesize": line.bits, "parity": line.parity, "stopbits": line.stop}
    try:
        port.apply_settings(wanted)
    except (termios.error, ValueError):
        if line.bits == 8:
            raise
        # Some adapters cannot do 7 bits (nor can a pty): they pass all 8, and we drop the eighth ourselves.
        port.apply_settings(wanted | {"bytesize": 8, "parity": "N"})
        return True
    return False


def _missing(device: str) -> str:
    there = [port.best for port in ports()]
    if there:
        return f"there is no {device}; the serial ports here are {', '.join(there)}"
    return f"there is no {device}, nor any other serial port: is the cable plugged in?"


def _forbidden(device: str) -> str:
    user, group = str(os.geteuid()), "dialout"
    with contextlib.suppress(KeyError):  # a user without a name
        user = pwd.getpwuid(os.geteuid()).pw_name
    with contextlib.suppress(OSError, KeyError):
        group = grp.getgrgid(Path(device).stat().st_gid).gr_name
    group = "dialout" if group == "root" else group
    return f"user {user} may not open {device}: sudo usermod -aG {group} {user}, then log in again"


def _held(device: str) -> str:
    others, complete = _others(device)
    if others:
        return _held_by(device, others)
    if any(holder.pid == os.getpid() for holder in holders(device)[0]):
        return f"{device} is already open in this p1monitor: two meters cannot share one device"
    who = "a program that has just ended" if complete else "a program of another user, which only root can name"
    return f"{device} is held by {who} (sudo fuser -v {device})"


def _others(device: str) -> tuple[list[str], bool]:
    found, complete = holders(device)
    return [str(holder) for holder in found if holder.pid != os.getpid()], complete


def _held_by(device: str, who: list[str]) -> str:
    return f"{device} is held by {', '.join(who)}: stop it, or let it read p1monitor's relay"


def _ioctl(descriptor: int, request: int) -> None:
    with contextlib.suppress(OSError):  # the lock that pyserial took is enough
        fcntl.ioctl(descriptor, request)
