"""A staged meter recorded through observer and recorder, in several lives of the daemon. Never part of the product."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from p1monitor.afresh import afresh
from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.scenes import Scene
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder import Store, build
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.rows import EVERY
from p1monitor.settings import HistorySettings
from tests.clocks import Hands
from tests.cutting import TERMS
from tests.readings import METER, WINTER

#: Readings per batch.
BATCH = 6


class Staged:
    """One life of the daemon; the next one goes on where it ended."""

    def __init__(
        self, path: Path, model: str, now: int, scenes: Sequence[Scene] = (), *, ahead: float | None = 0.0, boot: str = "one"
    ) -> None:
        """`ahead` of the truth is the host's wall clock; None: it does not know the time, and begins in 1970."""
        self.now, self.frames, self.counted, self.ahead = now, list[bytes](), Counter[str](), ahead
        self._model, self._scenes, self._framer = MODELS[model], tuple(scenes), Framer()
        self._clock, self.store = Hands(float(now if ahead is not None else 0), float(now % 1_000_000)), Store(path)
        self._memory = Memory.from_json(self.store.remembered(METER) or {})
        self.recorder = build(
            HistorySettings(path=path),
            self.store,
            memory_of=lambda _: self._memory,
            clock=self._clock,
            count=lambda key, n: self.counted.update({key: n}),
            trusted=lambda: self.ahead is not None,
            zone=WINTER,
            boot=boot,
        )
        self.recorder.replay(self._again)
        self._memory = self._memory._replace(seq=max(self._memory.seq, self.store.last_seq(METER)))
        self.store.opened_for([METER])

    def run(self, seconds: int, step: int) -> None:
        """Let so much time pass."""
        batch = []
        for _ in range(seconds // step):
            self.now, self._clock.now = self.now + step, self._clock.now + step
            sent = self._model.staged(datetime.fromtimestamp(self.now, UTC), 0, self._scenes)
            for event in self._framer.feed(render(sent)) if sent is not None else ():
                assert isinstance(event, Frame)
                received = Received(self._clock.wall() + 0.3, self._clock.monotonic(), known=self.ahead is not None)
                reading = decode(parse(event), received, meter=METER, frame=event.data)
                self._memory, reading = observe(self._memory, reading, WINTER)
                self.frames.append(event.data)
                batch.append(reading)
            if len(batch) >= BATCH:
                self.recorder.deliver(batch)
                batch.clear()
        self.recorder.deliver(batch)

    def set_clock(self) -> None:
        """The host is told the time."""
        self.ahead, self._clock._ahead = 0.0, self.now - self._clock.now

    def kill(self) -> None:
        """End, without a chance to save anything."""
        os.close(self.store._claim)
        self.recorder._archive.journal.close()

    def _again(self, meter: str, kept: Kept, received: Received | None) -> Reading | None:
        self._memory, again = afresh(self._memory, kept, TERMS, meter, received)
        return again


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every profile."""
    with closing(sqlite3.connect(path)) as db:
        columns = {name: ", ".join(map(_quoted, table.all)) for name, table in EVERY.items()}
        return {name: sorted(db.execute(f"SELECT {columns[name]} FROM {name}"), key=repr) for name in EVERY}


def _quoted(column: str) -> str:
    return f'"{column}"'
