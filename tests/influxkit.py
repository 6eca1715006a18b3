"""Readings, clocks and lines for the tests of the InfluxDB sink. Never talks to a server."""

from __future__ import annotations

from pathlib import Path

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import DataObject, Telegram, data_object, parse, render
from p1monitor.settings import InfluxSettings
from p1monitor.sinks import House
from p1monitor.sinks.influxdb import Encoder, InfluxDB, Memory, build
from tests.clocks import Hands

HOUSE = House("a1b2c3", ("home",), "0.1.0")


def telegram(second: int = 3, gas: tuple[str, str] = ("260320181000W", "26.713"), *more: DataObject) -> bytes:
    return render(
        Telegram(
            "TST5\\METER",
            (
                data_object("1-3:0.2.8", "50"),
                data_object("0-0:1.0.0", f"2603201814{second:02d}W"),
                data_object("0-0:96.1.1", "4530303334303036333136393035373136"),
                data_object("1-0:1.8.1", "056123.444*kWh"),
                data_object("1-0:1.8.2", "049102.778*kWh"),
                data_object("1-0:2.8.1", "000000.000*kWh"),
                data_object("0-0:96.14.0", "0002"),
                data_object("1-0:1.7.0", "01.193*kW"),
                data_object("1-0:2.7.0", "00.000*kW"),
                data_object("1-0:32.7.0", "229.1*V"),
                data_object("1-0:31.7.0", "005*A"),
                data_object("0-0:96.13.0", "48656C6C6F"),
                data_object("1-0:0.2.99", "17"),
                data_object("0-1:24.1.0", "003"),
                data_object("0-1:96.1.0", "4730303332"),
                data_object("0-1:24.2.1", gas[0], f"{gas[1]}*m3"),
                *more,
            ),
            "valid",
        )
    )


def reading(frame: bytes, meter: str = "home", received: Received | None = None) -> Reading:
    (found,) = (event for event in Framer().feed(frame) if isinstance(event, Frame))
    decoded = decode(parse(found), received or Received(1_790_000_000.25, 1000.0))
    return decoded._replace(meter=meter, frame=frame)


def lines(*readings: Reading, measurement: str = "p1") -> list[str]:
    encoder = Encoder(measurement, Memory(), None)
    return [line.decode() for one in readings for line in encoder.lines(one)]


def numbers(line: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in line.split(" ")[1].split(","))


def settings(url: str, token: Path | None = None) -> InfluxSettings:
    return InfluxSettings(url, "home", "energy", token)


def opened(url: str, token: Path | None = None, clock: Hands | None = None) -> InfluxDB:
    sink = build(settings(url, token), HOUSE, clock or Hands())
    sink.open()
    return sink
