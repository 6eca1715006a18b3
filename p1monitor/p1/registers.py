"""Alarm, error and status registers in words, bit by bit. Tables, and the number that a printed register is; remembers nothing.

ME381/MT381 manual tables 38, 50, 51, 53, 54; KWHIQ's 5.2.1 and 5.2.2 use a part of the same bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from p1monitor.p1.event_codes import PHASES, Meaning
from p1monitor.p1.rows import CHANNELS

Bits = Mapping[int, Meaning]

#: 32 bits as hexadecimal digits, and an octet.
_HEX_DIGITS, _OCTET_DIGITS = 8, 2
_BINARY = re.compile(r"[01]{16}|[01]{32}")
_OCTET_BINARY = re.compile(r"[01]{8}")
_HEX = re.compile(r"(?:0x)?([0-9A-Fa-f]{1,8})")

_CLOCK = {0: "clock invalid", 1: "battery to be replaced"}
_MEMORY = {
    8: "program memory error",
    9: "RAM error",
    10: "non-volatile memory error",
    11: "measurement system error",
    12: "watchdog error",
}


def _table(plain: Mapping[int, str], phased: Mapping[int, str] | None = None, channels: Mapping[int, str] | None = None) -> Bits:
    return MappingProxyType(dict(_rows(plain, phased or {}, channels or {})))


def _rows(plain: Mapping[int, str], phased: Mapping[int, str], channels: Mapping[int, str]) -> Iterator[tuple[int, Meaning]]:
    for bit, words in plain.items():
        yield bit, Meaning(words)
    for first, words in phased.items():
        for step, phase in enumerate(PHASES):
            yield first + step, Meaning(f"{words} {phase}", phase=phase)
    for first, words in channels.items():
        for channel in CHANNELS:
            yield first + channel - 1, Meaning(f"M-Bus channel {channel}: {words}", channel=channel)


#: 0-0:97.98.0, and its status 1-0:96.242.0, 96.243.0 (table 50).
ALARM_1 = _table({**_CLOCK, **_MEMORY, 13: "fraud attempt"}, channels={16: "communication error", 20: "fraud attempt"})

#: 0-0:97.98.1, and its status 1-0:96.242.10, 96.243.10 (table 51).
ALARM_2 = _table(
    {
        0: "total power failure",
        1: "power resumed",
        8: "neutral missing",
        9: "phase asymmetry",
        10: "current reversal",
        11: "wrong phase sequence",
        12: "unexpected consumption",
        13: "key exchanged",
        17: "external alert",
        18: "local communication attempt",
        31: "breaker failed to open or close",
    },
    phased={2: "voltage failure", 5: "voltage resumed", 14: "bad voltage quality"},
    channels={19: "new device", 27: "valve alarm"},
)

#: 0-0:97.97.0 (table 53; bit 13 KWHIQ 5.2.1).
ERROR_1 = _table({**_CLOCK, **_MEMORY, 13: "fraud attempt"}, channels={16: "communication error"})

#: 0-0:97.97.1, the second set, IE (table 54).
ERROR_2 = _table(
    {
        8: "program memory checksum error",
        9: "backup data checksum error",
        10: "parameters checksum error",
        11: "profile checksum error",
        12: "event log checksum error",
        13: "RAM checksum error",
        16: "RAM error",
        17: "FRAM error",
        18: "measurement error",
        19: "clock chip error",
        22: "communication error",
        23: "display error",
        24: "battery discharged",
        25: "time invalid",
    }
)

#: 0-0:96.10.1 … 4: one octet, of each of the meter's own profiles (ME381 §6.3; bit 6 is reserved in KWHIQ's).
PROFILE_STATUS = _table(
    {
        0: "critical error",
        1: "clock invalid",
        2: "data not valid",
        3: "daylight saving time",
        5: "clock adjusted",
        6: "power up",
        7: "power down",
    }
)
#: Said where no bit is set.
NOTHING_SET = "none"

#: 0-n:96.10.3: EN 13757-3 §5.9, and the two bits of which the meter makes alarms (table 38).
MBUS_STATUS = _table(
    {
        0: "application busy",
        1: "application error",
        2: "power low",
        3: "permanent error",
        4: "temporary error",
        6: "fraud attempt",
        7: "valve alarm",
    }
)


def octet_words(text: str, known: Bits) -> str | None:
    """A printed octet in words; None if it is none, or has bits that nobody knows."""
    text = text.strip()
    value = int(text, 2) if _OCTET_BINARY.fullmatch(text) else number(text, known, _OCTET_DIGITS)
    if value is None or _strange(value, known):
        return None
    return ", ".join(known[bit].words for bit in bits(value)) or NOTHING_SET


def number(text: str, known: Bits, full: int = _HEX_DIGITS) -> int | None:
    """Read a printed register. `full` digits are hexadecimal, unless only the decimal number has none but known bits.

    The manuals do not say in which way a register is printed; meters print 32 bits as eight hexadecimal digits
    (IEC 62056-21's F.F), as a decimal number, or bit by bit.
    """
    text = text.strip().replace(" ", "")
    if _BINARY.fullmatch(text):
        return int(text, 2)
    found = _HEX.fullmatch(text)
    decimal = int(text) if text.isascii() and text.isdecimal() and int(text or "0") < 1 << 32 else None
    hexadecimal = int(found[1], 16) if found else None
    if decimal is None or hexadecimal is None:
        return hexadecimal if decimal is None else decimal
    first, second = (hexadecimal, decimal) if len(text) == full else (decimal, hexadecimal)
    return second if _strange(first, known) and not _strange(second, known) else first


def bits(value: int) -> Iterator[int]:
    """Those that are set, from the lowest."""
    return (bit for bit in range(value.bit_length()) if value >> bit & 1)


def _strange(value: int, known: Bits) -> bool:
    return any(bit not in known for bit in bits(value))
