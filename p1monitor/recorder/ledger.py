"""What is being recorded of one meter: its devices, their segments, and the folds of each. Never decides when to save."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from p1monitor.p1.records import Device, Event, Reading
from p1monitor.recorder import samples
from p1monitor.recorder.profiles import CAPTURES, DAILY, HOURLY, MINUTE, TELEGRAMS, Bit, Fold, Increment, Level, Sample
from p1monitor.recorder.store import Segment, Store

ELECTRICITY = "electricity"


class Stamp(NamedTuple):
    """The moment of a reading, by the meter's clock where that is sane."""

    at: int  #: UTC seconds
    offset: int  #: of local time
    status: int  #: CIV and DNV where the meter's clock cannot be believed


@dataclass(slots=True)
class _Place:
    """One device: the electricity meter or a role on its M-Bus."""

    device: int
    segment: Segment | None
    folds: dict[str, Fold] = field(default_factory=dict)  #: by register; the electricity meter has one, ""
    forgotten: int = 0  #: when old rows were dropped, by its own time

    def registers(self) -> dict[str, int]:
        """The newest registers, by name."""
        found: dict[str, int | None] = {}
        for name, fold in self.folds.items():
            if fold.last is not None:
                found.update(zip((name,) if name else samples.REGISTERS, fold.last.registers, strict=True))
        return {name: value for name, value in found.items() if value is not None}


class Capture(NamedTuple):
    """One value that an M-Bus device captured."""

    device: int
    segment: int
    name: str
    at: int
    value: int


class Ledger:
    """The book of one meter. `enter` takes readings in, `write` brings what came of them into the store."""

    def __init__(self, store: Store, meter: str, load: Level) -> None:
        self.meter = meter
        self.taken = store.recorded(meter)  #: number of the newest reading that was offered
        self.entered = self.taken  #: … and of the newest in the profiles
        self.events: list[tuple[int, tuple[Event, ...]]] = []
        self._store = store
        self._levels = (MINUTE, load, DAILY)
        self._places: dict[str, _Place] = {}
        self._captures: list[Capture] = []
        self._unwritten: list[tuple[int, str, list[Increment]]] = []
        noted = store.noted(self._failures_key)
        self._failures = tuple(map(int, noted.split(","))) if noted else None

    def __len__(self) -> int:
        """Number of rows that wait to be written."""
        waiting = sum(len(fold) for place in self._places.values() for fold in place.folds.values())
        return waiting + len(self._captures) + sum(len(increments) for _, _, increments in self._unwritten)

    def enter(self, reading: Reading, stamp: Stamp) -> None:
        """Fold one reading. All that can fail comes before all that changes something here."""
        registers = samples.registers(reading)
        now = {name: value for name, value in zip(samples.REGISTERS, registers, strict=True) if value is not None}
        meter = self._place(ELECTRICITY, ELECTRICITY, reading.equipment_id, reading.seq, now)
        submeters = [(device, self._submeter(device, reading.seq)) for device in reading.devices if device.role]
        status = stamp.status | samples.summer(stamp.at, stamp.offset) | self._power_failed(reading)
        monotonic = reading.received.monotonic if reading.received else None
        power, volts = samples.power(reading), samples.volts(reading)
        meter[0].folds[""].add(Sample(meter[1], stamp.at, stamp.offset, monotonic, registers, power, volts, status))
        for device, (place, segment) in submeters:
            self._capture(device, place, segment, stamp)
        if reading.events:
            self.events.append((reading.seq, reading.events))
        self.entered = reading.seq

    def write(self) -> bool:
        """Write all that waits; call it inside a transaction. True if an hour of old rows was dropped.

        Nothing is forgotten here before `written` says that the transaction was committed.
        """
        for place in self._places.values():
            for name, fold in place.folds.items():
                if taken := fold.take():
                    self._unwritten.append((place.device, name, taken))
        for device, name, increments in self._unwritten:
            self._store.add(device, name, increments)
        for capture in self._captures:
            self._store.add_capture(*capture)
        for seq, events in self.events:
            self._store.add_events(self.meter, seq, events)
        dropped = [self._forget(place) for place in self._places.values()]
        return any(dropped)

    def written(self) -> None:
        """What was written is on file."""
        self._unwritten.clear()
        self._captures.clear()
        self.events.clear()

    @property
    def _failures_key(self) -> str:
        return f"failures:{self.meter}"

    def _power_failed(self, reading: Reading) -> int:
        """The PDN bit, on the evidence of the meter's own counters, which are kept over restarts."""
        now = samples.failures(reading)
        if now is None or now == self._failures:
            return 0
        grew = samples.grew(self._failures, now)
        self._failures = now
        self._store.note(self._failures_key, ",".join(map(str, now)))
        return Bit.PDN if grew else 0

    def _place(self, role: str, medium: str, equipment_id: str, seq: int, now: dict[str, int]) -> tuple[_Place, int]:
        """The device and its segment: a new one begins with a new equipment identifier."""
        place = self._places.get(role)
        if place is None:
            place = self._places[role] = self._known(role, medium)
        for name in ("",) if role == ELECTRICITY else tuple(now):
            if name not in place.folds:
                place.folds[name] = self._fold(place.device, name)
        segment = place.segment
        if segment is None:
            segment = self._store.begin(place.device, equipment_id, seq, {})
        elif equipment_id and equipment_id != segment.equipment_id:
            if segment.equipment_id:
                offset = samples.offsets(segment.offset, place.registers(), now)
                segment = self._store.begin(place.device, equipment_id, seq, offset)
            else:
                segment = self._store.name(segment, equipment_id)
        place.segment = segment
        return place, segment.id

    def _submeter(self, device: Device, seq: int) -> tuple[_Place, int]:
        now = {name: value for name, _, value in samples.captures(device)}
        return self._place(device.role, device.medium, device.equipment_id, seq, now)

    def _known(self, role: str, medium: str) -> _Place:
        device = self._store.device(self.meter, role, medium)
        return _Place(device, self._store.segment(device))

    def _fold(self, device: int, name: str) -> Fold:
        last = self._store.last(device, name)
        return Fold((HOURLY,), CAPTURES, last) if name else Fold(self._levels, TELEGRAMS, last)

    def _capture(self, device: Device, place: _Place, segment: int, stamp: Stamp) -> None:
        for name, measurement, value in samples.captures(device):
            moment, fold = measurement.at or device.at, place.folds[name]
            at, offset = stamp.at, stamp.offset
            if moment is not None:
                at, shift = int(moment.timestamp()), moment.utcoffset()
                offset = int(shift.total_seconds()) if shift is not None else offset
            last = fold.last
            sample = Sample(segment, at, offset, registers=(value,), status=samples.summer(at, offset))
            if last is None or not _again(last, sample, dated=moment is not None):
                fold.add(sample)
                self._captures.append(Capture(place.device, segment, name, at, value))

    def _forget(self, place: _Place) -> bool:
        newest = max((fold.last.at for fold in place.folds.values() if fold.last is not None), default=0)
        if newest - place.forgotten < HOURLY.seconds:
            return False
        self._store.forget(place.device, newest)
        place.forgotten = newest
        return True


def _again(last: Sample, sample: Sample, *, dated: bool) -> bool:
    """Tell whether this is the capture that came before; a value without a time of its own counts once an hour."""
    if (last.segment, last.registers) != (sample.segment, sample.registers):
        return False
    return sample.at == last.at or (not dated and sample.at // HOURLY.seconds == last.at // HOURLY.seconds)
