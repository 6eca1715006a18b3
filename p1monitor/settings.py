"""What the configuration file can say, as frozen records with every default written once. Never reads a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """[[meter]]: one smart meter."""

    name: str = "home"
    profile: str = "auto"
    crc: str = "auto"
    decryption_key_file: Path | None = None
    authentication_key_file: Path | None = None
    source: SourceSettings = field(default_factory=SourceSettings)


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """[history]: what is kept, and where."""

    path: Path = Path("/var/lib/p1monitor/history.sqlite")
    keep: str = "forever"
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
    tls: bool = False
    ca_file: Path | None = None
    topic: str = "p1monitor"
    discovery: str = "homeassistant"
    interval: float = 10


@dataclass(frozen=True, slots=True)
class InfluxSettings:
    """[influxdb]: an InfluxDB with the version 2 write endpoint, or VictoriaMetrics."""

    url: str = ""
    org: str = ""
    bucket: str = ""
    token_file: Path | None = None
    measurement: str = "p1"


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """[relay]: the telegrams themselves, over TCP."""

    listen: str = "127.0.0.1:2001"
    append_crc: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file. A table that is not in the file is None, and what it stands for is off; history and page are on."""

    meters: tuple[MeterSettings, ...]
    history: HistorySettings | None
    web: WebSettings | None
    mqtt: MqttSettings | None = None
    influxdb: InfluxSettings | None = None
    relay: RelaySettings | None = None
