"""Last-event objects, alarm and error bits, breakers: what has changed since the last reading -> events. Pure; only edges are news.

A last-event object is 0 until the first event and after each power-up: 0 is no event, and a repeated one is invisible.
Alarm and error bits latch until somebody clears them: a set bit is a state, only its coming and going are events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.catalogue import CHANNELS
from p1monitor.p1.event_codes import Meaning, event, is_idis
from p1monitor.p1.records import Device, Event, Measurement, Reading
from p1monitor.p1.registers import ALARM_1, ALARM_2, ERROR_1, ERROR_2, MBUS_STATUS, Bits, bits, number

#: The values as texts, by name: what stood in the last reading that had them.
States = Mapping[str, str]

BEGAN, CLEARED = "began", "cleared"


class _Code(NamedTuple):
    kind: str
    channel: int | None = None


class _Register(NamedTuple):
    kind: str
    table: Bits
    came: str = BEGAN  #: said of a bit that is set
    went: str = CLEARED  #: said of one that is not set any more; empty: that is no news
    system: str = ""  #: name of the value that says whose bits these are
    channel: int | None = None


#: Last-event objects.
_CODES: Mapping[str, _Code] = MappingProxyType(
    {
        "event_standard": _Code("standard"),
        "event_fraud": _Code("fraud"),
        "event_disconnector": _Code("disconnector"),
        "event_mbus": _Code("mbus"),
        "event_power_quality": _Code("power quality"),
        **{f"mbus_{channel}_event": _Code("mbus", channel) for channel in CHANNELS},
    }
)

_ALARMS = "alarm_system"
#: Registers of bits. The alarm status has two for each: its bits, too, stay until they are cleared from afar.
_REGISTERS: Mapping[str, _Register] = MappingProxyType(
    {
        "error_register": _Register("error", ERROR_1),
        "error_register_2": _Register("error", ERROR_2),
        "alarm_register": _Register("alarm", ALARM_1, system=_ALARMS),
        "alarm_register_2": _Register("alarm", ALARM_2, system=_ALARMS),
        "alarm_on_status": _Register("alarm", ALARM_1, "reported", "", _ALARMS),
        "alarm_on_status_2": _Register("alarm", ALARM_2, "reported", "", _ALARMS),
        "alarm_off_status": _Register("alarm", ALARM_1, "reported over", "", _ALARMS),
        "alarm_off_status_2": _Register("alarm", ALARM_2, "reported over", "", _ALARMS),
        **{f"mbus_{channel}_status": _Register("mbus", MBUS_STATUS, channel=channel) for channel in CHANNELS},
    }
)

#: Breakers, and what they are called in an event. Valves are devices' own, see _valves().
_BREAKERS: Mapping[str, str] = MappingProxyType({"breaker_state": "breaker", "breaker_state_0": "breaker"})

WATCHED = frozenset({*_CODES, *_REGISTERS, *_BREAKERS})
_VALVE = "valve_state"


class Changes(NamedTuple):
    """What stands now, what happened, and what only the next telegram can confirm."""

    states: States
    events: tuple[Event, ...] = ()
    hints: States = MappingProxyType({})


def changes(standing: States, hints: States, reading: Reading, devices: Iterable[Device], replaced: Iterable[str] = ()) -> Changes:
    """Compare what stands now with what stood before. What is seen for the first time is no news.

    What is not in this telegram, or doubtful, stands as it did. A replaced meter (its role is in `replaced`) begins anew.
    Without CRC a change must be told twice, for a flipped bit makes one too: `hints` are those of the last reading.
    """
    now = {name: _text(reading.values[name]) for name in _watched(tuple(reading.values))}
    for device in devices:
        if _VALVE in device.values:
            now[_place(device)] = _text(device.values[_VALVE])
    before = {name: text for name, text in standing.items() if not _gone(name, replaced)} if replaced else standing
    fresh = {name: text for name, text in now.items() if text and before.get(name) != text}
    told: States = MappingProxyType({})
    if fresh and reading.telegram.crc == "absent":
        told, fresh = fresh, {name: text for name, text in fresh.items() if hints.get(name) == text}
    if not fresh:
        return Changes(before, hints=told)
    known = sorted(fresh.keys() & before.keys())
    events = [one for name in known for one in _news(name, before[name], fresh[name], reading, devices)]
    return Changes({**before, **fresh}, tuple(events), told)


def standing(reading: Reading) -> tuple[str, ...]:
    """What stands in the registers of errors, alarms and M-Bus states, in words, each once; what was only reported is past."""
    words = (
        meaning.words
        for name, register in _REGISTERS.items()
        if register.went and name in reading.values
        for _, meaning in _meanings(register, number(_text(reading.values[name]), register.table) or 0, reading)
    )
    return tuple(dict.fromkeys(words))


@lru_cache(maxsize=64)
def _watched(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in WATCHED)


def _text(measurement: Measurement) -> str:
    return "" if measurement.held or measurement.value is None else str(measurement.value)


def _place(device: Device) -> str:
    return f"{_VALVE} {device.role}"


def _gone(name: str, replaced: Iterable[str]) -> bool:
    """Whether the state was one of a meter that has been replaced."""
    own = name.partition(" ")[2]
    return (own or "electricity") in replaced


def _news(name: str, before: str, now: str, reading: Reading, devices: Iterable[Device]) -> Iterator[Event]:
    if name in _CODES:
        yield from _event(_CODES[name], now, reading)
    elif name in _REGISTERS:
        yield from _edges(_REGISTERS[name], before, now, reading)
    elif name in _BREAKERS:
        yield _made(reading, "disconnector", None, Meaning(f"{_BREAKERS[name]}: {now}"))
    else:
        device = next(device for device in devices if _place(device) == name)
        words = f"{device.role.replace('_', ' ')} valve: {now}"
        yield _made(reading, "disconnector", None, Meaning(words, channel=device.channel or None))


def _event(code: _Code, now: str, reading: Reading) -> Iterator[Event]:
    told = int(Decimal(now))
    if told:
        meaning = event(told, _value(reading, "event_system"))
        yield _made(reading, code.kind, told, meaning._replace(channel=code.channel or meaning.channel))


def _edges(register: _Register, before: str, now: str, reading: Reading) -> Iterator[Event]:
    old, new = number(before, register.table), number(now, register.table)
    if old is None or new is None:
        return
    for flipped, words in ((new & ~old, register.came), (old & ~new, register.went)):
        for bit, meaning in _meanings(register, flipped, reading) if words else ():
            yield _made(reading, register.kind, bit, meaning._replace(words=f"{meaning.words} {words}"))


def _meanings(register: _Register, value: int, reading: Reading) -> Iterator[tuple[int, Meaning]]:
    """The bits that are set, and what they say."""
    table = register.table if is_idis(_value(reading, register.system)) else {}
    for bit in bits(value):
        meaning = table.get(bit, Meaning(f"{register.kind} bit {bit}"))
        if register.channel:
            meaning = Meaning(f"M-Bus channel {register.channel}: {meaning.words}", None, register.channel)
        yield bit, meaning


def _value(reading: Reading, name: str) -> object:
    measurement = reading.values.get(name)
    return measurement.value if measurement else None


def _made(reading: Reading, kind: str, code: int | None, meaning: Meaning) -> Event:
    return Event(reading.at, reading.received, kind, code, meaning.words, meaning.phase, meaning.channel)
