"""Sense checks before anyone sees a value: doubtful registers are held until they are confirmed. Never changes a number.

Only registers and times are looked at, for a wrong one of them stays wrong in sums and histories; power is never held.
What is held is in the reading, marked, and no sink sends it. The rules are in judge.py, what is possible in limits.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer import limits
from p1monitor.observer.judge import Rule, Verdict, judge
from p1monitor.observer.memory import Mark, Marks, Memory, Moment
from p1monitor.observer.roles import ELECTRICITY, Cast
from p1monitor.p1.catalogue import RATES, device_value
from p1monitor.p1.frames import new
from p1monitor.p1.records import Device, Event, Measurement, Reading
from p1monitor.p1.units import number

#: A capture so much later than now is none: an hour for a clock that keeps the wrong summer time, and what clocks drift.
AHEAD_S = 2 * 3600.0
_NOTHING = Mark()
NAMES = frozenset(limits.REGISTERS)


class Checked(NamedTuple):
    """A reading after the checks."""

    marks: Marks
    values: Mapping[str, Measurement]
    devices: tuple[tuple[str, Device], ...]  #: (role, device)
    registers: tuple[str, ...]  #: names of those of the electricity meter
    held: int = 0
    doubts: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()


class _Checking:
    """What comes together while one reading is looked at."""

    def __init__(self, marks: Marks, reading: Reading, replaced: tuple[str, ...], now: Moment, stood: Moment) -> None:
        self.old, self.reading, self.now, self.stood = marks, reading, now, stood
        self.sure = reading.telegram.crc != "absent"
        self.replaced = replaced
        self.marks: dict[tuple[str, str], Mark] = {}  # those that are new
        self.held = 0
        self.doubts: list[str] = []
        self.events: list[str] = []

    def mark(self, key: tuple[str, str]) -> Mark:
        """What is known of a register; of a new meter's only what its first telegrams said."""
        mark = self.old.get(key, _NOTHING)
        return Mark(doubt=mark.doubt, seen=mark.seen) if key[0] in self.replaced else mark

    def miss(self, key: tuple[str, str]) -> None:
        """Note that this reading says nothing of a register."""
        mark = self.old.get(key)
        if mark is not None and mark.at is None:
            self.marks[key] = _with_moment(mark, self.stood)

    def take(self, key: tuple[str, str], verdict: Verdict) -> bool:
        """Note a verdict; True if the value is held."""
        self.marks[key] = verdict.mark
        if verdict.doubt:
            self.doubts.append(verdict.doubt)
        if verdict.event:
            self.events.append(verdict.event)
        self.held += verdict.held
        return verdict.held


def check(memory: Memory, reading: Reading, cast: Cast, now: Moment) -> Checked:
    """Look at all registers of a reading, against what is remembered of them."""
    marks, names = memory.marks, _registers(tuple(reading.values))
    if names != memory.registers:  # one that is missing stood in the last reading, not in this one
        marks = {key: mark if mark.at else _with_moment(mark, memory.at) for key, mark in marks.items()}
    here = _Checking(marks, reading, cast.replaced, now, memory.at)
    held = _electricity(here, names)
    devices = cast.devices
    if memory.before is None or devices is not memory.before.known:
        devices = tuple([(role, _device(here, role, device)) for role, device in devices])
    if here.marks:
        marks = {**marks, **here.marks}
    if not here.sure:  # less a name that only a damaged telegram had
        marks = {key: mark for key, mark in marks.items() if mark.value is not None or key in here.marks}
    values = reading.values
    if held:
        values = MappingProxyType({**values, **{name: values[name]._replace(held=True) for name in held}})
    events = tuple([Event(reading.at, reading.received, "register", None, words) for words in here.events])
    return new(Checked, (marks, values, devices, names, here.held, tuple(here.doubts), events))


def _with_moment(mark: Mark, at: Moment | None) -> Mark:
    return new(Mark, (mark.value, mark.shown, at, mark.doubt, mark.seen))


@lru_cache(maxsize=64)
def _registers(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in NAMES)


def _electricity(here: _Checking, names: tuple[str, ...]) -> list[str]:
    """Names of the registers that are held."""
    values, held = here.reading.values, list[str]()
    fuse: limits.Fuse | None = None
    settled = False  # a rate began anew, so its total may
    for name in names:
        measurement = values[name]
        value, key, made = measurement.value, (ELECTRICITY, name), measurement.derived
        if not isinstance(value, Decimal) or not value.is_finite():
            here.miss(key)
            continue
        if made and held and any(rate in held for rate in RATES[name]):
            held.append(name)
            here.held += 1
            here.miss(key)
            continue
        mark = here.old.get(key, _NOTHING) if not here.replaced else here.mark(key)
        if made and settled:
            here.marks[key] = Mark(value, value, None)
            continue
        if mark.value == value == mark.shown and mark.doubt is None:  # as it was: most registers, most of the time
            if mark.at is not None:
                here.marks[key] = new(Mark, (mark.value, mark.shown, None, None, None))
            continue
        if mark.at is None:
            mark = _with_moment(mark, here.stood)
        fuse = fuse or (limits.fuse(values) if here.sure else limits.HOME)
        most = fuse.imports if "import" in name else fuse.others
        likely = most if here.sure else limits.likely(name, values, most)
        rule = Rule(name, likely, most, here.sure, both_ways=not limits.REGISTERS[name])
        verdict = judge(mark, value, here.now, rule, _modulus(here.reading, measurement, mark))
        settled = settled or bool(verdict.event)
        if here.take(key, verdict):
            held.append(name)
        else:
            here.marks[key] = _with_moment(verdict.mark, None)
    return held


def _device(here: _Checking, role: str, device: Device) -> Device:
    name, at, held = "", device.at, False
    values: dict[str, Measurement] | None = None
    for name, printed in device.values.items():
        measurement, value = printed, printed.value
        if name != device_value(device.medium, measurement.unit) or not isinstance(value, Decimal) or not value.is_finite():
            continue
        key, moment = (role, name), measurement.at or device.at
        captured = printed_at = moment.timestamp() if moment is not None else None
        mark = here.mark(key)
        last = mark.at.captured if mark.at else None
        # One that was believed before stays so: it is the host's clock that was set.
        if captured is not None and captured != last and _future(here, captured):
            measurement, at, captured = measurement._replace(at=None), None, None
            values = {**(values or device.values), name: measurement}
        if mark.value == value == mark.shown and last == captured and mark.doubt is None:
            if mark.seen is not None:
                here.marks[key] = mark._replace(seen=None)  # what was said once was a bit error
            continue  # the same capture
        now = here.now._replace(captured=captured)
        flow = limits.flow(device.medium, measurement.unit)
        rule = Rule(role, flow, flow, sure=True, captured=True)
        if not here.sure and mark.seen != (value, printed_at):
            verdict = Verdict(mark._replace(seen=(value, printed_at)), held=True)  # said once: a bit error is not said twice
        else:
            verdict = judge(mark, value, now, rule, _modulus(here.reading, measurement, mark))
        if here.take(key, verdict):
            values = {**(values or device.values), name: measurement._replace(held=True)}
            held = True
    if held:
        at = _last_capture(here, role, at)
    if values is None:
        return device
    return replace(device, at=at, values=MappingProxyType(values))


def _last_capture(here: _Checking, role: str, at: datetime | None) -> datetime | None:
    """The capture time of a device whose register is held: that of its last one that is believed."""
    marks = {**here.old, **here.marks}
    known = [mark.at.captured for (whose, _), mark in marks.items() if whose == role and mark.at and mark.at.captured is not None]
    return datetime.fromtimestamp(max(known), at.tzinfo) if at is not None and known else None


def _future(here: _Checking, captured: float) -> bool:
    """Tell whether a capture time lies ahead of a clock that can be believed."""
    now = here.now.clock
    return now is not None and captured > now + AHEAD_S


def _modulus(reading: Reading, measurement: Measurement, mark: Mark) -> Decimal | None:
    """Where a register that fell rolls over, in its unit: by the digits that are printed before the point."""
    last, value = mark.value, measurement.value
    if last is None or not isinstance(value, Decimal) or value >= last or measurement.derived:
        return None
    for item in reading.telegram.objects:
        if item.obis == measurement.obis:
            for group in reversed(item.groups):
                found = number(group)
                if found is not None and "." not in group.partition("*")[0] and len(item.groups) > 2:
                    continue  # an hourly line has counts before its value
                if found is not None:
                    whole = group.strip().partition("*")[0].partition(".")[0]
                    factor = value / found[0] if found[0] else Decimal(1)
                    return Decimal(10) ** len(whole) * factor
    return Decimal(10) ** len(str(int(last)))  # a register that rolls over has nines in all its places
