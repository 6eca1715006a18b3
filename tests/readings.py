"""Readings made by hand, for the tests of what comes after the decoder. Never part of the product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType

from p1monitor.p1.catalogue import row_of
from p1monitor.p1.records import Device, Event, Measurement, Reading, Received, Value
from p1monitor.p1.telegram import Telegram

WINTER = timezone(timedelta(hours=1))
SUMMER = timezone(timedelta(hours=2))
UTC_DAY = datetime(2026, 1, 15, tzinfo=UTC)
METER = "home"
TELEGRAM = Telegram("TST5\\2P1MONITOR-1", (), "valid")


def measurement(name: str, value: Value | int, at: datetime | None = None) -> Measurement:
    """One value by its name; whole numbers become decimals."""
    row = row_of(name)
    return Measurement(Decimal(value) if isinstance(value, int) else value, row.unit if row else "", "", at)


def device(
    medium: str = "gas",
    value: str | None = "100.000",
    at: datetime | None = None,
    *,
    channel: int = 1,
    equipment_id: str = "G1",
    unit: str = "m3",
    role: str = "",
) -> Device:
    """An M-Bus device with its register, as the decoder leaves it; `value` None was never read."""
    name = f"{medium}_{unit.lower()}"
    values = {} if value is None else {name: Measurement(Decimal(value), unit, "", at)}
    return Device(channel, role or medium, medium, equipment_id, at, MappingProxyType(values))


def reading(
    at: datetime | None,
    seq: int = 0,
    *,
    devices: Sequence[Device] = (),
    received: Received | None = None,
    equipment_id: str = "E1",
    meter: str = METER,
    events: Sequence[Event] = (),
    telegram: Telegram = TELEGRAM,
    values: Mapping[str, Value | int] | None = None,
    **more: Value | int,
) -> Reading:
    """A reading with these values: reading(at, energy_import_kwh="1.5")."""
    known = {**(values or {}), **more}
    numbers = {
        name: measurement(name, Decimal(value) if isinstance(value, str) and "message" not in name else value)
        for name, value in known.items()
    }
    return Reading(seq, at, received, MappingProxyType(numbers), tuple(devices), tuple(events), telegram, b"", meter, equipment_id)
