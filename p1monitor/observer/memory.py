"""What the observer remembers, and its JSON, both ways. Frozen values; never says what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from p1monitor.observer import quality_memory
from p1monitor.observer.quality_memory import Quality
from p1monitor.p1.records import Device, Measurement


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
    at: float | None  #: POSIX seconds of `last`; None: it stood in the newest reading, see Memory.at


class Moment(NamedTuple):
    """When a telegram came, by whatever can tell; None is not known."""

    monotonic: float | None
    clock: float | None  #: POSIX seconds, of the meter where it has a clock that is believed, else of the host
    captured: float | None = None  #: of an M-Bus value


_NEVER = Moment(None, None)


class Doubt(NamedTuple):
    """A value that is held back, and what speaks for it."""

    value: Decimal  #: the newest
    at: Moment
    agreed: int  #: readings that agree with each other
    steady: int  #: readings that did not fall


class Mark(NamedTuple):
    """The last of a register that was believed."""

    value: Decimal | None = None  #: None: nothing yet
    shown: Decimal | None = None  #: the highest that went out; what goes out never goes back
    at: Moment | None = _NEVER  #: None: it stands as it did in the newest reading, see Memory.at
    doubt: Doubt | None = None
    seen: tuple[Decimal, float | None] | None = None  #: what an M-Bus device of a meter without CRC said last: value, capture


class Standing(NamedTuple):
    """A message that stands."""

    text: str
    since: datetime | None  #: None: not known


#: Import and export in kWh; None where it is not known.
Registers = tuple[Decimal | None, Decimal | None]


class Stand(NamedTuple):
    """The registers at a moment."""

    clock: float  #: POSIX seconds, of the meter where it has a clock that is believed, else of the host
    monotonic: float | None
    wall: float | None  #: of the host, where it is not `clock`
    registers: Registers


class Demand(NamedTuple):
    """The power of whole periods so far."""

    window: tuple[int, int]  #: minutes of a period, and how many periods
    period: int  #: number of the one that runs
    edges: tuple[Stand | None, ...]  #: where the periods of the window began, oldest first; the last is the one that runs
    last: Stand
    month: int  #: number of the billing period …
    since: float  #: … and the clock at its first reading
    made: Mapping[str, Measurement]  #: averages and maxima, by name


class Clock(NamedTuple):
    """The clock of the meter, as it was believed last."""

    at: float  #: POSIX seconds
    monotonic: float  #: of the host when it last moved
    wall: float
    doubted: str = ""  #: why it is not believed now
    strange: tuple[float, float] | None = None  #: a time that one telegram told and the next must confirm, and when (monotonic)


#: (role, name of the register) -> what is believed of it.
Marks = Mapping[tuple[str, str], Mark]
#: An identifier that one telegram told and the next must confirm: medium, channel, identifier.
Stranger = tuple[str, int, str]

#: (role, name of the register) -> its day so far.
Totals = Mapping[tuple[str, str], Total]


#: What else the outcome hangs on: the rules of demand, the configured roles, whether the host knew the time.
Terms = tuple[tuple[object, ...], Mapping[str, str], bool]


class Before(NamedTuple):
    """The newest reading of which nothing was doubtful, and what was made of it. Not kept over a restart. See still.py."""

    names: tuple[str, ...]
    told: object  #: its measurements of which something is remembered
    devices: tuple[Device, ...]  #: as they were decoded
    equipment_id: str  #: of the electricity meter
    terms: Terms  #: under which it was looked at
    known: tuple[tuple[str, Device], ...]  #: the devices with their roles
    observed: tuple[Device, ...]  #: … and their totals
    made: Mapping[str, Measurement]  #: totals, demand, power quality, and messages with the time since when they stand
    quality: object  #: its measurements that the power quality looks at when they change


_EMPTY: Mapping[Any, Any] = MappingProxyType({})


class Memory(NamedTuple):  # noqa: PLW1641 -- it holds mappings, which have no hash
    """All that is known of one meter besides its newest telegram. A NamedTuple, because one is made per telegram."""

    seq: int = 0  #: of the last reading
    roles: tuple[Bound, ...] = ()
    totals: Totals = _EMPTY
    messages: Mapping[str, Standing] = _EMPTY  #: by name; those that stand
    states: Mapping[str, str] = _EMPTY  #: event codes, registers, breakers, by name
    hints: Mapping[str, str] = _EMPTY  #: states and messages of the last telegram, where it has no CRC
    marks: Marks = _EMPTY
    clock: Clock | None = None
    strangers: tuple[Stranger, ...] = ()  #: of the last telegram, where it has no CRC
    waiting: Mapping[Stranger, float] = _EMPTY  #: see roles.py
    demand: Demand | None = None
    at: Moment = _NEVER  #: when the newest reading came
    quality: Quality | None = None
    #: Of the last reading only, and no part of what is compared or kept: values held back, sentences about doubts that began.
    held: int = 0
    doubts: tuple[str, ...] = ()
    registers: tuple[str, ...] = ()  #: names of those that it had
    before: Before | None = None

    def __eq__(self, other: object) -> bool:
        """Compare what is kept."""
        return isinstance(other, Memory) and self[:_KEPT] == other[:_KEPT]

    def to_json(self) -> dict[str, Any]:
        """As JSON has it; numbers as text, so that none is rounded."""
        return {
            "seq": self.seq,
            "roles": [list(bound) for bound in self.roles],
            "totals": [
                [role, name, total.day, str(total.base), str(total.last), total.at] for (role, name), total in self.totals.items()
            ],
            "messages": {
                name: [standing.text, standing.since.isoformat() if standing.since else None]
                for name, standing in self.messages.items()
            },
            "states": dict(self.states),
            "hints": dict(self.hints),
            "marks": [[*key, *_mark_told(mark)] for key, mark in self.marks.items()],
            "clock": list(self.clock) if self.clock else None,
            "strangers": [list(stranger) for stranger in self.strangers],
            "waiting": [[list(stranger), at] for stranger, at in self.waiting.items()],
            "at": list(self.at),
            "demand": _demand_told(self.demand) if self.demand else None,
            "quality": quality_memory.to_json(self.quality) if self.quality else None,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Memory:
        """Back from JSON. What an older program did not write is empty."""
        totals = {
            (role, name): Total(day, Decimal(base), Decimal(last), at) for role, name, day, base, last, at in told.get("totals", ())
        }
        roles = tuple(Bound(*bound) for bound in told.get("roles", ()))
        clock, demand, quality = told.get("clock"), told.get("demand"), told.get("quality")
        return cls(
            told.get("seq", 0),
            roles,
            totals,
            {name: _standing(standing) for name, standing in told.get("messages", {}).items()},
            dict(told.get("states", {})),
            dict(told.get("hints", {})),
            {(role, name): _mark(*rest) for role, name, *rest in told.get("marks", ())},
            _clock(*clock) if clock else None,
            tuple((medium, channel, name) for medium, channel, name in told.get("strangers", ())),
            {(medium, channel, name): at for (medium, channel, name), at in told.get("waiting", ())},
            _demand(**demand) if demand else None,
            Moment(*told.get("at", (None, None))),
            quality_memory.from_json(quality) if quality else None,
        )


def _standing(told: str | list[str | None]) -> Standing:
    """An older program wrote the text alone."""
    text, since = (told, None) if isinstance(told, str) else told
    return Standing(text or "", datetime.fromisoformat(since) if since else None)


_KEPT = Memory._fields.index("held")


def _clock(at: float, monotonic: float, wall: float, doubted: str, strange: list[float] | None) -> Clock:
    return Clock(at, monotonic, wall, doubted, (strange[0], strange[1]) if strange else None)


def _mark_told(mark: Mark) -> list[Any]:
    doubt = [str(mark.doubt.value), list(mark.doubt.at), *mark.doubt[2:]] if mark.doubt else None
    seen = [str(mark.seen[0]), mark.seen[1]] if mark.seen else None
    return [_text(mark.value), _text(mark.shown), list(mark.at) if mark.at else None, doubt, seen]


def _mark(value: str | None, shown: str | None, at: list[Any] | None, doubt: list[Any] | None, seen: list[Any] | None) -> Mark:
    return Mark(
        Decimal(value) if value is not None else None,
        Decimal(shown) if shown is not None else None,
        Moment(*at) if at else None,
        Doubt(Decimal(doubt[0]), Moment(*doubt[1]), doubt[2], doubt[3]) if doubt else None,
        (Decimal(seen[0]), seen[1]) if seen else None,
    )


def _demand_told(demand: Demand) -> dict[str, Any]:
    return {
        **demand._asdict(),
        "window": list(demand.window),
        "edges": [_stand_told(edge) if edge else None for edge in demand.edges],
        "last": _stand_told(demand.last),
        "made": [[name, str(one.value), one.unit, one.obis, one.at and one.at.isoformat()] for name, one in demand.made.items()],
    }


def _demand(window: list[int], edges: list[Any], last: list[Any], made: list[list[Any]], **rest: Any) -> Demand:
    return Demand(
        (window[0], window[1]),
        edges=tuple(_stand(*edge) if edge else None for edge in edges),
        last=_stand(*last),
        made={
            name: Measurement(Decimal(value), unit, obis, at and datetime.fromisoformat(at), derived=True)
            for name, value, unit, obis, at in made
        },
        **rest,
    )


def _stand_told(stand: Stand) -> list[Any]:
    return [*stand[:3], *map(_text, stand.registers)]


def _stand(clock: float, monotonic: float | None, wall: float | None, *registers: str | None) -> Stand:
    imported, exported = (None if text is None else Decimal(text) for text in registers)
    return Stand(clock, monotonic, wall, (imported, exported))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
