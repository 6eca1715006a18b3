"""Demand: the average power of whole periods, from the registers, and the month's highest. Never made of the power of a moment.

IEC 62056-62 class 5, ME381 manual §3.5.2: block demand is the energy of one period, sliding demand that of the last n, by
its time; a maximum is stamped with the end of its period and begins anew with the billing period. Periods go by the meter's
clock. A period counts when the registers at both its ends are known: what came between them does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.observer.memory import Demand, Registers, Stand
from p1monitor.p1.catalogue import demand_names
from p1monitor.p1.frames import new
from p1monitor.p1.records import Measurement, Reading, Received
from p1monitor.settings import Thresholds

#: A register so far from a period's end is the one at its end: slow meters send every ten seconds, and one may be lost.
NEAR_S = 15.0
#: A clock that was put right by less than this did not step (§3.5.2.4: 1 % of the period, at most 9 s) …
SYNC_SHARE, SYNC_S = 0.01, 9.0
#: … and a telegram may be so much later on its way than the one before.
LATE_S = 2.0
#: A clock put back by less does not begin the month before again.
BACK_S = 86_400.0
#: What is left is shared out over at least this part of the period: in its last seconds it would be any number.
REST_SHARE = 1 / 15
#: What must have flowed so that registers that stand still are those of another time: 25 Wh, for the coarsest count in 10 Wh.
STOOD_J = 90_000
_JOULES = 3_600_000
_WATT = Decimal(1)
_IMPORT, _EXPORT = "energy_import_kwh", "energy_export_kwh"
_POWERS = ("power_import_w", "power_export_w")
_LEFT = "power_left_w"

#: name -> value
Made = Mapping[str, Measurement]
_NOTHING: Made = MappingProxyType({})


class Rules(NamedTuple):
    """What the owner wants to be counted, and how."""

    minutes: int = 15  #: a period
    periods: int = 1  #: more than one: sliding demand, over so many
    billing_day: int = 1  #: of the month, on which its maximum begins anew
    limit_w: Decimal | None = None  #: what a period should stay below
    quality: Thresholds = Thresholds()

    @property
    def window(self) -> int:
        """Seconds over which power is averaged."""
        return 60 * self.minutes * self.periods


DEFAULT = Rules()


def onward(demand: Demand, clock: float, received: Received | None, rules: Rules) -> Demand | None:
    """The same with the same registers at a later moment; None where that is in another period."""
    if received is None or clock // (60 * rules.minutes) != demand.period:
        return None
    stand = new(Stand, (clock, received.monotonic, received.wall if received.known else None, demand.last.registers))
    return new(Demand, (demand.window, demand.period, demand.edges, stand, demand.month, demand.since, demand.made))


def count(
    demand: Demand | None,
    reading: Reading,
    clock: float | None,
    rules: Rules = DEFAULT,
    zone: tzinfo | None = None,
    broken: bool = False,
) -> Demand | None:
    """Count on by one reading. `clock` is the meter's, where it has one that is believed; `zone` the host's, see totals.

    `broken`: the registers do not go on where they were: another meter, a roll-over, a jump.
    """
    stand = _stand(reading, clock)
    if stand is None:
        return demand
    length = 60 * rules.minutes
    period = int(stand.clock // length)
    if demand is None or demand.window != rules[:2]:
        month = _month(_local(stand.clock, reading, zone), rules)
        demand = Demand(rules[:2], period, _opening(stand, period * length), stand, month, stand.clock, _NOTHING)
    elif broken or _fell(demand.last.registers, stand.registers):
        demand = demand._replace(edges=_opening(stand, demand.period * length), last=stand)
    elif period == demand.period and stand.registers == demand.last.registers:
        return demand._replace(last=stand)
    if period != demand.period:
        demand = _turned(demand, stand, period, reading, rules, zone)
    return _running(demand, stand, reading, rules)


def timed(reading: Reading, clock: float | None) -> bool:
    """Tell whether anything says what period it is. What was made of another may not be shown as this one's."""
    return clock is not None or (reading.received is not None and reading.received.known)


def left(demand: Demand | None, values: Made, rules: Rules) -> Made:
    """The power that may be drawn until the period ends, so that it ends at the limit; nothing where there is no limit."""
    limit = rules.limit_w
    if limit is None or demand is None:
        return _NOTHING
    names = demand_names(rules.window // 60)[0]
    used, peak = values.get(names.running) or demand.made.get(names.running), values.get(names.peak)
    if used is None or not isinstance(used.value, Decimal):
        return _NOTHING
    if peak is not None and isinstance(peak.value, Decimal):
        limit = max(limit, peak.value)  # it is paid for already
    length = 60 * rules.minutes
    rest = max((demand.period + 1) * length - demand.last.clock, REST_SHARE * length)
    watts = (limit - used.value) * rules.window / Decimal(rest)
    return {_LEFT: _measured(watts.quantize(_WATT), used.obis)}


def _stand(reading: Reading, clock: float | None) -> Stand | None:
    """The registers now; None where nothing tells the time."""
    values, received = reading.values, reading.received
    imported, exported = values.get(_IMPORT), values.get(_EXPORT)
    one = imported.value if imported is not None and not imported.held else None
    # A house without panels has this register too: what never counted has no demand.
    other = exported.value or None if exported is not None and not exported.held else None
    registers = _number(one), _number(other)
    if received is None:
        return None if clock is None else Stand(clock, None, None, registers)
    if clock is None:  # the host's clock cannot be its own witness
        return Stand(received.wall, received.monotonic, None, registers) if received.known else None
    return new(Stand, (clock, received.monotonic, received.wall if received.known else None, registers))


def _number(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) and value.is_finite() else None


def _fell(before: Registers, now: Registers) -> bool:
    (one, two), (first, second) = before, now
    return (one is not None and first is not None and first < one) or (two is not None and second is not None and second < two)


def _opening(stand: Stand, begin: float) -> tuple[Stand | None, ...]:
    """The registers at the period's beginning, where these are they."""
    return (stand if stand.clock - begin <= NEAR_S else None,)


def _nearest(edge: float, *stands: Stand) -> Stand | None:
    best = min(stands, key=lambda stand: abs(stand.clock - edge))
    return best if abs(best.clock - edge) <= NEAR_S else None


def _turned(demand: Demand, stand: Stand, period: int, reading: Reading, rules: Rules, zone: tzinfo | None) -> Demand:
    """Another period: close the one that ran, open this one."""
    length, last, most = 60 * rules.minutes, demand.last, rules.periods
    local, gap = _local(stand.clock, reading, zone), period - demand.period
    opening = _nearest(period * length, last, stand)
    made, month, since = demand.made, demand.month, demand.since
    edges: tuple[Stand | None, ...] = (opening,)
    if gap > 0:  # else the clock went back, and the period that ran has no end
        closing = opening if gap == 1 else _nearest((demand.period + 1) * length, last, stand)
        if _stood(demand.edges[-1], last, reading):
            closing = None
        # The end of the period that ran, and of the last one before this; between them nothing is known.
        known = {demand.period + 1: (*demand.edges, closing)}
        if gap > 1:
            known[period] = (*demand.edges, closing, *(None,) * min(gap - 2, most), opening)
        for end, edges in known.items():
            ended = datetime.fromtimestamp(end * length, local.tzinfo)
            counts = _month(ended - timedelta(seconds=1), rules) == month
            made = _closed(made, edges[-1 - most :], ended if counts else None, reading.values, rules)
    now = _month(local, rules)
    if now > month or (now < month and since - stand.clock > BACK_S):
        peaks = {names.peak for names in demand_names(rules.window // 60)}
        made = {name: one for name, one in made.items() if name not in peaks}
        month, since = now, stand.clock
    return Demand(demand.window, period, edges[-most:], stand, month, since, made)


def _stood(begin: Stand | None, end: Stand, reading: Reading) -> bool:
    """Tell whether the registers stood still though power flows: some Swedish meters (Aidon) print those of the last full hour."""
    if begin is None or begin.registers != end.registers:
        return False
    watts = (_number(one.value) or 0 for name in _POWERS if (one := reading.values.get(name)) is not None)
    return max(watts, default=0) * Decimal(end.clock - begin.clock) >= STOOD_J


def _closed(made: Made, edges: tuple[Stand | None, ...], ended: datetime | None, values: Made, rules: Rules) -> Made:
    """What is known when a window is over: its average, and, where it has an end in this month, whether it was the highest."""
    sides = demand_names(rules.window // 60)
    found = {name: one for name, one in made.items() if name not in {names.last for names in sides}}
    begin, end = edges[0], edges[-1]
    if len(edges) <= rules.periods or begin is None or end is None or not _went_on(begin, end, rules):
        return found
    for names, before, after in zip(sides, begin.registers, end.registers, strict=True):
        if before is None or after is None:
            continue
        register, highest = values.get(names.register), found.get(names.peak)
        average = _measured(_watts(after - before, end.clock - begin.clock), register.obis if register is not None else "")
        found[names.last] = average
        if ended is not None and (highest is None or average.value > highest.value):  # type: ignore[operator]  # ours: numbers
            found[names.peak] = average._replace(at=ended)
    return found


def _begin(demand: Demand, rules: Rules) -> Stand | None:
    """The registers where the window that runs began."""
    return demand.edges[0] if len(demand.edges) == rules.periods else None


def _went_on(begin: Stand, end: Stand, rules: Rules) -> bool:
    """Tell whether as much time passed as the clock says: no witness, or one that agrees."""
    if begin.monotonic is None or end.monotonic is None:
        return True
    most = min(SYNC_S, SYNC_SHARE * rules.window) + LATE_S
    passed = end.clock - begin.clock
    if abs(end.monotonic - begin.monotonic - passed) <= most:
        return True
    # The host was started anew: its clock may know.
    return begin.wall is not None and end.wall is not None and abs(end.wall - begin.wall - passed) <= most


def _running(demand: Demand, stand: Stand, reading: Reading, rules: Rules) -> Demand:
    """The averages of the window that runs: its energy so far, by its whole time."""
    made, begin = dict(demand.made), _begin(demand, rules)
    for index, names in enumerate(demand_names(rules.window // 60)):
        before, now = begin.registers[index] if begin else None, stand.registers[index]
        if before is None or now is None:
            made.pop(names.running, None)
        else:
            made[names.running] = _measured(_watts(now - before, rules.window), reading.values[names.register].obis)
    return new(Demand, (demand.window, demand.period, demand.edges, stand, demand.month, demand.since, made))


def _watts(energy: Decimal, seconds: float) -> Decimal:
    return (energy * _JOULES / Decimal(seconds)).quantize(_WATT)


def _measured(watts: Decimal, obis: str) -> Measurement:
    return new(Measurement, (watts, "W", obis, None, False, True))


def _local(clock: float, reading: Reading, zone: tzinfo | None) -> datetime:
    if reading.at is not None:
        return reading.at
    # With no zone given, astimezone() takes the system's, which knows summer time.
    return datetime.fromtimestamp(clock).astimezone(zone)


def _month(local: datetime, rules: Rules) -> int:
    """Number of the billing period."""
    return 12 * local.year + local.month - (local.day < rules.billing_day)
