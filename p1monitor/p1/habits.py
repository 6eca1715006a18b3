"""What a simulated household draws, makes and burns in one day, as steps. Never knows a date, a tariff or a register."""

from __future__ import annotations

from math import cos, pi
from random import Random
from typing import NamedTuple

HOUR = 3600
DAY = 24 * HOUR

#: (second of the day, watts more or less from then on, phase 0 to 2)
Step = tuple[int, int, int]


class Appliance(NamedTuple):
    """One use of one appliance: when it may begin, how likely it is, and its program."""

    earliest: float  #: hours
    latest: float
    workday: float  #: chance of this use
    weekend: float
    phase: int
    program: tuple[tuple[int, int, int], ...]  #: (seconds after the beginning, seconds, watts)


def _pulses(first: int, count: int, on: int, every: int, watts: int) -> tuple[tuple[int, int, int], ...]:
    """A thermostat: from second `first`, `count` times on, once each `every` seconds."""
    return tuple((first + index * every, on, watts) for index in range(count))


#: A household of three: what is on the kitchen's hob stands on two phases, as in most homes with three.
APPLIANCES: tuple[Appliance, ...] = (
    Appliance(6.8, 7.6, 0.9, 0.1, 0, ((0, 160, 2050),)),  # kettle
    Appliance(7.0, 8.0, 0.8, 0.3, 0, ((0, 75, 1350), (190, 45, 900))),  # coffee
    Appliance(8.6, 10.2, 0.2, 0.9, 0, ((0, 170, 2050), (400, 180, 900))),  # kettle and toast
    Appliance(8.4, 9.2, 0.5, 0.2, 2, ((0, 27000, 85),)),  # a computer all day
    Appliance(9.0, 18.0, 0.1, 0.4, 2, ((0, 1500, 1400),)),  # vacuum cleaner
    Appliance(9.0, 19.0, 0.35, 0.6, 1, ((0, 960, 2000), (960, 3000, 210), (3960, 540, 480))),  # washing machine
    Appliance(12.0, 13.2, 0.35, 0.8, 0, ((0, 230, 1250),)),  # microwave
    Appliance(12.0, 15.0, 0.3, 0.5, 1, ((0, 4200, 720),)),  # dryer with a heat pump
    Appliance(17.0, 18.0, 0.3, 0.5, 2, ((0, 540, 2300), *_pulses(540, 8, 130, 310, 2300))),  # oven
    Appliance(17.4, 18.4, 0.9, 0.85, 0, ((0, 260, 1900), *_pulses(260, 12, 35, 90, 1500))),  # hob, front
    Appliance(17.5, 18.5, 0.7, 0.7, 1, ((0, 200, 1700), *_pulses(200, 9, 25, 80, 1300))),  # hob, back
    Appliance(18.2, 18.9, 0.9, 0.8, 2, ((0, 2400, 145),)),  # hood and lamps
    Appliance(19.0, 19.8, 0.9, 0.9, 2, ((0, 10800, 125),)),  # television
    Appliance(19.6, 20.8, 0.65, 0.7, 1, ((0, 1080, 1900), (1080, 2400, 60), (3480, 620, 1850))),  # dishwasher
    Appliance(20.0, 21.3, 0.7, 0.7, 0, ((0, 150, 2050),)),  # tea
)

#: A fridge and a freezer: on for a third of the time, on one phase.
_FRIDGE_EVERY, _FRIDGE_ON, _FRIDGE_W = 2700, 900, 88
#: How often the sun's power steps.
_CLOUD_S = 360
#: Litres of gas in an hour of the day at full cold: night low, morning and evening high.
_HEATING = (90, 80, 80, 80, 110, 320, 980, 900, 620, 420, 360, 340, 340, 320, 330, 400, 560, 820, 900, 860, 780, 640, 320, 120)
#: Litres for showers, dishes and hands by hour.
_TAP = (0, 0, 0, 0, 0, 0, 45, 60, 25, 10, 6, 6, 12, 8, 4, 6, 10, 20, 35, 30, 15, 12, 25, 5)


def winter(day: int) -> float:
    """1 in the middle of January, 0 in the middle of July, by the day of the year."""
    return (1 + cos(2 * pi * (day - 15) / 365)) / 2


def base(random: Random) -> list[Step]:
    """What is always on, by household."""
    return [(0, int(low + random.random() * more), phase) for phase, (low, more) in enumerate(((55, 40), (15, 25), (25, 30)))]


def appliances(random: Random, *, weekend: bool, cold: float) -> list[Step]:
    """Cooking, washing, light: by the clock on the wall."""
    steps: list[Step] = []
    for earliest, latest, workday, free, phase, program in APPLIANCES:
        used, when, size = random.random(), random.random(), 0.94 + 0.12 * random.random()
        if used < (free if weekend else workday):
            start = int((earliest + when * (latest - earliest)) * HOUR)
            for after, seconds, watts in program:
                steps += _run(start + after, seconds, int(watts * size), phase)
    dusk = int((21.3 - 4.6 * cold + 0.4 * random.random()) * HOUR)
    steps += _run(dusk, max(int((22.6 + random.random()) * HOUR) - dusk, HOUR), 60 + int(80 * random.random()), 1)
    if cold > 0.5 and not weekend:
        steps += _run(int(6.6 * HOUR), int((1 + cold) * HOUR), 70, 1)
    return steps


def fridge(random: Random, length: int) -> list[Step]:
    """Day and night, in a rhythm that does not look at the clock on the wall."""
    steps: list[Step] = []
    for start in range(int(random.random() * (_FRIDGE_EVERY - _FRIDGE_ON)), length, _FRIDGE_EVERY):
        steps += _run(start, _FRIDGE_ON, _FRIDGE_W, 0)
    return steps


def sun(random: Random, noon: int, cold: float, panels_w: int) -> list[Step]:
    """Solar panels on the third phase: a parabola from sunrise to sunset, under the day's clouds."""
    half = int((3.9 + 4.4 * (1 - cold)) * HOUR)
    peak = panels_w * (0.24 + 0.6 * (1 - cold))
    sky = random.random()
    thin, thick = (0.85, 1.0) if sky < 0.3 else (0.25, 1.0) if sky < 0.7 else (0.08, 0.3)  # clear, mixed, grey
    steps: list[Step] = []
    clear, before = random.random(), 0
    for at in range(noon - half, noon + half, _CLOUD_S):
        clear = min(max(clear + (random.random() - 0.5) * 0.7, 0.0), 1.0)
        x = (at + _CLOUD_S / 2 - noon) / half
        made = int(peak * max(1 - x * x, 0) * (thin + (thick - thin) * clear))
        if made != before:
            steps.append((at, before - made, 2))
            before = made
    steps.append((noon + half, before, 2))
    return steps


def gas(random: Random, *, weekend: bool, cold: float) -> list[int]:
    """Litres in each of the 24 hours: heating by the cold, and warm water."""
    need = max(cold * (0.8 + 0.4 * random.random()) - 0.15, 0.0)
    late = 1 if weekend else 0  # everybody gets up later
    litres = []
    for hour in range(24):
        heating = need * _HEATING[hour - late] * (0.85 + 0.3 * random.random())
        litres.append(int(heating + _TAP[hour - late] * (0.4 + 1.2 * random.random())))
    return litres


def water(random: Random, *, weekend: bool) -> list[int]:
    """Litres of water in each of the 24 hours: what is warmed, and as much again that is not."""
    late = 1 if weekend else 0
    return [int(2 * _TAP[hour - late] * (0.4 + 1.2 * random.random())) for hour in range(24)]


def _run(start: int, seconds: int, watts: int, phase: int) -> tuple[Step, Step]:
    return (start, watts, phase), (start + seconds, -watts, phase)
