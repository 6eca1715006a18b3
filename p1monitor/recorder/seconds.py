"""Single readings for charts: out of the archive by their streams, and of the hour that is not packed yet from memory.

The journal could be read for that hour too, but to unpack it costs more than an answer may take; so the recorder remembers the
few numbers that charts are made of, for somewhat more than an hour.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.catalogue import obis_of
from p1monitor.recorder import blocks
from p1monitor.recorder.blocks import Block, BlockError
from p1monitor.recorder.kept import reading
from p1monitor.recorder.levels import HOUR_S
from p1monitor.recorder.packing import columns
from p1monitor.recorder.samples import VOLTAGES, tenths, watts
from p1monitor.recorder.series import Number, Piece
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.streams import PackingError
from p1monitor.recorder.unpacking import Stream

#: An hour of a meter that sends each second, and what comes until that hour is packed. Some 90 bytes each.
RECENT_MOST = 4200
#: How one is remembered: its number, its stamp, power, voltages. As objects they would take three times as much.
_RECENT = Struct(f"={3 + len(VOLTAGES)}q")
#: … and what stands there for a number that it has not.
_NONE = -(1 << 63)
#: A reading says nothing of the time before it if the one before came longer ago.
GAP_S = 30
#: Units of the streams that charts are made of, in the catalogue's: of watts and volts.
_SCALES = MappingProxyType({"kW": 1000, "W": 1, "V": 1})
#: name -> code, and the code that is taken off where it is there.
_CODES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"power_w": (obis_of("power_import_w"), obis_of("power_export_w")), **{name: (obis_of(name), "") for name in VOLTAGES}}
)


class Second(NamedTuple):
    """What one reading says."""

    seq: int
    at: int  #: UTC seconds
    numbers: Sequence[Number]


class Recent:
    """The newest readings of all meters. The recorder puts them in, any thread may look."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds: dict[str, deque[bytes]] = {}

    def put(self, meter: str, seq: int, at: int, power: int | None, volts: Sequence[int | None]) -> None:
        """Remember one: net power in watts, voltages in tenths."""
        numbers = [_NONE if one is None or abs(one) >= -_NONE else one for one in (power, *(volts or (None,) * len(VOLTAGES)))]
        packed = _RECENT.pack(seq, at, *numbers)
        with self._lock:
            known = self._seconds.get(meter)
            if known is None:
                known = self._seconds[meter] = deque(maxlen=RECENT_MOST)
            known.append(packed)

    def look(self, meter: str, names: Sequence[str], after: int, start: float, end: float) -> list[Second]:
        """Those of a time that are newer than a number."""
        with self._lock:
            found = b"".join(self._seconds.get(meter, ()))
        return [
            Second(seq, at, [_of(name, power, volts) for name in names])
            for seq, at, *packed in _RECENT.iter_unpack(found)
            if seq > after and start < at <= end
            for power, *volts in [[None if one == _NONE else one for one in packed]]
        ]


def archived(db: sqlite3.Connection, meter: str, names: Sequence[str], start: float, end: float) -> tuple[int, list[Second]]:
    """Readings of the blocks, only these streams unpacked; and the number of the newest that is in any block."""
    sql = """SELECT a.format, a.block FROM archive a JOIN meter m ON m.id = a.meter
        WHERE m.name = ? AND a.start > ? AND a.start <= ? AND a."end" > ? ORDER BY a.from_seq"""
    packed = [Block(*row) for row in db.execute(sql, (meter, start - HOUR_S, end, start))]
    newest = """SELECT to_seq FROM archive WHERE meter = (SELECT id FROM meter WHERE name = ?) ORDER BY from_seq DESC LIMIT 1"""
    last = db.execute(newest, (meter,)).fetchone()
    shapes = Shapes(db.execute("SELECT id, template FROM shape").fetchall()) if packed else Shapes()
    found: list[Second] = []
    for block in packed:
        try:
            read = _packed if block.format == blocks.PACKED else _verbatim
            found += [one for one in read(block, shapes, names) if start < one.at <= end]
        except (PackingError, BlockError):
            continue  # verify names it; a chart has a gap there
    return (int(last[0]) if last else 0), found


def pieces(seconds: Sequence[Second]) -> list[Piece]:
    """Each reading as a row, from the one before, if that is near; a minimum, a mean and a maximum that are one number."""
    made: list[Piece] = []
    before = -GAP_S
    for _, at, numbers in sorted(seconds, key=lambda one: one[1]):
        start = before if at - before <= GAP_S else at - 1
        made.append(Piece(start, at, 1, [number for number in numbers for _ in range(3)]))
        before = at
    return made


def _packed(block: Block, shapes: Shapes, names: Sequence[str]) -> Iterator[Second]:
    pairs = [_CODES.get(name, ("", "")) for name in names]
    read = columns(block.content, shapes, [code for pair in pairs for code in pair if code])
    numbers = [_numbers(read.values.get(plus), read.values.get(minus), len(read.at)) for plus, minus in pairs]
    return map(Second, read.seq, read.at, zip(*numbers, strict=True))


def _numbers(plus: Stream | None, minus: Stream | None, count: int) -> Sequence[Number]:
    if plus is None or plus.unit not in _SCALES:
        return [None] * count
    many, few = _SCALES[plus.unit], 10**plus.decimals
    values: Sequence[int | None] = plus.values
    if minus is not None and (minus.unit, minus.decimals) == (plus.unit, plus.decimals):
        values = [None if one is None else one - (other or 0) for one, other in zip(values, minus.values, strict=True)]
    if many % few == 0:
        many //= few
        return values if many == 1 else [None if one is None else one * many for one in values]
    return [None if one is None else one * many / few for one in values]


def _verbatim(block: Block, shapes: Shapes, names: Sequence[str]) -> Iterator[Second]:
    for kept in blocks.read(block, shapes):
        values = reading(kept, "auto", "").values
        volts = [tenths(values.get(name)) for name in VOLTAGES]
        yield Second(kept.seq, kept.at, [_of(name, watts(values.get("power_w")), volts) for name in names])


def _of(name: str, power: int | None, volts: Sequence[int | None]) -> Number:
    if name not in VOLTAGES:
        return power if name in _CODES else None
    volt = volts[VOLTAGES.index(name)] if volts else None
    return None if volt is None else volt / 10
