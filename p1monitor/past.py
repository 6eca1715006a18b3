"""A simulated past: telegrams of days gone by through the one way, into a store. Never runs beside a daemon on the same store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from p1monitor.clock import SYSTEM
from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS, Model
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import recorder
from p1monitor.recorder.store import Store
from p1monitor.settings import HistorySettings

#: Seconds between the telegrams of older days: what their charts show.
STEP_S = 300
#: … and of the last two days, whose minutes are kept.
FINE_S = 60
FINE_DAYS = 2
DAY_S = 86_400
#: Readings per batch.
BATCH = 1000


def moments(until: float, days: float, period: float) -> Iterator[float]:
    """Yield the times of the telegrams, POSIX seconds, oldest first; all lie at least a period before `until`."""
    fine = until - FINE_DAYS * DAY_S
    now = (until - days * DAY_S) // STEP_S * STEP_S
    while now < until - period:
        yield now
        now += STEP_S if now < fine else FINE_S


def fill(path: Path, meter: str, model: str, seed: int, days: float) -> int:
    """Let a simulated meter have lived for some days until now; the number of its telegrams comes back."""
    store = Store(path)
    memory = Memory()
    sink = recorder.build(HistorySettings(path=path), store, memory_of=lambda _: memory, trusted=lambda: True)
    batch: list[Reading] = []
    count = 0
    sink.open()
    for reading in _readings(MODELS[model], meter, seed, days):
        memory, observed = observe(memory, reading)
        batch.append(observed)
        count += 1
        if len(batch) == BATCH:
            sink.deliver(batch)
            batch = []
    sink.deliver(batch)
    sink.close()
    return count


def _readings(model: Model, meter: str, seed: int, days: float) -> Iterator[Reading]:
    framer = Framer()
    for now in moments(SYSTEM.wall(), days, model.period_s):
        for event in framer.feed(render(model.telegram(datetime.fromtimestamp(now, UTC), seed))):
            if isinstance(event, Frame):
                yield decode(parse(event), Received(now, now), meter=meter, frame=event.data)
