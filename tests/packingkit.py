"""Readings to pack, for several tests. Never part of the product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from p1monitor.p1.meters import MODELS
from p1monitor.p1.scenes import Scene
from p1monitor.p1.telegram import render
from p1monitor.recorder.kept import Cast, Kept, Verdict
from p1monitor.recorder.packing import Packer, unpack
from p1monitor.recorder.shapes import Shapes

GAS = Verdict("E1", (Cast("gas", "gas", 1, "G1", dated=True),), ())
HELD = Verdict("E2 „x“", (Cast("gas_2", "gas", 0, "", dated=False), Cast("water", "water", 2, "W", dated=True)), ("gas_2/gas_m3",))
AT = 1_781_690_400


def kept(frames: Iterable[bytes], at: int = AT, step: int = 1, crc: str = "valid") -> list[Kept]:
    """One reading per frame, as a recorder keeps them."""
    return [Kept(7 + index, at + index * step, 7200, 8, at + index * step, crc, GAS, frame) for index, frame in enumerate(frames)]


def frames_of(name: str, begin: datetime, count: int, step: int = 1, scenes: tuple[Scene, ...] = ()) -> list[bytes]:
    """What a simulated meter sends, as long as it has power."""
    sent = (MODELS[name].staged(begin + timedelta(seconds=index * step), 7, scenes) for index in range(count))
    return [render(telegram) for telegram in sent if telegram is not None]


def pack(readings: Iterable[Kept], shapes: Shapes) -> bytes:
    """One block."""
    packer = Packer(shapes)
    for one in readings:
        packer.add(one)
    return packer.pack()


def there_and_back(readings: Sequence[Kept], shapes: Shapes | None = None) -> bytes:
    """Pack, store the shapes, begin anew with what was stored, unpack, compare. Returns the block."""
    shapes = shapes or Shapes()
    blob = pack(readings, shapes)
    again = list(unpack(blob, Shapes((number, shapes.template(number)) for number in range(1, shapes.count + 1))))
    for one, other in zip(again, readings, strict=True):
        assert one == other
    return blob
