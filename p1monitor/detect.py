"""Listens on serial ports and network addresses for a meter, and says in plain words what it found. Never changes a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

from p1monitor.clock import SYSTEM, Clock
from p1monitor.diagnosis import CONSOLE, Heard, diagnose, how_to_go_on, meter_lines
from p1monitor.listen import split
from p1monitor.p1.framer import Frame, Framer, Rejected
from p1monitor.p1.modec import REASONS
from p1monitor.p1.origin import origin
from p1monitor.p1.reading import decode
from p1monitor.p1.telegram import parse
from p1monitor.settings import SourceSettings
from p1monitor.sources import Forgetful, Source, SourceError, build
from p1monitor.sources.line import DWELL_S
from p1monitor.sources.optical import SIGN_ON
from p1monitor.sources.ports import Port, consoles, ports
from p1monitor.sources.serial import SerialSource

__all__ = ["LOOK_S", "Found", "detect", "look_at", "target", "tell"]

#: Per port: both settings for longer than the slowest period, and a telegram. All ports at once, so half a minute is enough.
LOOK_S = 2 * DWELL_S + 4.0
#: Silence that parts two telegrams: the fastest meters send for a tenth of each second.
PAUSE_S = 0.4
#: One readout through an optical head, with the sign-ons that nobody answered.
ASK_S = 90.0
NO_ANSWER = REASONS["silent"]
#: Ports listened to at once; each costs a thread.
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Found:
    """What a port or an address gave."""

    source: SourceSettings
    heard: Heard | None  #: None where it could not be listened to
    trouble: str = ""  #: … and why

    @property
    def where(self) -> str:
        """For people: the device, or host and port."""
        return self.source.device or f"{self.source.host}:{self.source.port}"

    @property
    def good(self) -> bool:
        """Whether there is a meter."""
        return self.heard is not None and self.heard.reading is not None

    @property
    def lines(self) -> list[str]:
        """What to tell, the first line with the place."""
        if self.heard is None:
            return [self.trouble]
        if self.heard.reading is None:
            return [f"{self.where}: {diagnose(self.heard, LOOK_S, self.where)}"]
        first, *more = meter_lines(self.heard, origin(self.heard.reading))
        return [f"{self.where}: {first}", *(f"  {line}" for line in more)]


def target(text: str) -> SourceSettings:
    """The source that a word on the command line names: a device, or host:port; ValueError says what is wrong."""
    if text.startswith("/") or ":" not in text:
        if "." in text and not text.startswith("/"):  # no port is called like this, but hosts are
            raise ValueError("a meter on the network is named HOST:PORT, one on a cable /dev/...")
        return SourceSettings(device=text if text.startswith("/") else f"/dev/{text}")
    host, port = split(text)
    return SourceSettings(type="tcp", host=host, port=port)


def detect(
    there: Sequence[SourceSettings], clock: Clock = SYSTEM, busy: dict[str, str] | None = None, *, ask: bool = False
) -> Iterator[Found]:
    """Listen on all of them at once, half a minute at most; what one gave comes as soon as it is known.

    `busy` are serial consoles: they are not touched. With `ask` a silent port is asked as an optical head is: who knows what
    else hangs on a port that nobody named, so that is for one that somebody did.
    """
    known = consoles() if busy is None else busy
    answers: SimpleQueue[Found] = SimpleQueue()
    for place in there[:AT_ONCE]:
        # Daemons: Ctrl-C need not wait for them.
        Thread(target=lambda one=place: answers.put(look_at(one, clock, known, ask=ask)), daemon=True).start()
    for _ in there[:AT_ONCE]:
        yield answers.get()


def look_at(place: SourceSettings, clock: Clock = SYSTEM, busy: dict[str, str] | None = None, *, ask: bool = False) -> Found:
    """Listen there, with the settings that meters use, until a meter is known or the time is over."""
    why = (busy or {}).get(os.path.realpath(place.device)) if place.device else None
    if why:
        return Found(place, None, CONSOLE.format(device=place.device, why=why))
    source = build(place, Forgetful(), clock)
    until = clock.monotonic() + LOOK_S
    try:
        source.open()
        found = Found(place, _listen(source, until, clock))
    except SourceError as trouble:
        return Found(place, None, _sentence(trouble))
    finally:
        source.close()
    silent = found.heard is not None and not (found.heard.bytes or found.heard.line_errors)
    return _asked(found, clock) if ask and place.device and silent else found


def _asked(found: Found, clock: Clock) -> Found:
    """What a silent port answers to the sign-on of IEC 62056-21; found as it was where that is nothing."""
    place = SourceSettings("optical", found.source.device)
    source = build(place, Forgetful(), clock)
    until, framer = clock.monotonic() + ASK_S, Framer()
    try:
        source.open()
        for chunk in source.chunks():
            for event in framer.feed(chunk):
                if isinstance(event, Frame):
                    return Found(place, Heard(len(chunk), decode(parse(event)), line=str(SIGN_ON), optical=True))
            if clock.monotonic() >= until:
                break
    except SourceError as trouble:
        if NO_ANSWER not in str(trouble):  # somebody said something
            return Found(found.source, None, _sentence(trouble))
    finally:
        source.close()
    return found


def _sentence(trouble: SourceError) -> str:
    return str(trouble) if str(trouble).endswith("?") else f"{trouble}."


def _listen(source: Source, until: float, clock: Clock) -> Heard:
    before = source.port_errors() or {}
    heard, framers, rhythm = Heard(), {"auto": Framer(), "x25": Framer("x25")}, _Rhythm()
    for chunk in source.chunks():
        now = clock.monotonic()
        rhythm.hear(len(chunk), now)
        heard.bytes += len(chunk)
        for crc, framer in framers.items():
            for event in framer.feed(chunk):
                if not isinstance(event, Frame):
                    if crc == "auto":
                        heard.refused[event.reason] += 1
                elif heard.reading is None or heard.crc == crc:
                    source.proven()
                    heard.crc, heard.reading = crc, decode(parse(event))
                    rhythm.telegram(now)
        if rhythm.sure or now >= until:
            break
    heard.period_s = rhythm.period_s
    heard.line = source.line if isinstance(source, SerialSource) else ""
    heard.noise = framers["auto"].noise
    if not heard.reading:  # telegrams that are always cut short never complete an event
        heard.refused.update(
            event.reason for event in framers["auto"].end() if isinstance(event, Rejected) and event != heard.noise
        )
    after = source.port_errors() or {}
    heard.line_errors = sum(after.get(name, 0) - before.get(name, 0) for name in ("frame", "parity", "brk"))
    return heard


class _Rhythm:
    """The period, from the ends of what came between two silences: the settings need not be right yet."""

    def __init__(self) -> None:
        self._last = self._end = self._telegram = None  # type: float | None
        self.period_s: float | None = None
        self.sure = False

    def hear(self, length: int, now: float) -> None:
        """So many bytes came, or none."""
        if not length:
            return
        if self._last is not None and now - self._last >= PAUSE_S:
            self._end = self._last
        self._last = now

    def telegram(self, now: float) -> None:
        """A valid telegram is complete: two of them are sure, one and an earlier end of anything a good guess."""
        if self._telegram is not None and now - self._telegram >= PAUSE_S:
            self.period_s, self.sure = now - self._telegram, True
        elif self._end is not None and self._telegram is None:
            self.period_s = now - self._end
        self._telegram = self._telegram or now


def tell(words: str | None, say: Callable[[str], None], path: str, paste: Callable[[str], None] | None = None) -> bool:
    """Look, and say what was found and how to go on; `paste` gets the configuration alone. True if there is a meter."""
    there = [target(words)] if words else [SourceSettings(device=port.best) for port in _named()]
    busy = consoles()
    if there:
        many = there[0].device or words if len(there) == 1 else f"{len(there)} serial ports"
        say(f"Listening on {many}, {LOOK_S:.0f} seconds at most …")
    found = []
    for each in detect(there, busy=busy, ask=bool(words)):
        for line in each.lines:
            say(line)
        found.append(each)
    meters = [(each.source, each.heard) for each in found if each.good and each.heard]
    say(how_to_go_on(meters, looked=bool(there), busy=busy, path=path, paste=paste))
    return bool(meters)


def _named() -> tuple[Port, ...]:
    return ports()
