"""The whole daemon on one page: build the house, start from the sinks to the sources, watch, stop from the sources to the sinks."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from p1monitor import __version__, listen, sdnotify, sources, webfiles
from p1monitor.afresh import afresh
from p1monitor.clock import SYSTEM, Clock
from p1monitor.fanout import STOP_S, Fanout, SinkRunner
from p1monitor.live import Live
from p1monitor.notes import Notes
from p1monitor.observer import Memory
from p1monitor.owing import owing
from p1monitor.p1.records import Reading, Received
from p1monitor.reader import Reader
from p1monitor.recorder import queries, recorder, store
from p1monitor.recorder.cursors import Cursors
from p1monitor.recorder.hostclock import HostClock
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.own_events import KILLED, STARTED, STOPPED, own_event
from p1monitor.settings import MeterSettings, Settings, WebSettings
from p1monitor.sinks import House, Policy, Sink
from p1monitor.sizes import sizes
from p1monitor.spent import Spending
from p1monitor.status import Status
from p1monitor.terms import terms

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from p1monitor.webapp import Door

log = logging.getLogger(__name__)

#: A reader that has not turned for so long hangs: its loop turns at least once a second while it waits.
HANG_S = 30.0
#: What the history notes of us: a note that still says so at the next start tells of a kill or a power cut.
LIFE, RUNS, ENDED = "life", "runs", "ended"
#: How often health is looked at where no watchdog asks for more.
LOOK_S = 5.0
#: How often `systemctl status` is told anew how it goes.
TELL_S = 30.0


class Closable(Protocol):
    """What of the web server matters here: it is there, until it is not."""

    def close(self) -> None:
        """End it."""


class Daemon:
    """Everything that runs. Made of settings; raises StoreError or another one-sentence error if it cannot be."""

    def __init__(self, settings: Settings, clock: Clock = SYSTEM) -> None:
        self._clock, self._settings = clock, settings
        self.status = Status(__version__, clock)
        names = tuple(meter.name for meter in settings.meters)
        profiles = {meter.name: meter.profile for meter in settings.meters}
        self.live = Live(names, profiles)
        self._store = store.Store(settings.history.path) if settings.history else None
        # For what asks by itself, now and then: nobody looks, so nothing is to be saved for it
        self._unseen = queries.Queries(settings.history.path) if settings.history else None
        self._spending = Spending(self._unseen) if self._unseen else None
        self._host = HostClock(clock)
        self.house = House(
            installation=self._store.installation() if self._store else "p1monitor",
            meters=names,
            version=__version__,
            url=_url(settings),
            stale_after=self.status.stale_after,
            knows_time=self._host.trusted,
            frames=self.status.frames,
            spent=self._spending.of if self._spending else lambda _: {},
            profiles=profiles,
        )
        self._terms = {meter.name: terms(meter) for meter in settings.meters}
        self._memories = {name: self._memory(name) for name in names}
        self.readers: list[Reader] = []
        self._queries: queries.Queries | None = None
        self._recorder: recorder.Recorder | None = None
        self._cursors = Cursors()
        self._killed = self._store is not None and self._store.noted(LIFE) == RUNS
        self._runners = self._build_sinks()
        if self._store:
            for name, memory in self._memories.items():
                self._memories[name] = memory._replace(seq=max(memory.seq, self._store.last_seq(name)))
            self._store.note(LIFE, RUNS)
            self._store.opened_for(names)
        self._fanout = Fanout([self.live], self._runners)
        self._server: Closable | None = None
        try:
            self.readers = [self._reader(meter) for meter in settings.meters]
        except BaseException:
            if self._store:
                self._store.close()
            raise
        self.stopped = Event()
        self._told_at = -TELL_S
        self._late: list[str] = []  # meters whose reader hung at the last look

    # Start, watch, stop.

    def __enter__(self) -> Self:
        """Start everything: whoever listens first, whoever speaks last."""
        self._server = self._serve()
        for name in self._memories:
            self._tell(name, (KILLED if self._killed else STARTED).format(__version__))
        for runner in self._runners:
            runner.start()
        for reader in self.readers:
            reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop everything: no more readings first, then deliver what is queued."""
        sdnotify.notify(sdnotify.STOPPING)
        self._end(self.readers)
        for reader in self.readers:
            self._tell(reader.meter, STOPPED.format(__version__))
        if self._store:
            self._store.note(LIFE, ENDED)
        for together in (self._runners[1:], self._runners[:1]):  # the recorder at last: it saves how far the others came
            self._end(together)
        if self._server is not None:
            self._server.close()
        for asked in (self._queries, self._unseen):
            if asked is not None:
                asked.close()
        log.info("stopped")

    def _end(self, threads: Sequence[Reader | SinkRunner]) -> None:
        """End some readers or sinks, all at once."""
        until = self._clock.monotonic() + STOP_S
        for thread in threads:
            thread.end()
        for thread in threads:
            if not thread.stop(max(until - self._clock.monotonic(), 0.0)):
                log.warning("%s did not stop in time; it is left behind", thread.name)

    def run(self) -> None:
        """Run until SIGTERM, SIGINT, or the end of the last finite source."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signal)
        with self:
            sdnotify.notify(sdnotify.READY, sdnotify.status(self.status.words()))
            meters = self.status.snapshot()["meters"]
            log.info("started: %s", ", ".join(f"{name} on {told['source']}" for name, told in meters.items()))
            every = sdnotify.watchdog_interval() or LOOK_S
            while not self._clock.wait(self.stopped, min(every, LOOK_S)) and not self.ended():
                self.look()

    def look(self) -> bool:
        """Tell systemd how it goes; the watchdog only hears from us if every reader has turned."""
        now = self._clock.monotonic()
        late = [reader.meter for reader in self.readers if now - reader.turned() > HANG_S]
        if late and late != self._late:
            log.error("no turn for %g s: the reader of %s hangs", HANG_S, ", ".join(late))
        self._late = late
        if not late:
            lines = [sdnotify.WATCHDOG]
            if now - self._told_at >= TELL_S:
                self._told_at = now
                lines.append(sdnotify.status(self.status.words()))
            sdnotify.notify(*lines)
        return not late

    def ended(self) -> bool:
        """Tell whether every source was finite and is read to its end."""
        return all(reader.ended for reader in self.readers)

    def _signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped.set()

    # Building.

    def _memory(self, meter: str) -> Memory:
        told = self._store.remembered(meter) if self._store else None
        return Memory.from_json(told) if told else Memory()

    def _again(self, meter: str, kept: Kept, received: Received | None) -> Reading | None:
        """A reading of the journal, for the memory that was saved before it."""
        if meter not in self._memories:  # it is not in the configuration any more
            return None
        self._memories[meter], reading = afresh(self._memories[meter], kept, self._terms[meter], meter, received)
        return reading

    def _reader(self, meter: MeterSettings) -> Reader:
        remembered = Notes(self._store, meter.name) if self._store else sources.Forgetful()
        source = sources.build(meter.source, remembered, self._clock)
        memory, knows = self._memories[meter.name], self._host.trusted
        publish, tell = self._fanout.publish, self._tell
        return Reader(meter, source, publish, self.status, memory, clock=self._clock, knows_time=knows, tell=tell)

    def _tell(self, meter: str, words: str, seconds: float | None = None) -> None:
        """Something for the event book that no meter told. Any thread."""
        if self._recorder is not None:
            now = Received(self._clock.wall(), self._clock.monotonic(), self._host.trusted())
            self._recorder.happened(meter, own_event(words, now, seconds))

    def _build_sinks(self) -> list[SinkRunner]:
        """Sinks whose table is not there are not even imported: each brings a library of its own."""
        settings, made = self._settings, []
        if settings.history and self._store:
            kept = recorder.build(
                settings.history,
                self._store,
                memory_of=self._memory_of,
                count=self._dropped,
                tell=self._told,
                profile_of=self._profile_of,
                billing_day_of=lambda meter: self._terms[meter].rules.billing_day if meter in self._terms else 1,
                clock=self._clock,
                trusted=self._host.trusted,
                synchronised=self._host.synchronised,
                notes=self._cursors.notes,
            )
            entered = kept.replay(self._again)
            if entered:
                log.info("history: %d readings of before were in its journal only", entered)
            self._recorder = kept
            made.append(self._run(kept, recorder.POLICY))
            self._queries = queries.Queries(settings.history.path, kept.recent, kept.fresh)
        if settings.relay:
            from p1monitor.sinks import relay  # noqa: PLC0415 - see above

            made.append(self._run(relay.build(settings.relay, self.house, self._clock), relay.POLICY))
        if settings.mqtt:
            from p1monitor.sinks import mqtt  # noqa: PLC0415

            made.append(self._run(mqtt.build(settings.mqtt, self.house, self._clock), mqtt.POLICY))
        if settings.influxdb:
            from p1monitor.sinks import influxdb  # noqa: PLC0415

            made.append(self._run(influxdb.build(settings.influxdb, self.house, self._clock), influxdb.policy(settings.influxdb)))
        return made

    def _run(self, sink: Sink, policy: Policy) -> SinkRunner:
        owed = None
        if policy.live:  # all meters may send at the same moment
            policy = replace(policy, queue=policy.queue * len(self._settings.meters))
        if policy.durable and self._store and self._recorder:
            names, kept = tuple(self._terms), self._recorder
            owed = owing(policy, names, self._store, kept.kept_to, self._cursors, self._profile_of, kept.stamp)
        return SinkRunner(sink, policy, self.status, self._clock, owed)

    def _profile_of(self, meter: str) -> str:
        return self._terms[meter].profile if meter in self._terms else "auto"

    def _serve(self) -> Closable | None:
        settings = self._settings
        if settings.web is None:
            return None
        from p1monitor.webapp import Door, Frugal, serve  # noqa: PLC0415 - the web server only where there is a page

        door = Door(settings.web, self._clock)  # a password file that is wrong is told now, not to the first who looks
        return serve(Frugal(partial(self._page, settings.web, door, webfiles.folder())), settings.web.listen, self.live.close)

    def _page(self, web: WebSettings, door: Door, files: Path) -> WSGIApplication:
        from p1monitor.webapp.app import create_app  # noqa: PLC0415 - Flask only when somebody looks

        settings = self._settings
        append_crc = settings.relay is not None and settings.relay.append_crc
        told = partial(sizes, settings.history.path if settings.history else None)
        asked, status = self._queries, self.status
        return create_app(self.live, asked, status, web, self._clock, door=door, web=files, append_crc=append_crc, sizes=told)

    def _memory_of(self, meter: str) -> Memory | None:
        return next((reader.memory for reader in self.readers if reader.meter == meter), self._memories.get(meter))

    def _dropped(self, key: str, number: int) -> None:
        self.status.count(f"refused:{key}", number, sink="recorder")

    def _told(self, key: str, value: object) -> None:
        self.status.set(key, value, sink="recorder")


def _url(settings: Settings) -> str | None:
    """Where the page can be reached from elsewhere; None if only from this machine, or where any address will do."""
    if settings.web is None:
        return None
    host, port = listen.split(settings.web.listen)
    return None if listen.is_loopback(host) or host in ("", "0.0.0.0", "::") else f"http://{host}:{port}/"
