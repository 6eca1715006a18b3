"""Messages of the grid company -> events, once each, and since when they stand. Never repeats what stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer.memory import Standing
from p1monitor.p1.records import Event, Measurement, Reading

#: name -> what it is called in an event
_MESSAGES = MappingProxyType({"message_text": "message", "message_code": "message code"})
NAMES = frozenset(_MESSAGES)
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Messages(NamedTuple):
    """What stands now, what happened, and what only the next telegram can confirm."""

    standing: Mapping[str, Standing]
    events: tuple[Event, ...]
    values: dict[str, Measurement]  #: the messages of this reading, with the time since when they stand
    hints: Mapping[str, str] = _NOTHING


def messages(standing: Mapping[str, Standing], hints: Mapping[str, str], reading: Reading) -> Messages:
    """Compare what stands now with what stood before.

    A message that is not in the telegram any more is cleared, unless lines of the telegram were damaged: its line may
    have been one of them (meters without CRC). Without CRC a change must be told twice, for a flipped bit makes one too;
    until then it is held. `hints` are those of the last reading.
    """
    if not standing and not any(name in reading.values and reading.values[name].value for name in NAMES):
        return Messages(standing, (), {})  # nothing stands and nothing is said: nearly always
    now, told, values = dict[str, Standing](), dict[str, str](), dict[str, Measurement]()
    events: list[Event] = []
    for name in _MESSAGES:
        measurement, before = reading.values.get(name), standing.get(name)
        known = before.text if before else ""
        text = str(measurement.value) if measurement is not None and measurement.value else ""
        if text == known or (measurement is None and reading.telegram.bad_lines):
            after = before
        elif reading.telegram.crc == "absent" and hints.get(name) != text:
            told[name], after = text, before
        else:
            after = Standing(text, _when(reading)) if text else None
            events.append(_event(reading, name, before, after))
        if after is not None:
            now[name] = after
        if measurement is not None and (name in told or after is not None):
            values[name] = measurement._replace(at=after.since if after else None, held=name in told)
    return Messages(standing if now == standing else now, tuple(events), values, told or _NOTHING)


def _when(reading: Reading) -> datetime | None:
    """By the meter's clock, else by the host's where it knows the time."""
    if reading.at is not None or reading.received is None or not reading.received.known:
        return reading.at
    return datetime.fromtimestamp(reading.received.wall, UTC)


def _event(reading: Reading, name: str, before: Standing | None, after: Standing | None) -> Event:
    title, text = _MESSAGES[name], after.text if after else ""
    since = before.since if before else None
    stood = f", it stood since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if since else ""
    words = f"{title}: {text}" if text else f"{title} cleared{stood}"
    code = int(text) if name == "message_code" and text.isascii() and text.isdecimal() else None
    return Event(reading.at, reading.received, "message", code, words, since=since)
