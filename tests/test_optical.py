"""The optical source on real pseudo-terminals and over RFC 2217, against simulated meters."""

from __future__ import annotations

import os
import select
import threading
import time
from decimal import Decimal

import pytest

from p1monitor.clock import SYSTEM, Clock
from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.modec import BREAK, REASONS, with_parity
from p1monitor.p1.modec_meter import MeterSide
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse
from p1monitor.settings import MeterSettings, SourceSettings
from p1monitor.sources import Forgetful, SourceError, build
from p1monitor.sources.optical import READ_S, TRIES, OpticalSource
from tests.clocks import Hands
from tests.lines import FakeClock, Wire, dsmr2, until, wire
from tests.moments import NOON, number
from tests.opticalkit import far, head, playing
from tests.readerkit import Script, Setup

__all__ = ["wire"]


def source_on(device: str, address: str = "", settings: str = "auto", clock: Clock = SYSTEM) -> OpticalSource:
    """A source; with a real clock where the meter keeps an eye on the speeds."""
    made = OpticalSource(device, settings, address, 30.0, clock)
    made.open()
    return made


def first(source: OpticalSource) -> Reading:
    """The first readout, through the one way; the source is closed."""
    chunk = next(chunk for chunk in source.chunks() if chunk)
    source.close()
    (frame,) = Framer().feed(chunk)
    assert isinstance(frame, Frame)
    assert frame.data == chunk
    return decode(parse(frame))


@pytest.mark.parametrize("model", ["clms100", "me381", "mt381"])
def test_a_meter_is_read_at_9600_after_a_sign_on_at_300(model: str) -> None:
    play = playing(model)
    with head(play) as device:
        reading = first(source_on(device))
    meant = play.telegram(play.start)
    assert meant is not None
    assert reading.telegram.identification == meant.identification
    assert [item.obis for item in reading.telegram.objects] == [item.obis for item in meant.objects]
    assert reading.telegram.bad_lines == ()
    before, after = (number(one, "energy_import_kwh") for one in (decode(meant), reading))
    assert 0 <= after - before < Decimal("0.1")


def test_an_address_is_asked_for() -> None:
    with head(playing("clms100"), "12345") as device:
        assert first(source_on(device, "0012345")).telegram.identification == "CRX5CLMS100"


def test_over_a_remote_port_the_settings_are_those_of_the_standard() -> None:
    side = MeterSide(lambda: MODELS["me381"].telegram(NOON, 7))
    with far(side) as (url, port):
        reading = first(source_on(url))
        assert reading.telegram.identification.startswith("ISk5")
        assert set(port.heard) == {(300, 7, "E")}
        assert (port.baudrate, port.bytesize, port.parity) == (9600, 7, "E")
        assert side.readouts == 1
        assert side.declined == []


def test_a_reader_polls_and_publishes() -> None:
    with head(playing("clms100")) as device:
        settings = MeterSettings("home", source=SourceSettings("optical", device, interval=0.1))
        setup = Setup(build(settings.source, Forgetful()), meter=settings)
        setup.reader.start()
        until(lambda: len(setup.readings) >= 2, "two readouts")
        setup.reader.stop()
    assert {reading.telegram.crc for reading in setup.readings} == {"absent"}
    assert setup.told["refused"] == {}
    assert setup.readings[-1].values["tariff"].value == Decimal(2)


def test_nobody_answers(wire: Wire) -> None:
    source = source_on(wire.device, clock=Hands())
    with pytest.raises(SourceError, match="does not answer"):
        list(source.chunks())
    source.close()
    asked = os.read(wire.master, 1000)
    assert asked == with_parity(b"/?!\r\n") * TRIES


def test_a_readout_that_never_is_right_is_asked_for_slowly_at_last(wire: Wire) -> None:
    source, sent, stop = source_on(wire.device, clock=Hands()), bytearray(), threading.Event()

    def meter() -> None:
        while not stop.is_set():
            if not select.select([wire.master], [], [], 0.05)[0]:
                continue
            sent.extend(os.read(wire.master, 100))
            if sent.endswith(with_parity(b"!\r\n")):
                wire.write(with_parity(b"/TST5METER\r\n"))
            elif sent.endswith(with_parity(b"0\r\n")):
                wire.write(with_parity(b"\x021.8.0(1)\r\n!\r\n\x03?"))

    thread = threading.Thread(target=meter)
    thread.start()
    with pytest.raises(SourceError, match=REASONS["bcc"]):
        list(source.chunks())
    stop.set()
    thread.join(10)
    source.close()
    fast, slow = with_parity(b"/?!\r\n\x06050\r\n"), with_parity(b"/?!\r\n\x06000\r\n")
    assert bytes(sent) == fast + fast + slow


def test_closing_in_the_middle_tells_the_meter_to_stop(wire: Wire) -> None:
    source, asked = source_on(wire.device, clock=Hands()), with_parity(b"/?!\r\n\x06050\r\n")
    chunks, heard = source.chunks(), b""
    assert next(chunks) == b""
    wire.write(with_parity(b"/TST5METER\r\n"))
    while len(heard) < len(asked):
        assert next(chunks) == b""
        heard += listen(wire)
    source.close()
    assert list(chunks) == []
    assert heard + listen(wire) == asked + with_parity(BREAK)


def listen(wire: Wire) -> bytes:
    """What has come at the meter's end."""
    heard = b""
    while select.select([wire.master], [], [], 0.1)[0]:
        heard += os.read(wire.master, 1000)
    return heard


def test_closing_from_another_thread_ends_the_waiting_at_once(wire: Wire) -> None:
    source = OpticalSource(wire.device, "auto", "", 30.0, SYSTEM)
    source.open()
    thread = threading.Thread(target=lambda: list(source.chunks()))
    thread.start()
    until(lambda: source.name)
    began = time.monotonic()
    source.close()
    thread.join(5)
    assert time.monotonic() - began < 4 * READ_S
    source.close()


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("/dev/nothing", "there is no /dev/nothing"),
        ("socket://127.0.0.1:1", "socket://127.0.0.1:1: "),
        ("bogus://x", "bogus://x: "),
    ],
)
def test_a_port_that_cannot_be_opened(device: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        source_on(device)


def test_an_unplugged_head_is_a_sentence(wire: Wire) -> None:
    source = source_on(wire.device, clock=Hands())
    chunks = source.chunks()
    next(chunks)
    wire.unplug()
    with pytest.raises(SourceError, match="is gone"):
        list(chunks)
    source.close()


def test_settings_that_are_none() -> None:
    with pytest.raises(SourceError, match="is no serial line"):
        source_on("/dev/nothing", settings="fast")


def test_registers_roll_over_at_eight_digits() -> None:
    """99 999 999 kWh and a little more: an event, and neither a fall nor another meter."""
    memory, sent = Memory(), []
    for number_of_readout, register in enumerate(["99999999.500", "99999999.900", "00000000.300", "00000000.700"]):
        text = f"/TST5METER\r\n\r\nC.1.0(7)\r\n1.8.0({register}*kWh)\r\n1.7.0(45.000*kW)\r\n!\r\n".encode()
        (frame,) = Framer().feed(text)
        assert isinstance(frame, Frame)
        memory, reading = observe(memory, decode(parse(frame), Received(1.0e9 + 30 * number_of_readout, 30.0 * number_of_readout)))
        sent.append((reading.values["energy_import_kwh"], [event.words for event in reading.events]))
    last, _ = sent[-1]
    assert last.value == Decimal("0.700")
    assert not last.held
    assert any("rolled over" in words for _, told in sent for words in told)


def test_a_reader_waits_for_a_meter_that_is_asked_seldom() -> None:
    clock = FakeClock()
    script = Script(clock, [dsmr2(), 299.0, dsmr2(), 1.0, SourceError("unplugged")])
    seldom = MeterSettings("home", source=SourceSettings("optical", "/dev/head", interval=300))
    setup = Setup(script, clock, meter=seldom)
    setup.play(script)
    assert len(setup.readings) == 2
