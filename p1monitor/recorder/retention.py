"""What `keep` says: how long seconds are kept, or how much room they may take. Pure; profiles are kept for ever."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

DAY_S = 86_400
FOREVER = "forever"
#: Days of each word; a month is the longest one, a year has its leap day.
_DAYS: Mapping[str, int] = MappingProxyType({"day": 1, "month": 31, "year": 366})
_BYTES: Mapping[str, int] = MappingProxyType({"MB": 10**6, "GB": 10**9})
#: Blocks that one save drops at most: a day of one meter. A shorter `keep` takes effect over some hours, not in one long write.
DROPPED_MOST = 24
#: Newest blocks that must all be past a block's time before it goes: two hours of a meter, so that one wrong clock is not enough.
AGREEING = 3


class Keep(NamedTuple):
    """The limits; None is none."""

    seconds: int | None = None
    size: int | None = None


def parse(words: str) -> Keep:
    """`forever`, `90 days`, `2 years`, `4 GB`: rules.py has seen to it that it is one of them."""
    if words == FOREVER:
        return Keep()
    number, _, unit = words.partition(" ")
    if unit in _BYTES:
        return Keep(size=int(number) * _BYTES[unit])
    return Keep(seconds=int(number) * _DAYS[unit.removesuffix("s")] * DAY_S)
