"""One reading as bytes, plain and exact, for the journal. Pure; never packs: that is done once an hour, for good."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from p1monitor.p1.records import Event, Received
from p1monitor.recorder.kept import VERDICTS_KEPT, Cast, Kept, Verdict

#: Version, number, stamp, offset of local time, status, when it came (-1: not known), length of what was decided.
_HEAD = struct.Struct("<BQqiHqI")
VERSION = 1


def to_bytes(kept: Kept, events: Iterable[Event] = ()) -> bytes:
    """Everything of it, and what happened then: a head, what was decided as JSON, the frame to the end."""
    told = _told(kept.crc, kept.verdict)
    if happened := [listed(one) for one in events]:
        told = _json([*json.loads(told), happened])
    received = -1 if kept.received is None else kept.received
    return _HEAD.pack(VERSION, kept.seq, kept.at, kept.offset, kept.status, received, len(told)) + told + kept.frame


def from_bytes(record: bytes) -> Kept:
    """Back; ValueError if another program's version wrote it."""
    try:
        version, seq, at, offset, status, received, length = _HEAD.unpack_from(record)
    except struct.error as error:
        raise ValueError(f"a record of {len(record)} bytes") from error
    if version != VERSION:
        raise ValueError(f"a record of version {version}")
    body = _HEAD.size + length
    crc, verdict = _read(record[_HEAD.size : body])
    return Kept(seq, at, offset, status, None if received < 0 else received, crc, verdict, record[body:])


def events_of(record: bytes) -> tuple[Event, ...]:
    """What happened with a reading, as far as the event book has it; of a record that `from_bytes` takes."""
    body = _HEAD.size + int(_HEAD.unpack_from(record)[-1])
    _, _, _, _, *happened = json.loads(record[_HEAD.size : body])
    return tuple([event(one) for one in happened[0]]) if happened else ()


def listed(event: Event) -> list[object]:
    """As JSON has it; the moment at which it came without the monotonic clock's."""
    at, came, since = event.at, event.received, event.since
    value = None if event.value is None else str(event.value)
    head = [at and at.isoformat(), came and came.wall, event.kind, event.code, event.words, event.phase, event.channel]
    return [*head, event.seconds, value, event.unit, since and since.isoformat()]


def event(told: Sequence[Any]) -> Event:
    """Back."""
    at, came, kind, code, words, phase, channel, seconds, value, unit, since = told
    when, begun = (None if one is None else datetime.fromisoformat(one) for one in (at, since))
    received, number = None if came is None else Received(came, 0.0), None if value is None else Decimal(value)
    return Event(when, received, kind, code, words, phase, channel, seconds, number, unit, begun)


def _json(told: object) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=VERDICTS_KEPT)
def _told(crc: str, verdict: Verdict) -> bytes:
    return _json([crc, *verdict])


@lru_cache(maxsize=VERDICTS_KEPT)
def _read(told: bytes) -> tuple[str, Verdict]:
    crc, equipment_id, casts, held = json.loads(told)[:4]
    return crc, Verdict(equipment_id, tuple(Cast(*cast) for cast in casts), tuple(held))
