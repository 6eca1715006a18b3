"""The reader on real pseudo-terminals, sockets and files."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from p1monitor.clock import SYSTEM
from p1monitor.sources import Forgetful
from p1monitor.sources.replay import ReplaySource
from p1monitor.sources.serial import SerialSource
from p1monitor.sources.tcp import TcpSource
from tests.lines import FakeClock, Wire, dsmr2, dsmr5, until, wire, with_parity
from tests.readerkit import Setup, watts

__all__ = ["wire"]


def test_telegrams_become_readings_with_the_name_of_the_meter(wire: Wire) -> None:
    setup = Setup(SerialSource(wire.device, "115200 8N1", Forgetful()))
    setup.reader.start()
    until(lambda: setup.told["connected"], "the port")
    wire.write(dsmr5(0)[-200:] + dsmr5(1, 501) + dsmr5(2, 502))
    until(lambda: len(setup.readings) == 2, "two readings")
    assert setup.reader.stop()
    assert watts(setup.readings) == [501, 502]
    reading = setup.readings[0]
    assert (reading.meter, reading.frame) == ("home", dsmr5(1, 501))
    assert reading.received is not None
    assert abs(reading.received.monotonic - SYSTEM.monotonic()) < 10
    told = setup.told
    assert told["telegrams"] == 2
    assert told["refused"] == {}  # the first, partial telegram is nobody's fault
    assert (told["crc"], told["identification"]) == ("valid", "TST5\\2P1MONITOR-1")
    assert told["connected"] is False


def test_an_unplugged_cable_is_plugged_in_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "p1monitor")
    first, second = Wire(), Wire()
    clock = FakeClock()  # the pauses cost nothing
    source = SerialSource(first.device, "115200 8N1", Forgetful(), clock)
    setup = Setup(source, clock)
    setup.reader.start()
    until(lambda: first.write(dsmr5(1)) and setup.readings, "a reading")
    source._device = second.device  # by-id would have led there
    first.unplug()
    before = len(setup.readings)
    until(lambda: setup.told["reconnects"] == 1, "the other port")
    until(lambda: second.write(dsmr5(2)) and len(setup.readings) > before + 1, "a reading of the other")
    assert setup.reader.stop()
    assert caplog.text.count("is gone: the cable was unplugged") == 1
    assert caplog.text.count("telegrams come again from") == 1
    second.unplug()


def test_a_server_that_goes_away_is_found_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "p1monitor")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clock = FakeClock()
        setup = Setup(TcpSource("127.0.0.1", port), clock)
        setup.reader.start()
        first, _ = server.accept()
        first.sendall(b"\xff\xfd\x01" + dsmr5(1))
        until(lambda: len(setup.readings) == 1, "a reading")
        first.close()
        second, _ = server.accept()
        second.sendall(b"\xff\xfd\x01" + dsmr5(2))
        until(lambda: len(setup.readings) == 2, "a reading")
        assert setup.reader.stop()
        second.close()
    assert setup.told["reconnects"] == 1
    assert setup.told["refused"] == {}
    assert caplog.text.count("closed the connection") == 1
    assert caplog.text.count("telegrams come again from") == 1


def test_stopping_ends_a_read_at_once(wire: Wire) -> None:
    setup = Setup(SerialSource(wire.device, "auto", Forgetful()))
    setup.reader.start()
    until(lambda: setup.told["connected"], "the port")
    began = SYSTEM.monotonic()
    assert setup.reader.stop()
    assert SYSTEM.monotonic() - began < 0.8


def test_stopping_ends_a_pause_at_once() -> None:
    setup = Setup(SerialSource("/dev/ttyNONE", "auto", Forgetful()))
    setup.reader.start()
    until(lambda: setup.told["last_trouble"], "the trouble")
    began = SYSTEM.monotonic()
    assert setup.reader.stop()
    assert SYSTEM.monotonic() - began < 0.8


def test_a_reader_that_never_began_can_be_stopped() -> None:
    assert Setup(SerialSource("/dev/ttyNONE", "auto", Forgetful())).reader.stop()


def test_seven_bits_read_as_eight_are_named(wire: Wire) -> None:
    setup = Setup(SerialSource(wire.device, "115200 8N1", Forgetful()))
    setup.reader.start()
    until(lambda: setup.told["connected"], "the port")
    wire.write(with_parity(dsmr2()) * 2 + b"\r\n" + dsmr5())
    until(lambda: setup.readings, "the good one")
    assert setup.reader.stop()
    assert setup.told["refused"] == {"parity": 1}


def test_a_recording_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "recording.txt"
    path.write_bytes(b"".join(map(dsmr5, range(20))) + dsmr5(20)[:-100])
    setup = Setup(ReplaySource(path, None))
    setup.reader.start()
    until(lambda: setup.reader.ended, "the end")
    assert len(setup.readings) == 20
    assert setup.told["refused"] == {"truncated": 1}
    assert setup.reader.turned() == pytest.approx(SYSTEM.monotonic(), abs=1)
    assert setup.reader.stop()
