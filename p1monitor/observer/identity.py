"""Identifiers of meters without CRC: a new one must be told twice, for a flipped bit makes another meter. Never gives roles."""

from __future__ import annotations

from dataclasses import replace

from p1monitor.observer.memory import Bound, Stranger
from p1monitor.p1.records import Device, Reading

#: The place of the electricity meter itself; no M-Bus device has this channel and this medium.
_METER = ("", -1)


def proven(roles: tuple[Bound, ...], strangers: tuple[Stranger, ...], reading: Reading) -> tuple[Reading, tuple[Stranger, ...]]:
    """The reading with identifiers that can be believed, and those that the next telegram must confirm.

    A device that stands where a known one does is that one until then; one that stands elsewhere is left out.
    """
    if reading.telegram.crc != "absent":
        return reading, ()
    known = {bound[1:] for bound in roles[1:]}
    own = reading.equipment_id
    mine = roles[0].equipment_id if roles else ""
    if own in {"", mine} and all((device.medium, device.channel, device.equipment_id) in known for device in reading.devices):
        return reading, ()
    new: list[Stranger] = []
    if own not in {"", mine}:
        new.append((*_METER, own))
        own = own if new[0] in strangers else mine
    devices: list[Device] = []
    for device in reading.devices:
        place = device.medium, device.channel, device.equipment_id
        if place not in known:
            new.append(place)
            if place not in strangers:
                old = next((bound for bound in roles[1:] if bound[1:3] == place[:2]), None)
                if old is not None:
                    devices.append(replace(device, equipment_id=old.equipment_id))
                continue
        devices.append(device)
    return reading._replace(equipment_id=own, devices=tuple(devices)), tuple(new)
