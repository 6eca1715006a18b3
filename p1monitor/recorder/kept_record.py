"""One reading as bytes, plain and exact, for the journal. Pure; never packs: that is done once an hour, for good."""

from __future__ import annotations

import json
import struct
from functools import lru_cache

from p1monitor.recorder.kept import VERDICTS_KEPT, Cast, Kept, Verdict

#: Version, number, stamp, offset of local time, status, when it came (-1: not known), length of what was decided.
_HEAD = struct.Struct("<BQqiHqH")
VERSION = 1


def to_bytes(kept: Kept) -> bytes:
    """Everything of it: a head, what was decided as JSON, the frame to the end."""
    told = _told(kept.crc, kept.verdict)
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


@lru_cache(maxsize=VERDICTS_KEPT)
def _told(crc: str, verdict: Verdict) -> bytes:
    return json.dumps([crc, *verdict], ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=VERDICTS_KEPT)
def _read(told: bytes) -> tuple[str, Verdict]:
    crc, equipment_id, casts, held = json.loads(told)
    return crc, Verdict(equipment_id, tuple(Cast(*cast) for cast in casts), tuple(held))
