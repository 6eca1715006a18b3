"""Units as meters write them, and the one unit each becomes. Exact decimals only; never a float."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

#: As printed -> (unit inside, power of ten). DSMR 5.0.2 P1 §6.4, and what meters of other countries print.
UNITS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        **{prefix + "Wh": ("kWh", power) for prefix, power in {"": -3, "k": 0, "M": 3, "G": 6}.items()},
        **{prefix + "varh": ("kvarh", power) for prefix, power in {"": -3, "k": 0, "M": 3, "G": 6}.items()},
        **{prefix + "VAh": ("kVAh", power) for prefix, power in {"": -3, "k": 0, "M": 3, "G": 6}.items()},
        **{prefix + "W": ("W", power) for prefix, power in {"": 0, "k": 3, "M": 6}.items()},
        **{prefix + "var": ("var", power) for prefix, power in {"": 0, "k": 3, "M": 6}.items()},
        **{prefix + "VA": ("VA", power) for prefix, power in {"": 0, "k": 3, "M": 6}.items()},
        **{prefix + "V": ("V", power) for prefix, power in {"m": -3, "": 0, "k": 3}.items()},
        **{prefix + "A": ("A", power) for prefix, power in {"m": -3, "": 0, "k": 3}.items()},
        **{prefix + "Hz": ("Hz", power) for prefix, power in {"": 0, "k": 3}.items()},
        **{prefix + "J": ("GJ", power) for prefix, power in {"": -9, "k": -6, "M": -3, "G": 0}.items()},
        "m3": ("m3", 0),
        "dm3": ("m3", -3),
        "l": ("m3", -3),
        "L": ("m3", -3),
        "s": ("s", 0),
        "min": ("min", 0),
        "h": ("h", 0),
        "%": ("%", 0),
        "dBm": ("dBm", 0),
        "dB": ("dB", 0),
        "permille": ("permille", 0),
        "": ("", 0),
    }
)
#: kVArh, KWH, MVArh …: the case of the first letter tells milli from mega, all other does not matter.
_ANY_CASE = MappingProxyType(
    {printed[:1] + printed[1:].lower() if printed[:1] in "mM" else printed.lower(): unit for printed, unit in UNITS.items()}
    | {"M3": ("m3", 0)}
)

_NUMBER = re.compile(r"\s*([-+]?[0-9]{1,15})(?:\.([0-9]{0,12}))?\s*(?:\*\s*)?([A-Za-z%][A-Za-z0-9³]*)?\s*")
#: All digits of a number, together: decimal's own precision is 28.
_DIGITS_MOST = 21
_ONE = Decimal(1)


def number(text: str) -> tuple[Decimal, str | None] | None:
    """Split `value*unit`, the star perhaps missing: (value, unit as printed, None where there is none); None if it is no number."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return Decimal(f"{match[1]}.{match[2] or ''}"), match[3]


def quantity(text: str, printed: str, wanted: str) -> Decimal | None:
    """Return `value*unit` in the unit wanted, exactly and without an exponent; where no unit stands, `printed` is meant.

    None if the text is no number, or of another kind of unit.
    """
    digits, star, unit = text.partition("*")
    if not (star and digits.isascii() and len(digits) <= _DIGITS_MOST and digits.replace(".", "", 1).isdigit()):
        match = _NUMBER.fullmatch(text)  # not as nearly all are
        if match is None:
            return None
        whole, fraction, unit = match.groups("")
        digits = f"{whole}.{fraction}"
    kind, power = _kind(unit or printed)
    if kind != wanted:
        return None
    value = Decimal(digits)
    if not power:
        return value
    moved = value.scaleb(power)
    decimals = len(digits) - digits.find(".") - 1 if "." in digits else 0
    return moved if decimals >= power else moved.quantize(_ONE)


def is_count(text: str) -> bool:
    """A small whole number: a count, a tariff, a device type."""
    return text.isascii() and text.isdigit() and len(text) <= 4


def convert(value: Decimal, printed: str, wanted: str) -> Decimal | None:
    """Return the value in the unit wanted, exactly; None if the printed unit is of another kind."""
    kind, power = _kind(printed)
    if kind != wanted:
        return None
    moved = value.scaleb(power)
    return moved.quantize(_ONE) if str(moved).partition("E")[2][:1] == "+" else moved


@lru_cache(maxsize=256)
def _kind(printed: str) -> tuple[str, int]:
    printed = printed.strip().replace("³", "3")
    plain = printed[:1] + printed[1:].lower() if printed[:1] in "mM" else printed.lower()
    return UNITS.get(printed) or _ANY_CASE.get(plain) or ("?", 0)
