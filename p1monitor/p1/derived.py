"""What a telegram does not say but follows from it: net powers, totals of rates, a modem's reception. Never overrules the meter."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from p1monitor.p1.catalogue import PHASES, RATES
from p1monitor.p1.codes import NO_RECEPTION, RECEPTION
from p1monitor.p1.frames import new
from p1monitor.p1.records import Measurement

#: (value made, import, export): net power, total and per phase.
NETS = (
    ("power_w", "power_import_w", "power_export_w"),
    *((f"power_l{phase}_w", f"power_import_l{phase}_w", f"power_export_l{phase}_w") for phase in PHASES),
)
#: A total is the meter's own where it sends one.
_TOTALS = tuple(RATES.items())

Lookup = Callable[[str], Measurement | None]

#: What was made last, by name, and of which two measurements. Equal lines share their measurements, so the same two
#: objects make the same value again; it has as many entries as there are names above.
_LAST: dict[str, tuple[Measurement, Measurement | None, Measurement | None]] = {}


def derive(values: dict[str, Measurement]) -> None:
    """Add net powers, totals where the meter has only rates, reception; a value made of one that is missing is not made."""
    _nets(values)
    _totals(values)
    signal = values.get("modem_rsrp_dbm")
    if signal is not None:
        values["modem_reception"] = _reception(signal)


def _nets(values: dict[str, Measurement]) -> None:
    get = values.get
    for name, one, other in NETS:
        plus = get(one)
        if plus is None or name in values:
            continue
        minus, last = get(other), _LAST.get(name)
        if last is None or last[0] is not plus or last[1] is not minus:
            last = _LAST[name] = (plus, minus, _net(plus, minus))
        if last[2] is not None:
            values[name] = last[2]


def _totals(values: dict[str, Measurement]) -> None:
    get = values.get
    for name, rates in _TOTALS:
        plus = get(rates[0])
        if plus is None or name in values:
            continue
        minus, last = get(rates[1]), _LAST.get(name)
        if rates[2] in values:
            last = (plus, minus, _sum(get, rates))  # made of more than two: not remembered
        elif last is None or last[0] is not plus or last[1] is not minus:
            last = _LAST[name] = (plus, minus, _sum(get, rates))
        if last[2] is not None:
            values[name] = last[2]


def _reception(signal: Measurement) -> Measurement:
    power = signal.value
    words = next((words for least, words in RECEPTION if power >= least), NO_RECEPTION) if isinstance(power, Decimal) else None
    return Measurement(words, "", signal.obis, derived=True)


def _net(plus: Measurement, minus: Measurement | None) -> Measurement | None:
    """Import less export; import alone where the meter knows no export."""
    net = plus.value
    if net is None or (minus is not None and minus.value is None):
        return None
    if minus is not None:
        net -= minus.value  # type: ignore[operator, assignment]  # powers are numbers: see the catalogue
    return new(Measurement, (net, plus.unit, plus.obis, None, False, True))


def _sum(get: Lookup, rates: tuple[str, ...]) -> Measurement | None:
    """All rate registers together; a meter has them without a gap, from the first on."""
    amount, unit, codes = None, "", []
    for rate in rates:
        part = get(rate)
        if part is None:
            break
        if part.value is None:
            return None
        amount = part.value if amount is None else amount + part.value  # type: ignore[operator]  # registers are numbers
        unit = part.unit
        codes.append(part.obis)
    return None if amount is None else Measurement(amount, unit, "+".join(codes), derived=True)
