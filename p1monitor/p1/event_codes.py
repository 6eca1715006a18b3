"""Event codes in words: what the numbers in the last-event objects 96.11.* mean. Tables; never remembers which came before.

ME381/MT381 manual tables 44 to 49 (IDIS), KWHIQ's tables 5.2.2 and 5.3.1 to 5.3.4. Their numbers do not overlap, so one
table serves all logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.rows import CHANNELS

PHASES = ("L1", "L2", "L3")


class Meaning(NamedTuple):
    """What a number stands for."""

    words: str
    phase: str | None = None
    channel: int | None = None


#: Event system (1-0:96.245.0) and alarm system (1-0:96.246.0): 0 VDEW/IE, 1 IDIS, 2 EDF. Assumed where it is not sent.
IDIS = 1

#: Codes that p1monitor gives itself. Of voltages and monitors they are the first of three, one per phase; a monitor has two.
POWER_DOWN, NEUTRAL, ASYMMETRY, REVERSAL = 1, 89, 90, 91
UNDERVOLTAGE, OVERVOLTAGE, MISSING, NORMAL = 76, 79, 82, 85
SUPERVISION = 70

_STANDARD = {
    POWER_DOWN: "power down",
    2: "power up",
    3: "daylight saving time began or ended",
    4: "clock adjusted, old time",
    5: "clock adjusted, new time",
    6: "clock invalid",
    7: "replace battery",
    8: "battery voltage low",
    9: "tariff calendar activated",
    10: "error register cleared",
    11: "alarm register cleared",
    12: "program memory error",
    13: "RAM error",
    14: "non-volatile memory error",
    15: "watchdog error",
    16: "measurement system error",
    17: "firmware ready for activation",
    18: "firmware activated",
    19: "passive tariff calendar programmed",
    47: "parameters changed",
    48: "global keys changed",
    51: "firmware verification failed",
    53: "local communication attempt",
    88: "phase sequence reversed",
    NEUTRAL: "neutral missing",
    ASYMMETRY: "phase asymmetry",
    REVERSAL: "current reversal",
    230: "fatal error",
    231: "billing reset",
    238: "no connection for a long time",
    239: "prepayment token accepted",
    240: "prepayment token refused",
    241: "prepayment credit expired",
    242: "emergency credit expired",
    243: "emergency credit activated",
    254: "load profile cleared",
    255: "event log cleared",
}
_FRAUD = {
    40: "terminal cover removed",
    41: "terminal cover closed",
    42: "strong magnetic field detected",
    43: "strong magnetic field gone",
    44: "meter cover removed",
    45: "meter cover closed",
    46: "authentication failed",
    49: "decryption failed",
    50: "replay attack",
}
_DISCONNECTOR = {
    59: "breaker ready for manual reconnection",
    60: "breaker opened by hand",
    61: "breaker closed by hand",
    62: "breaker opened remotely",
    63: "breaker closed remotely",
    64: "breaker opened by the meter",
    65: "limiter threshold exceeded",
    66: "limiter threshold no longer exceeded",
    67: "limiter threshold changed",
    68: "breaker failed to open or close",
    69: "breaker closed by the meter",
    **{
        SUPERVISION + 2 * monitor + over: f"current supervision {monitor + 1}: threshold {words}"
        for monitor in range(3)
        for over, words in enumerate(("exceeded", "no longer exceeded"))
    },
}
#: First code of three, one per phase.
_PHASED = {
    UNDERVOLTAGE: "undervoltage",
    OVERVOLTAGE: "overvoltage",
    MISSING: "voltage missing",
    NORMAL: "voltage normal",
    92: "bad voltage quality",
    232: "power down",
    235: "power restored",
}
#: Code on channel 1; each further channel adds ten.
_MBUS = {
    100: "communication error",
    101: "communication works again",
    102: "replace battery",
    103: "fraud attempt",
    104: "clock adjusted",
    160: "valve closed by hand",
    161: "valve opened by hand",
    162: "valve closed remotely",
    163: "valve opened remotely",
    164: "valve alarm",
}
_CHANNEL_STEP = 10


def _all() -> Iterator[tuple[int, Meaning]]:
    for table in (_STANDARD, _FRAUD, _DISCONNECTOR):
        for code, words in table.items():
            yield code, Meaning(words)
    for first, words in _PHASED.items():
        for step, phase in enumerate(PHASES):
            yield first + step, Meaning(f"{words} {phase}", phase=phase)
    for first, words in _MBUS.items():
        for channel in CHANNELS:
            yield first + _CHANNEL_STEP * (channel - 1), Meaning(f"M-Bus channel {channel}: {words}", channel=channel)


#: Every code that is known.
EVENTS: Mapping[int, Meaning] = MappingProxyType(dict(_all()))


def event(code: int, system: object = None) -> Meaning:
    """What a code means; its number, where it is not known or another system's."""
    return EVENTS.get(code, _number(code)) if is_idis(system) else _number(code)


def is_idis(system: object) -> bool:
    """Tell whether the system that a telegram names, if it names one, is the one whose numbers stand here."""
    return not isinstance(system, Decimal) or system == IDIS


def _number(code: int) -> Meaning:
    return Meaning(f"event {code}")
