"""The serial source on real pseudo-terminals."""

from __future__ import annotations

import fcntl
import logging
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from p1monitor.sources import Forgetful, SourceError
from p1monitor.sources.line import DWELL_S
from p1monitor.sources.ports import Port, advice, holders, ports
from p1monitor.sources.serial import SerialSource, _forbidden
from tests.lines import FakeClock, Wire, dsmr2, dsmr5, gather, until, wire, with_parity

__all__ = ["wire"]

NOISE = random.Random(1).randbytes(600)


def opened(wire: Wire, settings: str = "115200 8N1", clock: FakeClock | None = None) -> SerialSource:
    source = SerialSource(wire.device, settings, Forgetful(), clock or FakeClock())
    source.open()
    return source


# The port


def test_bytes_come_as_they_were_sent(wire: Wire) -> None:
    source = opened(wire)
    wire.write(dsmr5())
    assert gather(source.chunks(), len(dsmr5())) == dsmr5()
    source.close()


def test_a_byte_is_not_kept_waiting_for_more(wire: Wire) -> None:
    source = opened(wire)
    chunks = source.chunks()
    wire.write(b"/")
    began = time.monotonic()
    assert next(chunks) == b"/"
    assert time.monotonic() - began < 0.5  # half of the read's timeout: it did not wait for it
    source.close()


def test_silence_is_an_empty_chunk_within_a_second_or_so(wire: Wire) -> None:
    source = opened(wire)
    began = time.monotonic()
    assert next(source.chunks()) == b""
    assert time.monotonic() - began < 2
    source.close()


def test_closing_from_another_thread_ends_the_reading_at_once(wire: Wire) -> None:
    source = opened(wire)
    ended = threading.Event()

    def read() -> None:
        for _ in source.chunks():
            pass
        ended.set()

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.05)  # into the read
    began = time.monotonic()
    source.close()
    assert ended.wait(5)
    assert time.monotonic() - began < 0.5
    thread.join()
    source.close()


def test_an_unplugged_port_is_told_in_one_sentence(wire: Wire) -> None:
    source = opened(wire)
    wire.unplug()
    with pytest.raises(SourceError, match="is gone: the cable was unplugged"):
        gather(source.chunks(), 1)
    source.close()


def test_a_missing_device_names_the_ports_there_are() -> None:
    with pytest.raises(SourceError, match=r"there is no /dev/ttyNONE[;,] "):
        SerialSource("/dev/ttyNONE", "auto", Forgetful()).open()


def test_a_file_that_is_no_port_is_told(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="cannot be opened as a serial port"):
        SerialSource(str(path), "auto", Forgetful()).open()


def test_permission_denied_names_the_group(tmp_path: Path) -> None:
    assert "sudo usermod -aG dialout" in _forbidden(str(tmp_path))


def test_settings_that_are_none_are_refused() -> None:
    with pytest.raises(SourceError, match='"9600" is no serial line'):
        SerialSource("/dev/ttyUSB0", "9600", Forgetful())


def test_two_meters_on_one_device_are_told(wire: Wire) -> None:
    source = opened(wire)
    with pytest.raises(SourceError, match="already open in this p1monitor"):
        opened(wire)
    source.close()


@pytest.mark.parametrize("locking", ["fcntl.flock(port, fcntl.LOCK_EX)", "pass"], ids=["locks it", "does not lock it"])
def test_a_held_port_names_its_holder(wire: Wire, tmp_path: Path, locking: str) -> None:
    program = tmp_path / "otherreader.py"
    program.write_text(
        f"import fcntl, sys\nport = open({wire.device!r}, 'rb')\n{locking}\nprint('ready', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(SourceError, match=rf"is held by .*otherreader\.py \(process {other.pid}\): stop it"):
            opened(wire)
        other.kill()
    opened(wire).close()  # and now it is free


def test_a_holder_that_cannot_be_seen_is_said_honestly(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open(wire.device, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    monkeypatch.setattr("p1monitor.sources.serial.holders", lambda _: ((), False))
    with pytest.raises(SourceError, match="another user, which only root can name"):
        opened(wire)
    os.close(descriptor)


def test_a_pty_has_no_error_counters(wire: Wire) -> None:
    source = opened(wire)
    assert source.port_errors() is None
    source.close()
    assert source.port_errors() is None


# The names of ports


def test_ports_have_the_name_that_stays(tmp_path: Path) -> None:
    dev, by_id = tmp_path / "dev", tmp_path / "by-id"
    dev.mkdir()
    by_id.mkdir()
    for name in ("ttyUSB0", "ttyUSB1", "tty0"):
        (dev / name).touch()
    (by_id / "usb-FTDI_P1").symlink_to(dev / "ttyUSB1")
    assert ports(dev, by_id) == (
        Port(str(dev / "ttyUSB0"), None),
        Port(str(dev / "ttyUSB1"), str(by_id / "usb-FTDI_P1")),
    )
    words = advice(str(dev / "ttyUSB1"), dev, by_id)
    assert words is not None
    assert f'device = "{by_id}/usb-FTDI_P1"' in words
    assert advice(str(by_id / "usb-FTDI_P1"), dev, by_id) is None
    assert advice(str(dev / "ttyUSB0"), dev, by_id) is None


def test_this_process_is_found_as_a_holder(wire: Wire) -> None:
    found, _ = holders(wire.device)
    assert os.getpid() in [holder.pid for holder in found]


# The search, on the open port


def test_an_old_meter_is_found_on_the_open_port_and_remembered(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    clock, remembered = FakeClock(), Forgetful()
    source = SerialSource(wire.device, "auto", remembered, clock)
    source.open()
    chunks = source.chunks()
    assert source.name == f"serial {wire.device} (trying 115200 8N1)"
    clock.now += DWELL_S
    wire.write(b"\r")
    while "9600" not in source.name:
        next(chunks)
    wire.write(with_parity(dsmr2()))  # a pty cannot do 7 bits: the source has to drop the eighth itself
    assert gather(chunks, len(dsmr2())) == dsmr2()
    with caplog.at_level(logging.INFO):
        source.proven()
        source.proven()
    assert caplog.text.count("the meter speaks 9600 7E1") == 1
    assert source.name == f"serial {wire.device} (9600 7E1)"
    source.close()

    again = SerialSource(wire.device, "auto", remembered, clock)  # the next start of the daemon
    assert again.name == f"serial {wire.device} (trying 9600 7E1)"
    again.open()
    wire.write(with_parity(dsmr2()))
    assert gather(again.chunks(), len(dsmr2())) == dsmr2()
    again.close()


def test_parity_read_as_eight_bits_turns_the_port_to_seven(wire: Wire) -> None:
    source = opened(wire, "auto")
    wire.write(with_parity(dsmr2()))
    chunks = source.chunks()
    until(lambda: next(chunks) == b"" and "7E1" in source.name, "the other settings")
    wire.write(with_parity(dsmr2()))
    assert gather(chunks, len(dsmr2())) == dsmr2()
    source.close()


def test_fixed_settings_are_kept_whatever_comes(wire: Wire) -> None:
    source = opened(wire, "115200 8N1")
    wire.write(NOISE)
    assert gather(source.chunks(), len(NOISE)) == NOISE
    assert source.name == f"serial {wire.device} (115200 8N1)"
    source.close()
