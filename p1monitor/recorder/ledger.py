"""What is being recorded of one meter: its devices, their segments, and the folds of each. Never decides when to save."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any, NamedTuple

from p1monitor.p1.frames import new
from p1monitor.p1.records import Device, Event, Measurement, QualityRow, Reading, Received
from p1monitor.recorder import samples
from p1monitor.recorder.levels import HOUR_S, Bit
from p1monitor.recorder.peaks import Demand
from p1monitor.recorder.places import Place, again
from p1monitor.recorder.profiles import CAPTURES, DAILY, HOURLY, MINUTE, TELEGRAMS, Fold, Increment, Level, Sample, billing
from p1monitor.recorder.quality_rows import Watch
from p1monitor.recorder.store import Segment, Store

ELECTRICITY = "electricity"
#: Two runs of a host whose clocks differ by no more than this count monotonic time from the same moment.
SAME_CLOCK_S = 1.0
#: Voltages that are remembered as numbers: more than a day shows.
VOLTS_MOST = 1024

_SET = int(Bit.CAD)  # a plain number: flags are slow

#: What changes rarely, in one piece: registers, counters of failures, errors, the meter's own peak.
_REGISTERS = len(samples.REGISTERS)
_FAILURES = _REGISTERS + len(samples.FAILURES)
_ERRORS = _FAILURES + len(samples.ERRORS)
_SLOW = (*samples.REGISTERS, *samples.FAILURES, *samples.ERRORS, "monthly_power_peak_w")


class Stamp(NamedTuple):
    """The moment of a reading, by the meter's clock where that is sane."""

    at: int  #: UTC seconds
    offset: int  #: of local time
    status: int  #: CIV and DNV where the meter's clock cannot be believed; of a kept reading all that was found


class Capture(NamedTuple):
    """One value that an M-Bus device captured."""

    device: int
    segment: int
    name: str
    at: int
    value: int


class _Seen(NamedTuple):
    """What an M-Bus device said last: nothing has to be done while it says the same."""

    equipment_id: str
    at: object
    many: int
    captured: tuple[tuple[str, Measurement], ...]
    hour: int | None  #: of the stamp, where a value has no time of its own


class Ledger:
    """The book of one meter. `enter` takes readings in, `write` brings what came of them into the store."""

    def __init__(self, store: Store, meter: str, load: Level, billing_day: int = 1) -> None:
        self.meter = meter
        self.taken = store.recorded(meter)  #: number of the newest reading that was offered
        self.entered = self.taken  #: … and of the newest in the profiles
        self.newest: Sample | None = None  #: of the electricity meter
        self.events: list[tuple[int, tuple[Event, ...]]] = []
        self._store = store
        self._levels = (MINUTE, load, DAILY, billing(billing_day))
        self._own_peaks = billing_day == 1  # the meter's own are of calendar months
        self._places: dict[str, Place] = {}
        self._captures: list[Capture] = []
        self._segments: dict[int, Segment] = {}  # not written yet
        self._unwritten: list[tuple[int, str, list[Increment]]] = []
        self._memory: dict[str, Any] = json.loads(store.noted(self._key) or "{}")
        noted = store.noted(f"failures:{meter}")  # as version 1 of the history had it
        failures = self._memory.get("failures") or ([int(one) for one in noted.split(",")] if noted else None)
        self._failures = tuple(failures) if failures else None
        self._watch = Watch(self._memory.get("quality", (0, 0)))
        self._quality: list[tuple[int, int, int, QualityRow]] = []  # as Store.add_quality takes them
        self._peak: list[int] | None = self._memory.get("peak")  # the meter's own that was told last
        self._received: Received | None = None
        self._slow: tuple[Measurement | None, ...] = ()
        self._equipment_id = ""
        self._registers: tuple[int | None, ...] = ()
        self._standing = 0  # bits that stand until the meter says something else
        self._summer = (0, 0, 0)  # hour, offset, bit
        self._volts: dict[int, tuple[Measurement, int | None]] = {}
        self._seen: dict[str, _Seen] = {}

    def __len__(self) -> int:
        """Number of rows and events that wait to be written."""
        waiting = sum(len(fold) for place in self._places.values() for fold in place.folds.values())
        waiting += len(self.events) + len(self._captures) + len(self._quality)
        return waiting + sum(len(increments) for _, _, increments in self._unwritten)

    def enter(self, reading: Reading, stamp: Stamp) -> int:
        """Fold one reading; its final status bits come back. All that can fail comes before all that changes something here."""
        self._received = reading.received or self._received
        at, offset, status = stamp
        hour = at // HOUR_S
        place = self._places.get(ELECTRICITY) or self._known(ELECTRICITY, ELECTRICITY)
        submeters = [(device, self._submeter(device)) for device in reading.devices if device.role and not self._same(device, hour)]
        if reading.quality is not None:  # before the meter may be another one
            self._rated(place, reading.quality, at)
        values = reading.values
        # A proxy's own copy() and its lookups are far faster than lookups through the proxy.
        get = values.copy().get if isinstance(values, MappingProxyType) else values.get
        slow = tuple(map(get, _SLOW))
        found, peak = 0, None
        if slow != self._slow or reading.equipment_id != self._equipment_id or place.segment is None:
            found, peak = self._changed(reading, slow, place)
        if self._summer[:2] != (hour, offset):
            self._summer = (hour, offset, int(samples.summer(at, offset)))  # a plain number: flags are slow
        status |= found | self._standing | self._summer[2]
        volts = self._phases(get("voltage_l1_v"), get("voltage_l2_v"), get("voltage_l3_v"))
        monotonic = reading.received.monotonic if reading.received else None
        power = samples.watts(get("power_w"))
        sample = new(Sample, (place.segment_id, at, offset, monotonic, self._registers, power, volts, status, peak))
        self.newest = sample
        status = place.folds[""].add(sample)
        self._watch.see(at, status)
        for device, submeter in submeters:
            self._capture(device, submeter, reading.seq, stamp)
        events = reading.events
        if status & _SET:
            events = (*events, Event(reading.at, reading.received, "clock", None, "the clock was set"))
        if events:
            self.events.append((reading.seq, events))
        self.entered = reading.seq
        return status

    def write(self) -> bool:
        """Write all that waits; call it inside a transaction. True if an hour of old rows was dropped.

        Nothing is forgotten here before `written` says that the transaction was committed.
        """
        for place in self._places.values():
            for name, fold in place.folds.items():
                if taken := fold.take():
                    self._unwritten.append((place.device, name, taken))
        for segment in self._segments.values():
            self._store.keep(segment)
        for device, name, increments in self._unwritten:
            self._store.add(device, name, increments)
        for capture in self._captures:
            self._store.add_capture(*capture)
        for rated in self._quality:
            self._store.add_quality(*rated)
        for seq, events in self.events:
            self._store.add_events(self.meter, seq, events)
        self._store.note(self._key, json.dumps(self._remembered(), separators=(",", ":")))
        dropped = [self._forget(place) for place in self._places.values()]
        return any(dropped)

    def written(self) -> None:
        """What was written is on file."""
        self._segments.clear()
        self._unwritten.clear()
        self._captures.clear()
        self._quality.clear()
        self.events.clear()

    @property
    def _key(self) -> str:
        return f"ledger:{self.meter}"

    def _remembered(self) -> dict[str, Any]:
        """What must be kept so that a restart is invisible."""
        places = {
            role: {"carried": place.carried, "folds": {name: fold.memory() for name, fold in place.folds.items()}}
            for role, place in self._places.items()
        }
        received = self._received
        return {
            "began": received.wall - received.monotonic if received else None,
            "failures": self._failures,
            "peak": self._peak,
            "quality": self._watch.memory(),
            "places": {**self._memory.get("places", {}), **places},
        }

    def _rated(self, place: Place, row: QualityRow, at: int) -> None:
        status = self._watch.close(row, at)
        if place.segment is not None:
            self._quality.append((place.device, place.segment_id, status, row))

    def _changed(self, reading: Reading, slow: tuple[Measurement | None, ...], place: Place) -> tuple[int, Demand | None]:
        """Take in what changes rarely; what it proves and the meter's own peak come back."""
        registers = tuple([samples.scaled(one) if one is not None else None for one in slow[:_REGISTERS]])
        now = {name: value for name, value in zip(samples.REGISTERS, registers, strict=True) if value is not None}
        self._settle(place, reading.equipment_id, reading.seq, now)
        self._registers = registers if registers != self._registers else self._registers
        self._standing = int(Bit.ERR | Bit.DNV) if samples.faulty(slow[_FAILURES:_ERRORS]) else 0
        counted = samples.failures(slow[_REGISTERS:_FAILURES])
        failed = samples.grew(self._failures, counted)
        self._failures = counted or self._failures
        self._slow, self._equipment_id = slow, reading.equipment_id
        peak = samples.peak(slow[-1]) if self._own_peaks else None
        news = peak if peak is not None and list(peak) != self._peak else None
        self._peak = list(peak) if peak is not None else self._peak
        return int(Bit.PDN) if failed else 0, news

    def _settle(self, place: Place, equipment_id: str, seq: int, now: dict[str, int]) -> None:
        before = place.segment
        segment = place.settled(self._store.next_segment, equipment_id, seq, now)
        if segment is not before:
            if before is None or segment.id != before.id:
                self._store.next_segment += 1
            self._segments[segment.id] = segment

    def _phases(self, *phases: Measurement | None) -> tuple[int | None, ...]:
        """Voltages in tenths; empty where the meter sends none. Equal lines share their measurement, so few are new."""
        volts: list[int | None] = []
        for phase in phases:
            known = self._volts.get(id(phase))
            if known is None or known[0] is not phase:
                if phase is None:
                    volts.append(None)
                    continue
                if len(self._volts) >= VOLTS_MOST:
                    self._volts.clear()
                known = self._volts[id(phase)] = phase, samples.tenths(phase)
            volts.append(known[1])
        return tuple(volts) if phases != (None, None, None) else ()

    def _known(self, role: str, medium: str) -> Place:
        """A device as the store knows it, or a new one."""
        device = self._store.device(self.meter, role, medium)
        place = Place(device, self._store.segment(device))
        memory = self._memory.get("places", {}).get(role, {"carried": {}, "folds": {}})
        began, received = self._memory.get("began"), self._received
        same = began is not None and received is not None and abs(received.wall - received.monotonic - began) <= SAME_CLOCK_S
        for name in ("",) if role == ELECTRICITY else self._store.captured(device):
            fold = self._fold(place, name)
            if name in memory["folds"]:
                fold.recall(memory["folds"][name], same_clock=same)
        place.carried = dict(memory["carried"])
        place.remember()
        self._places[role] = place
        return place

    def _fold(self, place: Place, name: str) -> Fold:
        last = self._store.last(place.device, name)
        fold = Fold((HOURLY,), CAPTURES, last) if name else Fold(self._levels, TELEGRAMS, last)
        place.folds[name] = fold
        return fold

    def _same(self, device: Device, hour: int) -> bool:
        seen, values = self._seen.get(device.role), device.values
        if seen is None or seen.many != len(values) or seen.at != device.at or seen.equipment_id != device.equipment_id:
            return False
        for name, measurement in seen.captured:  # not all(…): this is asked of every reading
            if values.get(name) is not measurement:
                return False
        return seen.hour is None or seen.hour == hour

    def _submeter(self, device: Device) -> Place:
        """The place of an M-Bus device, with a fold for each of its registers."""
        place = self._places.get(device.role) or self._known(device.role, device.medium)
        for name, _ in samples.own_registers(device):
            if name not in place.folds:
                self._fold(place, name)
        return place

    def _capture(self, device: Device, place: Place, seq: int, stamp: Stamp) -> None:
        captured = list(samples.captures(device))
        self._settle(place, device.equipment_id, seq, {name: value for name, _, value in captured})
        dated = True
        for name, measurement, value in captured:
            fold = place.folds[name]
            moment = measurement.at or device.at
            at, offset = stamp.at, stamp.offset
            if moment is not None:
                at, shift = int(moment.timestamp()), moment.utcoffset()
                offset = int(shift.total_seconds()) if shift is not None else offset
            else:
                dated = False
            sample = Sample(place.segment_id, at, offset, registers=(value,), status=samples.summer(at, offset))
            if fold.last is None or not again(fold.last, sample, dated=moment is not None):
                fold.add(sample)
                self._captures.append(Capture(place.device, place.segment_id, name, at, value))
        hour = None if dated else stamp.at // HOUR_S
        said = tuple(samples.own_registers(device))
        self._seen[device.role] = _Seen(device.equipment_id, device.at, len(device.values), said, hour)

    def _forget(self, place: Place) -> bool:
        newest = max((fold.last.at for fold in place.folds.values() if fold.last is not None), default=0)
        if newest - place.forgotten < HOUR_S:
            return False
        self._store.forget(place.device, newest)
        place.forgotten = newest
        return True
