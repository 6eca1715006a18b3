"""The pace of samples, and whether the meter's clock was set between two of them. Pure; never asks a clock."""

from __future__ import annotations

from typing import NamedTuple

#: A clock that goes so much wrong was set, and did not drift (KWHIQ manual §6).
STEP_S = 7
#: … and in a short period by more than this share of it (ME381 manual §3.5.2.4).
STEP_SHARE = 0.01
#: What a telegram may be late, and a clock that shows whole seconds may round, without a step.
JITTER_S = 1.5
#: A telegram so near to its schedule can tell a small step.
ON_SCHEDULE_S = 1.0
#: How fast a period that was learnt too short grows again, per sample.
_GROWTH = 1.125


class Pace(NamedTuple):
    """When a pause between samples is a gap: after so many periods, but not before so many seconds."""

    periods: float
    least: float
    period_most: float  #: a longer period is not learnt


TELEGRAMS = Pace(3, 10, 300)
CAPTURES = Pace(1.5, 3600, 86_400)


class Clockwork:
    """What is known of the pace of one device."""

    __slots__ = ("_limit", "_pace", "_small", "_window", "_window_s", "period")

    def __init__(self, pace: Pace, window_s: int) -> None:
        """`window_s` is the period of the load profile."""
        self.period: float | None = None
        self._pace = pace
        self._window_s = window_s
        self._limit = min(float(STEP_S), window_s * STEP_SHARE)
        self._window = 0
        self._small = 0.0

    def memory(self) -> list[float | int | None]:
        """What must be kept over a restart."""
        return [self.period, self._window, self._small]

    def recall(self, memory: list[float | int | None]) -> None:
        """Go on from there."""
        period, window, small = memory
        self.period, self._window, self._small = period, int(window or 0), float(small or 0.0)

    def gap(self) -> float:
        """A longer pause than this is a gap."""
        return max(self._pace.least, self._pace.periods * (self.period or 0.0))

    def learn(self, passed: float) -> None:
        """The period is the shortest pause lately: lost telegrams make pauses longer, nothing makes them shorter."""
        if passed > 0:
            grown = (self.period or passed) * _GROWTH
            self.period = min(passed, grown, self._pace.period_most)

    def stepped(self, at: int, passed: int, waited: float | None) -> bool:
        """Tell whether the clock was set between two samples; `waited` is by the host's own clock.

        A time that goes back was; other steps can only be told when the telegram came on schedule: one that was late on
        its way, or is replayed faster than it was, proves nothing. Small steps within one period count together.
        """
        if passed < -STEP_S:
            return True
        if self.period is None or waited is None:
            return False
        error = passed - waited
        if abs(error) > STEP_S and self.period / 2 <= waited <= self.period * 1.5 + 1:
            return True
        if abs(error) <= JITTER_S or abs(waited - self.period) > ON_SCHEDULE_S:
            return False
        window = -(-at // self._window_s)
        small = self._small + error if window == self._window else error
        over = abs(small) > self._limit
        self._window, self._small = window, 0.0 if over else small
        return over
