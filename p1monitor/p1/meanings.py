"""Meanings that share one OBIS code and one shape: what else the telegram carries decides. Never asks which brand a meter is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from p1monitor.p1.catalogue import BY_OBIS, PHASES
from p1monitor.p1.records import Measurement
from p1monitor.p1.telegram import DataObject
from p1monitor.p1.units import quantity

#: A limit that is switched off: 999, 999.99.
_NO_LIMIT = Decimal(999)

#: name of the limit -> name of the average, both 31.4.0 and its brothers.
_CURRENTS = tuple((f"current_limit_l{phase}_a", f"current_average_l{phase}_a") for phase in PHASES)

#: What an IDIS meter sends beside its sliding currents (Lithuania's list; ME381 tables 7 and 15).
_AVERAGES = frozenset(
    {"power_average_import_w", "power_average_absolute_w", "power_average_w", *(f"voltage_average_l{n}_v" for n in PHASES)}
)

#: Names whose presence calls for a second look: few telegrams have one.
SHARED = frozenset({"device_id_1", *(limit for limit, _ in _CURRENTS)})

#: The meter's identifiers, in the order in which they are believed: not every country's meters send the first.
IDENTITIES = ("equipment_id", "device_id_1", "logical_device_name", "serial_number", "device_address")

#: Names of the two values of one object (Luxembourg).
LIMITS = ("current_limit_import_a", "current_limit_export_a")

#: Names whose value, not only their presence, says what is what, or that another value may take over.
DECIDE = SHARED | {"device_id_2", LIMITS[0], *IDENTITIES, *(average for _, average in _CURRENTS)}


def renames(values: Mapping[str, Measurement], crc: str) -> Iterator[tuple[str, str]]:
    """Yield the names that the first row of their code gave, and what they mean in this telegram.

    31.4.0 is a limit where the telegram carries an e-MUCS version (Belgium), or has a CRC and none of the averages of an
    IDIS meter (Hungary); else the sliding average that supervises the fuse. 0-0:96.1.1 is the meter's identifier, but a
    second one where 96.1.0 has the first.
    """
    limits = "emucs_version" in values or (crc != "absent" and values.keys().isdisjoint(_AVERAGES))
    found = [] if limits else [names for names in _CURRENTS if names[0] in values and not _off(values[names[0]])]
    if {"device_id_1", "equipment_id"} <= values.keys() and values["device_id_1"].value:
        found.append(("equipment_id", "device_id_2"))
    yield from found


def _off(limit: Measurement) -> bool:
    return isinstance(limit.value, Decimal) and limit.value >= _NO_LIMIT


def export_limit(item: DataObject) -> Measurement | None:
    """The second value of an object that has two limits, as the meter signs it; None of every other object."""
    row = next((row for row in BY_OBIS.get(item.obis, ()) if row.kind == "limits"), None)
    if row is None or len(item.groups) < 2:
        return None
    return Measurement(quantity(item.groups[1], row.printed, row.unit), row.unit, item.obis)
