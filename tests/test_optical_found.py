"""An optical head is found when its port is named, and left alone when it is not; a simulated one answers on TCP too."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

from p1monitor.clock import SYSTEM, SystemClock
from p1monitor.detect import Found, look_at
from p1monitor.diagnosis import configuration
from p1monitor.p1.modec import REASONS, with_parity
from p1monitor.settings import SourceSettings
from p1monitor.simulate import Play, to_far_head
from tests.clocks import Hands
from tests.lines import Wire, until, wire
from tests.opticalkit import head, playing
from tests.test_optical import first, source_on

__all__ = ["wire"]


class Quick(SystemClock):
    """Time that is looked at passes twenty times as fast; what is waited for takes its time, for there is a meter on the line."""

    def monotonic(self) -> float:
        return 20 * time.monotonic()


class Leap(Hands):
    """So many seconds pass with each look, and nobody is waited for."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def monotonic(self) -> float:
        self.now += self._seconds
        return self.now


def told(found: Found) -> str:
    return "\n".join(found.lines)


def test_a_named_port_is_asked_and_its_meter_known() -> None:
    with head(playing("clms100")) as device:
        found = look_at(SourceSettings(device=device), Quick(), ask=True)
    assert found.good
    assert found.heard
    assert "comes through an optical head, asked for at 300 7E1" in told(found)
    (meter,) = tomllib.loads(configuration(found.source, found.heard))["meter"]
    assert meter["source"] == {"type": "optical", "device": device, "settings": "auto"}


def test_nothing_is_written_to_a_port_that_nobody_named(wire: Wire) -> None:
    found = look_at(SourceSettings(device=wire.device), Leap(30))
    assert not found.good
    assert f"p1monitor detect {wire.device}" in told(found)
    assert select.select([wire.master], [], [], 0)[0] == []


def test_a_named_port_that_stays_silent_is_told_as_silence(wire: Wire) -> None:
    found = look_at(SourceSettings(device=wire.device), Leap(30), ask=True)
    assert not found.good
    assert "nothing came in 28 s" in told(found)
    assert os.read(wire.master, 100).startswith(with_parity(b"/?!\r\n"))


def test_a_meter_that_answers_and_gives_no_readout_is_told_as_that(wire: Wire) -> None:
    stop = threading.Event()

    def meter() -> None:
        while not stop.is_set():
            if select.select([wire.master], [], [], 0.05)[0] and os.read(wire.master, 100).endswith(with_parity(b"!\r\n")):
                wire.write(with_parity(b"/TST5METER\r\n\x01P0\x02"))

    thread = threading.Thread(target=meter)
    thread.start()
    found = look_at(SourceSettings(device=wire.device), Leap(4), ask=True)
    stop.set()
    thread.join(10)
    assert REASONS["programming"] in told(found)


@contextmanager
def far_head(play: Play, address: str = "") -> Iterator[str]:
    """Where the meter answers, as `socket://host:port`."""
    names: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(target=to_far_head, args=(play, address, ("127.0.0.1", 0), names.append, SYSTEM, stop))
    thread.start()
    try:
        until(lambda: names, "the address")
        yield f"socket://{names[0]}"
    finally:
        stop.set()
        thread.join(10)


def test_a_simulated_meter_answers_on_tcp_one_after_the_other() -> None:
    with far_head(playing("clms100"), "12345") as url:
        assert first(source_on(url)).telegram.identification == "CRX5CLMS100"
        assert first(source_on(url, "12345")).values["tariff"].value == 2
        host, _, port = url.removeprefix("socket://").partition(":")
        with socket.create_connection((host, int(port))) as other:
            other.sendall(b"/?99999!\r\n")
            assert select.select([other], [], [], 0.5)[0] == []
