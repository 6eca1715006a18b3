"""Shapes: telegrams with their numbers, times and texts taken out, and their registry. Pure; never stores, never decodes.

A shape is written as its first line says how the telegram's lines end and which checksum ends it, then its lines: the code
and its groups as the meter prints them, with `#6.3` for a number of at least six digits and three decimals, `@` for a time of
the meter's clock, `$` for any other text. A line that is no data line is one `$`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from p1monitor.p1.grammar import CODE
from p1monitor.recorder.streams import PackingError

NUMBER, TIME, TEXT = b"#", b"@", b"$"
#: More digits than these do not fit into 64 bits with a sign, whatever they are: kept as a text.
DIGITS_MOST = 18
#: Ends of lines, by the letter that stands for them.
ENDS: Mapping[bytes, bytes] = {b"C": b"\r\n", b"L": b"\n"}
_LINE = re.compile(rb"(" + CODE + rb"|)((?:\([^()\r\n]*\))+)")
_GROUP = re.compile(rb"(-?\d+(?:\.\d+)?)(\*[A-Za-z0-9]{1,8})?|(\d{12}[SW])")
_PLACE = re.compile(rb"#(\d+)(?:\.(\d+))?|[@$]")
_WIDTH = re.compile(rb"#(\d+)")
_BARE = re.compile(rb"#(?:\.\d+)?|[@$]")
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - wall time of the meter, whatever its zone
_SECONDS = {b"%02d%c" % (second, flag): 2 * second + (flag == 0x53) for second in range(60) for flag in b"SW"}
_FLAGGED = {number: text for text, number in _SECONDS.items()}
_MINUTES_KEPT = 512
_SHAPES_READ = 64


class Token(NamedTuple):
    """What was taken out of one place of a line."""

    kind: bytes
    start: int
    end: int


class Place(NamedTuple):
    """Where something was taken out of a shape."""

    kind: bytes
    code: str  #: the raw code of its line; empty where the line has none
    nth: int  #: of the places of its code; lines that begin with `(` go on with it
    width: int = 0  #: of a number: least digits before the point
    decimals: int = 0
    unit: str = ""


class Shape(NamedTuple):
    """A shape, ready to use."""

    end: str  #: name of the checksum that ends it; empty where that is text, or none
    literals: tuple[bytes, ...]  #: what stands before, between and behind the places
    places: tuple[Place, ...]


class Shapes:
    """The shapes of all meters, numbered. Rebuilt from those that are stored, and asked for those that are not yet."""

    def __init__(self, stored: Iterable[tuple[int, bytes]] = ()) -> None:
        self._templates = dict(stored)
        self._numbers = {template: number for number, template in sorted(self._templates.items(), reverse=True)}
        self._widths: dict[bytes, tuple[int, ...]] = {}
        self._new: list[tuple[int, bytes]] = []
        for _, template in sorted(self._templates.items()):
            self._learn(template)

    def number(self, template: bytes) -> int:
        """The number of a shape, a new one if it has none."""
        found = self._numbers.get(template)
        if found is None:
            found = self._numbers[template] = max(self._templates, default=0) + 1
            self._templates[found] = template
            self._new.append((found, template))
        self._learn(template)
        return found

    def template(self, number: int) -> bytes:
        """The shape of a number."""
        try:
            return self._templates[number]
        except KeyError:
            raise PackingError(f"the shape {number} of these telegrams is not in the file") from None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._templates)

    def new(self) -> list[tuple[int, bytes]]:
        """Shapes that were not handed out before, to be stored with the block that needs them."""
        found, self._new = self._new, []
        return found

    def widths(self, skeleton: bytes) -> tuple[int, ...]:
        """Digits of the numbers of the newest shape that is this one but for its widths; none if there is no such."""
        return self._widths.get(skeleton, ())

    def _learn(self, template: bytes) -> None:
        widths = tuple(map(int, _WIDTH.findall(template)))
        self._widths[_WIDTH.sub(NUMBER, template)] = widths


@lru_cache(maxsize=_SHAPES_READ)
def read(template: bytes) -> Shape:
    """Read a shape as it is written."""
    first, _, rest = template.partition(b"\n")
    if first[:1] not in ENDS:
        raise PackingError("a shape in the file is none")
    places, literals, before = list[Place](), list[bytes](), b""
    between, code, index = ENDS[first[:1]], "", 0
    for number, line in enumerate(rest.split(b"\n")):
        before += between if number else b""
        at = 0
        if line[:1] != b"(":  # else it continues the line before it
            code, index = (b"" if line == TEXT else line.partition(b"(")[0]).decode("latin-1"), 0
        for match in _PLACE.finditer(line):
            literals.append(before + line[at : match.start()])
            before, at = b"", match.end()
            unit = line[at:].partition(b")")[0].strip(b"*").decode("latin-1")
            places.append(Place(match[0][:1], code, index, int(match[1] or 0), int(match[2] or 0), unit))
            index += 1
        before += line[at:]
    return Shape(first[1:].decode("latin-1"), (*literals, before), tuple(places))


def tokens(line: bytes) -> tuple[bytes, tuple[Token, ...]]:
    """A line without what changes in it, and where that stands."""
    match = _LINE.fullmatch(line)
    if match is None:
        return TEXT, (Token(TEXT, 0, len(line)),)
    found, written, at = list[Token](), match[1], match.end(1)
    for group in match[2][1:-1].split(b")("):
        at += 1
        kind, length, rest = _token(group)
        found.append(Token(kind[:1], at, at + length))
        written += b"(" + kind + rest + b")"
        at += len(group) + 1
    return written, tuple(found)


def _token(group: bytes) -> tuple[bytes, int, bytes]:
    """How a group is written in a skeleton, the length of what changes, and what stands behind that."""
    match = _GROUP.fullmatch(group)
    if match is None:
        return TEXT, len(group), b""
    if match[3]:
        return (TIME if is_time(group) else TEXT), len(group), b""
    printed, decimals = match[1], len(match[1].partition(b".")[2])
    digits = len(printed) - printed.count(b"-") - (decimals > 0)
    if digits > DIGITS_MOST or (printed[:1] == b"-" and not printed.strip(b"-0.")):
        return TEXT, len(group), b""  # minus zero is no number that can be printed again
    return NUMBER + (b".%d" % decimals if decimals else b""), len(printed), match[2] or b""


def is_time(text: bytes) -> bool:
    """Whether it is a time that there is."""
    try:
        return text[10:] in _SECONDS and _minute(text[:10]) >= 0
    except ValueError:
        return False


def are_times(texts: Sequence[bytes]) -> bool:
    """Whether all of them are."""
    return {text[10:] for text in texts} <= _SECONDS.keys() and all(is_time(one + b"00S") for one in {text[:10] for text in texts})


def times(texts: Iterable[bytes]) -> list[int]:
    """Wall time in seconds, doubled, and one more in summer. Raises ValueError or KeyError for what is none."""
    return [_minute(text[:10]) + _SECONDS[text[10:]] for text in texts]


def time_text(number: int) -> bytes:
    """The time as the meter printed it."""
    minutes, rest = divmod(number, 120)
    return _minute_text(minutes) + _FLAGGED[rest]


@lru_cache(maxsize=_MINUTES_KEPT)
def _minute(text: bytes) -> int:
    year, month, day, hour, minute = (int(text[at : at + 2]) for at in range(0, 10, 2))
    passed = datetime(2000 + year, month, day, hour, minute) - _EPOCH  # noqa: DTZ001 - see above
    return passed // timedelta(minutes=1) * 120


@lru_cache(maxsize=_MINUTES_KEPT)
def _minute_text(minutes: int) -> bytes:
    return (_EPOCH + timedelta(minutes=minutes)).strftime("%y%m%d%H%M").encode()


def width_of(printed: Iterable[bytes], known: int) -> int | None:
    """The least digits before the point with which all of these print again as they were; None if there is none.

    `known` is what they had before, 0 if nothing is known: a meter's widths should not depend on the hour.
    """
    padded, natural = set[int](), set[int]()
    for text in printed:
        whole = text.lstrip(b"-").partition(b".")[0]
        (padded if whole[:1] == b"0" and len(whole) > 1 else natural).add(len(whole))
    if padded:
        (width,) = padded if len(padded) == 1 else (0,)
        return width if width and (not natural or width <= min(natural)) else None
    if known:
        return known if known <= min(natural) else 1
    return min(natural) if len(natural) == 1 else 1


def numbers_text(values: Iterable[int], place: Place) -> dict[int, bytes]:
    """Each of these numbers as the meter printed it."""
    found, decimals = {}, place.decimals
    for value in values:
        digits = b"%0*d" % (place.width + decimals, abs(value))
        point = digits[:-decimals] + b"." + digits[-decimals:] if decimals else digits
        found[value] = b"-" + point if value < 0 else point
    return found


def checksum(template: bytes) -> int:
    """What proves that a shape is the one it was."""
    return zlib.crc32(template)


def written(end: bytes, lines: Iterable[bytes], marks: Iterable[bytes]) -> bytes:
    """The shape that has these marks in the places of a skeleton's lines."""
    each = iter(marks)
    return end + b"\n" + _BARE.sub(lambda _: next(each), b"\n".join(lines))


def marks_of(lines: Iterable[bytes]) -> list[bytes]:
    """The marks of a skeleton's lines: numbers without their widths."""
    return _BARE.findall(b"\n".join(lines))
