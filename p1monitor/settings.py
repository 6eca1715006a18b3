"""What the configuration file can say, as frozen records with every default written once. Never reads a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType

#: Between two readouts of a meter that has to be asked: a readout takes some ten seconds, and what is proven by its check
#: character only is believed faster where less than a minute lies between.
INTERVAL_S = 30


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """[meter.source]: where the bytes come from."""

    type: str = "serial"
    device: str | None = None
    settings: str = "auto"
    host: str | None = None
    port: int | None = None
    path: Path | None = None
    speed: float | None = 1.0  #: times real pace; None is "max"
    loop: bool = False
    model: str | None = None
    seed: int = 0
    address: str = ""  #: of a device that has to be asked; "" asks whoever is there
    interval: float = INTERVAL_S

    @property
    def polled_s(self) -> float:
        """Seconds between two telegrams that are asked for; 0 where they come by themselves."""
        return self.interval if self.type == "optical" else 0.0


#: Longest time of any: the meters' own.
_LONGEST_S = 300


def _within(default: float, least: float, most: float) -> float:
    """One key: its default, and the range that the meters allow."""
    kept: float = field(default=default, metadata={"range": (least, most)})
    return kept


@dataclass(frozen=True, slots=True)
class Thresholds:
    """[meter.quality]: what is told of the voltage and the current (ME381 manual §6.12, KWHIQ §9.2).

    Volts are of a phase of 230 V, and scaled for another nominal voltage.
    """

    sag_v: float = _within(207, 120, 228)  #: below this …
    sag_s: float = _within(60, 1, _LONGEST_S)  #: … for longer than this
    swell_v: float = _within(253, 232, 300)  #: above
    swell_s: float = _within(60, 1, _LONGEST_S)
    cut_v: float = _within(115, 1, 119)  #: at or below: half of 230 V
    cut_s: float = _within(60, 1, _LONGEST_S)
    asymmetry_lower_permille: float = _within(970, 500, 999)  #: of the mean of the three phases
    asymmetry_upper_permille: float = _within(1030, 1001, 1500)
    fuse_a: float | None = field(default=None, metadata={"range": (1, 998)})  #: None: what the meter says
    fuse_s: float = _within(90, 1, _LONGEST_S)  #: the meters' limiter averages over so many seconds (ME381 §6.10.2)
    reversal_s: float = _within(60, 1, _LONGEST_S)


#: Key -> least and most.
RANGES: Mapping[str, tuple[float, float]] = MappingProxyType({one.name: one.metadata["range"] for one in fields(Thresholds)})


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """[[meter]]: one smart meter."""

    name: str = "home"
    profile: str = "auto"
    crc: str = "auto"
    demand_minutes: int = 15
    demand_periods: int = 1  #: more than one: a sliding demand
    billing_day: int = 1
    power_limit_w: float | None = None
    decryption_key_file: Path | None = None
    authentication_key_file: Path | None = None
    roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  #: [meter.roles]: role -> equipment identifier
    source: SourceSettings = field(default_factory=SourceSettings)
    quality: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """[history]: what is kept, and where."""

    path: Path = Path("/var/lib/p1monitor/history.sqlite")
    keep: str = "forever"
    sync: int = 10
    load_profile_minutes: int = 15


@dataclass(frozen=True, slots=True)
class WebSettings:
    """[web]: the page."""

    listen: str = "127.0.0.1:8080"
    password_file: Path | None = None
    auth: str = "password"


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """[mqtt]: a broker, and Home Assistant's discovery through it."""

    host: str = ""
    port: int = 1883
    username: str | None = None
    password_file: Path | None = None
    protocol: str = "3.1.1"
    tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    topic: str = "p1monitor"
    discovery: str = "homeassistant"
    interval: float = 10
    qos: int = 1  #: of all that is retained, and of events
    compat: str = ""  #: another program's topics beside ours


@dataclass(frozen=True, slots=True)
class InfluxSettings:
    """[influxdb]: an InfluxDB with the version 2 write endpoint, or VictoriaMetrics."""

    url: str = ""
    org: str = ""
    bucket: str = ""
    token_file: Path | None = None
    measurement: str = "p1"
    resolution: int | None = None  #: seconds, of each of which the first reading is written; None: every one
    backfill: bool = False  #: a bucket that is new gets all of the history


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """[relay]: the telegrams themselves, over TCP."""

    listen: str = "127.0.0.1:2001"
    meter: str | None = None  #: None: the first
    append_crc: bool = False
    decrypted: bool = False  #: send the telegrams of an encrypted meter too, for everybody to read


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file. A table that is not in the file is None, and what it stands for is off; history and page are on."""

    meters: tuple[MeterSettings, ...]
    history: HistorySettings | None
    web: WebSettings | None
    mqtt: MqttSettings | None = None
    influxdb: InfluxSettings | None = None
    relay: RelaySettings | None = None
