"""The configuration file: strict TOML in, frozen settings out. Never guesses, never prints what a secret file holds.

Keys, types and defaults are the fields of settings.py; what a value must look like stands in rules.py.
"""

from __future__ import annotations

import os
import tomllib
import types
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from p1monitor import keys, listen, password
from p1monitor.p1.catalogue import DEMAND_MOST
from p1monitor.p1.gcm import CipherError
from p1monitor.rules import (
    CHECKS,
    IDENTIFIER,
    LATER_TABLES,
    REQUIRED,
    ROLE,
    ROLES,
    SOURCES,
    TABLES,
    WORDS_FOR,
)
from p1monitor.settings import MeterSettings, MqttSettings, RelaySettings, Settings, SourceSettings, Thresholds, WebSettings

_T = TypeVar("_T")
#: A configuration has some hundred lines; more is another file under this name.
FILE_MAX = 1 << 20
#: Keys and passwords are short; a longer file is not one.
SECRET_MAX = 64 * 1024
#: Where DSMR-reader's topics stand.
COMPAT_ROOT = "dsmr"


#: Tables inside the meter's.
_INNER = ("source", "roles", "quality")


class ConfigError(Exception):
    """What is wrong with the configuration, in one sentence that names the file, the table and the key."""


_TYPE_WORDS: Mapping[type, tuple[tuple[type, ...], str]] = {
    str: ((str,), 'a text in quotes, such as "…"'),
    Path: ((str,), 'a path in quotes, such as "/…"'),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
}


class _Table(NamedTuple):
    """Where we are in the file, for messages and relative paths."""

    file: Path
    title: str

    def wrong(self, key: str, complaint: str) -> NoReturn:
        """Stop with the one sentence."""
        raise ConfigError(" ".join(f"{self.file}: {self.title} {key}: {complaint}".split()))

    def record(self, kind: type[_T], raw: object) -> _T:
        """The record of a table, or a ConfigError."""
        if not isinstance(raw, dict):
            raise ConfigError(f"{self.file}: {self.title.strip('[]')}: must be a table, written {self.title}")
        hints = get_type_hints(kind)
        given = {key: self._value(kind, key, hints, value) for key, value in raw.items()}
        for key in REQUIRED.get(kind, ()):
            if key not in given:
                self.wrong(key, "is missing")
        return kind(**given)

    def _value(self, kind: type, key: str, hints: Mapping[str, Any], value: object) -> object:
        if key not in hints:
            self.wrong(key, f"unknown key, {_nearest(key, hints)}")
        words: Mapping[str, object] = WORDS_FOR.get((kind, key), {})
        if isinstance(value, str) and value in words:
            return words[value]
        expected = _bare(hints[key])
        accepted, name = _TYPE_WORDS[expected]
        if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
            also = "".join(f', or "{word}"' for word in words)
            self.wrong(key, f"must be {name}{also}")
        if expected is Path and isinstance(value, str):
            return self._path(key, value)
        complaint = CHECKS[kind, key](value) if (kind, key) in CHECKS else None
        if complaint:
            self.wrong(key, complaint)
        return value

    def _path(self, key: str, text: str) -> Path:
        """Relative to the file's folder, with systemd's credentials folder filled in; a secret or input can be read."""
        variable, _, rest = text.partition("/")
        if variable in {"$CREDENTIALS_DIRECTORY", "${CREDENTIALS_DIRECTORY}"}:
            folder = os.environ.get("CREDENTIALS_DIRECTORY")
            if not folder:
                self.wrong(key, "$CREDENTIALS_DIRECTORY is not set: only systemd sets it, for LoadCredential= in the unit")
            text = f"{folder}/{rest}"
        elif not text or "$" in text or "\0" in text:
            self.wrong(key, 'must be a path; "$" is for $CREDENTIALS_DIRECTORY only')
        path = self.file.parent / text
        if key.endswith("_file") or self.title == "[meter.source]":
            self._readable(key, path)
        return path

    def _readable(self, key: str, path: Path) -> None:
        try:
            if path.exists() and not path.is_file():  # opening a pipe would wait for its other end
                self.wrong(key, f"{path} is not a file")
            with path.open("rb") as file:
                first = file.read(SECRET_MAX + 1)
        except OSError as error:
            self.wrong(key, f"cannot read {path}: {error.strerror}")
        if key.endswith("_file") and not first.strip():
            self.wrong(key, f"{path} is empty")
        if key.endswith("_file") and len(first) > SECRET_MAX:
            self.wrong(key, f"{path} has more than {SECRET_MAX} bytes, so it is not what this key wants")


def _bare(hint: Any) -> type:
    """`str` of `str | None`."""
    if get_origin(hint) is types.UnionType:
        hint = next(argument for argument in get_args(hint) if argument is not types.NoneType)
    kind: type = hint
    return kind


def _nearest(key: str, valid: Mapping[str, object]) -> str:
    near = get_close_matches(key, valid, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(valid)}"


def load(path: Path) -> Settings:
    """The settings of a file, with everything checked that can be checked before the daemon starts."""
    file = Path(path).absolute()
    raw = _read(file)
    valid = dict.fromkeys(("meter", *TABLES))
    for name in raw:
        if name in LATER_TABLES:
            raise ConfigError(f"{file}: [{name}]: {LATER_TABLES[name]}")
        if name not in valid:
            kind = "table" if isinstance(raw[name], (dict, list)) else "key outside any table"
            raise ConfigError(f"{file}: {name}: unknown {kind}, {_nearest(name, valid)}")
    tables: dict[str, Any] = {
        name: _Table(file, f"[{name}]").record(kind, raw.get(name, {})) if name in raw or always else None
        for name, (kind, always) in TABLES.items()
    }
    settings = Settings(meters=_meters(file, raw.get("meter")), **tables)
    if settings.web:
        _check_web(_Table(file, "[web]"), settings.web)
    if settings.mqtt:
        _check_mqtt(_Table(file, "[mqtt]"), settings.mqtt)
    if settings.relay:
        _check_relay(_Table(file, "[relay]"), settings.relay, settings.meters)
    _check_listeners(file, settings)
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_MAX + 1)
        if len(content) > FILE_MAX:
            raise ConfigError(f"{file}: has more than {FILE_MAX} bytes, so it is not a configuration")
        return tomllib.loads(content.decode("utf-8-sig"))  # some editors begin a file with a mark of its encoding
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not TOML: {error}") from None


def _meters(file: Path, raw: object) -> tuple[MeterSettings, ...]:
    if isinstance(raw, dict):
        raise ConfigError(f"{file}: [meter]: write it as [[meter]], with two brackets, because there may be several")
    if not raw or not isinstance(raw, list):
        raise ConfigError(f"{file}: [[meter]]: is missing, and without a meter there is nothing to read")
    meters = [_meter(file, "[[meter]]" if len(raw) == 1 else f"[[meter]] no. {n}", one) for n, one in enumerate(raw, 1)]
    for n, meter in enumerate(meters, 1):
        table = _Table(file, f"[[meter]] no. {n}")
        for other in meters[: n - 1]:
            if other.name == meter.name:
                table.wrong("name", f'"{meter.name}" is the name of another meter too')
            if meter.source.device and other.source.device == meter.source.device:
                table.wrong("device", f'{meter.source.device} is the source of meter "{other.name}" already')
    return tuple(meters)


def _meter(file: Path, title: str, raw: object) -> MeterSettings:
    table = _Table(file, title)
    if not isinstance(raw, dict):
        raise ConfigError(f"{file}: {title}: must be a table")
    if "source" not in raw:
        table.wrong("source", "is missing: a [meter.source] table says where the telegrams come from")
    meter = table.record(MeterSettings, {key: value for key, value in raw.items() if key not in _INNER})
    if meter.demand_minutes * meter.demand_periods > DEMAND_MOST:
        table.wrong("demand_periods", f"{meter.demand_periods} periods of {meter.demand_minutes} minutes are more than an hour")
    try:
        keys.framer(meter.crc, meter.decryption_key_file, meter.authentication_key_file)
    except CipherError as error:
        table.wrong("decryption_key_file" if meter.decryption_key_file else "authentication_key_file", str(error))
    roles = _roles(_Table(file, "[meter.roles]"), raw.get("roles", {}))
    quality = _Table(file, "[meter.quality]").record(Thresholds, raw.get("quality", {}))
    return replace(meter, roles=roles, source=_source(_Table(file, "[meter.source]"), raw["source"]), quality=quality)


def _roles(table: _Table, raw: object) -> Mapping[str, str]:
    if not isinstance(raw, dict):
        raise ConfigError(f"{table.file}: meter.roles: must be a table, written {table.title}")
    roles: dict[str, str] = {}
    for role, name in raw.items():
        if not ROLE.fullmatch(role):
            table.wrong(role, f"unknown role, {_nearest(role, dict.fromkeys(ROLES))}")
        if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
            table.wrong(role, "must be the device's identifier in quotes, as p1monitor shows it")
        for other, taken in roles.items():
            if taken == name:  # the identifier itself is nobody's business
                table.wrong(role, f"is the same device as {other}")
        roles[role] = name
    return types.MappingProxyType(roles)


def _source(table: _Table, raw: object) -> SourceSettings:
    source = table.record(SourceSettings, raw)
    assert isinstance(raw, dict)  # record() said so
    if source.type not in SOURCES:
        table.wrong("type", f'there is no source "{source.type}", {_nearest(source.type, dict.fromkeys(SOURCES))}')
    kind = SOURCES[source.type]
    for key in kind.must:
        if key not in raw:
            table.wrong(key, f'is missing: a source of type "{source.type}" needs it')
    for key in raw:
        if key not in ("type", *kind.must, *kind.may):
            table.wrong(key, f'has no meaning for a source of type "{source.type}"')
    return source


def _check_relay(table: _Table, relay: RelaySettings, meters: tuple[MeterSettings, ...]) -> None:
    names = [meter.name for meter in meters]
    if relay.meter is not None and relay.meter not in names:
        table.wrong("meter", f'there is no meter "{relay.meter}", {_nearest(relay.meter, dict.fromkeys(names))}')


def _check_listeners(file: Path, settings: Settings) -> None:
    if settings.web and settings.relay and settings.web.listen == settings.relay.listen:
        _Table(file, "[relay]").wrong("listen", f"{settings.relay.listen} is the address of the page already, see [web]")


def _check_web(table: _Table, web: WebSettings) -> None:
    if web.password_file:
        try:
            password.read_line(web.password_file)
        except password.PasswordError as error:
            table.wrong("password_file", str(error))
    elif web.auth == "password" and not listen.is_loopback(listen.split(web.listen)[0]):
        table.wrong(
            "listen",
            f"{web.listen} can be reached from other hosts: set password_file (made by `p1monitor passwd`), "
            'or auth = "off" if everybody on the network may look',
        )


def _check_mqtt(table: _Table, mqtt: MqttSettings) -> None:
    if mqtt.password_file and not mqtt.username:
        table.wrong("password_file", "needs username beside it")
    for key in ("ca_file", "certificate_file", "key_file"):
        if getattr(mqtt, key) and not mqtt.tls:
            table.wrong(key, "has no meaning without tls = true")
    if mqtt.key_file and not mqtt.certificate_file:
        table.wrong("key_file", "needs certificate_file beside it")
    if mqtt.discovery == mqtt.topic:
        table.wrong("discovery", "is the same as topic: our own status would look like Home Assistant's")
    if mqtt.compat and mqtt.topic.split("/")[0] == COMPAT_ROOT:
        table.wrong("compat", f"its topics are {COMPAT_ROOT}/…, and so is topic")
