"""What is said about ports with and without a meter; the ports are pseudo-terminals, the clock is not the host's."""

from __future__ import annotations

import tomllib
from threading import Thread

import pytest

from p1monitor.detect import LOOK_S, Found, configuration, detect, how_to_go_on, look_at
from p1monitor.sources.ports import Port
from tests.lines import FakeClock, Wire, dsmr2, dsmr5, until, wire, with_parity

__all__ = ["wire"]


class Hurry(FakeClock):
    """Each look at it lets five seconds pass."""

    def monotonic(self) -> float:
        self.now += 5.0
        return self.now


def test_a_meter_is_found_with_what_to_paste(wire: Wire) -> None:
    found: list[Found] = []
    thread = Thread(target=lambda: found.extend(detect([Port(wire.device, None)])))
    thread.start()
    until(lambda: wire.write(dsmr5(0)[-30:] + dsmr5(1)) and found, "a finding")
    thread.join()
    assert found[0].sentence == (
        f"{wire.device}: the meter TST5\\2P1MONITOR-1 sends telegrams at 115200 8N1, with a valid checksum."
    )
    source = tomllib.loads(configuration(found[0]))["meter"][0]["source"]
    assert source == {"type": "serial", "device": wire.device, "settings": "auto"}
    assert "115200 8N1" in configuration(found[0])


def test_an_old_meter_is_found_by_its_parity(wire: Wire) -> None:
    found: list[Found] = []
    thread = Thread(target=lambda: found.extend(detect([Port(wire.device, None)])))
    thread.start()
    until(lambda: wire.write(with_parity(dsmr2())) and found, "a finding")
    thread.join()
    assert found[0].line == "115200 7E1"
    assert found[0].sentence.endswith("sends telegrams at 115200 7E1, without a checksum.")


def test_a_silent_port_is_told(wire: Wire) -> None:
    clock = Hurry()
    found = look_at(Port(wire.device, None), clock)
    assert found.line is None
    assert f"nothing came in {LOOK_S:.0f} s" in found.sentence
    assert "not found yet" in configuration(found)


def test_a_port_that_cannot_be_opened_is_told() -> None:
    assert look_at(Port("/dev/ttyNONE", None)).sentence.startswith("there is no /dev/ttyNONE")


@pytest.mark.parametrize("foreign", [b"\x7e\xa0\x8b\xce\xff\x03" + bytes(60)], ids=["dlms"])
def test_what_comes_is_named(wire: Wire, foreign: bytes) -> None:
    found: list[Found] = []
    clock = FakeClock()
    thread = Thread(target=lambda: found.append(look_at(Port(wire.device, None), clock)))
    thread.start()

    def second() -> list[Found]:
        wire.write(foreign)
        clock.now += 1.0
        return found

    until(second, "a finding")
    thread.join()
    assert "binary DLMS/HDLC, not P1 text" in found[0].sentence


def test_what_to_do_next_is_said() -> None:
    silent, meter = Found(Port("/dev/ttyUSB0", None), "silence."), Found(Port("/dev/ttyUSB1", None), "…", "9600 7E1")
    assert "Plug the P1 cable" in how_to_go_on([])
    assert "`p1monitor demo`" in how_to_go_on([silent])
    words = how_to_go_on([silent, meter])
    assert "/etc/p1monitor/config.toml, then start `p1monitor run`" in words
    assert "ttyUSB1" in words
    assert "ttyUSB0" not in words
    assert "a name of its own" in how_to_go_on([meter, meter])
