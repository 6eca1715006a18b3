"""A reading that says the same as the one before, of all that is remembered: nothing of it is looked at again. Never guesses.

Equal lines share their measurements and equal M-Bus lines their devices, so nearly every second is of this kind: only powers,
voltages and the clock are new, and none of these is remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter

from p1monitor.observer import edges, messages, plausible, quality
from p1monitor.observer.memory import Before, Terms
from p1monitor.p1.records import Device, Measurement, Reading

#: Names of all values of which something is remembered, beside the devices' and the clock.
_REMEMBERED = plausible.NAMES | edges.WATCHED | messages.NAMES | quality.NAMES
#: Telegrams with other objects in them: of several meters, and of those that send some objects now and then.
_LAYOUTS_KEPT = 64


def note(
    reading: Reading, known: tuple[tuple[str, Device], ...], observed: Reading, made: Mapping[str, Measurement], terms: Terms
) -> Before | None:
    """What the next reading has to be like; None where something must be looked at again in any case.

    Without CRC what was told once must be told again; what a damaged line said may only have been missed.
    """
    telegram = reading.telegram
    if telegram.crc == "absent" or telegram.bad_lines or any(device.at is None for device in reading.devices):
        return None
    names = tuple(reading.values)
    told = _remembered(names)(reading.values)
    grade = _graded(names)(reading.values)
    return Before(names, told, reading.devices, reading.equipment_id, terms, known, observed.devices, dict(made), grade)


def same(before: Before, reading: Reading, terms: Terms) -> bool:
    """Tell whether the reading is like the one before, if it is in the same demand period: days begin with one."""
    return (
        same_devices(before, reading, terms)
        and tuple(reading.values) == before.names
        and _remembered(before.names)(reading.values) == before.told
        and reading.telegram.crc != "absent"
    )


def same_devices(before: Before, reading: Reading, terms: Terms) -> bool:
    """Tell whether the meters and what they count are those of the one before."""
    # A tuple looks at identity first: the configured roles are compared only when they are others.
    return reading.devices is before.devices and reading.equipment_id == before.equipment_id and terms == before.terms


def graded(before: Before, reading: Reading, terms: Terms) -> bool:
    """Tell whether nothing has changed but powers, voltages and what the power quality never looks at."""
    return (
        tuple(reading.values) == before.names
        and _graded(before.names)(reading.values) == before.quality
        and reading.telegram.crc != "absent"
        and terms == before.terms
    )


@lru_cache(maxsize=_LAYOUTS_KEPT)
def _graded(names: tuple[str, ...]) -> Callable[[Mapping[str, Measurement]], object]:
    found = [name for name in names if name in quality.NAMES]
    return itemgetter(*found) if found else len


@lru_cache(maxsize=_LAYOUTS_KEPT)
def _remembered(names: tuple[str, ...]) -> Callable[[Mapping[str, Measurement]], object]:
    found = [name for name in names if name in _REMEMBERED]
    return itemgetter(*found) if found else len
