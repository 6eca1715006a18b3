"""Scenes: what may befall a simulated meter, on request. Records and pure functions; never knows a model, never asks a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from p1monitor.p1 import grid
from p1monitor.p1.catalogue import PHASES
from p1monitor.p1.state import EVER, State

#: A failure of more than three minutes is a long one (S50 §6.12), and a dip counts from one on (ME381 manual §6.12).
LONG_S, DIP_S = 180, 60
#: The messages of the ME381 manual's examples.
CODE, TEXT = "tEst123", "0123456789"


@dataclass(frozen=True, slots=True)
class Scene:
    """One thing that befalls the meter."""

    name: str  #: a row of KINDS
    begins: int  #: POSIX seconds
    seconds: int

    @property
    def ends(self) -> int:
        """The first second after it."""
        return self.begins + self.seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table."""

    name: str
    title: str  #: for people
    seconds: int  #: how long, unless said otherwise
    play: Callable[[State, Scene], State]  #: what the meter knows, from the scene's first second on, for ever


def stage(state: State, scenes: Iterable[Scene]) -> State:
    """Let the scenes that have begun befall the meter, in their order."""
    for scene in sorted(scenes, key=lambda scene: scene.begins):
        if scene.begins <= state.second:
            state = KINDS[scene.name].play(state, scene)
    return state


def _on(state: State, scene: Scene) -> bool:
    return state.second < scene.ends


def _message(code: str | None, text: str | None) -> Callable[[State, Scene], State]:
    def play(state: State, scene: Scene) -> State:
        """What the scene does not speak of stays; the two are independent (ME381 manual §5.5.2.4)."""
        if not _on(state, scene):
            return state
        return state._replace(
            message_code=state.message_code if code is None else code, message_text=state.message_text if text is None else text
        )

    return play


def _power_failure(state: State, scene: Scene) -> State:
    state = state._replace(unmeasured=(*state.unmeasured, (scene.begins, scene.ends)))
    if _on(state, scene):
        return state._replace(silent=True)
    if scene.seconds > LONG_S:
        return state._replace(failures=((scene.ends, scene.seconds), *state.failures))
    return state._replace(short_failures=state.short_failures + 1)


def _sag(phase: int) -> Callable[[State, Scene], State]:
    def play(state: State, scene: Scene) -> State:
        if _on(state, scene):
            return state._replace(volts=_at(state.volts, phase, grid.SAG + state.second % 5))
        return state._replace(sags=_counted(state.sags, phase, scene))

    return play


def _swell(phase: int) -> Callable[[State, Scene], State]:
    def play(state: State, scene: Scene) -> State:
        if _on(state, scene):
            return state._replace(volts=_at(state.volts, phase, grid.SWELL + state.second % 5))
        return state._replace(swells=_counted(state.swells, phase, scene))

    return play


def _counted(counts: tuple[int, int, int], phase: int, scene: Scene) -> tuple[int, int, int]:
    return _at(counts, phase, counts[phase - 1] + int(scene.seconds >= DIP_S))


def _at(values: tuple[int, int, int], phase: int, value: int) -> tuple[int, int, int]:
    one, two, three = (value if at == phase else other for at, other in zip(PHASES, values, strict=True))
    return one, two, three


def _meter_swap(state: State, scene: Scene) -> State:
    """The old one is taken off, the new one is hung up when the scene ends: new number, every register and counter from zero."""
    if _on(state, scene):
        return state._replace(silent=True)
    one, two, three = (now - then for now, then in zip(grid.sags(state.second), grid.sags(scene.ends), strict=True))
    four, five, six = (now - then for now, then in zip(grid.swells(state.second), grid.swells(scene.ends), strict=True))
    return state._replace(
        unmeasured=(*state.unmeasured, (EVER, scene.ends)),
        meters=state.meters + 1,
        sags=(one, two, three),
        swells=(four, five, six),
        failures=(),
        short_failures=0,
    )


def _gas_swap(state: State, scene: Scene) -> State:
    return state if _on(state, scene) else state._replace(gas_meters=state.gas_meters + 1, gas_since=scene.ends)


def _gas_lost(state: State, scene: Scene) -> State:
    return state._replace(gas_lost=True) if _on(state, scene) else state


def _clock(kind: str) -> Callable[[State, Scene], State]:
    def play(state: State, scene: Scene) -> State:
        return state._replace(clock=kind, clock_since=scene.begins) if _on(state, scene) else state

    return play


#: Every scene, by name.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("message", "a consumer message, code and text", 3600, _message(CODE, TEXT)),
            Kind("message-code", "its code only", 3600, _message(CODE, None)),
            Kind("message-text", "its text only", 3600, _message(None, TEXT)),
            Kind("message-cleared", "no message, where the meter would have one", 3600, _message("", "")),
            Kind("power-failure", "no telegrams, then the counters and the log", 600, _power_failure),
            *(Kind(f"sag-l{phase}", f"too low a voltage on L{phase}", 75, _sag(phase)) for phase in PHASES),
            *(Kind(f"swell-l{phase}", f"too high a voltage on L{phase}", 75, _swell(phase)) for phase in PHASES),
            Kind("meter-swap", "another electricity meter, from zero", 0, _meter_swap),
            Kind("gas-swap", "another gas meter, from zero", 0, _gas_swap),
            Kind("gas-lost", "0 m³ after the loss of its radio", 3600, _gas_lost),
            Kind("clock-unset", "the clock begins in the year 2000", 3600, _clock("unset")),
            Kind("clock-frozen", "the clock stands still", 3600, _clock("frozen")),
            Kind("clock-hour", "the clock is an hour fast", 3600, _clock("hour")),
        )
    }
)
