"""What a source of bytes is, and the table of the kinds there are. Never reads a byte itself, and knows no telegram."""

# ruff: noqa: PLC0415 -- each type imports its own module when it is asked for, so that nobody pays for the others

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

from p1monitor.clock import SYSTEM, Clock
from p1monitor.settings import SourceSettings


class SourceError(Exception):
    """Expected trouble with a source, told in one sentence that says what to do."""


class Remembered(Protocol):
    """Small texts that outlive the process, such as the serial settings that worked."""

    def get(self, key: str) -> str | None:
        """The text under the key, None if there is none."""

    def put(self, key: str, text: str) -> None:
        """Keep the text; never raises, never blocks on a disk."""


class Source(Protocol):
    """Where bytes come from. Everything but close() is called from one thread, the reader's."""

    name: str  #: "serial /dev/ttyUSB0 (115200 8N1)": may change with what was found

    def open(self) -> None:
        """Make ready; a SourceError means not now. May be called again after close()."""

    def chunks(self) -> Iterator[bytes]:
        """Bytes as they come, and b"" after at most a second of silence.

        Ends when a finite source is at its end, or after close(); raises SourceError when the other side is lost.
        """

    def proven(self) -> None:
        """The reader says: what came last was a valid telegram, so the settings in use are right."""

    def close(self) -> None:
        """Let go. May be called twice, and from any thread to end chunks()."""

    def port_errors(self) -> Mapping[str, int] | None:
        """The driver's own error counters, None where it has none. May be called from the reader's thread only."""


class Forgetful:
    """Remembers for as long as it lives; for commands that have no store."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        """The text under the key."""
        return self._texts.get(key)

    def put(self, key: str, text: str) -> None:
        """Keep the text in memory."""
        self._texts[key] = text


def _serial(settings: SourceSettings, remembered: Remembered, clock: Clock) -> Source:
    from p1monitor.sources.serial import SerialSource

    if not settings.device:
        raise SourceError('a source of type "serial" wants device, such as "/dev/serial/by-id/usb-…"')
    return SerialSource(settings.device, settings.settings, remembered, clock)


def _tcp(settings: SourceSettings, _remembered: Remembered, _clock: Clock) -> Source:
    from p1monitor.sources.tcp import TcpSource

    if not settings.host or not settings.port:
        raise SourceError('a source of type "tcp" wants host and port, such as "slimmelezer.local" and 23')
    return TcpSource(settings.host, settings.port)


def _replay(settings: SourceSettings, _remembered: Remembered, clock: Clock) -> Source:
    from p1monitor.sources.replay import ReplaySource

    if settings.path is None:
        raise SourceError('a source of type "replay" wants path, the file to play')
    return ReplaySource(settings.path, settings.speed, settings.loop, clock)


def _simulated(settings: SourceSettings, _remembered: Remembered, clock: Clock) -> Source:
    from p1monitor.sources.simulated import SimulatedSource

    return SimulatedSource(settings.model, settings.seed, clock)


def _optical(settings: SourceSettings, _remembered: Remembered, clock: Clock) -> Source:
    from p1monitor.sources.optical import OpticalSource

    if not settings.device:
        raise SourceError('a source of type "optical" wants device, such as "/dev/serial/by-id/usb-…" or "rfc2217://host:port"')
    return OpticalSource(settings.device, settings.settings, settings.address, settings.interval, clock)


#: Name of the type in the configuration -> what makes it.
BUILDERS: Mapping[str, Callable[[SourceSettings, Remembered, Clock], Source]] = MappingProxyType(
    {"serial": _serial, "tcp": _tcp, "replay": _replay, "simulated": _simulated, "optical": _optical}
)


def build(settings: SourceSettings, remembered: Remembered, clock: Clock = SYSTEM) -> Source:
    """The source that [meter.source] describes, not opened yet. SourceError where a key that it needs is absent."""
    builder = BUILDERS.get(settings.type)
    if builder is None:
        raise SourceError(f'there is no source of type "{settings.type}": choose one of {", ".join(BUILDERS)}')
    return builder(settings, remembered, clock)
