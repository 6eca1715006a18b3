"""Simulated meters that answer: on a pseudo-terminal, and behind a remote serial port (RFC 2217). Never part of the product."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import serial
from serial.rfc2217 import PortManager

from p1monitor.clock import SYSTEM
from p1monitor.p1.modec import Baud, Send
from p1monitor.p1.modec_meter import MeterSide
from p1monitor.simulate import Play, to_head
from tests.lines import until

START = 1_783_000_000.0  # a July noon


def playing(model: str, seed: int = 7) -> Play:
    return Play(model, seed, START)


@contextmanager
def head(play: Play, address: str = "") -> Iterator[str]:
    """The name of a pseudo-terminal on which the meter answers."""
    names: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(target=to_head, args=(play, address, names.append, SYSTEM, stop))
    thread.start()
    try:
        until(lambda: names, "the pseudo-terminal")
        yield names[0]
    finally:
        stop.set()
        thread.join(10)


class FarPort:
    """The serial port of a terminal server: it takes every setting, and a meter hangs on it."""

    def __init__(self, side: MeterSide) -> None:
        self.side, self.meter_speed = side, 300
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, serial.PARITY_NONE, 1
        self.heard: list[tuple[int, int, str]] = []
        self.port, self.timeout, self.rtscts, self.xonxoff, self.dsrdtr = "far", 0, False, False, False
        self.dtr = self.rts = self.cts = self.dsr = self.ri = self.cd = True
        self.break_condition = False

    def reset_input_buffer(self) -> None:
        pass

    def reset_output_buffer(self) -> None:
        pass

    def take(self, data: bytes) -> list[Any]:
        """What the meter does about what was written."""
        if not data:
            return []  # settings only
        self.heard.append((self.baudrate, self.bytesize, self.parity))
        return self.side.feed(data) if self.baudrate == self.meter_speed else []


@contextmanager
def far(side: MeterSide) -> Iterator[tuple[str, FarPort]]:
    """A terminal server with RFC 2217 on a loopback port: its URL, and the port at its other side."""
    port = FarPort(side)
    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(server, port), daemon=True)
    thread.start()
    try:
        yield f"rfc2217://127.0.0.1:{server.getsockname()[1]}", port
    finally:
        server.close()
        thread.join(10)


class _Link:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def write(self, data: bytes) -> None:
        self.connection.sendall(data)


def _serve(server: socket.socket, port: FarPort) -> None:
    try:
        connection, _ = server.accept()
    except OSError:
        return
    connection.settimeout(0.02)
    manager, todo = PortManager(cast("Any", port), cast("Any", _Link(connection))), list[Any]()
    while True:
        try:
            data = connection.recv(1024)
            if not data:
                return
            todo += port.take(b"".join(manager.filter(data)))
        except TimeoutError:
            pass
        except OSError:
            return
        while todo and (not isinstance(todo[0], Send) or port.baudrate == port.meter_speed):
            action = todo.pop(0)
            if isinstance(action, Baud):
                port.meter_speed = action.rate
            if isinstance(action, Send):
                connection.sendall(b"".join(manager.escape(action.data)))
