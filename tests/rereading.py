"""A second, naive reading of a telegram's text: lines, patterns, a table of units. Never asks the decoder or its catalogue.

Two readings that agree are worth something only while they share nothing: not a line of this comes from the product.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple


class Said(NamedTuple):
    """What one data object says."""

    code: str
    value: object
    unit: str
    at: datetime | None = None


#: Unit in lower case -> what it becomes, and times how much.
UNITS = {
    "kwh": ("kWh", "1"), "wh": ("kWh", "0.001"), "kvarh": ("kvarh", "1"), "varh": ("kvarh", "0.001"),
    "kw": ("W", "1000"), "w": ("W", "1"), "kvar": ("var", "1000"), "var": ("var", "1"), "kva": ("VA", "1000"),
    "v": ("V", "1"), "kv": ("V", "1000"), "a": ("A", "1"), "ka": ("A", "1000"), "ma": ("A", "0.001"),
    "hz": ("Hz", "1"), "khz": ("Hz", "1000"), "m3": ("m3", "1"), "gj": ("GJ", "1"), "s": ("s", "1"), "": ("", "1"),
}  # fmt: skip
#: C.D.E of a number -> the unit that it is in where none is printed.
BARE = (
    (r"(3|4|23|24|43|44|63|64)\.7\.0", "kvar"),
    (r"17\.0\.0", "kVA"),
    (r"94\.32\.1", "V"),
    (r"(\d?3\.[37]\.0|\d+\.3[26]\.0|96\.7\.(9|21))", ""),
)
NUMBER = re.compile(r"(\d+(?:\.\d+)?)\*?([A-Za-z]\w*)? ?")
STATES = {"0": "disconnected", "1": "connected", "2": "ready for reconnection", "ON": "connected", "OFF": "disconnected"}
FAKE_FAILURE = 2147480000
#: Year -> the last Sundays of March and of October, between which summer time lies.
SUNDAYS = {year: tuple(max(day for day in range(25, 32) if date(year, month, day).weekday() == 6) for month in (3, 10))
           for year in range(2001, 2070)}  # fmt: skip


def reread(frame: bytes) -> list[Said]:
    """Every data object of a frame, in its order."""
    return [one for code, groups in _objects(frame.decode("latin-1")) if (one := _read(code, groups))]


def _objects(text: str) -> Iterator[tuple[str, list[str]]]:
    body = text[text.index("\n") : text.rindex("!")]
    for line in re.split(r"[\r\n\0]+(?=\d-\d:)", body):  # a line that begins without a code belongs to the one before
        if line.strip("\r\n\0 "):
            code, rest = re.sub(r"[\r\n\0]", "", line).strip().split("(", 1)
            yield code.removesuffix("*255"), [group.strip() for group in rest.rstrip()[:-1].split(")(")]


def _read(code: str, groups: list[str]) -> Said | None:
    for pattern, reader in READERS:
        if re.fullmatch(pattern, code):
            return reader(code, groups)
    raise AssertionError(f"nobody told how to read {code}")


def _scaled(text: str, bare: str) -> tuple[Decimal, str]:
    match = NUMBER.fullmatch(text)
    assert match, text
    unit, factor = UNITS[(match[2] or bare).lower()]
    return Decimal(match[1]) * Decimal(factor), unit


def _number(code: str, groups: list[str]) -> Said:
    bare = next((unit for pattern, unit in BARE if re.fullmatch(pattern, code.split(":")[1])), "no unit")
    value, unit = _scaled(groups[0], bare)
    if re.fullmatch(r"\d?3\.[37]\.0", code.split(":")[1]) and "." not in groups[0] and value > 10:
        value /= 1000  # a power factor in thousandths
    return Said(code, value, unit)


def _time(text: str) -> datetime | None:
    """YYMMDDhhmmss with S, W or neither; twenty-four digits of DLMS; anything before 2001 is a clock that nobody set."""
    if re.fullmatch(r"[0-9A-F]{24}", text):
        octets = bytes.fromhex(text)
        minutes = abs(int.from_bytes(octets[9:11], "big", signed=True))
        year, hour, minute, second = octets[0] << 8 | octets[1], *octets[5:8]
        return datetime(year, octets[2], octets[3], hour, minute, second, tzinfo=timezone(timedelta(minutes=minutes)))
    match = re.fullmatch(r"(\d\d)-?(\d\d)-?(\d\d) ?(\d\d):?(\d\d):?(\d\d)([SWsw]?)", text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (1 <= year <= 69 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24):
        return None
    begin, end = SUNDAYS[2000 + year]
    summer = (3, begin) <= (month, day) < (10, end) if not match[7] else match[7] in "Ss"
    return datetime(2000 + year, month, day, hour, minute, second, tzinfo=timezone(timedelta(hours=2 if summer else 1)))


def _clock(code: str, groups: list[str]) -> Said:
    return Said(code, _time(groups[0]), "")


def _octets(code: str, groups: list[str]) -> Said:
    """Hex of something readable is that; nothing, blanks, zeros, are nothing; all else stays as it is."""
    text = groups[0]
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        plain = bytes.fromhex(text).strip(b"\0\xff ")
        if not plain:
            return Said(code, None, "")
        if all(32 <= octet < 127 for octet in plain):
            return Said(code, plain.decode().strip(), "")
    return Said(code, text or None, "")


def _plain(code: str, groups: list[str]) -> Said:
    return Said(code, groups[0] or None, "")


def _state(code: str, groups: list[str]) -> Said:
    return Said(code, STATES[groups[0]], "")


def _tariff(code: str, groups: list[str]) -> Said:
    text = bytes.fromhex(groups[0]).decode() if groups[0].startswith("54") else groups[0]
    return Said(code, Decimal(re.sub(r"\D", "", text)), "")


def _type(code: str, groups: list[str]) -> Said:
    return Said(code, Decimal(groups[0]) if groups[0] else None, "")


def _peak(code: str, groups: list[str]) -> Said:
    times = [group for group in groups if "*" not in group]
    return Said(code, *_scaled(next(group for group in groups if "*" in group), ""), _time(times[0]))


def _channel(code: str, groups: list[str]) -> Said:
    """(time)(value*unit), or the other way round; without a unit and at zero it was never read."""
    value = next((group for group in groups if "*" in group), groups[-1])
    time = next((group for group in groups if group is not value), "")
    at = _time(time)
    if "*" not in value:
        assert not value.strip("0."), value
        return Said(code, None, "", at)
    number, unit = _scaled(value, "")
    return Said(code, None if at is None and not number else number, unit, at)


def _hourly(code: str, groups: list[str]) -> Said:
    time, _status, _minutes, count, _code, unit, value = groups
    assert count == "1"
    return Said(code, *_scaled(f"{value}*{unit}", ""), _time(time))


def _failures(code: str, groups: list[str]) -> Said:
    pairs = [group for group in groups[1:] if ":" not in group]
    found = [(_time(end), int(re.sub(r"\D", "", lasted) or 0)) for end, lasted in zip(pairs[::2], pairs[1::2], strict=False)]
    real = [one for one in found if one[1] < FAKE_FAILURE and (one[0] or one[1])]
    dated = sorted((one for one in real if one[0]), key=_moment, reverse=True)
    return Said(code, (*dated, *(one for one in real if not one[0])), "")


def _table(code: str, groups: list[str]) -> Said:
    """A count and columns and rows, or one row alone; cells are times or numbers, rows stand newest first."""
    cells = [_cell(group) for group in groups if ":" not in group and group]
    if ":" in groups[1] if len(groups) > 1 else len(groups[0]) < 3:
        count = int(groups[0])
        width = (len(cells) - 1) // count
        rows = [tuple(cells[1 + at : 1 + at + width]) for at in range(0, count * width, width)] if width else []
    else:
        rows = [tuple(cells)]
    return Said(code, tuple(sorted(rows, key=_moment, reverse=True)), "")


def _moment(row: tuple[object, ...]) -> float:
    return row[0].timestamp() if isinstance(row[0], datetime) else 0.0


def _cell(text: str) -> object:
    if "*" in text:
        return _scaled(text, "")[0]
    return _time(text) if len(text) > 4 else int(text)


READERS: tuple[tuple[str, Callable[[str, list[str]], Said]], ...] = (
    (r"0-0:1\.0\.0", _clock),
    (r"0-0:98\.1\.[01]", _table),
    (r"1-0:99\.97\.0", _failures),
    (r"1-[01]:[12]\.6\.0", _peak),
    (r"0-[1-4]:24\.1\.0", _type),
    (r"0-[1-4]:24\.2\.[13]|7-0:23\.1\.0", _channel),
    (r"0-[1-4]:24\.3\.0", _hourly),
    (r"(0-[0-4]:(96\.3\.10|24\.4\.0)|7-0:24\.4\.0)", _state),
    (r"0-0:96\.14\.0", _tariff),
    (r"0-[0-4]:96\.1\.[012]|0-0:(96\.1\.4|96\.13\.\d|42\.0\.0|0\.0\.0)|[17]-0:0\.0\.0", _octets),
    (r"1-3:0\.2\.8|1-[01]:0\.2\.[08]|1-0:0\.9\.[12]|1-0:96\.5\.5|0-0:(96\.1\.255|97\.97\.0)", _plain),
    (r"0-0:(17\.0\.0|96\.7\.(9|21))|1-[01]:\d+\.\d+\.\d+", _number),
)
