"""M-Bus device -> role, for good; a new equipment identifier in an old place is a replaced meter. Never drops one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer.memory import Bound, Stranger
from p1monitor.p1.records import Device, Event, Reading

#: The role of the electricity meter itself. No M-Bus device gets it: an electric submeter begins at electricity_2.
ELECTRICITY = "electricity"
#: A device whose capture time has stood still for so long, while a new one of its medium captures, was replaced by it.
DEAD_S = 86_400.0
_NEVER = datetime.min.replace(tzinfo=UTC)
#: Equipment identifier -> role, as the configuration settles it.
NONE_CONFIGURED: Mapping[str, str] = MappingProxyType({})
_NOBODY: Mapping[Stranger, float] = MappingProxyType({})


class Cast(NamedTuple):
    """Who plays what in one telegram."""

    roles: tuple[Bound, ...]
    devices: tuple[tuple[str, Device], ...]  #: (role, device), in the telegram's order; without those that have no role yet
    replaced: tuple[str, ...] = ()  #: roles that have a new meter
    events: tuple[Event, ...] = ()
    waiting: Mapping[Stranger, float] = _NOBODY  #: devices without a role yet: when the known one had captured at first sight


def assign(
    roles: tuple[Bound, ...],
    reading: Reading,
    waiting: Mapping[Stranger, float] = _NOBODY,
    configured: Mapping[str, str] = NONE_CONFIGURED,
) -> Cast:
    """Give each device that was ever read its role.

    A known identifier keeps its role wherever it stands. A new one in the place of a device that is gone takes that
    device's role. All else is new: the first of its medium is `gas`, later ones `gas_2` …; of several that are first
    seen at once the one with the newest capture goes first, for a dead meter stays in the telegram with its last one. So
    one that comes beside a known device waits until it is clear which it is: a second one, for the known one captures
    again, or its replacement, for the known one has stood still for a day. A dead one waits for ever.

    `configured` (equipment identifier -> role) stands over all that: such a device has its role as soon as it is read, and
    nobody else is given that role; who has it keeps it until then.
    """
    devices = [device for device in reading.devices if _was_read(device)]
    known = [(role, device) for device in devices if (role := _exact(roles, device))]
    as_configured = not configured or all(_wanted(configured, device) in {"", role} for role, device in known)
    if roles and len(known) == len(devices) and reading.equipment_id in {"", roles[0].equipment_id} and as_configured:
        return Cast(roles, tuple(known))  # as it was: nearly every telegram
    casting = _Casting(roles, reading, devices, waiting, frozenset(configured.values()))
    casting.electricity()
    for device in devices:
        if wanted := _wanted(configured, device):
            casting.settle(wanted, device)
    found = [_exact(casting.roles, device) for device in devices]
    strange = [index for index, role in enumerate(found) if role is None]
    for index in sorted(strange, key=lambda one: devices[one].at or _NEVER, reverse=True):
        role = casting.place(devices[index], set(found))
        found = [None if role is not None and other == role else other for other in found]  # it took that one's over
        found[index] = role
    cast = tuple((role, device) for role, device in zip(found, devices, strict=True) if role is not None)
    return Cast(casting.roles, cast, tuple(casting.replaced), tuple(casting.events), casting.waiting)


def _was_read(device: Device) -> bool:
    """Tell whether the device's register has a value; what was never read cannot be known to be there."""
    for name, measurement in device.values.items():
        if measurement.value.__class__ is Decimal and name.startswith(device.medium):
            return True
    return False


def _exact(roles: Iterable[Bound], device: Device) -> str | None:
    own = device.medium, device.channel, device.equipment_id
    for bound in roles:
        if bound[1:] == own and bound.role != ELECTRICITY:
            return bound.role
    return None


def _wanted(configured: Mapping[str, str], device: Device) -> str:
    """The role that the configuration gives the device; none if that role is one of another medium."""
    role = configured.get(device.equipment_id, "") if device.equipment_id else ""
    return role if medium_of(role) == device.medium else ""


def medium_of(role: str) -> str:
    """gas_2 -> gas"""
    medium, _, number = role.rpartition("_")
    return medium if number.isdecimal() else role


class _Casting:
    """The roles while one telegram is looked at."""

    def __init__(
        self,
        roles: tuple[Bound, ...],
        reading: Reading,
        devices: Sequence[Device],
        waiting: Mapping[Stranger, float],
        reserved: frozenset[str],
    ) -> None:
        self.roles = roles
        self.waiting: dict[Stranger, float] = {}
        self._waited = waiting
        self._before = roles
        self.replaced: list[str] = []
        self.events: list[Event] = []
        self._reading = reading
        self._present = devices
        self._reserved = reserved  # roles that only the configuration gives

    def electricity(self) -> None:
        """Look at the identifier of the electricity meter itself; one that is absent or redacted says nothing."""
        new = Bound(ELECTRICITY, ELECTRICITY, 0, self._reading.equipment_id)
        old = next((bound for bound in self.roles if bound.role == ELECTRICITY), None)
        if old is None:
            self.roles = (new, *self.roles)  # the first for ever
        elif new.equipment_id and new != old:
            self._bind(old, new)

    def settle(self, role: str, device: Device) -> None:
        """Give the device this role. If both it and the role's holder have one, they change places."""
        own = Bound(role, device.medium, device.channel, device.equipment_id)
        holder = next((bound for bound in self.roles if bound.role == role), None)
        others = (bound for bound in self.roles if bound.role not in {ELECTRICITY, role})
        former = next((one for one in others if (one.medium, one.equipment_id) == (own.medium, own.equipment_id)), None)
        if former is not None and holder is not None:
            self._bind(former, holder._replace(role=former.role))
        elif former is not None:
            self.roles = tuple(bound for bound in self.roles if bound is not former)
        if holder is None:
            self._add(own)
        elif holder != own:
            self._bind(holder, own)

    def place(self, device: Device, taken: set[str | None]) -> str | None:
        """Find the role of a device that does not stand exactly as it did before; None while that is not clear."""
        own = Bound("", device.medium, device.channel, device.equipment_id)
        free = [one for one in self.roles if one.medium == own.medium and one.role not in {ELECTRICITY, *taken}]
        old = _same(free, own) or self._predecessor(free, own)
        if old is None and (standing := self._standing(device)) is not None:
            old, waits = self._succession(device, *standing)
            if waits:
                return None
        if old is None:
            return self._add(own._replace(role=self._new_role(own.medium)))
        new = own._replace(role=old.role, equipment_id=own.equipment_id or old.equipment_id)
        if new != old:
            self._bind(old, new)
        return new.role

    def _predecessor(self, free: Sequence[Bound], own: Bound) -> Bound | None:
        """The device that this one replaces: gone from the telegram, on the same channel, or the only of its medium."""
        present = {device.equipment_id for device in self._present}
        gone = [bound for bound in free if bound.equipment_id not in present and bound.role not in self._reserved]
        here = [bound for bound in gone if bound.channel == own.channel]
        if here:
            return here[0]
        only = sum(bound.medium == own.medium and bound.role != ELECTRICITY for bound in self.roles) == 1
        return gone[0] if gone and only else None

    def _standing(self, device: Device) -> tuple[Bound, float] | None:
        """The known device of the same medium in this telegram that captured longest ago, and when."""
        if device.at is None:
            return None
        others = [(other.at.timestamp(), role) for other in self._present if other.at and (role := _exact(self._before, other))]
        bounds = {bound.role: bound for bound in self.roles if bound.medium == device.medium}
        known = [(bounds[role], at) for at, role in sorted(others) if role in bounds.keys() - self._reserved]
        return known[0] if known else None

    def _succession(self, device: Device, old: Bound, captured: float) -> tuple[Bound | None, bool]:
        """Whom the device replaces, if anybody, and whether it is too early to tell."""
        place = device.medium, device.channel, device.equipment_id
        own = device.at.timestamp() if device.at else captured
        if own - captured >= DEAD_S:
            return old, False
        first = self._waited.get(place, captured)
        if min(own, captured) > first:  # both have captured since: two that live
            return None, False
        self.waiting[place] = first
        return None, True

    def _add(self, new: Bound) -> str:
        self.roles = (*self.roles, new)
        self.replaced.append(new.role)  # a device that the configuration took elsewhere may have had it
        return new.role

    def _bind(self, old: Bound, new: Bound) -> None:
        if old.equipment_id and new.equipment_id != old.equipment_id:
            words = f"{new.role}: meter {old.equipment_id} was replaced by {new.equipment_id}"
            at, received = self._reading.at, self._reading.received
            self.events.append(Event(at, received, "swap", None, words, channel=new.channel or None))
            self.replaced.append(new.role)
        self.roles = tuple(new if bound is old else bound for bound in self.roles)

    def _new_role(self, medium: str) -> str:
        taken = {ELECTRICITY, *self._reserved, *(bound.role for bound in self.roles)}
        role, number = medium, 1
        while role in taken:
            number += 1
            role = f"{medium}_{number}"
        return role


def _same(free: Iterable[Bound], own: Bound) -> Bound | None:
    """The same device: by its identifier, or by its place where one of the two sightings has none."""
    for bound in free:
        if own.equipment_id and bound.equipment_id:
            if bound.equipment_id == own.equipment_id:
                return bound
        elif bound.channel == own.channel:
            return bound
    return None
