"""The newest reading of each meter, and a way to be told of the next one. Never waits for a listener, never stores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from threading import Condition, Lock
from types import MappingProxyType

from p1monitor.p1.records import Reading

#: Readings that may wait for one listener. One that is slower wants the newest, not the history: the oldest go.
QUEUE = 4
#: The line under the big number shows the last ten minutes; a meter sends at most one telegram a second.
RECENT_S = 600.0
RECENT_POINTS = 600


class Subscription:
    """One listener's bounded queue. Made by `Live.subscribe`; close it when done."""

    def __init__(self, leave: Callable[[Subscription], None]) -> None:
        self._waiting: deque[Reading] = deque(maxlen=QUEUE)
        self._changed = Condition()
        self._leave = leave
        self.closed = False

    def put(self, reading: Reading) -> None:
        """Queue a reading; a full queue loses its oldest."""
        with self._changed:
            self._waiting.append(reading)
            self._changed.notify()

    def next(self, timeout: float) -> Reading | None:
        """The next reading; None when there was none within `timeout` seconds, or when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.closed, timeout)
            return self._waiting.popleft() if self._waiting and not self.closed else None

    def close(self) -> None:
        """Stop listening and wake who waits in `next`. May be called twice, from any thread."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
        self._leave(self)


class Live:
    """The newest reading per meter. `publish` is called by one reader thread per meter, all else by any thread."""

    def __init__(self, meters: Sequence[str], profiles: Mapping[str, str] = MappingProxyType({})) -> None:
        self.meters = tuple(meters)
        self.profiles = profiles  #: of meters, as configured: how their tariffs are called
        self._latest: dict[str, Reading | None] = dict.fromkeys(self.meters)
        self._recent: dict[str, deque[tuple[float, float]]] = {name: deque(maxlen=RECENT_POINTS) for name in meters}
        self._listeners: dict[str, tuple[Subscription, ...]] = dict.fromkeys(meters, ())
        self._lock = Lock()
        self._closed = False

    def publish(self, reading: Reading) -> None:
        """Swap in the newest reading of `reading.meter` and tell its listeners. Never blocks."""
        self._latest[reading.meter] = reading
        power = reading.values.get("power_w")
        if power is not None and isinstance(power.value, Decimal) and reading.received is not None and not power.held:
            with self._lock:
                self._recent[reading.meter].append((reading.received.monotonic, float(power.value)))
        for listener in self._listeners[reading.meter]:
            listener.put(reading)

    def latest(self, meter: str) -> Reading | None:
        """The newest reading of a meter; None before the first."""
        return self._latest[meter]

    def recent(self, meter: str, monotonic: float) -> list[tuple[float, float]]:
        """Age in seconds and net power of the readings of the last ten minutes, oldest first."""
        with self._lock:
            points = list(self._recent[meter])
        return [(monotonic - at, power) for at, power in points if monotonic - at <= RECENT_S]

    def subscribe(self, meter: str) -> Subscription:
        """Be told of every reading of a meter from now on. After `close` the subscription is closed at once."""
        subscription = Subscription(lambda gone: self._drop(meter, gone))
        with self._lock:
            if not self._closed:
                self._listeners[meter] += (subscription,)
                return subscription
        subscription.close()
        return subscription

    def close(self) -> None:
        """End every subscription, so that nobody waits for a reading any more."""
        with self._lock:
            self._closed = True
            listeners = [listener for group in self._listeners.values() for listener in group]
        for listener in listeners:
            listener.close()

    def _drop(self, meter: str, gone: Subscription) -> None:
        with self._lock:
            self._listeners[meter] = tuple(listener for listener in self._listeners[meter] if listener is not gone)
