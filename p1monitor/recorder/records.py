"""Records on their way to the card: framed, with a CRC of their own, so that a torn end is seen. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

#: Length of what follows, and its CRC-32.
_FRAME = struct.Struct("<II")
#: Length of the meter's name, and the number of the reading.
_BODY = struct.Struct("<BQ")
#: The length alone.
_LENGTH = struct.Struct("<I")
#: The first bytes of a record are numbers that count up: their differences are the same again and again.
_HEAD = 48
#: A telegram has at most 16 KiB, and what happened with it little more; a longer record is a damaged length.
RECORD_MOST = 1024 * 1024


class Record(NamedTuple):
    """One reading as the journal has it."""

    meter: str
    seq: int
    record: bytes


def framed(meter: str, seq: int, record: bytes) -> bytes:
    """One record as it is written."""
    name = meter.encode()
    body = _BODY.pack(len(name), seq) + name + record
    return _FRAME.pack(len(body), crc32(body)) + body


def whose(written: bytes) -> tuple[str, int]:
    """The meter and the number of one framed record."""
    name, seq = _BODY.unpack_from(written, _FRAME.size)
    at = _FRAME.size + _BODY.size
    return written[at : at + name].decode(errors="replace"), seq


def thinned(written: Iterable[bytes]) -> bytes:
    """Framed records as they compress best: without CRCs (what they go into has one), the beginning as it differs from the last."""
    parts, before = list[bytes](), bytes(_HEAD)
    for one in written:
        length, body = one[: _LENGTH.size], one[_FRAME.size :]
        parts += (length, _differing(body[:_HEAD], before, -1), body[_HEAD:])
        before = body[:_HEAD].ljust(_HEAD, b"\0")
    return b"".join(parts)


def thickened(thin: bytes) -> Iterator[Record]:
    """The records back."""
    at, before = 0, bytes(_HEAD)
    while at + _LENGTH.size <= len(thin):
        (length,) = _LENGTH.unpack_from(thin, at)
        at += _LENGTH.size
        body = _differing(thin[at : at + min(length, _HEAD)], before, 1) + thin[at + _HEAD : at + length]
        before = body[:_HEAD].ljust(_HEAD, b"\0")
        at += length
        yield _record(body)


def _differing(head: bytes, before: bytes, sign: int) -> bytes:
    return bytes([(one + sign * other) & 0xFF for one, other in zip(head, before, strict=False)])


def unframed(written: bytes) -> Iterator[Record]:
    """All whole records from the beginning; ends before the first that is torn."""
    at = 0
    while at + _FRAME.size <= len(written):
        length, crc = _FRAME.unpack_from(written, at)
        body = written[at + _FRAME.size : at + _FRAME.size + length]
        if not _BODY.size <= length <= RECORD_MOST or len(body) < length or crc32(body) != crc:
            return
        yield _record(body)
        at += _FRAME.size + length


def _record(body: bytes) -> Record:
    name, seq = _BODY.unpack_from(body)
    return Record(body[_BODY.size : _BODY.size + name].decode(errors="replace"), seq, body[_BODY.size + name :])


def whole(written: bytes) -> int:
    """How many of these bytes are whole records."""
    return sum(_FRAME.size + _BODY.size + len(one.meter.encode()) + len(one.record) for one in unframed(written))
