"""What the meter itself counts and logs: sags and swells that our samples do not explain, and its power failures. Pure.

A meter looks five times a second, a telegram comes once: the meter's counters rise for what no telegram shows. A rise that
goes with an undervoltage that is told is that one; one that goes with a shorter one makes an event of it; any other is an
event without duration. An entry of the failure log is told once, with the time at which the power went; a failure that is too
short for the log is known by the meter's counters of failures only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer.faults import HIGH, LOW, Fault, Step
from p1monitor.observer.phases import KIND, VOLT, Phase
from p1monitor.p1.event_codes import EVENTS, OVERVOLTAGE, PHASES, POWER_DOWN, UNDERVOLTAGE
from p1monitor.p1.records import Event, Measurement, Reading

#: A counter rises when the meter thinks that it is over, which may be so long after our last sample of it.
NEAR_S = 70.0
#: Entries of a failure log that are known; meters keep ten to a hundred, and a replaced one may come back.
LOG_MOST = 300

_LOG = "power_failure_log"
#: Name of the counter -> phase, kind and code.
COUNTERS: Mapping[str, tuple[int, str, int]] = MappingProxyType(
    {
        f"voltage_{words}_l{number + 1}_count": (number, kind, first + number)
        for words, kind, first in (("sag", LOW, UNDERVOLTAGE), ("swell", HIGH, OVERVOLTAGE))
        for number in range(len(PHASES))
    }
)
#: Counters of power failures: of all, of long ones, of short ones.
_ANY, _LONG, _SHORT = "any_power_fail_count", "long_power_fail_count", "short_power_fail_count"
#: Names of what is looked at.
NAMES = frozenset({*COUNTERS, _ANY, _LONG, _SHORT, _LOG})
FAILURE = "power failure"

#: The end of a power failure as ISO 8601, empty where it is not known, and its seconds.
Entry = tuple[str, int | None]


class Own(NamedTuple):
    """What the meter has said of itself so far."""

    counters: Mapping[str, int] = MappingProxyType({})
    log: tuple[Entry, ...] = ()  #: known entries, oldest first
    #: What a telegram without CRC said, which the next one must confirm.
    hints: Mapping[str, str] = MappingProxyType({})


class Merged(NamedTuple):
    """What stands now, and what is news."""

    own: Own
    phases: tuple[Phase, ...]
    events: tuple[Event, ...] = ()


def merge(own: Own, phases: tuple[Phase, ...], reading: Reading, step: Step, replaced: bool) -> Merged:
    """Compare counters and log with what they were. What a counter says first is no news."""
    values = reading.values
    told = {name: str(values[name].value) for name in NAMES & values.keys() if _good(values[name])}
    hints = own.hints
    if reading.telegram.crc == "absent":
        fresh, told = told, {name: text for name, text in told.items() if hints.get(name) == text}
        hints = fresh
    counters = {} if replaced else own.counters
    now = {name: int(values[name].value) for name in told if name != _LOG}  # type: ignore[arg-type]  # numbers: see the catalogue
    events: list[Event] = []
    found = list(phases)
    for name in sorted(COUNTERS.keys() & now.keys()):
        more = _more(name, counters, now)
        if more > 0:
            number = COUNTERS[name][0]
            found[number], made = _rise(name, more, found[number], reading, step)
            events += made
    log, failures = _failures(own.log, values[_LOG].value, reading) if _LOG in told else (own.log, [])
    failures += _counted(counters, now, len(failures), reading, step, logged=_LOG in told)
    return Merged(Own({**counters, **now}, log, hints), tuple(found), (*failures, *events))


def short(number: int, over: Sequence[tuple[str, Fault]], reading: Reading) -> tuple[Event, ...]:
    """Events of what ended too early to be told, but was counted by the meter while it lasted."""
    codes = {kind: code for one, kind, code in COUNTERS.values() if one == number}
    return tuple(_short(codes[kind], fault, reading) for kind, fault in over if kind in codes and fault.counted and not fault.told)


def _rise(name: str, more: int, phase: Phase, reading: Reading, step: Step) -> tuple[Phase, list[Event]]:
    """A counter went up: by what is known of the phase, else by what nobody saw."""
    number, kind, code = COUNTERS[name]
    events: list[Event] = []
    lasting, past = phase.faults.get(kind), phase.past.get(kind)
    if lasting is not None and not lasting.counted:
        phase = phase._replace(faults={**phase.faults, kind: lasting._replace(counted=True)})
        more -= 1
    if more and past is not None and not past.counted and past.ended is not None and 0 <= step.clock - past.ended <= NEAR_S:
        phase = phase._replace(past={**phase.past, kind: past._replace(counted=True)})
        more -= 1
        events += [] if past.told else [_short(code, past, reading)]
    if more:
        times = f", {more} times" if more > 1 else ""
        words = f"{EVENTS[code].words}{times}, counted by the meter"
        events.append(Event(step.at, reading.received, KIND, code, words, PHASES[number]))
    return phase, events


def _more(name: str, before: Mapping[str, int], now: Mapping[str, int]) -> int:
    return now[name] - before.get(name, now[name]) if name in now else 0


def _counted(
    before: Mapping[str, int], now: Mapping[str, int], entries: int, reading: Reading, step: Step, *, logged: bool
) -> list[Event]:
    """Power failures that only the counters know: short ones, and long ones where there is no log."""
    long = _more(_LONG, before, now)
    short = _more(_SHORT, before, now) if _SHORT in now else _more(_ANY, before, now) - max(long, entries)
    events = []
    for words, times in (("long", 0 if logged else long), ("short", short)):
        if times > 0:
            many = f", {times} times" if times > 1 else ""
            told = f"{words} power failure{many}, counted by the meter"
            events.append(Event(step.at, reading.received, FAILURE, POWER_DOWN, told))
    return events


def _short(code: int, fault: Fault, reading: Reading) -> Event:
    meaning = EVENTS[code]
    return Event(fault.at, reading.received, KIND, code, meaning.words, meaning.phase, None, fault.lasted, fault.worst, VOLT)


def _failures(known: tuple[Entry, ...], log: object, reading: Reading) -> tuple[tuple[Entry, ...], list[Event]]:
    events: list[Event] = []
    told = set(known)
    for end, seconds in reversed(log if isinstance(log, tuple) else ()):
        entry = end.isoformat() if end else "", seconds
        if entry in told:
            continue
        told.add(entry)
        known = (*known, entry)[-LOG_MOST:]
        began = end - timedelta(seconds=seconds) if end and seconds is not None else end
        lasted = None if seconds is None else float(seconds)
        events.append(Event(began, reading.received, FAILURE, POWER_DOWN, EVENTS[POWER_DOWN].words, None, None, lasted))
    return known, events


def _good(measurement: Measurement) -> bool:
    value = measurement.value
    return not measurement.held and (value.is_finite() if isinstance(value, Decimal) else isinstance(value, tuple))
