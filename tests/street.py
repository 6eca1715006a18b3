"""A street of simulated meters, each on a pseudo-terminal, all read by one daemon. Says what was sent; judges nothing."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from p1monitor.daemon import Daemon
from p1monitor.p1 import meters
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading
from p1monitor.p1.telegram import parse
from p1monitor.settings import HistorySettings, MeterSettings, Settings, SourceSettings, WebSettings
from p1monitor.simulate import Play, scene_of
from tests.lines import Wire
from tests.services import free_port
from tests.webhouse import Moment

#: Noon in summer time: the sun shines, and the ME381 has both its messages, which come and go by the hour.
NOON = datetime(2026, 4, 15, 10, 0, 30, tzinfo=UTC)
#: An hour later it has neither.
QUIET = datetime(2026, 4, 15, 11, 0, 30, tzinfo=UTC)
#: From one round to the next; the slowest meters' period.
ROUND_S = 10
#: After so many rounds a meter without CRC has told everything twice, and nothing is held any more.
SETTLED = 4
#: A host's clock is believed so long after its start, where nothing says that it is set.
TRUSTED_S = 600
#: How long anything may take on a busy machine.
PATIENCE_S = 30.0


#: The meters that speak unasked and in the clear, say who they are and have messages; the others have tests of their own.
APART = ("clms100", "lux", "sweden")
MODELS = {name: model for name, model in meters.MODELS.items() if name not in APART}


class Street:
    """The daemon's clock stands still within a round, so that what was sent and what is shown carry the same time."""

    def __init__(
        self, folder: Path, start: datetime, *, models: Iterable[str] = MODELS, scenes: Iterable[str] = (), **tables: Any
    ) -> None:
        self.start = int(start.timestamp())
        self.clock = Moment(self.start - TRUSTED_S)
        staged = tuple(scene_of(scene, self.start) for scene in scenes)
        self.plays = {model: Play(model, 0, self.start, staged) for model in models}
        self.wires = {model: Wire() for model in self.plays}
        self.sent: dict[str, list[Reading]] = {model: [] for model in self.plays}
        self.url = f"http://127.0.0.1:{free_port()}"
        web = WebSettings(listen=self.url.removeprefix("http://"))
        meters = tuple(self._meter(model) for model in self.plays)
        history = HistorySettings(path=folder / "history.sqlite")
        self.daemon = Daemon(Settings(meters, **{"history": history, "web": web, **tables}), self.clock)
        self.clock.pass_by(TRUSTED_S)

    def _meter(self, model: str) -> MeterSettings:
        source = SourceSettings(device=self.wires[model].device, settings=MODELS[model].settings)
        return MeterSettings(name=model, source=source)

    def __enter__(self) -> Self:
        self.daemon.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.daemon.__exit__(kind, error, trace)
        for wire in self.wires.values():
            wire.unplug()

    def round(self, count: int = 1) -> None:
        """Time passes; each meter sends what it sends at that moment, and the daemon reads it."""
        for _ in range(count):
            self.clock.pass_by(ROUND_S)
            for model, play in self.plays.items():
                frame = play.at(self.clock.wall())
                self.sent[model].append(decoded(model, frame))
                until(lambda model=model: self._listens(model))  # type: ignore[misc]  # a default that binds the loop's variable
                self.wires[model].write(frame)
            until(lambda: all(self.shown(model) == self.sent[model][-1].frame for model in self.plays))
            until(self._published)  # a reading that comes to MQTT after the clock went on would take the next one's turn

    def _published(self) -> bool:
        told = self.daemon.status.snapshot()["sinks"].get("mqtt")
        return told is None or told["accepted"] + told["dropped"] >= sum(map(len, self.sent.values()))

    def shown(self, model: str) -> bytes:
        """The frame of the newest reading."""
        reading = self.daemon.live.latest(model)
        return reading.frame if reading else b""

    def ask(self, path: str, **arguments: object) -> Any:
        """What the page's API answers; its numbers as Decimals would be, digit by digit."""
        query = urllib.parse.urlencode(arguments)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.loads(answer.read(), parse_float=Decimal, parse_int=Decimal)

    def _listens(self, model: str) -> bool:
        """Whether the port is open: what a terminal gets before that may be thrown away."""
        return bool(self.daemon.status.snapshot()["meters"].get(model, {}).get("connected"))


def decoded(model: str, sent: bytes) -> Reading:
    """What a simulated meter said."""
    (frame,) = (event for event in Framer().feed(sent) if isinstance(event, Frame))
    return decode(parse(frame), None, meter=model, frame=frame.data)


def until(condition: Callable[[], object]) -> None:
    """Poll, with a deadline."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.01)
