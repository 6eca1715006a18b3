"""A source that is a simulated meter, sending when a real one would. Never knows what its telegrams say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import floor
from threading import Event

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.sources import SourceError

SLICE_S = 1.0  #: a wait is told as silence so often


class SimulatedSource:
    """One telegram per period of the model, at the whole period of the host's clock."""

    def __init__(self, model: str | None, seed: int = 0, clock: Clock = SYSTEM) -> None:
        name = model or next(iter(MODELS))
        if name not in MODELS:
            raise SourceError(f'there is no simulated meter "{name}": choose one of {", ".join(MODELS)}')
        self._model, self._seed, self._clock = MODELS[name], seed, clock
        self._closed = Event()
        self.name = f"simulated {name} (seed {seed})"

    def open(self) -> None:
        """Switch the meter on."""
        self._closed.clear()

    def chunks(self) -> Iterator[bytes]:
        """The telegrams, for ever."""
        period = self._model.period_s
        last: float | None = None
        while not self._closed.is_set():
            now = self._clock.wall()
            due = floor(now / period) * period
            # Waiting by small steps of the wall clock, so that one that is set, forwards or back, is followed.
            if due != last and last is not None:
                yield render(self._model.telegram(datetime.fromtimestamp(due, UTC), self._seed))
            elif last is not None:
                yield b""
            last = due
            self._clock.wait(self._closed, min(due + period - self._clock.wall(), SLICE_S))

    def proven(self) -> None:
        """Nothing to learn: this meter has no settings."""

    def close(self) -> None:
        """Switch the meter off."""
        self._closed.set()

    def port_errors(self) -> Mapping[str, int] | None:
        """None: there is no port."""
        return None
