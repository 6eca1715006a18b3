"""Messages of the grid company -> events, once each. Only changes are news; never repeats what stands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from p1monitor.p1.records import Event, Reading

#: name -> what it is called in an event
_MESSAGES = MappingProxyType({"message_text": "message", "message_code": "message code"})
NAMES = frozenset(_MESSAGES)


def messages(standing: Mapping[str, str], reading: Reading) -> tuple[Mapping[str, str], tuple[Event, ...]]:
    """Compare what stands now with what stood before.

    A message that is not in the telegram any more is cleared, unless lines of the telegram were damaged: its line may
    have been one of them (meters without CRC).
    """
    now: dict[str, str] = {}
    for name in _MESSAGES:
        measurement = reading.values.get(name)
        if measurement is not None and measurement.value:
            now[name] = str(measurement.value)
        elif measurement is None and reading.telegram.bad_lines and name in standing:
            now[name] = standing[name]
    if now == standing:
        return standing, ()
    return now, tuple(_event(reading, name, now.get(name)) for name in _MESSAGES if now.get(name) != standing.get(name))


def _event(reading: Reading, name: str, text: str | None) -> Event:
    title = _MESSAGES[name]
    words = f"{title} cleared" if text is None else f"{title}: {text}"
    code = int(text) if name == "message_code" and text and text.isascii() and text.isdecimal() else None
    return Event(reading.at, reading.received, "message", code, words)
