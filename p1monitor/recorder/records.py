"""Records on their way to the card: framed, with a CRC of their own, so that a torn end is seen. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

#: Length of what follows, and its CRC-32.
_FRAME = struct.Struct("<II")
#: Length of the meter's name, and the number of the reading.
_BODY = struct.Struct("<BQ")
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


def bare(written: bytes) -> bytes:
    """A framed record without its CRC, which is hard to compress: the chunk that it goes into has one of its own."""
    return written[:4] + bytes(4) + written[_FRAME.size :]


def unframed(written: bytes, *, bare: bool = False) -> Iterator[Record]:
    """All whole records from the beginning; ends before the first that is torn. `bare` ones have no CRC."""
    at = 0
    while at + _FRAME.size <= len(written):
        length, crc = _FRAME.unpack_from(written, at)
        body = written[at + _FRAME.size : at + _FRAME.size + length]
        if not _BODY.size <= length <= RECORD_MOST or len(body) < length or crc != (0 if bare else crc32(body)):
            return
        name, seq = _BODY.unpack_from(body)
        yield Record(body[_BODY.size : _BODY.size + name].decode(errors="replace"), seq, body[_BODY.size + name :])
        at += _FRAME.size + length


def whole(written: bytes) -> int:
    """How many of these bytes are whole records."""
    return sum(_FRAME.size + _BODY.size + len(one.meter.encode()) + len(one.record) for one in unframed(written))
