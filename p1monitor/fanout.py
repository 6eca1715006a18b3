"""From one reader to many sinks: a bounded queue, a thread, retry and counting for each. Never knows what a sink does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from threading import Condition, Event, Thread
from typing import Protocol

from p1monitor.apart import Apart
from p1monitor.clock import SYSTEM, Clock
from p1monitor.owing import QUEUE_MOST, Owing
from p1monitor.p1.records import Reading
from p1monitor.sinks import Policy, Sink, SinkError
from p1monitor.status import Status
from p1monitor.trouble import Aside, Outcome, Trouble

#: How long a sink may take to finish at the end; they do it all at once. The unit allows thirty seconds for everything.
STOP_S = 5.0
#: … and how much of that may be over for a last delivery to begin: it takes up to four seconds.
LAST_S = 0.5
#: A durable sink's first batch. Then it grows by a quarter with each success, and is halved when it is refused.
FIRST_BATCH = 64
#: How often it is looked whether what is owed is in the journal by now.
LOOK_S = 1.0
#: After a piece of the backlog, others get as much time as it took, and at most so much.
REST_MOST_S = 1.0


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

    def __init__(self, sink: Sink, policy: Policy, status: Status, clock: Clock = SYSTEM, owing: Owing | None = None) -> None:
        """`owing` is what a durable sink gets out of the archive, where there is one."""
        self.name, self.live = sink.name, policy.live
        self._sink, self._policy, self._status, self._clock, self._owing = sink, policy, status, clock, owing
        self._queue: deque[Reading] = deque()
        self._room = policy.queue if owing is None else min(policy.queue, QUEUE_MOST)
        self._wake = Condition()
        self._stop = Event()
        self._stop_asked = 0.0
        self._at_hand = 0  # readings that are being delivered
        self._open = False
        self._proven = False  # the sink has taken something: what it refuses now is no fault of its configuration
        self._most = policy.batch if policy.live else min(policy.batch, FIRST_BATCH)
        self._apart: dict[str, Apart] = {}  # of a durable sink, by meter
        self._trouble = Trouble(sink.name, policy.retry_first_s, policy.retry_most_s)
        self._late = Trouble(f"{sink.name}, on what it is behind", policy.retry_first_s, policy.retry_most_s)
        self._resume = 0.0  # when the backlog is tried again
        self._aside = Aside(sink.name, status)
        self._thread = Thread(target=self._run, name=f"sink {sink.name}", daemon=True)
        self._set("starting")
        self._tell()

    def start(self) -> None:
        """Start the thread; the sink is opened in it, so a dead server delays nobody."""
        self._thread.start()

    def offer(self, reading: Reading) -> None:
        """Queue a reading. Never waits: when the queue is full the oldest goes, counted, or is left to the archive."""
        with self._wake:
            if self._owing is not None:
                if self._owing.moment(reading) is None:
                    self._owing.left(reading)
                    self._tell()
                    self._wake.notify()
                    return
                self._owing.offered(reading)
            if len(self._queue) >= self._room:
                self._placed(self._queue.popleft())  # the moments of those behind it depend on it
                if self._owing is None:
                    self._status.count("dropped", sink=self._sink.name)
            self._queue.append(reading)
            self._tell()
            self._wake.notify()

    def end(self) -> None:
        """Begin to stop: deliver what is queued, once, and close. Waits for nobody."""
        if not self._stop.is_set():
            self._stop_asked = self._clock.monotonic()
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
        if self._owing is not None:
            self._try(partial(self._owing.begin, self._apart))
        while not self._stop.is_set():
            if not self._try(self._turn):
                self._clock.wait(self._stop, self._trouble.pause())
        if self._open and self._trouble.sentence is None:  # one that is in trouble has had its time already
            while not self._over() and (batch := self._take()) and self._push(batch):
                pass
        self._try(self._sink.close)
        self._set("stopped")

    def _turn(self) -> None:
        if not self._open:
            self._sink.open()
            self._open = True
            self._well(self._trouble)
        batch = self._take()
        if batch or (self._policy.heartbeat_s is not None and not self._stop.is_set()):
            self._push(batch)
        elif self._owing is not None and not self._stop.is_set() and self._clock.monotonic() >= self._resume:
            self._catch_up(self._owing)

    def _push(self, batch: list[Reading]) -> bool:
        """Deliver readings that have come, in batches as large as the sink takes. False if it had to give up."""
        while not self._over():
            part = batch[: self._most]
            outcome = self._deliver(part, self._trouble)
            if outcome is Outcome.LATER:
                if self._owing is not None:
                    self._owing.rest()
                if self._clock.wait(self._stop, self._trouble.pause()) or self._policy.live:
                    break  # a live sink wants the newest, not this one
                continue
            if outcome is not Outcome.FEWER:
                del batch[: len(part)]
                self._hold(len(batch))
            if not batch:
                return True
        self._give_up(batch)
        return False

    def _catch_up(self, owing: Owing) -> None:
        """One piece of what the sink is behind; then others have as much time as it took."""
        began = self._clock.monotonic()
        try:
            piece = owing.piece(self._most)
        except Exception as error:  # noqa: BLE001 - the history cannot be read now; the newest readings go on
            self._ill(self._late, error)
            self._resume = began + self._late.pause()
            return
        outcome = self._deliver(piece, self._late) if piece else Outcome.FEWER
        if outcome is Outcome.DONE:
            owing.done(len(piece))
        elif outcome is Outcome.LATER:
            owing.rest()
            self._resume = self._clock.monotonic() + self._late.pause()
            self._clock.wait(self._stop, self._late.asked)  # who asks for patience gets it from all
        with self._wake:
            self._tell()
            if not self._queue and not self._stop.is_set():
                self._wake.wait(min(self._clock.monotonic() - began, REST_MOST_S))

    def _deliver(self, batch: Sequence[Reading], trouble: Trouble) -> Outcome:
        try:
            spoke = self._sink.deliver(batch) is not False
        except SinkError as error:
            if (error.permanent or error.too_many) and not self._policy.live:
                self._most = max(1, len(batch) // 2)
            if not error.permanent:
                self._ill(trouble, error)
                return Outcome.LATER
            return Outcome.FEWER if len(batch) > 1 and not self._policy.live else self._refused(batch, error, trouble)
        except Exception as error:  # noqa: BLE001 - a sink's fault must not end its runner; it is logged with its traceback
            self._ill(trouble, error)
            return Outcome.LATER
        if batch:
            self._status.count("accepted", len(batch), sink=self._sink.name)
            self._most = min(self._policy.batch, self._most + self._most // 4 + 1)
            self._proven = self._proven or spoke
            if self._owing is not None and trouble is self._trouble:
                self._owing.took(batch)
        if spoke:
            self._well(trouble)
        return Outcome.DONE

    def _refused(self, batch: Sequence[Reading], error: SinkError, trouble: Trouble) -> Outcome:
        """A reading that will never be taken is set aside with its reason. A sink that never took any may not know what it says."""
        self._proven = self._proven or error.proven
        if self._owing is not None and not self._proven:
            self._ill(trouble, error)
            if trouble is self._trouble:  # the next may fare better, and this one is in the archive
                self._clock.wait(self._stop, trouble.pause())
                return Outcome.DONE
            return Outcome.LATER
        if not self._policy.durable:
            self._ill(trouble, error)
            self._give_up(batch)
            return Outcome.DONE
        self._aside.put(batch, error)
        if self._owing is not None and trouble is self._trouble:
            self._owing.took(batch)
        return Outcome.DONE

    def _take(self) -> list[Reading]:
        """The next batch: waits for the first reading (or the heartbeat, or the backlog's turn), then a while for more."""
        policy = self._policy
        with self._wake:
            if not self._queue and not self._stop.is_set():
                self._wake.wait(self._patience())
            if self._queue and policy.gather_s and not self._late_ready():
                self._wake.wait_for(lambda: len(self._queue) >= policy.batch or self._stop.is_set(), policy.gather_s)
            batch = [self._placed(self._queue.popleft()) for _ in range(min(len(self._queue), policy.batch))]
            self._hold(len(batch))
        return batch

    def _late_ready(self) -> bool:
        return self._owing is not None and self._owing.waits()

    def _patience(self) -> float | None:
        """How long to wait for a reading at most."""
        if self._late_ready():
            return max(0.0, self._resume - self._clock.monotonic())
        return LOOK_S if self._owing is not None and self._owing.owes() else self._policy.heartbeat_s

    def _placed(self, reading: Reading) -> Reading:
        if not self._policy.durable:
            return reading
        moment = self._owing.moment(reading) if self._owing is not None else None
        return self._apart.setdefault(reading.meter, Apart(self._policy.resolution_s)).placed(reading, moment)

    def _over(self) -> bool:
        """Whether it is too late to begin a delivery; what the archive has is not worth a late stop."""
        return self._owing is not None and self._stop.is_set() and self._clock.monotonic() - self._stop_asked > LAST_S

    def _hold(self, at_hand: int) -> None:
        with self._wake:  # what waits is looked at: nobody is to add to it meanwhile
            self._at_hand = at_hand
            self._tell()

    def _tell(self) -> None:
        """What waits, and since when its oldest does; what is being delivered came before it."""
        name = self._sink.name
        self._status.set("queued", len(self._queue) + self._at_hand, sink=name)
        if not self._at_hand:
            oldest = next(iter(self._queue), None)
            self._status.set("waiting_since", oldest.received.monotonic if oldest and oldest.received else None, sink=name)
        if self._owing is not None:
            self._status.set("behind", self._owing.behind(), sink=name)
            self._status.set("owed_since", self._owing.since, sink=name)

    def _give_up(self, batch: Sequence[Reading]) -> None:
        """They are lost, or left to the archive."""
        self._hold(0)
        if batch and self._owing is None:
            self._status.count("dropped", len(batch), sink=self._sink.name)

    def _try(self, step: Callable[[], object]) -> bool:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - a sink's fault must not end its runner; it is logged with its traceback
            self._ill(self._trouble, error)
            return False
        return True

    # Health: changes are logged, ticks are counted.

    def _ill(self, trouble: Trouble, error: Exception) -> None:
        self._status.count("retries", sink=self._sink.name)
        if trouble.ill(error):
            self._status.set("last_error", trouble.sentence, sink=self._sink.name)
            self._set("retrying")

    def _well(self, trouble: Trouble) -> None:
        trouble.well()
        if self._state != "ok" and self._trouble.sentence is None and self._late.sentence is None:
            self._set("ok")

    def _set(self, state: str) -> None:
        self._state = state
        self._status.set("state", state, sink=self._sink.name)
        self._status.set("since", self._clock.monotonic(), sink=self._sink.name)
