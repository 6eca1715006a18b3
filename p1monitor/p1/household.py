"""A simulated household, its registers the exact integral of its power, at any moment. Never asks a clock.

Power is a whole number of watts for a whole second, so that energy is a whole number of joules. A day is a list of steps
(habits), its energy a running sum over them; a year is a running sum over its days; and there are only fourteen years to
add up, for all that have the same calendar are alike.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

from p1monitor.p1 import habits
from p1monitor.p1.habits import DAY, HOUR
from p1monitor.p1.times import central

#: The registers have their first values at the beginning of this year; before it they run back, modulo their digits.
FIRST_YEAR = 2024
#: Within so many years every calendar there is comes up: seven weekdays for the first of January, leap year or not.
_CALENDARS, _CYCLE = 14, 28
#: The calendar: normal on working days from 07:00 until 23:00 (Netherlands) or 22:00 (Belgium), low in the nights and on weekends.
LOW, NORMAL = 1, 2
_NORMAL_FROM = 7
NORMAL_UNTIL = 23
#: What small things add from second to second, in watts. Its sum over a whole round is zero.
RIPPLE = tuple(second * 7 % 19 - 9 for second in range(19))
_RIPPLED = (0, *accumulate(RIPPLE))
_ROUND = len(RIPPLE)
#: Below this the house's power is steady: the ripple never turns import into export within one step.
_STEADY_W = max(RIPPLE)
#: How an hour's gas is spread over its twelve periods: a burner goes on and off. Twelfths, at the end of each.
_BURNER = (0, 2, 4, 4, 5, 7, 7, 8, 10, 10, 11, 12)
#: A gas meter's register is read each five minutes (DSMR 5.0.2 P1 §6.12).
GAS_S = 300
#: The period of the demand on which a Belgian household pays.
QUARTER_S = 900
#: Days kept in full: those that a prefill and a handful of meters look at in one go.
_DAYS_KEPT = 32
#: Years kept as running sums (about 100 kB each): two households over all years.
_YEARS_KEPT = 2 * _CALENDARS

#: Joules imported in the low and normal tariff, joules exported in each, litres of gas, litres of water.
Sums = tuple[int, int, int, int, int, int]
_NOTHING: Sums = (0, 0, 0, 0, 0, 0)


class Load(NamedTuple):
    """Registers and power at the beginning of one second."""

    local: datetime
    tariff: int  #: LOW or NORMAL
    watts: tuple[int, int, int]  #: by phase, import less export, during the second that begins
    imported: tuple[int, int]  #: joules by tariff
    exported: tuple[int, int]
    gas: int  #: litres, at the last whole five minutes
    water: int  #: litres, likewise


@dataclass(frozen=True, slots=True)
class Household:
    """One home. The same seed and panels give the same home."""

    seed: int
    panels_w: int = 0  #: peak power of its solar panels; 0 = none
    normal_until: int = NORMAL_UNTIL  #: the hour in which the normal tariff ends

    def at(self, moment: datetime) -> Load:
        """Return what its meter knows at the moment (aware; whole seconds count)."""
        local = central(moment.replace(microsecond=0))
        year, day, midnight, today = self._on(local)
        elapsed = int((local - midnight).total_seconds())
        sums = _add(_before(self, local.year), year.sums[day], today.sums(elapsed))
        tariff = NORMAL if today.normal[0] <= elapsed < today.normal[1] else LOW
        return Load(local, tariff, today.watts(elapsed), sums[0:2], sums[2:4], sums[4], sums[5])

    def quarters(self, noon: datetime) -> tuple[int, list[int]]:
        """Return the midnight before a noon, POSIX, and the joules imported since then at each quarter-hour of that day."""
        _, _, midnight, today = self._on(central(noon))
        return int(midnight.timestamp()), [today.energy(at)[0] for at in range(0, today.length + 1, QUARTER_S)]

    def _on(self, local: datetime) -> tuple[_Year, int, datetime, _Day]:
        year = _year(self, _twin(local.year))
        day = local.toordinal() - date(local.year, 1, 1).toordinal()
        midnight = datetime(local.year, 1, 1, tzinfo=UTC) + timedelta(seconds=year.midnights[day])
        return year, day, midnight, _day(self, year.number, day)


@dataclass(frozen=True, slots=True)
class _Day:
    """The steps of one day, from local midnight on; a second is counted as it passes, not as the wall shows it."""

    starts: list[int]
    phases: tuple[list[int], list[int], list[int]]  #: watts of each step, by phase
    net: list[int]  #: watts of each step
    used: list[int]  #: joules imported before each step
    fed: list[int]  #: joules exported before each step
    normal: tuple[int, int]  #: when the normal tariff begins and ends
    gas: list[int]  #: litres before each hour, and at the day's end
    water: list[int]  #: likewise

    def watts(self, elapsed: int) -> tuple[int, int, int]:
        step = bisect_right(self.starts, elapsed) - 1
        one, two, three = (phase[step] for phase in self.phases)
        ripple = RIPPLE[elapsed % _ROUND] if abs(self.net[step]) > _STEADY_W else 0
        return one + ripple, two, three

    def energy(self, elapsed: int) -> tuple[int, int]:
        step = bisect_right(self.starts, elapsed) - 1
        joules = _joules(self.net[step], self.starts[step], elapsed)
        return self.used[step] + max(joules, 0), self.fed[step] + max(-joules, 0)

    def sums(self, elapsed: int) -> Sums:
        used, fed = self.energy(elapsed)
        begin, end = (self.energy(min(elapsed, limit)) for limit in self.normal)
        used_normal, fed_normal = end[0] - begin[0], end[1] - begin[1]
        return used - used_normal, used_normal, fed - fed_normal, fed_normal, _burnt(self.gas, elapsed), _burnt(self.water, elapsed)

    @property
    def length(self) -> int:
        """Seconds of this day."""
        return (len(self.gas) - 1) * HOUR


def _burnt(litres: list[int], elapsed: int) -> int:
    """How much until then; taps, too, are opened and closed."""
    hour, rest = divmod(elapsed, HOUR)
    if hour + 1 == len(litres):
        return litres[hour]
    return litres[hour] + (litres[hour + 1] - litres[hour]) * _BURNER[rest // GAS_S] // len(_BURNER)


@dataclass(frozen=True, slots=True)
class _Year:
    number: int
    midnights: tuple[int, ...]  #: local midnights, in seconds after the first of January 00:00 UTC; one more than days
    sums: tuple[Sums, ...]  #: before each day; one more than days


def _joules(watts: int, start: int, end: int) -> int:
    """Energy of one step: its power, and what the ripple adds."""
    if abs(watts) <= _STEADY_W:
        return watts * (end - start)
    return watts * (end - start) + _RIPPLED[end % _ROUND] - _RIPPLED[start % _ROUND]


@lru_cache(maxsize=256)
def _twin(number: int) -> int:
    """The first year from FIRST_YEAR on that has the same calendar."""
    first, length = _shape(number)
    return next(year for year in range(FIRST_YEAR, FIRST_YEAR + _CYCLE) if _shape(year) == (first, length))


def _shape(number: int) -> tuple[int, int]:
    first = date(number, 1, 1)
    return first.weekday(), (date(number + 1, 1, 1) - first).days


@lru_cache(maxsize=_YEARS_KEPT)
def _year(house: Household, number: int) -> _Year:
    midnights = _midnights(number)
    totals = (_total(house, number, day) for day in range(len(midnights) - 1))
    return _Year(number, midnights, tuple(accumulate(totals, _add, initial=_NOTHING)))


@lru_cache(maxsize=_CALENDARS)
def _midnights(number: int) -> tuple[int, ...]:
    """The clock is changed at 01:00 UTC, after midnight: a midnight has the offset of the noon before it."""
    noon = datetime(number, 1, 1, 12, tzinfo=UTC)
    days = (date(number + 1, 1, 1) - noon.date()).days
    offsets = (central(noon + timedelta(days=day - 1)).utcoffset() or timedelta() for day in range(days + 1))
    return tuple(day * DAY - int(offset.total_seconds()) for day, offset in enumerate(offsets))


@lru_cache(maxsize=8 * _CALENDARS)
def _before(house: Household, number: int) -> Sums:
    """The registers at the beginning of a year: what they began with, and the years since then (less the years until then)."""
    since = _add(_NOTHING, *(_year(house, _twin(year)).sums[-1] for year in range(FIRST_YEAR, number)))
    until = _add(_NOTHING, *(_year(house, _twin(year)).sums[-1] for year in range(number, FIRST_YEAR)))
    a, b, c, d, e, f = (more - less for more, less in zip(since, until, strict=True))
    return _add(_first(house), (a, b, c, d, e, f))


def _first(house: Household) -> Sums:
    random = Random(house.seed)  # noqa: S311 - a household is invented, not kept secret
    low, normal, low_out, normal_out = (int((800 + 2200 * random.random()) * 3_600_000) for _ in range(4))
    gas, water = (int(first * (1 + random.random())) for first in (900_000, 60_000))
    return (low, normal, low_out, normal_out, gas, water) if house.panels_w else (low, normal, 0, 0, gas, water)


def _total(house: Household, number: int, day: int) -> Sums:
    midnights = _midnights(number)
    return _build(house, number, day).sums(midnights[day + 1] - midnights[day])


def _build(house: Household, number: int, day: int) -> _Day:
    midnights = _midnights(number)
    length = midnights[day + 1] - midnights[day]
    weekend = (date(number, 1, 1) + timedelta(days=day)).weekday() >= 5
    random = Random((house.seed * 10_000 + number) * 400 + day)  # noqa: S311 - see above
    cold = min(max(habits.winter(day) + 0.24 * (random.random() - 0.5), 0.0), 1.0)
    on_the_wall = habits.appliances(random, weekend=weekend, cold=cold)
    steps = [(_passed(second, length), watts, phase) for second, watts, phase in on_the_wall]
    steps += habits.base(Random(house.seed))  # noqa: S311 - see above
    steps += habits.fridge(random, length)
    if house.panels_w:
        noon = day * DAY + 11 * HOUR + 40 * 60 - midnights[day]  # where the sun stands over the Netherlands, in UTC
        steps += habits.sun(random, noon, cold, house.panels_w)
    begin, end = (_passed(second, length) for second in (_NORMAL_FROM * HOUR, house.normal_until * HOUR))
    gas = habits.gas(random, weekend=weekend, cold=cold)
    water = habits.water(random, weekend=weekend)
    hours = [_shown(hour * HOUR, length) // HOUR % 24 for hour in range(length // HOUR)]
    burnt, drawn = ([0, *accumulate(litres[hour] for hour in hours)] for litres in (gas, water))
    return _day_of(steps, length, (end, end) if weekend else (begin, end), burnt, drawn)


_day = lru_cache(maxsize=_DAYS_KEPT)(_build)


def _day_of(steps: list[habits.Step], length: int, normal: tuple[int, int], gas: list[int], water: list[int]) -> _Day:
    steps.sort()
    starts = [min(second, length) for second, _, _ in steps]
    net = list(accumulate(watts for _, watts, _ in steps))
    used, fed, imported, exported = [], [], 0, 0
    for watts, start, end in zip(net, starts, (*starts[1:], length), strict=True):
        used.append(imported)
        fed.append(exported)
        joules = _joules(watts, start, end)
        if joules > 0:
            imported += joules
        else:
            exported -= joules
    one, two, three = (list(accumulate(watts if on == phase else 0 for _, watts, on in steps)) for phase in range(3))
    return _Day(starts, (one, two, three), net, used, fed, normal, gas, water)


def _passed(wall: int, length: int) -> int:
    """Seconds since midnight when the wall shows so many: twice a year an hour is missing, or comes twice."""
    if length < DAY and wall >= 2 * HOUR:
        return wall - HOUR
    if length > DAY and wall >= 3 * HOUR:
        return wall + HOUR
    return wall


def _shown(passed: int, length: int) -> int:
    """What the wall shows, so many seconds after midnight."""
    if length < DAY and passed >= 2 * HOUR:
        return passed + HOUR
    if length > DAY and passed >= 3 * HOUR:
        return passed - HOUR
    return passed


def _add(*parts: Sums) -> Sums:
    a, b, c, d, e, f = (sum(column) for column in zip(*parts, strict=True))
    return a, b, c, d, e, f
