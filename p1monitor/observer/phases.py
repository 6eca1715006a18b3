"""One phase: its voltage and its current -> undervoltage, overvoltage, missing voltage, voltage normal, over the fuse. Pure.

Below the sag's threshold and above the swell's, as the ME381 says it; at or below the cut's, as KWHIQ says it. An undervoltage that
is a missing voltage from its first second is told as that only (KWHIQ table 5.3.3). "Voltage normal" is told once, when
what was told is over and the voltage is within 90 to 110 %; it says how long that lasted and how far it went.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer import nominal
from p1monitor.observer.faults import CUT, FUSE, HIGH, LOW, NONE, Fault, Faults, Step, Turn, turn
from p1monitor.p1.event_codes import EVENTS, MISSING, NORMAL, OVERVOLTAGE, PHASES, SUPERVISION, UNDERVOLTAGE
from p1monitor.p1.records import Event, Received
from p1monitor.settings import Thresholds

KIND = "power quality"
VOLT, AMPERE = "V", "A"
#: Shares of the nominal voltage within which it is normal.
_NORMAL = (Decimal("0.9"), Decimal("1.1"))
_FIRST: Mapping[str, int] = MappingProxyType({LOW: UNDERVOLTAGE, HIGH: OVERVOLTAGE, CUT: MISSING})


class Limits(NamedTuple):
    """What a phase may have."""

    sag: Decimal
    swell: Decimal
    cut: Decimal
    least: Decimal  #: of what is normal
    most: Decimal


class Phase(NamedTuple):
    """What is known of a phase."""

    nominal: Decimal | None = None  #: None: never live, so not connected
    learning: nominal.Learning | None = None
    faults: Faults = NONE  #: those that last
    past: Faults = NONE  #: the last of each kind that is over
    owed: Fault | None = None  #: was told, and "voltage normal" not yet

    @property
    def busy(self) -> bool:
        """Whether each sample has to be looked at."""
        return bool(self.faults) or self.owed is not None or self.learning is not None


class Looked(NamedTuple):
    """What one sample made of a phase."""

    phase: Phase
    events: tuple[Event, ...] = ()
    sags: tuple[tuple[str, Fault], ...] = ()  #: undervoltages and overvoltages that count from now on
    over: tuple[tuple[str, Fault], ...] = ()  #: all that are over


def limits(of: Decimal, rules: Thresholds) -> Limits:
    """The thresholds, for this nominal voltage."""
    share = of / nominal.BASE_V
    sag, swell, cut = (Decimal(str(one)) * share for one in (rules.sag_v, rules.swell_v, rules.cut_v))
    return Limits(sag, swell, cut, of * _NORMAL[0], of * _NORMAL[1])


def voltage(
    phase: Phase, number: int, volts: Decimal, step: Step, rules: Thresholds, neutral: bool, came: Received | None
) -> Looked:
    """Look at a sample of the voltage of a phase (0 to 2)."""
    if nominal.wrong(phase.nominal, volts):
        phase = Phase(past=phase.past)
    if phase.nominal is None:
        own, learning = nominal.learn(phase.learning, volts, step.seconds if step.sure else None, neutral)
        phase = phase._replace(nominal=own, learning=learning)
        if own is None:
            return Looked(phase)
    of = limits(phase.nominal or nominal.BASE_V, rules)
    beyond = {CUT: volts <= of.cut, LOW: volts < of.sag, HIGH: volts > of.swell}
    if not (phase.faults or phase.owed or any(beyond.values())):
        return Looked(phase)
    return _Look(phase, number, step, came).voltage(volts, beyond, of, rules)


def current(
    phase: Phase, number: int, amperes: Decimal, fuse: Decimal | None, step: Step, rules: Thresholds, came: Received | None
) -> Looked:
    """Look at a sample of the current of a phase."""
    over = fuse is not None and amperes > fuse
    if not over and FUSE not in phase.faults:
        return Looked(phase)
    look = _Look(phase, number, step, came)
    made = look.turn(FUSE, amperes if over else None, rules.fuse_s)
    first = SUPERVISION + 2 * number
    if made.begun is not None:
        look.begun(first, made.begun, AMPERE, lasts=made.now is not None)
    if made.over is not None and made.over.told:
        look.ended(first + 1, made.over, AMPERE)
    return look.looked()


class _Look:
    """A phase while one sample is looked at."""

    def __init__(self, phase: Phase, number: int, step: Step, came: Received | None) -> None:
        self._phase, self._number, self._step, self._came = phase, number, step, came
        self._faults, self._past, self._owed = dict(phase.faults), dict(phase.past), phase.owed
        self._events: list[Event] = []
        self._sags: list[tuple[str, Fault]] = []
        self._over: list[tuple[str, Fault]] = []

    def looked(self) -> Looked:
        """What has been found."""
        phase = self._phase._replace(faults=self._faults or NONE, past=self._past or NONE, owed=self._owed)
        return Looked(phase, tuple(self._events), tuple(self._sags), tuple(self._over))

    def voltage(self, volts: Decimal, beyond: Mapping[str, bool], of: Limits, rules: Thresholds) -> Looked:
        """All three kinds, and whether it is normal again."""
        cut = self.turn(CUT, volts if beyond[CUT] else None, rules.cut_s)
        self._take(CUT, cut)
        self._low(volts if beyond[LOW] else None, cut, rules)
        self._take(HIGH, self.turn(HIGH, volts if beyond[HIGH] else None, rules.swell_s))
        running = [self._faults[kind] for kind in _FIRST if kind in self._faults]
        self._owed = next((one for one in running if one.told), self._owed)
        if self._owed is not None and not running and of.least <= volts <= of.most:
            self.ended(NORMAL + self._number, self._owed, VOLT)
            self._owed = None
        return self.looked()

    def turn(self, kind: str, value: Decimal | None, seconds: float, *, quiet: bool = False) -> Turn:
        """Go on with one kind."""
        made = turn(kind, self._faults.pop(kind, None), value, seconds, self._step, quiet=quiet)
        if made.now is not None:
            self._faults[kind] = made.now
        if made.over is not None:
            self._end(kind, made.over)
        return made

    def _low(self, volts: Decimal | None, cut: Turn, rules: Thresholds) -> None:
        """A cut that began with it is all that is told of an undervoltage; what goes on after the cut is one of its own."""
        low, missing = self._faults.get(LOW), cut.now or cut.over
        alike = low is not None and missing is not None and missing.at == low.at
        if low is not None and missing is not None and alike and missing.told:
            if not low.told:
                low = self._faults[LOW] = low._replace(told=True)
                self._sags.append((LOW, low))
            if cut.now is None and volts is not None:
                self._end(LOW, self._faults.pop(LOW)._replace(lasted=missing.lasted, ended=self._step.clock))
        self._take(LOW, self.turn(LOW, volts, rules.sag_s, quiet=alike and cut.now is not None))

    def _end(self, kind: str, fault: Fault) -> None:
        self._past[kind] = fault
        self._over.append((kind, fault))
        if fault.told and kind in _FIRST:
            self._owed = fault

    def _take(self, kind: str, made: Turn) -> None:
        if made.begun is not None:
            self.begun(_FIRST[kind] + self._number, made.begun, VOLT, lasts=made.now is not None)
            if kind != CUT:
                self._sags.append((kind, made.begun))

    def begun(self, code: int, fault: Fault, unit: str, *, lasts: bool) -> None:
        """An event with the time at which it began."""
        self._tell(code, fault, fault.at, None if lasts else fault.lasted, unit)

    def ended(self, code: int, fault: Fault, unit: str) -> None:
        """An event of now, with what is over."""
        self._tell(code, fault, self._step.at, fault.lasted, unit)

    def _tell(self, code: int, fault: Fault, at: datetime | None, seconds: float | None, unit: str) -> None:
        words = EVENTS[code].words if unit == VOLT else f"{EVENTS[code].words} ({PHASES[self._number]})"
        phase = PHASES[self._number]
        self._events.append(Event(at, self._came, KIND, code, words, phase, None, seconds, fault.worst, unit))
