"""One thread per meter, from bytes to published readings: source, framer, parse, decode, observe, publish.

It waits for no input or output but its source's, and never dies of what a line, a meter or a bug brings.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event, Thread

from p1monitor import keys
from p1monitor.clock import SYSTEM, Clock
from p1monitor.news import News
from p1monitor.observer import Memory, observe
from p1monitor.p1.framer import Frame, Rejected
from p1monitor.p1.frames import why
from p1monitor.p1.looks import SAMPLE
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import parse
from p1monitor.settings import MeterSettings
from p1monitor.sources import Source, SourceError
from p1monitor.status import Status
from p1monitor.terms import terms

log = logging.getLogger(__name__)

SILENT_PERIODS = 3  #: without a valid telegram, and the source is closed and opened again …
SILENT_LEAST_S = 60.0  #: … but not before: a meter that restarts after a power cut takes its time
RETRY_FIRST_S, RETRY_MOST_S = 1.0, 60.0  #: pause before the source is opened again, doubling
INTERVALS = 9  #: between telegrams, of which the median is the period: lost and late ones do not count
INTERVALS_LEAST = 3  #: before a period is believed
TURN_S = 1.0  #: a pause is taken in steps, so that the watchdog sees the thread turn
REFUSED_MANY = 5  #: in a row, and the status says why
TICK_S = 10.0  #: between looks at the port's error counters
HINTS = {"crc": '; behind a gateway that rewrites lines, crc = "off" of this [[meter]] helps'}
OUTSIDE = frozenset(("noise", "sync"))  #: reasons for bytes that are outside of telegrams
FOREIGN = frozenset(("parity", "dlms", "encrypted", "key", "plain"))  #: reasons that do not pass by themselves: somebody has to act


class Reader:
    """Reads one meter until it is stopped, or its source is at its end."""

    def __init__(
        self,
        meter: MeterSettings,
        source: Source,
        publish: Callable[[Reading], None],
        status: Status,
        memory: Memory,
        *,
        clock: Clock = SYSTEM,
        knows_time: Callable[[], bool] = lambda: True,
        tell: Callable[[str, str, float | None], None] = lambda _meter, _words, _seconds: None,
    ) -> None:
        self.meter, self.name = meter.name, f"the reader of {meter.name}"
        self.memory = memory  #: what the observer knows; swapped with every reading
        self.ended = False  #: the source was finite, and it is all read
        self._terms = terms(meter)
        self._cast: object = None  # the roles that were looked at last
        self._source, self._publish, self._status, self._clock = source, publish, status, clock
        self._knows_time = knows_time
        # One for good: it remembers that valid CRCs have come, or that the key fits
        self._framer = keys.framer(meter.crc, meter.decryption_key_file, meter.authentication_key_file)
        self._polled_s = meter.source.polled_s
        self._stop = Event()
        self._turned: float | None = None
        self._heard = 0.0  # when the source was opened, or the last valid telegram came
        self._intervals: deque[float] = deque(maxlen=INTERVALS)
        self.period: float | None = None  #: seconds between telegrams, as learnt; None before enough have come
        self._identified: str | None = None  # equipment id in the status
        self._last: float | None = None  # valid telegram since the source was opened
        self._ticked = 0.0
        self._fed = self._began = 0  # bytes: in all, and before the source was opened this time
        self._news = News(meter.name, clock, partial(tell, meter.name))
        self._refusals: Counter[tuple[str, str]] = Counter()  # since the last valid telegram: reason, checksum that fits
        self._thread = Thread(target=self._run, name=f"reader {meter.name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._status.set("source", self._source.name, meter=self.meter)
        self._look_for_roles()
        self._thread.start()

    def end(self) -> None:
        """Begin to stop; the loop sees it at its next turn. Waits for nobody."""
        self._stop.set()

    def stop(self, timeout: float = 5.0) -> bool:
        """End all waits and wait for the thread; False if it is still busy after `timeout` seconds."""
        self.end()
        self._source.close()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def turned(self) -> float:
        """Monotonic time of the last turn of the loop, for the watchdog; now, while there is nothing to turn."""
        return self._clock.monotonic() if self._turned is None or self.ended else self._turned

    def _run(self) -> None:
        delays = _backoff()
        while not (self._stop.is_set() or self.ended):
            self._turned = self._clock.monotonic()
            try:
                self._session()
            except SourceError as trouble:
                self._trouble(str(trouble))
                if self._news.good:
                    delays = _backoff()
            except Exception as fault:  # noqa: BLE001 -- the thread's top: a bug must not end the reading
                self._status.count("crashes", meter=self.meter)
                self._status.set("last_trouble", f"a fault in p1monitor: {fault!r}", meter=self.meter)
                self._news.fault(fault)
            self._status.set("connected", False, meter=self.meter)
            if not self.ended:
                self._news.lost()
                self._pause(next(delays))

    def _session(self) -> None:
        """Open the source and read it, until it is lost, silent, at its end, or not wanted any more."""
        try:
            self._source.open()
            self._opened()
            for chunk in self._source.chunks():
                if self._stop.is_set():
                    return
                self._take(chunk)
            if not self._stop.is_set():
                self._finish()
        finally:
            self._source.close()

    def _opened(self) -> None:
        self._framer.reset()
        self._began = self._fed
        self._heard = self._ticked = self._clock.monotonic()
        self._last = None
        self._refusals.clear()
        self._tick()
        self._status.set("connected", True, meter=self.meter)
        if self._news.opened(self._source.name):
            self._status.count("reconnects", meter=self.meter)

    def _take(self, chunk: bytes) -> None:
        now = self._turned = self._clock.monotonic()
        if chunk:
            self._fed += len(chunk)
            received = self._now()
            for event in self._framer.feed(chunk):
                self._event(event, received)
        self._news.summary(now)
        self._news.look(now)
        if now - self._ticked >= TICK_S:
            self._ticked = now
            self._tick()
        patience = max(SILENT_PERIODS * max(self.period or 0.0, self._polled_s), SILENT_LEAST_S)
        if now - self._heard >= patience:
            raise SourceError(self._silence(now - self._heard))

    def _now(self) -> Received:
        return Received(self._clock.wall(), self._clock.monotonic(), self._knows_time())

    def _finish(self) -> None:
        """A finite source is at its end."""
        received = self._now()
        for event in self._framer.end():
            self._event(event, received)
        self.ended = True
        log.info("%s: %s is at its end", self.meter, self._source.name)

    def _event(self, event: Frame | Rejected, received: Received) -> None:
        if isinstance(event, Rejected):
            self._refused(event)
            return
        telegram = parse(event)
        reading = decode(telegram, received, self._terms.profile, meter=self.meter, frame=event.data)
        self.memory, reading = observe(self.memory, reading, configured=self._terms.configured, rules=self._terms.rules)
        self._status.telegram(self.meter)  # before the sinks see the reading: they ask how old it is
        self._look_for_roles()
        if telegram.bad_lines:
            self._status.count("bad_lines", len(telegram.bad_lines), meter=self.meter)
        if self.memory.held:
            self._status.count("held", self.memory.held, meter=self.meter)
            self._news.doubts(self.memory.doubts)
        if reading.equipment_id != self._identified:  # a meter without CRC has told its number twice before it is believed
            self._identified = reading.equipment_id
            self._status.set("equipment_id", reading.equipment_id, meter=self.meter)
        self._learn(received.monotonic)
        if self._news.telegram(self._source.name, telegram.identification):
            self._tick()
            for key, value in (("crc", telegram.crc), ("identification", telegram.identification)):
                self._status.set(key, value, meter=self.meter)
            self._status.set("last_trouble", None, meter=self.meter)
        self._publish(reading)  # wakes the sinks' threads, which would wait for this one
        self._source.proven()

    def _look_for_roles(self) -> None:
        """Which devices of the configuration were never seen; looked at when roles have changed."""
        if self._cast is self.memory.roles:
            return
        self._cast = self.memory.roles
        seen = {(bound.equipment_id, bound.role) for bound in self.memory.roles}
        unseen = [role for name, role in self._terms.configured.items() if (name, role) not in seen]
        self._status.set("roles_unseen", unseen, meter=self.meter)

    def _learn(self, now: float) -> None:
        if self._last is not None:
            self._intervals.append(now - self._last)
        self._last = self._heard = now
        self._refusals.clear()
        if len(self._intervals) >= INTERVALS_LEAST:
            self.period = sorted(self._intervals)[len(self._intervals) // 2]
            self._status.set("period_s", round(self.period, 1), meter=self.meter)

    def _refused(self, event: Rejected) -> None:
        if event.reason in OUTSIDE and event.offset == self._began:
            return  # the port was opened in the middle of a telegram: nobody's fault
        self._status.count(f"refused:{event.reason}", meter=self.meter)
        self._refusals[event.reason, event.fits] += 1
        if sum(self._refusals.values()) == REFUSED_MANY:
            self._status.set("last_trouble", f"{self._source.name}: {_why(self._refusals)}", meter=self.meter)
        if event.reason in FOREIGN and not self._news.good:
            self._trouble(f"{self._source.name}: {event.words}")
        else:
            self._news.refused(event, self._clock.monotonic())

    def _tick(self) -> None:
        """What is looked at now and then."""
        self._status.set("port_errors", self._errors(), meter=self.meter)
        self._status.set("source", self._source.name, meter=self.meter)
        noise = self._framer.noise  # a line that sends nothing else never completes an event
        if noise is not None and noise.length >= SAMPLE and not self._news.good:
            self._trouble(f"{self._source.name}: {noise.words}")

    def _errors(self) -> dict[str, int] | None:
        counted = self._source.port_errors()
        return None if counted is None else dict(counted)

    def _silence(self, seconds: float) -> str:
        words = f"{self._source.name}: no valid telegram for {seconds:.0f} s"
        if self._fed == self._began:
            return f"{words}, nothing comes at all: is the cable in the meter, and the port activated?"
        noise = self._framer.noise
        if noise is not None:
            self._status.count(f"refused:{noise.reason}", meter=self.meter)
            return f"{words}, only {noise.words}"
        return f"{words}, only refused ones: {_why(self._refusals)}" if self._refusals else words

    def _trouble(self, sentence: str) -> None:
        self._status.set("last_trouble", sentence, meter=self.meter)
        self._news.trouble(sentence)

    def _pause(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            self._turned = self._clock.monotonic()
            self._news.look(self._turned)
            if self._clock.wait(self._stop, min(left, TURN_S)):
                return


def _why(refusals: Counter[tuple[str, str]]) -> str:
    """The commonest reason, and what can be done where something can."""
    (((reason, fits), count),) = refusals.most_common(1)
    return f"{why(reason, fits)} ({count} in a row){'' if fits else HINTS.get(reason, '')}"


def _backoff() -> Iterator[float]:
    delay = RETRY_FIRST_S
    while True:
        yield delay
        delay = min(2 * delay, RETRY_MOST_S)
