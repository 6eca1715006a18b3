"""Telegrams, clocks and wires for the tests of sources and reader. Never part of the product."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from p1monitor.p1.crc import crc16_arc

POLL_S = 0.005
DEADLINE_S = 10.0


def dsmr5(second: int = 0, watts: int = 500, *, day: str = "261101", flag: str = "W") -> bytes:
    """A telegram of the kind that comes each second, with its CRC."""
    at = f"{day}{12 + second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"
    text = (
        "/TST5\\2P1MONITOR-1\r\n\r\n"
        "1-3:0.2.8(50)\r\n"
        f"0-0:1.0.0({at}{flag})\r\n"
        "0-0:96.1.1(4530303030303030303030303030303030)\r\n"
        "1-0:1.8.1(000123.456*kWh)\r\n1-0:1.8.2(000654.321*kWh)\r\n"
        "1-0:2.8.1(000000.000*kWh)\r\n1-0:2.8.2(000000.000*kWh)\r\n"
        "0-0:96.14.0(0002)\r\n"
        f"1-0:1.7.0({watts // 1000:02d}.{watts % 1000:03d}*kW)\r\n1-0:2.7.0(00.000*kW)\r\n"
        "!"
    ).encode()
    return text + b"%04X\r\n" % crc16_arc(text)


def dsmr2(watts: int = 500) -> bytes:
    """A telegram of the kind that comes each ten seconds at 9600 7E1: no CRC, no clock."""
    return (
        "/TST5 P1MONITOR-2\r\n\r\n"
        "0-0:96.1.1(4530303030303030303030303030303030)\r\n"
        "1-0:1.8.1(00123.456*kWh)\r\n1-0:1.8.2(00654.321*kWh)\r\n"
        "1-0:2.8.1(00000.000*kWh)\r\n1-0:2.8.2(00000.000*kWh)\r\n"
        "0-0:96.14.0(0002)\r\n"
        f"1-0:1.7.0({watts // 1000:04d}.{watts % 1000 // 10:02d}*kW)\r\n1-0:2.7.0(0000.00*kW)\r\n"
        "!\r\n"
    ).encode()


def with_parity(text: bytes) -> bytes:
    """What a port that reads 8 bits makes of 7 bits with even parity."""
    return bytes(code | (0x80 if code.bit_count() % 2 else 0) for code in text)


class FakeClock:
    """A clock that moves when it is told to, and when somebody waits."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.waits: list[float] = []

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        if stop.is_set():
            return True
        self.waits.append(seconds)
        self.now += max(seconds, 0.0)
        return stop.is_set()


class Wire:
    """A pseudo-terminal: what is written here comes out of `device`."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        self.device = os.ttyname(self._slave)

    def write(self, chunk: bytes) -> int:
        return os.write(self.master, chunk)

    def unplug(self) -> None:
        for descriptor in (self.master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.unplug()


def until(true: Callable[[], object], what: str = "it") -> None:
    """Poll until `true()`; fail after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:g} s in vain for {what}"
        time.sleep(POLL_S)


def gather(chunks: Iterator[bytes], length: int) -> bytes:
    """Read until so many bytes have come."""
    got = b""
    for chunk in chunks:
        got += chunk
        if len(got) >= length:
            break
    return got
