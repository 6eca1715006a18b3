"""The telegram before, and what was made of it: of the next one only the objects that are others are looked at. Never guesses.

Most objects of a telegram are those of the one before, and equal lines share one object, so identity tells. How the values
go together (meanings, M-Bus devices, which totals there are) follows from their names, from which of them are empty, and from the
few in `meanings.DECIDE`. As long as none of these changes, a new value takes the place of the old one, and that is all.
"""

from __future__ import annotations

from typing import NamedTuple

from p1monitor.p1.derived import Gives
from p1monitor.p1.frames import new
from p1monitor.p1.objects import decoded
from p1monitor.p1.records import Device, Measurement
from p1monitor.p1.telegram import DataObject, Telegram


class Outcome(NamedTuple):
    """What was made of one telegram. Never changed, for the next one of the meter leans on it."""

    objects: tuple[DataObject, ...]  #: of the telegram; none where two of them had the same name: nothing follows that
    crc: str
    values: dict[str, Measurement]
    gives: Gives
    devices: tuple[Device, ...]
    equipment_id: str


def follow(before: Outcome, telegram: Telegram) -> Outcome | None:
    """Make of the telegram what it is if it is like the one before; None where it must be looked at as a whole."""
    objects = telegram.objects
    if len(objects) != len(before.objects) or telegram.crc != before.crc:
        return None
    values, gives = before.values.copy(), before.gives
    for item, old in zip(objects, before.objects, strict=True):
        if item is old:
            continue
        _, value, place = item.decoded or decoded(item)
        if place is None or place != old.decoded.place:
            return None
        values[place] = value  # type: ignore[assignment]  # what has a place is no part of a device
        if place in gives:
            made, make = gives[place]
            values[made] = make(values)  # type: ignore[assignment]  # as before it can be made: nothing is empty
    return new(Outcome, (objects, telegram.crc, values, gives, before.devices, before.equipment_id))
