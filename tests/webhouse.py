"""A house for the tests of the page: decoded telegrams, a history in closed form, a real server. Starts no reader."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from threading import Event

import pytest
from flask.testing import FlaskClient

from p1monitor.clock import SYSTEM
from p1monitor.live import Live
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Measurement, Reading, Received
from p1monitor.p1.telegram import Telegram, data_object, parse, render
from p1monitor.settings import WebSettings
from p1monitor.status import Status
from p1monitor.webapp import Server, serve
from p1monitor.webapp.app import create_app

WINTER = timezone(timedelta(hours=1))
NOON = datetime(2026, 1, 15, 14, 35, 2, tzinfo=WINTER)
METER = "home"

#: What a Dutch three-phase meter says, by code; tests change or drop lines of it.
THREE_PHASES: Mapping[str, tuple[str, ...]] = {
    "1-3:0.2.8": ("50",),
    "0-0:1.0.0": ("260115143502W",),
    "0-0:96.1.1": ("4530303434303037313331363530363137",),
    "1-0:1.8.1": ("012345.678*kWh",),
    "1-0:1.8.2": ("009876.500*kWh",),
    "1-0:2.8.1": ("001200.010*kWh",),
    "1-0:2.8.2": ("003456.780*kWh",),
    "0-0:96.14.0": ("0002",),
    "1-0:1.7.0": ("01.248*kW",),
    "1-0:2.7.0": ("00.000*kW",),
    "0-0:96.7.21": ("00008",),
    "0-0:96.7.9": ("00003",),
    "1-0:99.97.0": ("1", "0-0:96.7.19", "190104193014W", "0000004057*s"),
    "0-0:96.13.0": ("",),
    "1-0:32.7.0": ("231.4*V",),
    "1-0:52.7.0": ("232.0*V",),
    "1-0:72.7.0": ("230.7*V",),
    "1-0:31.7.0": ("001.80*A",),
    "1-0:51.7.0": ("000.41*A",),
    "1-0:71.7.0": ("003.23*A",),
    "1-0:21.7.0": ("00.412*kW",),
    "1-0:41.7.0": ("00.092*kW",),
    "1-0:61.7.0": ("00.744*kW",),
    "1-0:22.7.0": ("00.000*kW",),
    "1-0:42.7.0": ("00.000*kW",),
    "1-0:62.7.0": ("00.000*kW",),
    "0-1:24.1.0": ("003",),
    "0-1:96.1.0": ("4730303339303031393336393930363139",),
    "0-1:24.2.1": ("260115143000W", "02612.345*m3"),
}


class Moment:
    """Clocks that stand still until told; `wait` is the system's own."""

    def __init__(self, wall: float) -> None:
        self.now = wall
        self.since = 1000.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.since

    def wait(self, stop: Event, seconds: float) -> bool:
        return SYSTEM.wait(stop, seconds)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.since += seconds


class History:
    """A store of a household in closed form: the same every day, a little more today."""

    def __init__(self) -> None:
        self.rates = {"electricity": {"energy_import_kwh": 0.4, "energy_export_kwh": 0.2}, "gas": {"gas_m3": 0.1}}  # per hour
        self.happened: list[dict[str, object]] = [
            {"at": NOON, "received": None, "kind": "message", "code": None, "words": "message: hello"},
        ]

    def power(self, at: float) -> float:
        hour = (at + 3600) % 86400 / 3600
        sun = -2600 * math.exp(-(((hour - 12.8) / 2.2) ** 2))
        evening = 1500 * math.exp(-(((hour - 19) / 1.6) ** 2)) + 900 * math.exp(-(((hour - 7.5) / 0.8) ** 2))
        day = at // 86400
        return 320 + sun * (0.8 + 0.3 * math.sin(day)) + evening + 160 * math.sin(at / 900 + day) * math.sin(at / 311)

    def series(self, meter: str, names: Sequence[str], start: float, end: float, points: int) -> dict[str, object]:
        step = max(60.0, (end - start) / points)
        rows = [start + n * step for n in range(int((end - start) / step))]
        means = [None if 10.0 <= (at + 3600) % 86400 / 3600 < 10.8 else self.power(at) for at in rows]
        columns = {name: {"min": means, "mean": means, "max": means} for name in names}
        return {"start": rows, "end": [at + step for at in rows], **columns}

    def devices(self, meter: str) -> list[dict[str, object]]:
        return [{"role": role} for role in self.rates]

    def profile(self, name: str, meter: str, start: float, end: float) -> dict[str, object]:
        return {"columns": ["end", "energy_import_kwh"], "rows": [[end, Decimal("1.250")]]}

    def used(self, meter: str, start: float, end: float) -> dict[str, object]:
        hours = (end - start) / 3600
        more = 0.8 if start >= NOON.timestamp() - 86400 else 0.0
        return {
            "electricity": {"energy_import_kwh": 0.4 * hours + more, "energy_export_kwh": 0.2 * hours - more},
            "gas": {"gas_m3": 0.1 * hours - more / 4},
        }

    def steps(self, meter: str, edges: Sequence[float]) -> dict[str, dict[str, list[float | None]]]:
        hours = [max(0.0, min(end, NOON.timestamp()) - start) / 3600 for start, end in pairwise(edges)]
        return {
            role: {name: [rate * hour if hour else None for hour in hours] for name, rate in names.items()}
            for role, names in self.rates.items()
        }

    def powers(self, meter: str, start: float, end: float) -> dict[str, object]:
        return {"mean_w": 200.0, "highest": None, "lowest": None}

    def first(self, meter: str) -> float | None:
        return NOON.timestamp() - 400 * 86400

    def events(
        self,
        meter: str,
        limit: int,
        *,
        kinds: Sequence[str] = (),
        start: float | None = None,
        end: float | None = None,
        phase: str | None = None,
    ) -> list[dict[str, object]]:
        found = [one for one in self.happened if not kinds or one["kind"] in kinds]
        return [one for one in found if phase is None or one.get("phase") == phase][:limit]


def frame_of(lines: Mapping[str, tuple[str, ...]] = THREE_PHASES, *, crc: str = "valid") -> Frame:
    """A frame with these data objects, as the framer proves it."""
    objects = tuple(data_object(code.partition("#")[0], *groups) for code, groups in lines.items())
    octets = render(Telegram("ISK5\\2M550T-1012", objects, crc))
    (frame,) = [event for event in Framer().feed(octets) if isinstance(event, Frame)]
    return frame


def reading_of(
    changes: Mapping[str, tuple[str, ...] | None] | None = None,
    *,
    seq: int = 1,
    received: Received | None = None,
    today: Mapping[str, str] | None = None,
) -> Reading:
    """The Dutch meter's reading, with some data objects changed, dropped (None) or added."""
    lines = {code: groups for code, groups in {**THREE_PHASES, **(changes or {})}.items() if groups is not None}
    frame = frame_of(lines)
    reading = decode(parse(frame), received, meter=METER, frame=frame.data)
    made = {name: Measurement(Decimal(text), "kWh", "1-0:1.8.1", derived=True) for name, text in (today or {}).items()}
    return reading._replace(seq=seq, values={**reading.values, **made})


class House:
    """A page on a free loopback port, with its doors to say what comes next."""

    def __init__(
        self,
        clock: Moment,
        settings: WebSettings | None = None,
        *,
        history: bool = True,
        meters: Sequence[str] = (METER,),
    ) -> None:
        self.clock = clock
        self.live = Live(meters)
        self.status = Status("0.1.0", clock)
        self.status.set("source", "serial /dev/ttyUSB0 (115200 8N1)", meter=METER)
        self.status.set("period_s", 1.0, meter=METER)
        settings = settings or WebSettings(listen="127.0.0.1:0")
        self.history = History() if history else None
        self.app = create_app(self.live, self.history, self.status, settings, clock)
        self.server: Server | None = None
        self._seq = 0

    def open(self, port: int = 0) -> str:
        """Start the server; its URL."""
        self.server = serve(self.app, f"127.0.0.1:{port}", self.live.close)
        return f"http://127.0.0.1:{self.server.port}"

    def come(self, reading: Reading, meter: str = METER) -> None:
        """A telegram of a meter comes."""
        self._seq += 1
        stamped = reading._replace(seq=self._seq, meter=meter, received=Received(self.clock.wall(), self.clock.monotonic()))
        self.status.telegram(meter)
        self.status.set("identification", reading.telegram.identification, meter=meter)
        self.status.set("equipment_id", reading.equipment_id, meter=meter)
        self.status.set("crc", reading.telegram.crc, meter=meter)
        self.live.publish(stamped)

    def close(self) -> None:
        if self.server is not None:
            self.server.close()


@pytest.fixture
def clock() -> Moment:
    """Noon."""
    return Moment(NOON.timestamp())


@pytest.fixture
def house(clock: Moment) -> Iterator[House]:
    """A house whose page is there."""
    made = House(clock)
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> FlaskClient:
    """Somebody who asks it."""
    return house.app.test_client()
