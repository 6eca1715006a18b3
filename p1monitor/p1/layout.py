"""How a simulated telegram is written: lines in order, each a catalogue row in a model's format. Never knows a value."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from types import MappingProxyType

from p1monitor.p1.catalogue import BREAKS_BEFORE_LAST, PHASES, Row, code_of, device_row, obis_of, row_of, with_digits
from p1monitor.p1.telegram import LETTERS, DataObject, Telegram, normal_code

#: What a value is given as: a whole number of grains of its printed unit, or the texts of its groups.
Given = int | str | tuple[str, ...]

#: Grains in one printed unit: joules, watts, litres, hundredths of an ampere or a hertz, tenths of a volt, seconds, pieces.
_GRAINS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("kWh", "kvarh"), 3_600_000),
        **dict.fromkeys(("kW", "kvar", "kVA", "m3"), 1000),
        **dict.fromkeys(("A", "Hz"), 100),
        "V": 10,
        "s": 1,
        "": 1,
    }
)


class Line:
    """One line of a model's telegram."""

    def __init__(self, key: str, row: Row, code: str) -> None:
        self.key, self.code = key, code  #: the value's name in the model's own table, and the OBIS code
        self._obis, self._breaks = normal_code(code), code in BREAKS_BEFORE_LAST
        total, decimals = row.digits
        self._grain = _GRAINS[row.printed]
        self._power, self._roll = 10**decimals, 10**total
        unit = f"*{row.printed}" if row.printed else ""
        self._template = f"%0{total - decimals}d.%0{decimals}d{unit}" if decimals else f"%0{total}d{unit}"

    def text(self, grains: int) -> str:
        """Write a number: rounded down to the last digit, and rolled over at the first (Fn(x,x), S50 §6.4)."""
        number = grains * self._power // self._grain % self._roll
        parts = divmod(number, self._power) if self._power > 1 else (number,)
        return self._template % parts

    def object(self, given: Given) -> DataObject:
        """Make the data object of a value."""
        if isinstance(given, int):
            return DataObject(self.code, (self.text(given),), (), self._obis)
        groups = (given,) if isinstance(given, str) else given
        return DataObject(self.code, groups, (len(groups) - 1,) if self._breaks else (), self._obis)


#: Group C in short codes.
_LETTER_OF = MappingProxyType({number: letter for letter, number in LETTERS.items()})


def line(name: str, digits: tuple[int, int] | None = None) -> Line:
    """Return the line of a named value, in the catalogue's number format or the model's own."""
    row = row_of(name)
    assert row is not None, name
    return Line(name, with_digits(row, *digits) if digits else row, obis_of(name))


def short(given: Line) -> Line:
    """Return the line with its code as IEC 62056-21 readouts write it: without A-B, letters for the groups from 96 on."""
    made = copy(given)
    c, d, e = given.code.partition(":")[2].split(".")
    letter = _LETTER_OF.get(c, c)
    made.code = f"{letter}.{letter}" if c == d else f"{letter}.{d}.{e}"
    return made


def each_phase(name: str) -> tuple[Line, ...]:
    """Return the three lines of a value that every phase has; `{}` in the name is the phase."""
    return tuple(line(name.format(phase)) for phase in PHASES)


def device_line(what: str, printed: str = "", *, channel: int = 1, kind: str = "") -> Line:
    """Return the line of an M-Bus device, with the unit of its medium. Its key is what it says, and the channel: mbus_value_1.

    `kind` is the row's, where a country says the same under a code of its own.
    """
    row = replace(device_row(kind or what), printed=printed)
    return Line(f"{what}_{channel}", row, code_of(row, channel=channel))


def telegram(identification: str, lines: tuple[Line, ...], values: Mapping[str, Given], crc: str) -> Telegram:
    """Put the telegram together; `crc` is "valid" or "absent"."""
    return Telegram(identification, tuple([item.object(values[item.key]) for item in lines]), crc)


def octets(text: str) -> str:
    """Write an octet-string: two hex digits per character (S50 §6.4)."""
    return text.encode("latin-1").hex().upper()
