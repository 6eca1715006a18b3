"""The grammar of a telegram, both ways: parse(frame) and render(telegram). Never knows what a code means.

DSMR 5.0.2 P1 §6.2 (block), §6.4 (data objects), IEC 62056-21 §6.3.13 (data line): a header, an empty line, data lines
`code(value group)(value group)…`, and the `!` line with the CRC. The meters add: a line that begins with `(` continues the
one before it (DSMR 3.0 P1 §5.10), a parenthesis may close on a later line, `*255` may follow the code, the empty line may
be missing, colons may stand where dots belong (the examples of DSMR 4.0 P1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from p1monitor.p1.catalogue import NEVER_TWICE
from p1monitor.p1.crc import crc16_arc
from p1monitor.p1.frames import Frame, new
from p1monitor.p1.grammar import BEGINS_OBJECT, JUST_CODE, LINE, LINE_ENDS, LINE_NESTED, NORMAL

#: Lines remembered with what they decode to: most lines of a telegram repeat, or were there some minutes ago. About 1.5 MB.
LINES_KEPT = 2048

#: The longest line worth remembering: a text of 1 024 characters in hex. What noise puts together is longer.
LINE_KEPT_MOST = 2100

#: Codes remembered in their normal form: more than any meter has.
CODES_KEPT = 512

#: A meter has one header; noise may make others.
HEADERS_KEPT = 16

#: As numbers: sought in bytes they are found five times as fast as bytes of length one.
_LF, _CR, _OPEN = b"\n\r("
#: F = 255 says "the current value" (IEC 62056-61), which is what a code without F means too.
_CURRENT = "*255"

#: Group C by letter in short codes (IEC 62056-61 annex A), and from where on it is about the meter, not about electricity.
LETTERS = {"C": "96", "F": "97", "L": "98", "P": "99"}
_ABSTRACT = 96


@dataclass(slots=True, unsafe_hash=True)
class DataObject:
    """One OBIS code with its value groups, as texts between the parentheses. Never changed, but for what is remembered in it.

    Not frozen, for two are made per telegram, and a frozen one takes twice as long to make.
    """

    code: str  #: as the meter wrote it
    groups: tuple[str, ...]
    breaks: tuple[int, ...] = ()  #: indexes of the groups that stand at the beginning of a line of their own
    obis: str = field(default="", compare=False)  #: the code in its normal form, `A-B:C.D.E`, or with `*F` where F is not 255
    #: What reading.decode() made of this object: equal lines share one DataObject, so each is decoded once. Not part of the value.
    decoded: Any = field(default=None, compare=False, repr=False)

    @property
    def raw(self) -> str:
        """The value groups in their parentheses."""
        return "".join(f"({group})" for group in self.groups)


class Telegram(NamedTuple):
    """A frame, split into its identification and its data objects in the order they came."""

    identification: str  #: the header without its `/`
    objects: tuple[DataObject, ...]
    crc: str  #: "valid", "absent" (the variant has none) or "gcm" (the tag of the encrypted frame was proven)
    bad_lines: tuple[str, ...] = ()  #: lines that are no data objects; they cost nothing but themselves


def parse(frame: Frame) -> Telegram:
    """Split a proven frame. Never raises: what is no data object is kept in `bad_lines`."""
    lines = frame.data.split(b"\r\n")
    header = lines[0]
    if _LF in header or _CR in header:  # not CR LF: a logger's or a terminal's line ends, where there is no CRC to object
        lines = frame.data.replace(b"\r", b"\n").split(b"\n")
        header = lines[0]
    objects: tuple[DataObject, ...] = ()
    bad: tuple[str, ...] = ()
    try:  # what nearly every telegram is: header, empty line, data lines, `!` line, and nothing behind it
        objects = tuple(map(_remembered, lines[2:-2]))
        plain = len(lines) > 3 and lines[-2][:1] == b"!" and not (lines[1] or lines[-1])
    except _NoObject:
        plain = False
    if not plain:
        objects, bad = _fold(_body(frame.data))
    return new(Telegram, (_identification(header), objects, frame.crc, bad))


def render(telegram: Telegram) -> bytes:
    """Write the telegram as a meter would: CR LF, the empty line, and the CRC unless the variant has none."""
    lines = [f"/{telegram.identification}", ""]
    lines += [_line(item) for item in telegram.objects]
    text = "\r\n".join([*lines, "!"]).encode("latin-1", "replace")
    checksum = b"" if telegram.crc == "absent" else b"%04X" % crc16_arc(text)
    return text + checksum + b"\r\n"


def data_object(code: str, *groups: str, breaks: tuple[int, ...] = ()) -> DataObject:
    """Make a data object, its code as a meter would write it."""
    return DataObject(code, groups, breaks, normal_code(code))


def normal_code(code: str) -> str:
    """Return `A-B:C.D.E`: dots for colons, no `*255`, and of a short code (IEC 62056-21 readouts) what it stands for."""
    match = NORMAL.fullmatch(code)
    if match is None:
        return code
    medium, c, d, e, f = match.groups(default="")
    c, d = LETTERS.get(c, c), LETTERS.get(d, d)
    if not medium:
        medium, e = ("1-0:" if c.isdecimal() and int(c) < _ABSTRACT else "0-0:"), e or "0"
    end = "" if f == _CURRENT else f
    return f"{medium}{c}.{d}" + (f".{e}" if e else "") + end


def _line(item: DataObject) -> str:
    groups = (("\r\n" if index in item.breaks else "") + f"({group})" for index, group in enumerate(item.groups))
    return item.code + "".join(groups)


@lru_cache(maxsize=HEADERS_KEPT)
def _identification(header: bytes) -> str:
    return header[1:].decode("latin-1").rstrip()


def _object(line: bytes) -> DataObject | None:
    code, _, rest = line.partition(b"(")
    names = _names(code)
    if names is None or not rest:
        return None
    group, closed, more = rest.partition(b")")
    if closed and not more and _OPEN not in group:  # one group, as nearly all have
        return DataObject(names[0], (str(group, "latin-1"),), (), names[1])
    match = LINE.fullmatch(line)
    if match is not None:
        groups = tuple(match[2][1:-1].decode("latin-1").split(")("))
    elif (match := LINE_NESTED.fullmatch(line)) is not None:
        groups = (match[2].decode("latin-1"),)
    else:
        return None
    return DataObject(names[0], groups, (), names[1])


@lru_cache(maxsize=CODES_KEPT)
def _names(code: bytes) -> tuple[str, str] | None:
    """A code as written and in its normal form; None if it is none."""
    if JUST_CODE.fullmatch(code) is None:
        return None
    text = code.decode("ascii")
    return text, normal_code(text)


class _NoObject(Exception):
    """A line that is no data object by itself."""


class _Lines(dict[bytes, DataObject]):
    """Lines and their data objects: a dictionary that fills itself, at a third of functools.lru_cache's cost."""

    def __missing__(self, line: bytes) -> DataObject:
        found = _object(line)
        if found is None:
            raise _NoObject
        if len(line) <= LINE_KEPT_MOST and not line.startswith(NEVER_TWICE):
            if len(self) >= LINES_KEPT:  # all go: what is still in use is back within a telegram
                self.clear()
            self[line] = found
        return found


_LINES = _Lines()
_remembered = _LINES.__getitem__


def _body(data: bytes) -> list[bytes]:
    """The lines between header and `!` line, whatever ends them: a lost CR or LF costs no object."""
    lines = [line for line in LINE_ENDS.split(data)[1:] if line]
    return lines[:-1] if lines and lines[-1][:1] == b"!" else lines


def _fold(body: Iterable[bytes]) -> tuple[tuple[DataObject, ...], tuple[str, ...]]:
    """Put continuation lines back to the line they continue. Only telegrams with a line that is no object come here."""
    logical: list[list[bytes]] = []
    unclosed = 0  # parentheses of the line at hand
    for line in body:
        text = line.strip(b" \x00\n")
        if text not in _LINES and logical and not BEGINS_OBJECT.match(text) and (text[:1] == b"(" or unclosed > 0):
            logical[-1].append(text)
        elif text:
            logical.append([text])
            unclosed = 0
        unclosed += text.count(b"(") - text.count(b")")
    objects: list[DataObject] = []
    bad: list[str] = []
    for parts in logical:
        found, rest = _LINES.get(parts[0]) if len(parts) == 1 else None, list[bytes]()
        found = found or _joined(tuple(parts))
        if found is None:
            found = _joined((parts[0],))
            rest = parts[1:] if found else parts  # what seemed to continue a line costs itself, not that line
        if found is not None:
            objects.append(found)
        if rest:
            bad.append(b"".join(rest).decode("latin-1"))
    return tuple(objects), tuple(bad)


@lru_cache(maxsize=LINES_KEPT // 4)
def _joined(parts: tuple[bytes, ...]) -> DataObject | None:
    try:
        whole = _remembered(b"".join(parts))
    except _NoObject:
        return None
    if len(parts) == 1:
        return whole
    seen, breaks = parts[0].count(b"("), []
    for part in parts[1:]:
        if part[:1] == b"(" and seen < len(whole.groups):
            breaks.append(seen)
        seen += part.count(b"(")
    return DataObject(whole.code, whole.groups, tuple(breaks), whole.obis)
