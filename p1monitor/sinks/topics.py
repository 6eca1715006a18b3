"""Topics and payloads of the MQTT sink: what stands where, and in which words. Pure; never talks to a broker."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from p1monitor.p1.catalogue import row_of
from p1monitor.p1.records import Device, Event, Measurement, Reading, Received, Value

ONLINE, OFFLINE = "online", "offline"

#: What a flat payload holds; a log of several entries does not fit into one name.
Flat = Decimal | str | int | float | None
#: Name of a value -> its measurement, and the items of JSON that it became. More names than any meter has come of damaged lines.
Worded = dict[str, tuple[Measurement, Mapping[str, str]]]
WORDED_MOST = 512
_encode = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps() would make one for each value


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic of one installation, under one root."""

    root: str  #: "p1monitor"
    discovery: str  #: Home Assistant's prefix; empty: nothing is announced

    @property
    def status(self) -> str:
        """Whether the daemon is there: the last will."""
        return f"{self.root}/status"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.discovery}/status"

    @property
    def announcements(self) -> str:
        """All devices that anybody announces: MQTT has no pattern for ours alone."""
        return f"{self.discovery}/device/+/config"

    def of(self, meter: str, leaf: str) -> str:
        """status, live, reading, message and event of a meter; else the role of one of its M-Bus devices."""
        return f"{self.root}/{meter}/{leaf}"

    def announcement(self, object_id: str) -> str:
        """Home Assistant's device-based discovery."""
        return f"{self.discovery}/device/{object_id}/config"


def sent(values: Mapping[str, Measurement]) -> dict[str, Measurement]:
    """What may go out: known names, nothing that is doubtful, nothing that is a list."""
    return {name: measurement for name, measurement in values.items() if _goes_out(name, measurement)}


def _goes_out(name: str, measurement: Measurement) -> bool:
    return not measurement.held and not isinstance(measurement.value, tuple) and row_of(name) is not None


def stamp_name(name: str) -> str:
    """The name of a value's own time: monthly_power_peak_w -> monthly_power_peak_timestamp, message_text_timestamp."""
    row = row_of(name)
    return f"{name.rpartition('_')[0] if row is None or row.unit else name}_timestamp"


def reading_text(reading: Reading, worded: Worded | None = None) -> str:
    """The electricity meter's values, flat: the payload of live and reading.

    `worded` is what the meter's last reading was made of: equal lines share their measurement, so most words stand.
    """
    worded = {} if worded is None else worded
    if len(worded) > WORDED_MOST:
        worded.clear()
    words = _items({"meter": reading.meter, "seq": reading.seq, **_times(reading.at, reading.received)})
    for name, measurement in reading.values.items():
        known = worded.get(name)
        if known is None or known[0] is not measurement:
            known = worded[name] = measurement, _worded(name, measurement)
        words |= known[1]
    return "{" + ",".join(words.values()) + "}"


def device_text(reading: Reading, device: Device) -> str | None:
    """One M-Bus device's values; None while it has none, or one is doubtful. Says nothing that changes without a new capture."""
    if any(measurement.held for measurement in device.values.values()):
        return None  # what was sent last still holds
    values = {name: _flat(measurement.value) for name, measurement in sent(device.values).items()}
    if all(value is None for value in values.values()):
        return None
    at = device.at.isoformat() if device.at else None
    return json_text({"meter": reading.meter, "role": device.role, "medium": device.medium, "at": at, **values})


def event_text(reading: Reading, event: Event) -> str:
    """One event."""
    head: dict[str, Flat] = {"meter": reading.meter, "kind": event.kind, **_times(event.at, event.received)}
    since = event.since.isoformat() if event.since else None
    head |= {"code": event.code, "words": event.words, "phase": event.phase, "channel": event.channel, "since": since}
    return json_text({**head, "seconds": event.seconds, "value": event.value, "unit": event.unit or None})


def message_text(reading: Reading) -> str | None:
    """The grid company's message in full, empty when there is none, without what breaks a line or a database.

    None where nobody knows, and what was sent last still holds: it is doubtful, or its line may have been one of the
    telegram's damaged ones (meters without CRC).
    """
    measurement = reading.values.get("message_text")
    if measurement is None:
        return None if reading.telegram.bad_lines else ""
    if measurement.held:
        return None
    return clean(measurement.value) if isinstance(measurement.value, str) else ""


def clean(text: str) -> str:
    """Leave out NUL, control characters and half characters; a line break or a tab becomes a blank."""
    letters = (" " if letter in "\t\n\r" else letter for letter in text.replace("\r\n", "\n"))
    return "".join(letter for letter in letters if unicodedata.category(letter) not in {"Cc", "Cs"})


def json_text(flat: Mapping[str, Flat]) -> str:
    """JSON in which numbers stand with exactly the digits that the meter printed."""
    return "{" + ",".join(_items(flat).values()) + "}"


def _items(flat: Mapping[str, Flat]) -> dict[str, str]:
    return {name: f"{_encode(name)}:{_literal(value)}" for name, value in flat.items()}


def _worded(name: str, measurement: Measurement) -> dict[str, str]:
    """A value as it may go out, and its own time; the catalogue's names need no quoting."""
    if not _goes_out(name, measurement):
        return {}
    words = {name: f'"{name}":{_literal(_flat(measurement.value))}'}
    if measurement.at is not None:
        stamp = stamp_name(name)
        words[stamp] = f'"{stamp}":"{measurement.at.isoformat()}"'
    return words


def _literal(value: Flat) -> str:
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else "null"
    return _encode(value)


def _flat(value: Value) -> Flat:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return clean(value)
    return value if isinstance(value, Decimal) else None


def _times(at: datetime | None, received: Received | None) -> dict[str, Flat]:
    came = received.shown if received is not None else None
    return {"at": at.isoformat() if at else None, "received": came.isoformat(timespec="milliseconds") if came else None}
