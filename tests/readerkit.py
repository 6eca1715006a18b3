"""A reader with all around it, and a source that does what it is told. Never part of the product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from p1monitor.clock import SYSTEM, Clock
from p1monitor.observer import Memory
from p1monitor.p1.records import Reading
from p1monitor.reader import Reader
from p1monitor.settings import MeterSettings
from p1monitor.sources import Source, SourceError
from p1monitor.status import Status
from tests.lines import FakeClock, until

Step = bytes | float | SourceError


class Script:
    """A source that does what it is told: one list per time it is opened. A number is so many seconds of silence."""

    name = "script"

    def __init__(self, clock: FakeClock, *lives: list[Step] | SourceError) -> None:
        self.clock, self.lives = clock, list(lives)
        self.opened: list[float] = []
        self.proofs = self.closes = 0
        self._life: list[Step] = []

    def open(self) -> None:
        self.opened.append(self.clock.now)
        if not self.lives:
            raise SourceError("the script is over")
        life = self.lives.pop(0)
        if isinstance(life, SourceError):
            raise life
        self._life = life

    def chunks(self) -> Iterator[bytes]:
        for step in self._life:
            if isinstance(step, SourceError):
                raise step
            if isinstance(step, bytes):
                yield step
                continue
            for _ in range(int(step)):
                self.clock.now += 1.0
                yield b""

    def proven(self) -> None:
        self.proofs += 1

    def close(self) -> None:
        self.closes += 1

    def port_errors(self) -> Mapping[str, int] | None:
        return {"frame": len(self.opened)}


class Setup:
    """A reader with all around it."""

    def __init__(
        self,
        source: Source,
        clock: Clock = SYSTEM,
        publish: Callable[[Reading], None] | None = None,
        *,
        meter: MeterSettings | None = None,
    ) -> None:
        self.readings: list[Reading] = []
        self.status = Status("test", clock)
        settings = meter or MeterSettings("home")
        self.reader = Reader(settings, source, publish or self.readings.append, self.status, Memory(), clock=clock)

    @property
    def told(self) -> dict[str, object]:
        meter = self.status.snapshot()["meters"]["home"]
        assert isinstance(meter, dict)
        return meter

    def play(self, script: Script) -> None:
        """Let the script run until it is over."""
        self.reader.start()
        until(lambda: len(script.opened) > 1 and not script.lives and script.closes >= len(script.opened), "the end")
        assert self.reader.stop()


def watts(readings: list[Reading]) -> list[Decimal]:
    return [value for reading in readings if isinstance(value := reading.values["power_import_w"].value, Decimal)]
