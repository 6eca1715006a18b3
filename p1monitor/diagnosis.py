"""What `p1monitor detect` says: about a meter, about bytes that are none, about silence. Words only; never touches a port."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from p1monitor.p1.framer import REASONS, Rejected
from p1monitor.p1.origin import Origin, origin
from p1monitor.p1.records import Reading
from p1monitor.settings import SourceSettings


@dataclass(slots=True)
class Heard:
    """What was heard in one place; filled while listening."""

    bytes: int = 0
    reading: Reading | None = None  #: of the newest valid telegram
    crc: str = "auto"  #: the checksum that fits
    line: str = ""  #: settings of the serial line; empty over the network
    period_s: float | None = None
    noise: Rejected | None = None  #: bytes at the end that are no telegram
    refused: Counter[str] = field(default_factory=Counter)
    optical: bool = False  #: it was asked, as an optical head is
    line_errors: int = 0  #: framing and parity errors and breaks that the port counted meanwhile


NO_PORT = (
    "There is no serial port here. Plug the P1 cable into the meter and into this computer, and try again.\n"
    "A meter that is read over the network (ser2net, SlimmeLezer): p1monitor detect HOST:PORT"
)
CONSOLE = (
    "{device} is this computer's serial console ({why}), and was not listened to. If the meter hangs there, switch the "
    "console off (on a Pi: raspi-config, Interface Options, Serial Port: login shell no, hardware yes), restart, try again."
)
NOTHING = """nothing came in {seconds:.0f} s. Look at, in this order:
  - the cable: in the meter's P1 port (RJ12, often behind a lid), and all the way in
  - the port: the grid company may have to open it. In the Netherlands it is open; in Belgium, Luxembourg, Austria,
    Switzerland and Sweden it is opened on request, at the grid company's website
  - the request line (pin 2): the meter is silent while it is low. p1monitor raises RTS; a cable that takes the line from
    its 5 V instead needs a meter or a USB port that gives them
  - an optical head: a meter says nothing through it until it is asked. Name its port and it is: p1monitor detect {device}"""
SILENT_BRIDGE = """connected, but nothing came in {seconds:.0f} s. Look at, in this order:
  - whether the other end reads the meter itself: its own page or log says so
  - the port: the grid company may have to open it. In the Netherlands it is open; in Belgium, Luxembourg, Austria,
    Switzerland and Sweden it is opened on request, at the grid company's website
  - whether another program is connected to it already: many bridges serve one at a time"""
HELD = "the line stands still in the wrong state ({errors} framing errors, no byte): the signal is inverted, or the cable is wrong"
OPTICAL = "its data readout (IEC 62056-21 mode C) comes through an optical head, asked for at {line}"
NOISE = (
    "{bytes} bytes of noise came in {seconds:.0f} s, at 115200 8N1 and at 9600 7E1{errors}: the signal is inverted (P1 wants "
    "a cable with an inverter, and only one), the cable is wrong, or this is no meter"
)
NOISE_FAR = (
    "connected, but {bytes} bytes of noise came in {seconds:.0f} s: the other end reads the meter with the wrong settings "
    "(115200 8N1, old meters 9600 7E1) or the wrong cable, or this is no meter"
)
#: Reason of a refusal -> what to do about it. In the order in which they explain the others.
ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "encrypted": "encrypted telegrams come (DB 08, as in Luxembourg and Austria): the grid company gives the key. "
        "Write it into a file that decryption_key_file of [[meter]] names, and where there is a second one authentication_key_file",
        "dlms": "binary DLMS/HDLC comes (7E A0 or 7E A2, as in Norway and Switzerland), not P1 text: p1monitor cannot read it. "
        "Some grid companies switch a meter to P1 text on request",
        "parity": REASONS["parity"],
        "crc": "telegrams come, but no checksum is right: bits are lost on the way. Try another USB socket, a shorter cable, "
        "a better power supply",
        "no-crc": REASONS["no-crc"],
        "truncated": "telegrams come, but each is cut short: does another program read the same port?",
        "overflow": REASONS["overflow"],
        "empty": REASONS["empty"],
    }
)
#: Country -> what its owners confuse.
HINTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nl": ("In the Netherlands tariff 1 is low (night and weekend), tariff 2 is normal.",),
        "be": (
            "In Belgium tariff 1 is normal (day), tariff 2 is low (night, weekend); in the Netherlands it is the other way round.",
            "The month's peak comes only while the grid company's permission for the port lasts, a year: renew it on its website.",
        ),
    }
)
#: Countries whose meters' clock is not Central European: the decoder wants to be told.
CLOCKS = ("fi", "lt")


def meter_lines(heard: Heard, home: Origin) -> list[str]:
    """What is known of a meter, in plain words."""
    assert heard.reading is not None
    reading = heard.reading
    proof = "without a checksum" if reading.telegram.crc == "absent" else "with a valid checksum"
    how = f"at {heard.line}, " if heard.line else ""
    told = f"telegrams {_period(heard.period_s)}{how}{proof}" + (" (CRC-16/X-25)" if heard.crc == "x25" else "")
    lines = [
        f"found {home.maker}, {home.variant} ({reading.telegram.identification})",
        OPTICAL.format(line=heard.line) if heard.optical else told,
    ]
    for device in reading.devices:
        where = f"channel {device.channel}" if device.channel else "no channel"
        lines.append(f"M-Bus {where}: {device.medium.replace('_', ' ')} meter {device.equipment_id}".rstrip())
    if not reading.devices:
        lines.append("no M-Bus devices (gas, water, heat)")
    return [*lines, *HINTS.get(home.country, ())]


def _period(seconds: float | None) -> str:
    if seconds is None:
        return ""
    whole = max(round(seconds), 1)
    return "every second, " if whole == 1 else f"every {whole} s, "


def diagnose(heard: Heard, seconds: float, device: str = "/dev/ttyUSB0") -> str:
    """Why there is no meter, and what to do; `device` is the port, where it is one."""
    reasons = heard.refused + Counter([heard.noise.reason] if heard.noise else [])
    for reason, words in ADVICE.items():
        if reasons[reason]:
            return f"{words}."
    if heard.bytes:
        errors = f" ({heard.line_errors} framing errors)" if heard.line_errors else ""
        return (NOISE if heard.line else NOISE_FAR).format(bytes=heard.bytes, seconds=seconds, errors=errors) + "."
    if heard.line_errors:
        return HELD.format(errors=heard.line_errors) + "."
    return (NOTHING if heard.line else SILENT_BRIDGE).format(seconds=seconds, device=device) + "."


def configuration(source: SourceSettings, heard: Heard, name: str = "home") -> str:
    """The tables of a configuration file that read this meter."""
    assert heard.reading is not None
    country = origin(heard.reading).country
    lines = ["[[meter]]", f"name = {json.dumps(name)}"]
    if country in CLOCKS:
        lines.append(f'profile = "{country}"')
    if heard.crc != "auto":
        lines.append(f'crc = "{heard.crc}"')
    lines += ["", "[meter.source]", f'type = "{source.type}"']
    if source.device:
        lines += [f"device = {json.dumps(source.device)}", f'settings = "auto"  # {heard.line}']
    else:
        lines += [f"host = {json.dumps(source.host)}", f"port = {source.port}"]
    return "\n".join([*lines, ""])


def how_to_go_on(
    meters: Sequence[tuple[SourceSettings, Heard]],
    *,
    looked: bool,
    busy: Mapping[str, str],
    path: str,
    paste: Callable[[str], None] | None = None,
) -> str:
    """What to do next; `paste` takes the configuration, else it stands in the words."""
    if not looked:
        return "\n".join([NO_PORT, *(CONSOLE.format(device=device, why=why) for device, why in busy.items())])
    if not meters:
        return "No meter was found. Until one is, `p1monitor demo` shows p1monitor with a simulated meter."
    names = ["home", *(f"home_{number}" for number in range(2, len(meters) + 1))]
    tables = "\n".join(configuration(*each, name) for each, name in zip(meters, names, strict=True))
    if paste:
        paste(tables)
        return ""
    return f"\nWrite this into {path}, then start `p1monitor run`:\n\n{tables}"
