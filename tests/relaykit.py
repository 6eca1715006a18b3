"""Telegrams, readings, clocks and patience for the tests of the relay. Never opens a socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import Telegram, data_object, parse, render
from p1monitor.sinks import House

#: How long something that must happen may take on a busy machine.
SOON_S = 10.0
HOUSE = House("a1b2c3", ("home", "shed"), "0.1.0")


def telegram(number: int, crc: str = "valid", filler: int = 0) -> bytes:
    version = (data_object("1-3:0.2.8", "50"),) if crc == "valid" else ()
    message = (data_object("0-0:96.13.0", "41" * filler),) if filler else ()
    return render(
        Telegram(
            "TST5\\METER",
            (
                *version,
                data_object("0-0:1.0.0", f"2603201814{number % 60:02d}W"),
                data_object("1-0:1.8.1", f"{number:06d}.000*kWh"),
                data_object("1-0:1.7.0", "01.193*kW"),
                data_object("0-1:24.1.0", "003"),
                data_object("0-1:24.2.1", "260320181000W", "00026.713*m3"),
                *message,
            ),
            crc,
        )
    )


def reading(frame: bytes, monotonic: float = 1000.0, meter: str = "home") -> Reading:
    (found,) = (event for event in Framer().feed(frame) if isinstance(event, Frame))
    decoded = decode(parse(found), Received(1_790_000_000.0, monotonic))
    return decoded._replace(meter=meter, frame=frame)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def read(client: socket.socket, length: int) -> bytes:
    got = b""
    while len(got) < length:
        more = client.recv(length - len(got))
        if not more:
            break
        got += more
    return got


def silent(client: socket.socket) -> bool:
    """Nothing comes: what was to come has come before, for the relay serves everybody in one round."""
    client.settimeout(0.05)
    try:
        return not client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(SOON_S)
