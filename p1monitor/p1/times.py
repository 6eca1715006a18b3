"""The times that meters print. The S or W flag is the offset; a time that cannot be is None. Never asks a clock or a zone file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType

#: Offset by flag (DSMR 5.0.2 P1 §6.4: X = S when daylight saving is active, W when not).
_CENTRAL: Mapping[str, str] = MappingProxyType({"W": "+01:00", "S": "+02:00"})
_EASTERN: Mapping[str, str] = MappingProxyType({"W": "+02:00", "S": "+03:00"})
#: By `profile`, where the country does not keep Central European Time.
OFFSETS: Mapping[str, Mapping[str, str]] = MappingProxyType({"fi": _EASTERN, "lt": _EASTERN})

#: TST (with flag), TST12 (without; DSMR 3.0 §5.10, Belgian IE.5), and the dashed form of NTA 8130 meters.
_DASHED = re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
#: DLMS date-time, 12 octets in hex (IEC 62056-62 §4.6.1): year, month, day, weekday, time, hundredths, deviation, status.
_OCTETS = re.compile(r"(?:[0-9A-Fa-f]{2}){12}")
#: … whose deviation may be unspecified (8000 hex); then bit 7 of the status tells summer from winter.
_UNSPECIFIED, _DAYLIGHT_SAVING = 0x8000, 0x80
#: Years a meter's clock shows when it was never set: 2000 (octet 00) and 1970 (written 70).
_FIRST_YEAR, _LAST_YEAR = 2001, 2069
#: Minutes remembered: that of the clock, and those in which a few devices' values were captured.
_MINUTES_KEPT = 32
#: The seconds as they are printed: 60 is none.
_SECONDS: Mapping[str, timedelta] = MappingProxyType({f"{second:02d}": timedelta(seconds=second) for second in range(60)})


def meter_time(text: str, profile: str = "auto") -> datetime | None:
    """Return the moment, aware; None for the many ways in which meters say that they do not know."""
    second = _SECONDS.get(text[10:12])
    if second is None or len(text) > 13:
        return _rare(text, profile)
    minute = _minute(text[:10], text[12:].upper(), profile)
    return minute and minute + second


@lru_cache(maxsize=_MINUTES_KEPT)
def _minute(digits: str, flag: str, profile: str) -> datetime | None:
    """The moment at which a minute begins. A clock is read each second, and its minute is that of the second before."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    text = f"20{digits[:6]}T{digits[6:]}"
    try:
        if not flag:
            flag = "S" if _is_summer(datetime.fromisoformat(text)) else "W"
        moment = datetime.fromisoformat(text + OFFSETS.get(profile, _CENTRAL)[flag])
    except (ValueError, KeyError):
        return None
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def _rare(text: str, profile: str) -> datetime | None:
    """The forms that only some meters print."""
    if _DASHED.fullmatch(text):
        return meter_time(re.sub(r"\D", "", text), profile)
    return _octets(text) if _OCTETS.fullmatch(text) else None


def meter_text(moment: datetime) -> str:
    """Write a moment as TST: its own local time, S where its offset is the summer's. For those who make telegrams."""
    offset = moment.utcoffset() or timedelta()
    return moment.strftime("%y%m%d%H%M%S") + ("S" if offset >= timedelta(hours=2) else "W")


def central(moment: datetime) -> datetime:
    """Return the moment in Central European Time, by the rule that has held since 1996 (directive 2000/84/EC)."""
    moment = moment.astimezone(UTC)
    begin, end = _switch(moment.year, 3), _switch(moment.year, 10)
    return moment.astimezone(_zone(120 if begin <= moment < end else 60))


@lru_cache(maxsize=64)
def _switch(year: int, month: int) -> datetime:
    """The last Sunday of the month, 01:00 UTC."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def _is_summer(naive: datetime) -> bool:
    """For a time without flag, by the same rule. The hour that comes twice counts as its first."""
    begin = _switch(naive.year, 3).replace(tzinfo=None) + timedelta(hours=1)
    end = _switch(naive.year, 10).replace(tzinfo=None) + timedelta(hours=2)
    return begin <= naive < end


def _octets(text: str) -> datetime | None:
    raw = bytes.fromhex(text)
    # The makers differ in the sign of the deviation; every country with a P1 port lies east of Greenwich.
    deviation = abs(int.from_bytes(raw[9:11], "big", signed=True))
    if deviation == _UNSPECIFIED:
        deviation = 120 if raw[11] & _DAYLIGHT_SAVING else 60
    try:
        naive = datetime(int.from_bytes(raw[:2], "big"), raw[2], raw[3], raw[5], raw[6], raw[7])  # noqa: DTZ001 - as above
    except ValueError:
        return None
    if not _FIRST_YEAR <= naive.year <= _LAST_YEAR or deviation > 14 * 60:
        return None
    return naive.replace(tzinfo=_zone(deviation))


@lru_cache(maxsize=64)
def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))
