"""What a telegram does not say but follows from it: net powers, totals of rates, a modem's reception. Never overrules the meter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from p1monitor.p1.catalogue import PHASES, RATES
from p1monitor.p1.codes import NO_RECEPTION, RECEPTION
from p1monitor.p1.frames import new
from p1monitor.p1.records import Measurement

Values = Mapping[str, Measurement]
Make = Callable[[Values], Measurement | None]
#: Name of a value -> the value that it gives, and how.
Gives = Mapping[str, tuple[str, Make]]


def derive(values: dict[str, Measurement]) -> Gives:
    """Add net powers, totals where the meter has only rates, reception; a value made of one that is missing is not made.

    What comes back says what is to be made again when one of the values is another.
    """
    gives: dict[str, tuple[str, Make]] = {}
    for name, make, parts, given in _WAYS:
        if parts[0] in values and name not in values and (made := make(values)) is not None:
            values[name] = made
            gives |= given
    return gives


def _reception(values: Values) -> Measurement | None:
    signal = values[_SIGNAL]
    power = signal.value
    words = next((words for least, words in RECEPTION if power >= least), NO_RECEPTION) if isinstance(power, Decimal) else None
    return Measurement(words, "", signal.obis, derived=True)


def _net(one: str, other: str, values: Values) -> Measurement | None:
    """Import less export; import alone where the meter knows no export."""
    plus, minus = values[one], values.get(other)
    if (net := plus.value) is None:
        return None
    if minus is not None:
        if (less := minus.value) is None:
            return None
        net -= less  # type: ignore[operator, assignment]  # powers are numbers: see the catalogue
    return new(Measurement, (net, plus.unit, plus.obis, None, False, True))


def _sum(rates: tuple[str, ...], values: Values) -> Measurement | None:
    """All rate registers together; a meter has them without a gap, from the first on."""
    amount, unit, codes = None, "", []
    for rate in rates:
        part = values.get(rate)
        if part is None:
            break
        if part.value is None:
            return None
        amount = part.value if amount is None else amount + part.value  # type: ignore[operator]  # registers are numbers
        unit = part.unit
        codes.append(part.obis)
    return None if amount is None else Measurement(amount, unit, "+".join(codes), derived=True)


def _way(name: str, make: Callable[..., Measurement | None], *parts: str) -> tuple[str, Make, tuple[str, ...], Gives]:
    return name, make, parts, dict.fromkeys(parts, (name, make))


_SIGNAL = "modem_rsrp_dbm"
#: (value made, import, export): net power, total and per phase.
NETS = (
    ("power_w", "power_import_w", "power_export_w"),
    *((f"power_l{phase}_w", f"power_import_l{phase}_w", f"power_export_l{phase}_w") for phase in PHASES),
)
#: The value made, how, and of what; without the first of these it is not made.
_WAYS = (
    *(_way(name, partial(_net, plus, minus), plus, minus) for name, plus, minus in NETS),
    *(_way(name, partial(_sum, rates), *rates) for name, rates in RATES.items()),
    _way("modem_reception", _reception, _SIGNAL),
)
