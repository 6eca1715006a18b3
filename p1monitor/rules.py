"""What the configuration's values must look like, beyond their types, as tables. Never reads a file, never raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from p1monitor import listen
from p1monitor.p1.catalogue import DEMAND_MINUTES, DEMAND_PERIODS_MOST
from p1monitor.p1.codes import MEDIA
from p1monitor.p1.modec import ADDRESS
from p1monitor.settings import (
    RANGES,
    HistorySettings,
    InfluxSettings,
    MeterSettings,
    MqttSettings,
    RelaySettings,
    SourceSettings,
    Thresholds,
    WebSettings,
)

#: Countries whose clocks and labels of tariffs are known, and a meter with labels of its own.
PROFILES = ("auto", "nl", "be", "lu", "se", "fi", "hu", "lt", "at", "ch", "clms100")

#: What is wrong with a value, or None.
Check = Callable[[Any], str | None]


def _one_of(*choices: object) -> Check:
    words = ", ".join(f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in choices)
    return lambda value: None if value in choices else f"must be one of {words}"


def _like(pattern: str, words: str) -> Check:
    return lambda value: None if re.fullmatch(pattern, value) else f"must be {words}"


def _between(least: float, most: float) -> Check:
    return lambda value: None if least <= value <= most else f"must be between {least} and {most}"


def _listen(value: str) -> str | None:
    try:
        listen.split(value)
    except ValueError as error:
        return str(error)
    return None


def _url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and parts.hostname and "@" not in value and not re.search(r"\s", value)
        good = good and parts.port != 0  # what is no port raises
    except ValueError:
        good = False
    return None if good else 'must be a URL without user and password, such as "http://host:8086"'


def _model(value: str) -> str | None:
    from p1monitor.p1.meters import MODELS  # noqa: PLC0415 - a megabyte that only a simulated meter needs

    return _one_of(*MODELS)(value)


#: What an M-Bus device can be called: its medium, of several one with a number. Electricity itself is the meter's own role.
_MEDIA = tuple(dict.fromkeys(MEDIA.values()))
ROLES = (*(medium for medium in _MEDIA if medium != "electricity"), *(f"{medium}_2" for medium in _MEDIA))
ROLE = re.compile(rf"(?!electricity$)(?:{'|'.join(_MEDIA)})(?:_(?:[2-9]|[1-9][0-9]))?")
#: What a meter prints as an identifier is 96 hexadecimal digits at most, or 48 characters.
IDENTIFIER = re.compile(r"[!-~](?:[ -~]{0,94}[!-~])?")

_HOST = _like(r"[^\s/:@]+|[0-9A-Fa-f:.]+", 'a host name or an address, without "//" and without a port')
_TOPIC = r"[^\s+#$/\0][^\s+#/\0]*(/[^\s+#/\0]+)*"
_TOPIC_WORDS = 'an MQTT topic without "+", "#", blanks and outer slashes'

#: (record, key) -> what its value must look like, beyond its type.
CHECKS: Mapping[tuple[type, str], Check] = {
    (MeterSettings, "name"): _like(
        r"(?!status$)[a-z0-9_-]{1,64}", 'made of a-z, 0-9, "-" and "_" (it becomes part of topics), and not "status"'
    ),
    (MeterSettings, "profile"): _one_of(*PROFILES),
    (MeterSettings, "crc"): _one_of("auto", "arc", "x25", "off"),
    (MeterSettings, "demand_minutes"): _one_of(*DEMAND_MINUTES),
    (MeterSettings, "demand_periods"): _between(1, DEMAND_PERIODS_MOST),
    (MeterSettings, "billing_day"): _between(1, 28),
    (MeterSettings, "power_limit_w"): _between(1, 1_000_000),
    (SourceSettings, "settings"): _like(r"auto|[1-9]\d{2,6} [78][NEO][12]", '"auto", or as "115200 8N1" or "9600 7E1"'),
    (SourceSettings, "device"): _like(r"/\S+|\w+://\S+", 'a path, such as "/dev/serial/by-id/usb-…"'),
    (SourceSettings, "host"): _HOST,
    (SourceSettings, "port"): _between(1, 65535),
    (SourceSettings, "speed"): _between(0.01, 1_000_000),
    (SourceSettings, "model"): _model,
    (SourceSettings, "seed"): _between(0, 2**63 - 1),
    (SourceSettings, "address"): _like(ADDRESS.pattern, "the address on the meter: at most 32 digits, letters and blanks"),
    (SourceSettings, "interval"): _between(5, 3600),
    **{(Thresholds, key): _between(least, most) for key, (least, most) in RANGES.items()},
    (HistorySettings, "keep"): _like(
        r"forever|[1-9]\d{0,5} ((day|month|year)s?|MB|GB)", '"forever", or a time or size, such as "90 days", "2 years", "4 GB"'
    ),
    (HistorySettings, "sync"): _one_of(10, 60),
    (HistorySettings, "load_profile_minutes"): _one_of(5, 10, 15, 30, 60),
    (WebSettings, "listen"): _listen,
    (WebSettings, "auth"): _one_of("password", "off"),
    (MqttSettings, "host"): _HOST,
    (MqttSettings, "port"): _between(1, 65535),
    (MqttSettings, "topic"): _like(_TOPIC, _TOPIC_WORDS),
    (MqttSettings, "discovery"): _like(rf"({_TOPIC})?", f'{_TOPIC_WORDS}, or "" for no discovery'),
    (MqttSettings, "interval"): _between(1, 3600),
    (MqttSettings, "protocol"): _one_of("3.1.1", "5"),
    (MqttSettings, "qos"): _one_of(0, 1, 2),
    (MqttSettings, "compat"): _one_of("", "dsmr-reader"),
    (InfluxSettings, "url"): _url,
    (InfluxSettings, "bucket"): _like(r".+", "the name of a bucket"),
    (InfluxSettings, "measurement"): _like(r"[^\s,=\\\"]+", 'without blanks, ",", "=", quotes and backslashes'),
    (InfluxSettings, "resolution"): _between(1, 3600),
    (RelaySettings, "listen"): _listen,
}

#: Values that are said in a word, though the key's type is another.
WORDS_FOR: Mapping[tuple[type, str], Mapping[str, object]] = {
    (SourceSettings, "speed"): {"max": None},
    (InfluxSettings, "resolution"): {"all": None},
}

#: Keys that must be there.
REQUIRED: Mapping[type, tuple[str, ...]] = {MqttSettings: ("host",), InfluxSettings: ("url", "bucket")}


class SourceKind(NamedTuple):
    """The keys that one type of source must have, and those that it may have."""

    must: tuple[str, ...]
    may: tuple[str, ...]


SOURCES: Mapping[str, SourceKind] = {
    "serial": SourceKind(("device",), ("settings",)),
    "tcp": SourceKind(("host", "port"), ()),
    "replay": SourceKind(("path",), ("speed", "loop")),
    "simulated": SourceKind((), ("model", "seed")),
    "optical": SourceKind(("device",), ("settings", "address", "interval")),
}

#: Designed, named in the papers, and not built yet: say so instead of "unknown".
LATER_TABLES = {"homewizard": "the HomeWizard interface is not supported yet"}

#: Tables that stand once, and whether they are there without being written.
TABLES: Mapping[str, tuple[type, bool]] = {
    "history": (HistorySettings, True),
    "web": (WebSettings, True),
    "mqtt": (MqttSettings, False),
    "influxdb": (InfluxSettings, False),
    "relay": (RelaySettings, False),
}
