"""What can be asked, and how an answer is put together: arguments checked and bounded, then one call. Knows no HTTP."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from p1monitor import days
from p1monitor.clock import Clock
from p1monitor.live import Live
from p1monitor.p1.catalogue import row_of
from p1monitor.p1.records import Reading
from p1monitor.sinks.relay import complete
from p1monitor.webapp import payload

#: Names of one series answer: a chart shows a dozen lines at most.
MOST_NAMES = 16
#: Points of one series answer: more than a wide screen has pixels.
MOST_POINTS, POINTS = 4000, 300
MOST_EVENTS, EVENTS = 1000, 100
DAY_S = 86_400.0
#: Profiles, and the longest span of each that one answer holds (some 36 000 rows).
SPANS = {"load": 370 * DAY_S, "mbus": 370 * DAY_S, "minute": 25 * DAY_S, "daily": 100 * 366 * DAY_S, "billing": 100 * 366 * DAY_S}

Arguments = Mapping[str, str]


class Refused(Exception):
    """A question that has no answer: the HTTP status, a key for programs, a sentence for people."""

    def __init__(self, status: int, key: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.key = key


class Queries(Protocol):
    """What is asked of the store, from any thread."""

    def series(self, meter: str, names: Sequence[str], start: float, end: float, points: int) -> Mapping[str, object]:
        """Columns of values between two moments, in at most so many rows."""

    def profile(self, name: str, meter: str, start: float, end: float) -> Mapping[str, object]:
        """Rows of one profile between two moments."""

    def used(self, meter: str, start: float, end: float) -> Mapping[str, object]:
        """How far each register went between two moments, by role."""

    def events(self, meter: str, limit: int) -> Sequence[Mapping[str, object]]:
        """The newest events."""


class Answers:
    """One method per question; each takes the arguments of the query string."""

    def __init__(
        self,
        live: Live,
        queries: Queries | None,
        snapshot: Callable[[], Mapping[str, object]],
        clock: Clock,
        *,
        append_crc: bool = False,
    ) -> None:
        self._append_crc = append_crc
        self._live = live
        self._queries = queries
        self._snapshot = snapshot
        self._clock = clock

    def routes(self) -> Mapping[str, Callable[[Arguments], object]]:
        """The plain questions: path and what answers it."""
        return {
            "/api/v1/recent": self.recent,
            "/api/v1/series": self.series,
            "/api/v1/today": self.today,
            "/api/v1/events": self.events,
            "/api/v1/status": self.status,
            "/api/v1/meters": self.meters,
            "/api/v1/catalogue": self.catalogue,
        }

    def meter(self, arguments: Arguments) -> str:
        """The meter that is asked about; the first where none is named."""
        name = arguments.get("meter", self._live.meters[0])
        if name not in self._live.meters:
            raise Refused(404, "meter", f"there is no meter of that name; there are: {', '.join(self._live.meters)}")
        return name

    def live(self, arguments: Arguments) -> tuple[str, object]:
        """The newest reading, and its tag."""
        meter = self.meter(arguments)
        reading = self._live.latest(meter)
        return payload.tag(reading), payload.live(meter, reading, self._clock.monotonic())

    def telegram(self, arguments: Arguments) -> bytes:
        """The newest telegram, byte for byte; none while the meter is silent, for then it is no longer true."""
        meter = self.meter(arguments)
        reading = self._live.latest(meter)
        if reading is None or not reading.frame or _meters(self._snapshot()).get(meter, {}).get("stale", True):
            raise Refused(503, "telegram", "no telegram came lately")
        return complete(reading.frame, append_crc=arguments.get("append_crc") in {"1", "true"} or self._append_crc)

    def spoken(self) -> list[Reading]:
        """The newest reading of each meter that is not silent."""
        told = _meters(self._snapshot())
        latest = [self._live.latest(name) for name in self._live.meters]
        return [one for one in latest if one is not None and not told.get(one.meter, {}).get("stale", True)]

    def recent(self, arguments: Arguments) -> object:
        """Net power of the last ten minutes, from memory."""
        points = self._live.recent(self.meter(arguments), self._clock.monotonic())
        return {"age_s": [round(age, 3) for age, _power in points], "power_w": [power for _age, power in points]}

    def series(self, arguments: Arguments) -> object:
        """Columns of values between two moments."""
        meter, queries = self.meter(arguments), self._store()
        names = [name for name in arguments.get("names", "power_w").split(",") if name]
        if not 0 < len(names) <= MOST_NAMES or any(len(name) > 64 for name in names):
            raise Refused(400, "names", f"names: 1 to {MOST_NAMES} names, like power_w,voltage_l1_v")
        unknown = [name for name in names if row_of(name) is None]
        if unknown:
            raise Refused(400, "names", f"there is no value called {unknown[0]}")
        start, end = self._span(arguments)
        return queries.series(meter, names, start, end, _whole(arguments, "points", POINTS, MOST_POINTS))

    def profile(self, name: str, arguments: Arguments) -> object:
        """Rows of a profile between two moments."""
        meter = self.meter(arguments)
        if name not in SPANS:
            raise Refused(404, "profile", f"there is no profile of that name; there are: {', '.join(SPANS)}")
        queries = self._store()
        start, end = self._span(arguments)
        if end - start > SPANS[name]:
            raise Refused(400, "span", f"at most {SPANS[name] / DAY_S:.0f} days of this profile at once")
        return queries.profile(name, meter, start, end)

    def today(self, arguments: Arguments) -> object:
        """What was used today, and yesterday until this time of day."""
        meter, queries = self.meter(arguments), self._store()
        reading = self._live.latest(meter)
        age = None
        if reading is not None and reading.received is not None:
            age = self._clock.monotonic() - reading.received.monotonic
        now = days.moment(reading.at if reading else None, age, self._clock.wall())
        today, yesterday, until = days.today_and_yesterday(now)
        return {
            "at": now.timestamp(),
            "today": {**asdict(today), "used": queries.used(meter, today.start, now.timestamp())},
            "yesterday": {**asdict(yesterday), "until": until, "used": queries.used(meter, yesterday.start, until)},
        }

    def events(self, arguments: Arguments) -> object:
        """The newest events of a meter."""
        meter, queries = self.meter(arguments), self._store()
        return {"events": queries.events(meter, _whole(arguments, "limit", EVENTS, MOST_EVENTS))}

    def status(self, arguments: Arguments) -> object:
        """Health and counters: of everything, or of one meter and the sinks."""
        told = dict(self._snapshot())
        if "meter" in arguments:
            meter = self.meter(arguments)
            told["meters"] = {name: health for name, health in _meters(told).items() if name == meter}
        return told

    def meters(self, _arguments: Arguments) -> object:
        """The meters there are, and what each says it is."""
        return {"meters": [self._identity(name) for name in self._live.meters]}

    def catalogue(self, arguments: Arguments) -> object:
        """Title, unit and OBIS code of every name."""
        return payload.catalogue(self._live.latest(self.meter(arguments)))

    def health(self) -> tuple[bool, object]:
        """Whether telegrams flow from every meter, and how old the newest of each is."""
        told = _meters(self._snapshot())
        meters = {}
        for name in self._live.meters:
            health = told.get(name, {})
            age, stale = health.get("age_s"), health.get("stale", True)
            meters[name] = {"age_s": age, "flows": age is not None and not stale}
        flowing = all(meter["flows"] for meter in meters.values())
        return flowing, {"flows": flowing, "meters": meters}

    def _identity(self, name: str) -> dict[str, object]:
        reading = self._live.latest(name)
        devices = reading.devices if reading else ()
        return {
            "name": name,
            "equipment_id": reading.equipment_id if reading else None,
            "identification": reading.telegram.identification if reading else None,
            "devices": [
                {"role": one.role, "medium": one.medium, "channel": one.channel, "equipment_id": one.equipment_id}
                for one in devices
            ],
        }

    def _store(self) -> Queries:
        if self._queries is None:
            raise Refused(404, "history", "no history is kept: the configuration has no [history]")
        return self._queries

    def _span(self, arguments: Arguments) -> tuple[float, float]:
        end = _moment(arguments, "to", self._clock.wall())
        start = _moment(arguments, "from", end - DAY_S)
        if start >= end:
            raise Refused(400, "span", "from must be before to")
        return start, end


def _meters(told: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    meters = told.get("meters")
    return meters if isinstance(meters, Mapping) else {}


def _moment(arguments: Arguments, key: str, default: float) -> float:
    try:
        moment = float(arguments.get(key, default))
    except ValueError:
        moment = math.nan
    if not 0 <= moment < 1e11:
        raise Refused(400, key, f"{key}: expected UTC seconds since 1970, like 1767225600")
    return moment


def _whole(arguments: Arguments, key: str, default: int, most: int) -> int:
    text = arguments.get(key, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 0 < int(text) <= most):
        raise Refused(400, key, f"{key}: expected a whole number from 1 to {most}")
    return int(text)
