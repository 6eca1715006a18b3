"""What `p1monitor check` looks at: can everything that the configuration names be reached from here? Never changes anything."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from p1monitor.listen import local_url, split
from p1monitor.p1.crc import accelerated
from p1monitor.settings import MeterSettings, Settings
from p1monitor.sources.ports import holders

#: How long a broker or server may take to answer.
CONNECT_S = 3.0
#: The page's answer to /healthz has some dozen bytes per meter.
HEALTH_MAX = 1 << 16
#: What a daemon that has a port open is called.
PROGRAM = "p1monitor"


class Answer(NamedTuple):
    """One thing that was looked at."""

    good: bool
    what: str
    words: str


def look(settings: Settings) -> Iterator[Answer]:
    """Yield an answer for each thing that has to work."""
    running = settings.web is not None and _runs(settings.web.listen)
    fast = accelerated()
    yield Answer(True, "checksum", "the C extension of crcmod is in use" if fast else "pure Python: slower, but right")
    for meter in settings.meters:
        yield _source(meter)
        if meter.roles:
            words = f"{', '.join(meter.roles)}: `p1monitor status` tells which were not seen yet"
            yield Answer(True, f"roles of {meter.name}", words)
    if settings.history:
        yield _writable("history", settings.history.path)
    if settings.web:
        yield _free("page", settings.web.listen, running)
    if settings.relay:
        yield _free("relay", settings.relay.listen, running)
    if settings.mqtt:
        answer = _reach("mqtt", settings.mqtt.host, settings.mqtt.port)
        yield answer._replace(words=answer.words + " (the password was not tried)") if answer.good else answer
    if settings.influxdb:
        url = urlsplit(settings.influxdb.url)
        yield _reach("influxdb", url.hostname or "", url.port or {"https": 443}.get(url.scheme, 80))


def _source(meter: MeterSettings) -> Answer:
    return _SOURCES[meter.source.type](f"meter {meter.name}", meter)


def _serial(what: str, meter: MeterSettings) -> Answer:
    device = Path(meter.source.device or "")
    if not device.exists():
        return Answer(False, what, f"{device} is not there: is the cable plugged in? `p1monitor detect` lists what is")
    if not os.access(device, os.R_OK | os.W_OK):
        return Answer(False, what, f"{device} may not be opened by this user: add it to the group dialout")
    found, _ = holders(str(device))
    others = [holder for holder in found if holder.command.split()[-1] != PROGRAM]
    if others:
        return Answer(False, what, f"{device} is held by {', '.join(map(str, others))}")
    if found:
        return Answer(True, what, f"{device} is there, and p1monitor, which runs, reads it")
    return Answer(True, what, f"{device} is there")


def _optical(what: str, meter: MeterSettings) -> Answer:
    url = urlsplit(meter.source.device or "")
    return _reach(what, url.hostname or "", url.port or 0) if url.scheme else _serial(what, meter)


def _tcp(what: str, meter: MeterSettings) -> Answer:
    return _reach(what, meter.source.host or "", meter.source.port or 0)


def _replay(what: str, meter: MeterSettings) -> Answer:
    path = meter.source.path or Path()
    return Answer(path.is_file(), what, f"{path} " + ("is there" if path.is_file() else "is not there"))


def _simulated(what: str, meter: MeterSettings) -> Answer:
    return Answer(True, what, f"simulated ({meter.source.model or 'the first model'})")


_SOURCES: dict[str, Callable[[str, MeterSettings], Answer]] = {
    "serial": _serial,
    "tcp": _tcp,
    "replay": _replay,
    "simulated": _simulated,
    "optical": _optical,
}


def _reach(what: str, host: str, port: int) -> Answer:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except UnicodeError:  # a label of a name is empty, or longer than DNS can have it
        return Answer(False, what, f"{host} cannot be the name of a host")
    except OSError as error:
        return Answer(False, what, f"{host}:{port} does not answer: {error.strerror or error}")
    return Answer(True, what, f"{host}:{port} answers")


def _runs(listen: str) -> bool:
    """Whether p1monitor answers there: anybody may ask it whether telegrams flow."""
    try:
        with urlopen(f"{local_url(listen)}/healthz", timeout=CONNECT_S) as answer:  # noqa: S310 -- http
            told = answer.read(HEALTH_MAX)
    except HTTPError as error:
        told = error.read(HEALTH_MAX)  # they do not flow
    except OSError:
        return False
    return b'"flows"' in told


def _free(what: str, listen: str, running: bool) -> Answer:
    host, port = split(listen)
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        if running and error.errno == errno.EADDRINUSE:
            return Answer(True, what, f"{listen} is in use by p1monitor, which runs")
        return Answer(False, what, f"cannot listen on {listen}: {error.strerror or error} (is p1monitor running already?)")
    return Answer(True, what, f"{listen} is free")


def _writable(what: str, path: Path) -> Answer:
    folder = path.parent if path.parent.is_dir() else path.parent.parent
    if not folder.is_dir():
        return Answer(False, what, f"the folder {path.parent} is not there")
    if not os.access(path if path.exists() else folder, os.W_OK):
        return Answer(False, what, f"{path} may not be written by this user")
    return Answer(True, what, f"{path} " + ("is there" if path.exists() else "will be made at first start"))
