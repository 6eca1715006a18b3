"""The records that travel from the decoder to the sinks. Frozen values only; nothing here parses, stores or sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from p1monitor.p1.telegram import Telegram

#: One entry of a power failure log: end of the failure (None: the meter did not know) and its duration in seconds.
Failure = tuple[datetime | None, int | None]

#: A number, a text, a time, a list of log entries; None where the meter sends nothing or a never-read value.
Value = Decimal | str | datetime | tuple[tuple[object, ...], ...] | None


#: A host's clock that shows less was never set: no p1monitor is older than this (2026-01-01).
SET_LEAST = 1_767_225_600.0


class Received(NamedTuple):
    """When the last byte of a telegram came, by the host: POSIX seconds (may be wrong) and monotonic seconds."""

    wall: float
    monotonic: float
    known: bool = True  #: the host knew the time then; where it did not, `wall` says nothing, whatever it looks like

    @property
    def shown(self) -> datetime | None:
        """The host's time for people, in UTC; None while its clock was plainly never set."""
        return datetime.fromtimestamp(self.wall, UTC) if self.known or self.wall >= SET_LEAST else None


class Measurement(NamedTuple):
    """One value of a reading. A NamedTuple, because one is made per changed line of every telegram."""

    value: Value
    unit: str  #: the catalogue's unit ("W", "kWh", "m3"); empty for texts, times and counts
    obis: str  #: the code it came from; of a derived value the codes it was made of, "+" between them
    at: datetime | None = None  #: the line's own time, where it has one (a month's peak, an M-Bus capture)
    held: bool = False  #: doubtful, not confirmed yet: never sent out
    derived: bool = False  #: ours, not the meter's


@dataclass(frozen=True, slots=True)
class Device:
    """What one M-Bus submeter says in one telegram. Two gas meters are two devices."""

    channel: int  #: 1…4; 0 where the meter gives the device no channel (NTA 8130)
    role: str  #: "gas", "water", "gas_2" …: fixed by observer.roles; from the decoder it is the bare medium
    medium: str  #: "gas", "water", "warm_water", "heat", "cold", "electricity", "unknown" …, by the device type
    equipment_id: str
    at: datetime | None  #: capture time of the newest value
    values: Mapping[str, Measurement]  #: by name; the register is named <medium>_<unit>


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a message that came or went, a code, a swap."""

    at: datetime | None
    received: Received | None
    kind: str  #: "message", "swap", …
    code: int | None
    words: str
    phase: str | None = None
    channel: int | None = None
    seconds: float | None = None  #: how long it lasted; None: it lasts, or nobody knows
    value: Decimal | None = None  #: how far it went, in `unit`: the lowest voltage of a sag, the highest of a swell
    unit: str = ""
    since: datetime | None = None  #: when what ended with it began: of a message that was cleared or changed


class QualityRow(NamedTuple):
    """One row of the power-quality profile: ten minutes, of the samples that there were. Sums are exact, in thousandths."""

    start: datetime  #: UTC
    end: datetime  #: its stamp
    counts: Mapping[str, int]  #: samples, by the name of the value
    sums: Mapping[str, int]
    least: Mapping[str, int]  #: of the voltages
    most: Mapping[str, int]

    def mean(self, name: str) -> Decimal | None:
        """The mean of a value in its unit; None where there was no sample."""
        count = self.counts.get(name)
        return Decimal(self.sums[name]) / (1000 * count) if count else None

    @property
    def power_factor(self) -> Decimal | None:
        """The meter's own mean, else of the mean powers; None where no reactive power is known or none flowed."""
        own = self.mean("power_factor")
        if own is not None:
            return own
        names = (f"power_{kind}{side}_{unit}" for kind, unit in (("", "w"), ("reactive_", "var")) for side in ("import", "export"))
        active, fed, reactive, returned = map(self.mean, names)
        if active is None or reactive is None:
            return None
        real, other = active - (fed or 0), reactive - (returned or 0)
        apparent = (real * real + other * other).sqrt()
        return abs(real) / apparent if apparent else None


class Reading(NamedTuple):
    """All decoded values of one telegram, with its time. A NamedTuple, because one is made per telegram, twice."""

    seq: int  #: order of readings of one meter; 0 until the observer counts it
    at: datetime | None  #: the meter's clock, aware, with the offset that its S/W flag says; None without a sane clock
    received: Received | None
    values: Mapping[str, Measurement]
    devices: tuple[Device, ...]
    events: tuple[Event, ...]
    telegram: Telegram
    frame: bytes  #: the frame, verbatim
    meter: str = ""  #: the configured name of the meter, set by its reader
    equipment_id: str = ""  #: of the electricity meter
    quality: QualityRow | None = None  #: of the ten minutes that this reading ended; made by the observer
