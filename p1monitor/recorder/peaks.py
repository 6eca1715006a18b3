"""The demand of each quarter of an hour, from the register at its ends. Pure; a quarter with an end that nobody saw has none."""

from __future__ import annotations

from typing import NamedTuple

#: The period of demand that is billed (Belgium; ME381 manual §3.5.2).
QUARTER_S = 900
_QUARTERS_PER_HOUR = 3600 // QUARTER_S


class Demand(NamedTuple):
    """A mean power and the end of its period."""

    own: bool  #: told by the meter itself, which is worth more than ours
    watts: int
    at: int


class Quarters:
    """What the register was at the last quarter's end."""

    __slots__ = ("_edge",)

    def __init__(self) -> None:
        self._edge: tuple[int, int, int] | None = None  # segment, moment, Wh

    def memory(self) -> list[int] | None:
        """What must be kept over a restart."""
        return list(self._edge) if self._edge else None

    def recall(self, memory: list[int] | None) -> None:
        """Go on from there."""
        self._edge = (memory[0], memory[1], memory[2]) if memory else None

    def passed(self, segment: int, last: int, register: int | None, now: int, patience: float) -> Demand | None:
        """The demand of the quarter that was over between `last`, when the register was this, and `now`."""
        end = -(-last // QUARTER_S) * QUARTER_S
        if end - QUARTER_S < now <= end:
            return None
        before, self._edge = self._edge, None
        if now < last or register is None or end - last > patience:
            return None
        self._edge = segment, end, register
        if before is None or before[:2] != (segment, end - QUARTER_S) or register < before[2]:
            return None
        return Demand(own=False, watts=(register - before[2]) * _QUARTERS_PER_HOUR, at=end)
