"""Looks at the serial ports of this host for a meter, and says in plain words what it found. Never changes a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.framer import Frame, Framer, Rejected
from p1monitor.p1.telegram import Telegram, parse
from p1monitor.sources import Forgetful, SourceError
from p1monitor.sources.line import DWELL_S
from p1monitor.sources.ports import Port, ports
from p1monitor.sources.serial import SerialSource

LOOK_S = 2 * DWELL_S + 6.0  #: per port: both settings for longer than the slowest period, and a telegram at 9 600 baud

NO_PORT = (
    "There is no serial port here. Plug the P1 cable into the meter and into this computer, and try again.\n"
    'A meter that is read over the network (ser2net, SlimmeLezer) wants type = "tcp" with its host and port.'
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a port gave."""

    port: Port
    sentence: str  #: in plain words
    line: str | None = None  #: the settings that gave a valid telegram; None where none did
    telegram: Telegram | None = None


def detect(there: Sequence[Port] | None = None, clock: Clock = SYSTEM) -> Iterator[Found]:
    """Look at each port in turn, half a minute at most; what it gave comes as soon as it is known."""
    for port in ports() if there is None else there:
        yield look_at(port, clock)


def look_at(port: Port, clock: Clock = SYSTEM) -> Found:
    """Listen on the port, with the settings that meters use, until a valid telegram comes or the time is over."""
    source = SerialSource(port.best, "auto", Forgetful(), clock)
    try:
        source.open()
        return _listen(port, source, clock)
    except SourceError as trouble:
        return Found(port, f"{trouble}.")
    finally:
        source.close()


def _listen(port: Port, source: SerialSource, clock: Clock) -> Found:
    framer, refused, heard = Framer(), "", 0
    until = clock.monotonic() + LOOK_S
    for chunk in source.chunks():
        heard += len(chunk)
        for event in framer.feed(chunk):
            if isinstance(event, Frame):
                return _meter(port, source.line, parse(event))
            refused = event.words
        if clock.monotonic() >= until:
            break
    return Found(port, _nothing(port, framer.noise, refused, heard))


def _meter(port: Port, line: str, telegram: Telegram) -> Found:
    proof = "without a checksum" if telegram.crc == "absent" else "with a valid checksum"
    return Found(port, f"{port.best}: the meter {telegram.identification} sends telegrams at {line}, {proof}.", line, telegram)


def _nothing(port: Port, noise: Rejected | None, refused: str, heard: int) -> str:
    if not heard:
        return (
            f"{port.best}: nothing came in {LOOK_S:.0f} s. Is the cable in the meter's P1 port, "
            "and has the grid company activated the port?"
        )
    words = noise.words if noise is not None else refused or "no whole telegram"
    return f"{port.best}: {heard} bytes came in {LOOK_S:.0f} s, but no valid telegram: {words}."


def configuration(found: Found) -> str:
    """The tables of a configuration file that read this meter."""
    return (
        "[[meter]]\n"
        'name = "home"\n'
        "\n"
        "[meter.source]\n"
        'type = "serial"\n'
        f"device = {json.dumps(found.port.best)}\n"
        f'settings = "auto"  # {found.line or "not found yet"}\n'
    )


def how_to_go_on(found: Sequence[Found], path: str = "/etc/p1monitor/config.toml") -> str:
    """What to do next, for somebody who has no configuration yet."""
    if not found:
        return NO_PORT
    meters = [each for each in found if each.line is not None]
    if not meters:
        return "No meter was found. Until one is, `p1monitor demo` shows p1monitor with a simulated meter."
    tables = "\n".join(configuration(each) for each in meters)
    names = " and give each meter a name of its own" if len(meters) > 1 else ""
    return f"Write this into {path}{names}, then start `p1monitor run`:\n\n{tables}"
