"""One reading as it is kept, and back: the frame, and what the observer decided beside it. Pure; never stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.frames import Frame
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Device, Measurement, Reading
from p1monitor.p1.telegram import parse
from p1monitor.recorder.profiles import Bit

#: Different verdicts that are remembered: a meter has one for weeks, and another while something is held.
VERDICTS_KEPT = 64
#: Behind the name of a device's value: of all of a device that has no time, this one has its own.
_DATED = "@"


class Cast(NamedTuple):
    """What an M-Bus device is to the house."""

    role: str
    medium: str
    channel: int
    equipment_id: str
    dated: bool  #: its capture time is believed, where it has one


class Verdict(NamedTuple):
    """What the observer decided about a telegram that profiles need and its text does not say."""

    equipment_id: str  #: of the electricity meter
    devices: tuple[Cast, ...]  #: in the telegram's order, without those that have no role
    held: tuple[str, ...]  #: names of values that are held back; of a device `role/name`


class Kept(NamedTuple):
    """One reading as it is kept."""

    seq: int
    at: int  #: its stamp, UTC seconds: the meter's time, or the host's
    offset: int  #: of local time, seconds
    status: int  #: bits of profiles.Bit
    received: int | None  #: the host's clock, whole seconds
    crc: str  #: Frame.crc
    verdict: Verdict
    frame: bytes  #: verbatim


def verdict(reading: Reading) -> Verdict:
    """What was decided about an observed reading. Equal ones are one object."""
    held = [name for name, one in reading.values.items() if one.held]
    casts = []
    for device in reading.devices:
        dated = device.at is not None
        casts.append(Cast(device.role, device.medium, device.channel, device.equipment_id, dated))
        for name, one in device.values.items():
            if one.held:
                held.append(f"{device.role}/{name}")
            if not dated and one.at is not None:
                held.append(f"{device.role}/{name}{_DATED}")
    return _one(reading.equipment_id, tuple(casts), tuple(held))


def reading(kept: Kept, profile: str, meter: str) -> Reading:
    """The reading as profiles saw it: values, roles, what is held. When it came is not in it, nor what happened then.

    `profile` is the country, as decode() takes it; `meter` the configured name. The time is the meter's where it is the stamp.
    """
    crc, told = kept.crc, kept.verdict
    decoded = decode(parse(Frame(kept.frame, crc)), None, profile, meter=meter, frame=kept.frame)
    values, at = decoded.values, decoded.at
    held = [name for name in told.held if name in values]
    if held:
        values = MappingProxyType({**values, **{name: values[name]._replace(held=True) for name in held}})
    if at is not None and (kept.status & Bit.CIV or int(at.timestamp()) != kept.at):
        at = None
    devices = tuple(_devices(decoded.devices, told))
    return decoded._replace(seq=kept.seq, at=at, values=values, devices=devices, equipment_id=told.equipment_id)


@lru_cache(maxsize=VERDICTS_KEPT)
def _one(equipment_id: str, devices: tuple[Cast, ...], held: tuple[str, ...]) -> Verdict:
    return Verdict(equipment_id, devices, held)


def _devices(found: Sequence[Device], told: Verdict) -> Iterator[Device]:
    """The devices that have a role. Medium and channel tell them apart."""
    for cast in told.devices:
        for device in found:
            if (device.medium, device.channel) == (cast.medium, cast.channel):
                at = device.at if cast.dated else None
                values = {name: _value(cast, name, one, told.held) for name, one in device.values.items()}
                yield Device(device.channel, cast.role, device.medium, cast.equipment_id, at, MappingProxyType(values))
                break


def _value(cast: Cast, name: str, one: Measurement, held: Sequence[str]) -> Measurement:
    own = f"{cast.role}/{name}"
    if own in held:
        one = one._replace(held=True)
    if one.at is not None and not cast.dated and own + _DATED not in held:
        one = one._replace(at=None)
    return one
