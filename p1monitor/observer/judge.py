"""One register against the last of it that was believed: the rules of doubt. Pure; never sees a telegram."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from p1monitor.observer.limits import step
from p1monitor.observer.memory import Doubt, Mark, Moment
from p1monitor.p1.frames import new

#: Readings that must agree before a jump is believed: it and the next. Bit errors do not come twice alike.
JUMP_AGREED = 2
#: … before a fall is believed, of registers that are in each telegram and of captures of M-Bus devices. A gas meter that
#: lost its radio says 0 for a while (home-assistant/core #104515); a zero itself never counts.
FALL_AGREED, FALL_CAPTURES = 10, 3
#: Readings that only rise, each by more than any limit, before the limit must be what is wrong.
STEADY = 10
#: A meter without CRC is believed at once for no longer pause than this; after a longer one the next reading must agree.
SURE_S = 60.0
#: A capture without a time of its own counts again after so long: the shortest period of captures (DSMR 5).
CAPTURE_S = 300.0
#: The host began anew and no clock tells how long it was off: so much may have passed.
OFF_S = 86_400.0
_HOUR = 3600.0


class Rule(NamedTuple):
    """What is known of a register besides its numbers."""

    words: str  #: its name, for people
    per_hour: float  #: most it may go, in its unit; 0: it should stand still, not even its last digit may move
    most_per_hour: float  #: … by the fuse alone, where `per_hour` is narrower because of the power now
    sure: bool  #: a CRC proves that the meter said it
    captured: bool = False  #: of an M-Bus device: it changes when it is captured, not with each telegram
    both_ways: bool = False  #: a net register


class Verdict(NamedTuple):
    """What is thought of a reading."""

    mark: Mark
    held: bool = False
    doubt: str = ""  #: a sentence, where a run of doubt begins
    event: str = ""  #: a sentence, where something was believed that is not everyday


def judge(mark: Mark, value: Decimal, now: Moment, rule: Rule, modulus: Decimal | None = None) -> Verdict:
    """Believe the value or hold it. `modulus` is where the register rolls over, if that is known."""
    last = mark.value
    if last is None:  # the first for ever: a CRC is enough, without one the next must agree
        return Verdict(_believed(mark, value, now)) if rule.sure else _wait(mark, value, now, rule, JUMP_AGREED, "")
    rise = value - last
    if not rise or value == mark.shown:
        return _stands(mark, value, now, rule)
    passed = elapsed(mark.at, now)
    grain = step(value)
    reach = abs(rise) if rule.both_ways else rise
    if not rule.sure and mark.shown is not None and last < mark.shown < value:
        reach = value - mark.shown  # the last was too low by a flipped bit: what went out before is the measure
    # The power now says nothing of a pause; and a pause is no licence for a bit error.
    likely, seconds = (rule.per_hour, passed) if rule.sure or passed <= SURE_S else (rule.most_per_hour, SURE_S)
    if likely and 0 <= reach <= _allowed(likely, seconds, grain):
        return _stands(mark, value, now, rule)
    if rise > 0 or rule.both_ways:
        # Within the fuse, only too much for one reading of a meter without CRC: no words about that.
        far = reach > _allowed(rule.most_per_hour, passed, grain)
        words = f"{rule.words} jumped from {last} to {value} in {passed:.0f} s" if far else ""
        return _wait(mark, value, now, rule, JUMP_AGREED, words)
    if modulus is not None and 0 <= rise + modulus <= _allowed(rule.most_per_hour, passed, grain):
        return Verdict(_believed(mark, value, now), event=f"{rule.words} rolled over from {last} to {value}")
    if not rule.sure and value >= (mark.shown or last) - Decimal(_allowed(rule.most_per_hour, SURE_S, grain)):
        # The one before was too high by a flipped bit: this puts it right, and goes out when it is past that one.
        return Verdict(mark._replace(value=value, at=now, doubt=None), held=True)
    needed = FALL_CAPTURES if rule.captured else FALL_AGREED
    return _wait(mark, value, now, rule, needed, f"{rule.words} fell from {last} to {value}")


def elapsed(since: Moment | None, now: Moment) -> float:
    """Seconds that passed, by the clock that saw most; one that went back saw none."""
    since, passed = since or now, 0.0
    for before, after in zip(since, now, strict=True):
        if before is not None and after is not None and after - before > passed:
            passed = after - before
    began, ticks = since.monotonic, now.monotonic
    return OFF_S if not passed and began is not None and ticks is not None and ticks < began else passed


def _allowed(per_hour: float, seconds: float, grain: Decimal) -> float:
    return per_hour * seconds / _HOUR + float(grain)


def _believed(mark: Mark, value: Decimal, now: Moment) -> Mark:
    return new(Mark, (value, value, now, None, mark.seen))


def _stands(mark: Mark, value: Decimal, now: Moment, rule: Rule) -> Verdict:
    """The value is believed; it goes out unless a higher one has."""
    at: Moment | None = now
    if rule.captured and value == mark.value and (now.captured is None or (mark.at and now.captured == mark.at.captured)):
        at = mark.at  # the same capture: time counts from when it came
    shown = mark.shown
    if shown is None or value >= shown or rule.both_ways:
        return new(Verdict, (new(Mark, (value, value, at, None, mark.seen)), False, "", ""))
    return Verdict(Mark(value, shown, at, None, mark.seen), held=True)


def _wait(mark: Mark, value: Decimal, now: Moment, rule: Rule, needed: int, words: str) -> Verdict:
    """Hold the value, unless as many readings as are needed agree with each other."""
    doubt = mark.doubt
    rises = mark.value is None or value > mark.value
    counts = 1 if value or rises else 0
    if doubt is None:
        begun = Doubt(value, now, counts, 1)
        return Verdict(mark._replace(doubt=begun), held=True, doubt=f"{words}: held back until it is confirmed" if words else "")
    rise, passed = value - doubt.value, elapsed(doubt.at, now)
    if rule.captured and not rise and (passed < CAPTURE_S if now.captured is None else now.captured == doubt.at.captured):
        return Verdict(mark, held=True)  # the same capture again
    agrees = 0 <= rise <= _allowed(rule.most_per_hour, passed if rule.sure else min(passed, SURE_S), step(value))
    agreed = doubt.agreed + counts if agrees else counts
    steady = doubt.steady + 1 if rise >= 0 else 1
    if agreed >= needed or (rises and steady >= STEADY):
        event = f"{words}, and {agreed} readings agree: believed" if words else ""
        return Verdict(_believed(mark, value, now), event=event)
    return Verdict(mark._replace(doubt=Doubt(value, now, agreed, steady)), held=True)
