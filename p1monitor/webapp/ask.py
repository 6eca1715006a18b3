"""What can be asked, and how an answer is put together: arguments checked and bounded, then one call. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from p1monitor import days
from p1monitor.clock import Clock
from p1monitor.live import Live
from p1monitor.p1.records import Reading
from p1monitor.recorder.samples import VOLTAGES
from p1monitor.sinks.relay import complete
from p1monitor.webapp import openapi, payload, periods, report
from p1monitor.webapp.arguments import (
    EVENTS,
    MOST_EVENTS,
    MOST_POINTS,
    POINTS,
    Arguments,
    Refused,
    kinds,
    moment,
    names,
    phase,
    whole,
)
from p1monitor.webapp.history import Queries

DAY_S = 86_400.0
#: Profiles, and the longest span of each that one answer holds (some 36 000 rows).
SPANS = {
    "load": 370 * DAY_S,
    "mbus": 370 * DAY_S,
    "minute": 25 * DAY_S,
    "quality": 250 * DAY_S,
    "daily": 100 * 366 * DAY_S,
    "billing": 100 * 366 * DAY_S,
}
#: What the status says of a meter that sends no voltage.
NO_VOLTAGE = "no voltage is sent, so there is no power quality but what the meter counts itself"


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
            "/api/v1/today": self.today,
            "/api/v1/used": self.used,
            "/api/v1/status": self.status,
            "/api/v1/meters": self.meters,
            "/api/v1/catalogue": self.catalogue,
            "/api/v1/openapi.json": lambda _arguments: openapi.document(),
        }

    def tables(self) -> Mapping[str, Callable[[Arguments], object]]:
        """Those that are answered as CSV too."""
        return {"/api/v1/series": self.series, "/api/v1/events": self.events}

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
        wanted = names(arguments, lambda: [str(one["role"]) for one in queries.devices(meter)])
        start, end = self._span(arguments)
        return queries.series(meter, wanted, start, end, whole(arguments, "points", POINTS, MOST_POINTS))

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
        now = self._now(meter)
        today, yesterday, until = days.today_and_yesterday(now)
        return {
            "at": now.timestamp(),
            "today": {**asdict(today), "used": queries.used(meter, today.start, now.timestamp())},
            "yesterday": {**asdict(yesterday), "until": until, "used": queries.used(meter, yesterday.start, until)},
        }

    def period(self, name: str, arguments: Arguments) -> object:
        """A day, week, month or year in bars."""
        meter, queries = self.meter(arguments), self._store()
        if name not in periods.KINDS:
            raise Refused(404, "period", f"there is no period of that name; there are: {', '.join(periods.KINDS)}")
        now = self._now(meter)
        try:
            found = periods.period(name, arguments.get("date", ""), now)
        except ValueError:
            raise Refused(400, "date", "date: expected a date, like 2026-11-20, 2026-11 or 2026") from None
        first = queries.first(meter)
        return {
            "period": name,
            "date": found.first.isoformat(),
            "previous": found.before.isoformat(),
            "next": found.after.isoformat(),
            "at": now.timestamp(),
            "first": periods.local(first, now).isoformat() if first is not None else None,
            "edges": found.edges,
            "local": found.local,
            "steps": queries.steps(meter, found.edges),
            **self._used(meter, found.edges[0], found.edges[-1], now),
        }

    def used(self, arguments: Arguments) -> object:
        """What was used between two moments, by the registers, and the powers in between."""
        meter = self.meter(arguments)
        start, end = self._span(arguments)
        return {"start": start, "end": end, **self._used(meter, start, end, self._now(meter))}

    def events(self, arguments: Arguments) -> object:
        """The newest events of a meter, of a kind, time and phase."""
        meter, queries, limit = self.meter(arguments), self._store(), whole(arguments, "limit", EVENTS, MOST_EVENTS)
        start, end = (moment(arguments, key, 0.0) if key in arguments else None for key in ("from", "to"))
        found = queries.events(meter, limit, kinds=kinds(arguments), start=start, end=end, phase=phase(arguments))
        return {"events": found}

    def report(self, month: str, arguments: Arguments) -> str:
        """One month's voltage quality, as a page to print."""
        meter, queries = self.meter(arguments), self._store()
        reading = self._live.latest(meter)
        now = days.moment(reading.at if reading else None, 0.0, self._clock.wall())
        try:
            edges = days.weeks(month, now)
            start, end = edges[0].at, edges[-1].at
        except (ValueError, OverflowError, OSError):
            raise Refused(404, "month", "a month, like /report/2026-01") from None
        rows = queries.profile("quality", meter, start, end)
        serials = [] if arguments.get("serial") == "no" else report.equipment(rows)
        kinds = ("power quality", "power failure")
        events = queries.events(meter, MOST_EVENTS, kinds=kinds, start=start, end=end, phase=None)
        about = report.About(month, meter, serials, edges[0].date, edges[-1].date - timedelta(days=1), now.date())
        return report.page(about, report.phases(rows, edges), events[::-1])

    def status(self, arguments: Arguments) -> object:
        """Health and counters: of everything, or of one meter and the sinks."""
        told = dict(self._snapshot())
        told["meters"] = {name: {**health, "power_quality": self._quality(name)} for name, health in _meters(told).items()}
        if "meter" in arguments:
            meter = self.meter(arguments)
            told["meters"] = {name: health for name, health in _meters(told).items() if name == meter}
        return told

    def meters(self, _arguments: Arguments) -> object:
        """The meters there are, and what each says it is."""
        return {"meters": [self._identity(name) for name in self._live.meters]}

    def catalogue(self, arguments: Arguments) -> object:
        """Title, unit and OBIS code of every name."""
        meter = self.meter(arguments)
        return payload.catalogue(self._live.latest(meter), self._live.profiles.get(meter, "auto"))

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

    def _quality(self, name: str) -> str | None:
        """Why a meter has no power quality; None where it has, or nothing came yet."""
        reading = self._live.latest(name) if name in self._live.meters else None
        return None if reading is None or not reading.values.keys().isdisjoint(VOLTAGES) else NO_VOLTAGE

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

    def _used(self, meter: str, start: float, end: float, now: datetime) -> dict[str, object]:
        queries = self._store()
        columns = queries.steps(meter, (start, end)).items()
        told = dict(queries.powers(meter, start, end))
        for key, peak in told.items():
            if isinstance(peak, tuple):
                watts, *row = peak
                told[key] = dict(zip(("w", "from", "to"), (watts, *(periods.local(one, now) for one in row)), strict=True))
        return {"used": {role: {name: column[0] for name, column in one.items()} for role, one in columns}, "power": told}

    def _now(self, meter: str) -> datetime:
        reading = self._live.latest(meter)
        age = None
        if reading is not None and reading.received is not None:
            age = self._clock.monotonic() - reading.received.monotonic
        return days.moment(reading.at if reading else None, age, self._clock.wall())

    def _store(self) -> Queries:
        if self._queries is None:
            raise Refused(404, "history", "no history is kept: the configuration has no [history]")
        return self._queries

    def _span(self, arguments: Arguments) -> tuple[float, float]:
        end = moment(arguments, "to", self._clock.wall())
        start = moment(arguments, "from", end - DAY_S)
        if start >= end:
            raise Refused(400, "span", "from must be before to")
        return start, end


def _meters(told: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    meters = told.get("meters")
    return meters if isinstance(meters, Mapping) else {}
