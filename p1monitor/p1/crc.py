"""The checksum of a telegram: CRC-16/ARC over every byte from `/` to `!`. Never decides whether one is needed.

DSMR 5.0.2 P1 §6.2: polynomial x16+x15+x2+1, input and output reflected, initial value 0, no final exclusive or.
"""

from __future__ import annotations

import importlib.util

import crcmod

#: CRC-16/ARC of some bytes; check value of b"123456789": 0xBB3D.
crc16_arc = crcmod.mkCrcFun(0x18005, initCrc=0x0000, rev=True, xorOut=0x0000)

#: CRC-16/X-25, reported of a Hungarian meter; check value of b"123456789": 0x906E.
crc16_x25 = crcmod.mkCrcFun(0x11021, initCrc=0x0000, rev=True, xorOut=0xFFFF)

#: What `crc = …` of a meter may name, and the function it stands for.
ALGORITHMS = {"arc": crc16_arc, "x25": crc16_x25}


def accelerated() -> bool:
    """Tell whether crcmod's C extension is in use; its pure-Python fallback is some thirty times slower."""
    return any(importlib.util.find_spec(f"crcmod.{name}") is not None for name in ("_crcfunext", "_crcfunpy3ext"))
