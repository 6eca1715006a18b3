"""A reading that was kept gives the profiles what the observed one gave them, for every model and everything that befalls it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Device, Measurement, Reading, Received
from p1monitor.p1.scenes import KINDS, Scene
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import samples
from p1monitor.recorder.kept import Kept, reading, verdict
from p1monitor.recorder.profiles import Bit
from tests.moments import NOON
from tests.readings import METER, UTC_DAY
from tests.readings import reading as plain_reading

#: Telegrams of one story, this many before the scene begins.
BEFORE, LENGTH = 5, 40


def story(name: str, scene: Scene | None = None, step: int = 10, *, spoilt: bool = False) -> Iterator[tuple[Reading, str]]:
    """A meter's observed readings and how each was proven; `spoilt`: some registers and captures that cannot be."""
    memory, framer = Memory(), Framer()
    for index in range(LENGTH):
        moment = NOON + timedelta(seconds=(index - BEFORE) * step)
        sent = MODELS[name].staged(moment, 7, (scene,) if scene else ())
        if sent is None:
            continue
        (frame,) = framer.feed(render(sent))
        assert isinstance(frame, Frame)
        if spoilt and index % 7 == 6:
            frame = Frame(_spoilt(frame.data), frame.crc)
        received = Received(moment.timestamp() + 0.4, index * float(step))
        memory, observed = observe(memory, decode(parse(frame), received, meter=METER, frame=frame.data))
        yield observed, frame.crc


def _spoilt(data: bytes) -> bytes:
    """A register that jumps, a clock and captures that are far ahead: what the framer would let through without a CRC."""
    return data.replace(b"1-0:1.8.1(00", b"1-0:1.8.1(90").replace(b"(2606", b"(3606")


def kept(observed: Reading, crc: str, at: int | None = None, status: int = 0) -> Kept:
    moment = observed.at
    if at is None:
        at = int(moment.timestamp()) if moment is not None else int(NOON.timestamp())
    status |= 0 if moment is not None or "clock" not in observed.values else Bit.CIV | Bit.DNV
    return Kept(observed.seq, at, 0, status, at, crc, verdict(observed), observed.frame)


def seen(one: Reading) -> dict[str, object]:
    """All that profiles look at."""
    return {
        "seq": one.seq,
        "at": one.at,
        "id": one.equipment_id,
        "registers": samples.registers(one),
        "power": samples.power(one),
        "volts": samples.volts(one),
        "failures": samples.failures([one.values.get(name) for name in samples.FAILURES]),
        "devices": [
            (device.role, device.medium, device.channel, device.equipment_id, list(samples.captures(device)))
            for device in one.devices
        ],
    }


def same(observed: Reading, crc: str) -> None:
    again = reading(kept(observed, crc), "auto", METER)
    assert seen(again) == seen(observed)
    assert (again.frame, again.meter, again.telegram) == (observed.frame, METER, observed.telegram)
    now = {name for name, one in again.values.items() if one.held}
    then = {name for name, one in observed.values.items() if one.held and name in again.values}
    assert now == then


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_what_befalls_a_meter_is_kept(name: str, kind: str) -> None:
    scene = Scene(kind, int(NOON.timestamp()), min(KINDS[kind].seconds, 120))
    for observed, crc in story(name, scene):
        same(observed, crc)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_held_is_kept(name: str) -> None:
    held = 0
    for observed, crc in story(name, spoilt=True):
        same(observed, crc)
        held += bool(verdict(observed).held)
    assert held


def test_roles_and_replaced_devices_are_kept() -> None:
    """A gas meter that is swapped keeps its role, which its telegram does not say."""
    scene = Scene("gas-swap", int(NOON.timestamp()), 0)
    found = {verdict(observed).devices for observed, _ in story("esmr5", scene, 60)}
    assert {cast.role for casts in found for cast in casts} == {"gas"}
    assert len({cast.equipment_id for casts in found for cast in casts}) == 2


def test_equal_verdicts_are_one() -> None:
    assert len({id(verdict(observed)) for observed, _ in story("esmr5")}) == 1


def test_a_stamp_of_the_hosts_is_not_the_meters_time() -> None:
    observed, crc = next(story("esmr5"))
    assert observed.at is not None
    at = int(observed.at.timestamp())
    assert reading(kept(observed, crc), "auto", METER).at == observed.at
    assert reading(kept(observed, crc, at + 3600), "auto", METER).at is None
    assert reading(kept(observed, crc, at, Bit.CIV), "auto", METER).at is None


def test_of_a_device_without_a_time_one_value_may_have_its_own() -> None:
    """Two registers, of which one was captured in the future: the observer takes that time away, and the other stays."""
    observed, crc = next(story("esmr5"))
    (gas,) = observed.devices
    line = gas.values["gas_m3"]
    frame = observed.frame.replace(b"!", b"0-1:24.2.1(360101000000W)(00012.345*GJ)\r\n!")
    two = {"gas_m3": line, "gas_gj": Measurement(Decimal("12.345"), "GJ", "0-1:24.2.1")}
    device = Device(1, "gas", "gas", gas.equipment_id, None, two)
    again = reading(kept(observed._replace(devices=(device,), frame=frame), crc), "auto", METER)
    (found,) = again.devices
    assert (found.at, found.values["gas_m3"].at, found.values["gas_gj"].at) == (None, line.at, None)


def test_a_device_without_a_role_is_left_out() -> None:
    observed, crc = next(story("emucs3"))
    assert len(observed.devices) == 2
    again = reading(kept(observed._replace(devices=observed.devices[1:]), crc), "auto", METER)
    assert [device.role for device in again.devices] == ["water"]


def test_a_role_is_not_the_medium() -> None:
    observed, crc = next(story("esmr5"))
    second = replace(observed.devices[0], role="gas_2", equipment_id="E9")
    again = reading(kept(observed._replace(devices=(second,)), crc), "auto", METER)
    assert [(device.role, device.medium, device.equipment_id) for device in again.devices] == [("gas_2", "gas", "E9")]


def test_a_reading_without_devices_has_a_verdict() -> None:
    assert verdict(plain_reading(UTC_DAY, equipment_id="E1")) == ("E1", (), ())
