"""What a connection can carry: how far a register may go in so many seconds. Tables only; never remembers a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.catalogue import ROWS
from p1monitor.p1.records import Measurement

NOMINAL_V, PHASES = 230, 3
#: The largest main fuse of a home, where the meter says nothing of its own: 3 x 80 A.
FUSE_A = 80
FUSE_W = float(NOMINAL_V * PHASES * FUSE_A)
#: What meters send as the limit of a connection, in watts per unit. Many print all nines for "none".
AMPERES: tuple[str, ...] = ("limiter_threshold_a", "current_limit_l1_a")
WATTS = "limiter_threshold_w"
AMPERES_NONE, WATTS_NONE = Decimal(999), Decimal(999_000)
_LIMITS = frozenset({*AMPERES, WATTS})
#: A fuse carries half as much more for an hour.
FUSE_TIMES = 1.5

#: The largest meters of homes: G25 for gas, Q3 = 10 m3/h for water, some 280 kW for heat and cold.
GAS_M3_H, WATER_M3_H, HEAT_GJ_H = 40.0, 10.0, 1.0
_FLOWS: Mapping[tuple[str, str], float] = MappingProxyType({("gas", "m3"): GAS_M3_H, ("unknown", "m3"): GAS_M3_H})
_FLOWS_BY_UNIT: Mapping[str, float] = MappingProxyType({"m3": WATER_M3_H, "GJ": HEAT_GJ_H, "kWh": FUSE_W / 1000, "": float("inf")})

#: Registers of the electricity meter: name -> whether they only count up. The net register runs both ways.
REGISTERS: Mapping[str, bool] = MappingProxyType(
    {row.name: not row.name.startswith("energy_net") for row in ROWS if row.kind == "register" and row.pattern.startswith("1-B:")}
)
#: A register and the power that fills it.
POWERS: Mapping[str, str] = MappingProxyType(
    {name: f"power_{name.split('_')[1]}_w" for name in REGISTERS if name.startswith(("energy_import", "energy_export"))}
)
#: A power that is printed now may have been so much higher since the last telegram: twice, and a kettle of 1 kW.
POWER_TIMES, POWER_MORE_W = 2.0, 1000.0
_RATE = re.compile(r"_t(\d+)_")


class Fuse(NamedTuple):
    """What may go through the connection, in kW."""

    imports: float = FUSE_W / 1000
    others: float = FUSE_W / 1000


def fuse(values: Mapping[str, Measurement]) -> Fuse:
    """By the limits that the meter sends, else the largest fuse of a home.

    A limit in watts is one of a contract, which a home may exceed for a while: it only makes the fuse larger.
    """
    if values.keys().isdisjoint(_LIMITS):
        return HOME
    amperes = max((_limit(values, name, AMPERES_NONE) for name in AMPERES), default=0.0)
    watts = _limit(values, WATTS, WATTS_NONE)
    if not (amperes or watts):
        return HOME
    own = amperes * NOMINAL_V * PHASES * FUSE_TIMES
    return Fuse(max(own or FUSE_W, watts) / 1000, max(own, FUSE_W, watts) / 1000)


def _limit(values: Mapping[str, Measurement], name: str, none: Decimal) -> float:
    measurement = values.get(name)
    limit = measurement.value if measurement is not None else None
    return float(limit) if isinstance(limit, Decimal) and limit.is_finite() and 0 < limit < none else 0.0


HOME = Fuse()


def likely(name: str, values: Mapping[str, Measurement], most: float) -> float:
    """What a register may have been filled with lately, by the power and the tariff now; at most the fuse, 0 for none."""
    power = values.get(POWERS.get(name, ""))
    if power is None or not isinstance(power.value, Decimal):
        return most
    tariff, rate = values.get("tariff"), _RATE.search(name)
    if rate is not None and tariff is not None and isinstance(tariff.value, Decimal) and 0 < tariff.value != int(rate[1]):
        return 0.0
    return min(most, (POWER_TIMES * float(power.value) + POWER_MORE_W) / 1000) if power.value > 0 else 0.0


def flow(medium: str, unit: str) -> float:
    """What an M-Bus device may count in an hour."""
    return _FLOWS.get((medium, unit), _FLOWS_BY_UNIT.get(unit, float("inf")))


def step(value: Decimal) -> Decimal:
    """The last printed digit: what rounding may add."""
    exponent = value.as_tuple().exponent
    return _power_of_ten(exponent if isinstance(exponent, int) else 0)


@lru_cache(maxsize=32)
def _power_of_ten(exponent: int) -> Decimal:
    return Decimal((0, (1,), exponent))
