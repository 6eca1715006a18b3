"""From one reader to many sinks: a bounded queue, a thread, retry and counting for each. Never knows what a sink does."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from threading import Condition, Event, Thread
from typing import Protocol

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.records import Reading
from p1monitor.sinks import Policy, Sink, SinkError
from p1monitor.status import Status

log = logging.getLogger(__name__)

#: How long a sink may take to finish at the end; they do it all at once. The unit allows thirty seconds for everything.
STOP_S = 5.0
#: The longest that a server's Retry-After is believed: nobody means days.
RETRY_AFTER_MOST_S = 600.0


class Newest(Protocol):
    """Whoever only wants the newest: one reference, swapped."""

    def publish(self, reading: Reading) -> None:
        """Take the reading and return at once."""


class Fanout:
    """Hands each reading to everybody. Called by the readers' threads; waits for nobody."""

    def __init__(self, newest: Sequence[Newest], runners: Sequence[SinkRunner]) -> None:
        self._newest, self._runners = tuple(newest), sorted(runners, key=lambda runner: not runner.live)

    def publish(self, reading: Reading) -> None:
        """Live things first; a sink that has work to do with each reading comes last."""
        for place in self._newest:
            place.publish(reading)
        for runner in self._runners:
            runner.offer(reading)


class SinkRunner:
    """Runs one sink in a thread of its own."""

    def __init__(self, sink: Sink, policy: Policy, status: Status, clock: Clock = SYSTEM) -> None:
        self.name, self.live = sink.name, policy.live
        self._sink, self._policy, self._status, self._clock = sink, policy, status, clock
        self._queue: deque[Reading] = deque()
        self._wake = Condition()
        self._stop = Event()
        self._at_hand = 0  # readings that are being delivered
        self._open = False
        self._trouble: str | None = None
        self._delays = self._backoff()
        self._asked = 0.0  # seconds the other side wants us to wait
        self._thread = Thread(target=self._run, name=f"sink {sink.name}", daemon=True)
        self._set("starting")

    def start(self) -> None:
        """Start the thread; the sink is opened in it, so a dead server delays nobody."""
        self._thread.start()

    def offer(self, reading: Reading) -> None:
        """Queue a reading. Never waits: when the queue is full the oldest goes, counted."""
        with self._wake:
            if len(self._queue) >= self._policy.queue:
                self._queue.popleft()
                self._status.count("dropped", sink=self._sink.name)
            self._queue.append(reading)
            self._tell()
            self._wake.notify()

    def end(self) -> None:
        """Begin to stop: deliver what is queued, once, and close. Waits for nobody."""
        self._stop.set()
        with self._wake:
            self._wake.notify()

    def stop(self, timeout: float = STOP_S) -> bool:
        """End, and wait for it. False if the sink did not come back in time; it is then left alone."""
        self.end()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # The sink's own thread.

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._opened():
                self._turn()
        if self._open and self._trouble is None:  # one that is in trouble has had its time already
            self._last()
        self._try(self._sink.close)
        self._set("stopped")

    def _opened(self) -> bool:
        if not self._open:
            self._open = self._try(self._sink.open)
            if self._open:
                self._well()
            else:
                self._clock.wait(self._stop, next(self._delays))
        return self._open

    def _turn(self) -> None:
        batch = self._take()
        if not batch and (self._stop.is_set() or self._policy.heartbeat_s is None):
            return
        while not self._deliver(batch):
            waited = self._clock.wait(self._stop, max(next(self._delays), self._asked))
            if waited or self._policy.live:  # a live sink wants the newest, not this one
                self._give_up(batch)
                return

    def _deliver(self, batch: Sequence[Reading]) -> bool:
        """True if these readings are done with: accepted, or refused for good."""
        try:
            self._sink.deliver(batch)
        except SinkError as error:
            self._ill(str(error))
            self._asked = min(error.retry_after or 0.0, RETRY_AFTER_MOST_S)
            if not error.permanent:
                return False
            self._give_up(batch)
            return True
        except Exception as error:  # noqa: BLE001 - a sink's fault must not end its runner; it is logged with its traceback
            self._ill(f"{type(error).__name__}: {error}", trace=True)
            return False
        if batch:
            self._status.count("accepted", len(batch), sink=self._sink.name)
        self._hold(0)
        self._well()
        return True

    def _take(self) -> list[Reading]:
        """The next batch: waits for the first reading (or the heartbeat), then a while for more."""
        policy = self._policy
        with self._wake:
            if not self._queue and not self._stop.is_set():
                self._wake.wait(policy.heartbeat_s)
            if self._queue and policy.gather_s:
                self._wake.wait_for(lambda: len(self._queue) >= policy.batch or self._stop.is_set(), policy.gather_s)
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), policy.batch))]
            self._hold(len(batch))
        return batch

    def _hold(self, at_hand: int) -> None:
        self._at_hand = at_hand
        self._tell()

    def _tell(self) -> None:
        """What waits, and since when its oldest does; what is being delivered came before it."""
        self._status.set("queued", len(self._queue) + self._at_hand, sink=self._sink.name)
        if not self._at_hand:
            oldest = next(iter(self._queue), None)
            self._status.set(
                "waiting_since", oldest.received.monotonic if oldest and oldest.received else None, sink=self._sink.name
            )

    def _last(self) -> None:
        """At the end: one try for what is still queued."""
        while batch := self._take():
            if not self._deliver(batch):
                self._give_up(batch)
                return

    def _give_up(self, batch: Sequence[Reading]) -> None:
        self._hold(0)
        if batch:
            self._status.count("dropped", len(batch), sink=self._sink.name)

    def _try(self, step: object) -> bool:
        try:
            step()  # type: ignore[operator]
        except SinkError as error:
            self._ill(str(error))
        except Exception as error:  # noqa: BLE001 - a sink's fault must not end its runner; it is logged with its traceback
            self._ill(f"{type(error).__name__}: {error}", trace=True)
        else:
            return True
        return False

    # Health: changes are logged, ticks are counted.

    def _ill(self, sentence: str, *, trace: bool = False) -> None:
        self._status.count("retries", sink=self._sink.name)
        if sentence == self._trouble:
            return
        log.warning("%s: %s", self._sink.name, sentence, exc_info=trace)
        self._trouble = sentence
        self._status.set("last_error", sentence, sink=self._sink.name)
        self._set("retrying")

    def _well(self) -> None:
        if self._trouble is None and self._open and self._state == "ok":
            return
        if self._trouble is not None:
            log.info("%s: working again", self._sink.name)
        self._trouble, self._asked = None, 0.0
        self._delays = self._backoff()
        self._set("ok")

    def _set(self, state: str) -> None:
        self._state = state
        self._status.set("state", state, sink=self._sink.name)
        self._status.set("since", self._clock.monotonic(), sink=self._sink.name)

    def _backoff(self) -> Iterator[float]:
        delay = self._policy.retry_first_s
        while True:
            yield delay
            delay = min(delay * 2, self._policy.retry_most_s)
