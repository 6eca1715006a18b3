"""What the observer remembers, and its JSON, both ways. Frozen values; never says what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple


class Bound(NamedTuple):
    """A role and the device that has it."""

    role: str
    medium: str
    channel: int
    equipment_id: str  #: empty: this device never said one; channel and medium tell it from others


class Total(NamedTuple):
    """How far a register has gone today: `last - base`."""

    day: int  #: proleptic ordinal of the local date
    base: Decimal  #: the register at the day's beginning, less what a replaced meter had counted before
    last: Decimal
    at: float  #: POSIX seconds of `last`


#: (role, name of the register) -> its day so far.
Totals = Mapping[tuple[str, str], Total]


@dataclass(frozen=True, slots=True)
class Memory:
    """All that is known of one meter besides its newest telegram."""

    seq: int = 0  #: of the last reading
    roles: tuple[Bound, ...] = ()
    totals: Totals = field(default_factory=lambda: MappingProxyType({}))
    messages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  #: by name; those that stand
    states: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  #: event codes, registers, breakers, by name

    def to_json(self) -> dict[str, Any]:
        """As JSON has it; numbers as text, so that none is rounded."""
        return {
            "seq": self.seq,
            "roles": [list(bound) for bound in self.roles],
            "totals": [
                [role, name, total.day, str(total.base), str(total.last), total.at] for (role, name), total in self.totals.items()
            ],
            "messages": dict(self.messages),
            "states": dict(self.states),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Memory:
        """Back from JSON. What an older program did not write is empty."""
        totals = {
            (role, name): Total(day, Decimal(base), Decimal(last), at) for role, name, day, base, last, at in told.get("totals", ())
        }
        roles = tuple(Bound(*bound) for bound in told.get("roles", ()))
        return cls(told.get("seq", 0), roles, totals, dict(told.get("messages", {})), dict(told.get("states", {})))
