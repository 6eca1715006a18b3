"""The row of a data object, and the families of rows that repeat by tariff and phase. Never looks anything up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

#: Rate registers a telegram may carry. S50 §7: up to 16 tariffs must be tolerated.
TARIFFS = 16
PHASES = (1, 2, 3)
#: M-Bus channels of a meter.
CHANNELS = (1, 2, 3, 4)

#: Minutes of a demand period, and how many of them a sliding demand may span; at most an hour in all (ME381 manual §3.5.2).
DEMAND_MINUTES = (1, 5, 10, 15, 30, 60)
DEMAND_PERIODS_MOST = 15
DEMAND_MOST = 60
#: The period of nearly all meters, for which they have codes of their own.
_QUARTER = 15
_WINDOWS = {minutes * n for minutes in DEMAND_MINUTES for n in range(1, DEMAND_PERIODS_MOST + 1)}


#: Total -> its rate registers, of which it may be made.
RATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        f"energy_{flow}_kwh": tuple(f"energy_{flow}_t{tariff}_kwh" for tariff in range(1, TARIFFS + 1))
        for flow in ("import", "export")
    }
)


class DemandNames(NamedTuple):
    """What a register's demand is called."""

    register: str
    running: str  #: average of the period that runs
    last: str  #: of the one before
    peak: str  #: the month's highest


@dataclass(frozen=True, slots=True)
class Row:
    """One known data object."""

    pattern: str  #: "1-B:1.8.0", "0-n:24.1.0"; empty for values that are made, not sent
    name: str  #: the unit is its last word, where it has one
    #: register, number, count, factor, state, status, text, plain, time, tariff, peak, failures, history, or one of mbus's
    kind: str
    unit: str  #: inside and outward: W, kWh, V, A, Hz, m3, GJ …; empty for texts, counts, states
    title: str  #: one line for people, without its unit
    source: str
    printed: str = ""  #: the unit in the telegram
    digits: tuple[int, int] = (0, 0)  #: Fn(x,x): digits in all, decimals
    diagnostic: bool = False  #: about the meter and the grid, not about use
    crc: str = ""  #: a telegram that carries it always has a CRC, where this regular expression matches what follows the code
    seldom: bool = False  #: for few: Home Assistant is told, but does not switch it on by itself


def energies() -> Iterator[Row]:
    """Energy registers: c.8.0 is the total, c.8.e the rate register of tariff e."""
    for c, stem, unit, title in (
        (1, "energy_import", "kWh", "Energy import"),
        (2, "energy_export", "kWh", "Energy export"),
        (3, "energy_reactive_import", "kvarh", "Reactive energy import"),
        (4, "energy_reactive_export", "kvarh", "Reactive energy export"),
        (5, "energy_reactive_q1", "kvarh", "Reactive energy quadrant I"),
        (6, "energy_reactive_q2", "kvarh", "Reactive energy quadrant II"),
        (7, "energy_reactive_q3", "kvarh", "Reactive energy quadrant III"),
        (8, "energy_reactive_q4", "kvarh", "Reactive energy quadrant IV"),
        (9, "energy_apparent_import", "kVAh", "Apparent energy import"),
        (10, "energy_apparent_export", "kVAh", "Apparent energy export"),
        (15, "energy_absolute", "kWh", "Energy import and export together"),
        (16, "energy_net", "kWh", "Energy import less export"),
    ):
        for tariff in range(TARIFFS + 1):
            name = f"{stem}_t{tariff}_{unit.lower()}" if tariff else f"{stem}_{unit.lower()}"
            text = f"{title} tariff {tariff}" if tariff else title
            yield Row(f"1-B:{c}.8.{tariff}", name, "register", unit, text, "S50 §6.12; IDIS", unit, (9, 3), diagnostic=c > 2)


def powers() -> Iterator[Row]:
    """Powers now (c.7.0, per phase c + 20 × phase), this and the last quarter's averages (c.4.0, c.5.0), maxima (c.6.e)."""
    sides = (
        (1, "power_import", "W", "Power import"),
        (2, "power_export", "W", "Power export"),
        (3, "power_reactive_import", "var", "Reactive power import"),
        (4, "power_reactive_export", "var", "Reactive power export"),
        (5, "power_reactive_q1", "var", "Reactive power quadrant I"),
        (6, "power_reactive_q2", "var", "Reactive power quadrant II"),
        (7, "power_reactive_q3", "var", "Reactive power quadrant III"),
        (8, "power_reactive_q4", "var", "Reactive power quadrant IV"),
        (9, "power_apparent_import", "VA", "Apparent power import"),
        (10, "power_apparent_export", "VA", "Apparent power export"),
        (15, "power_absolute", "W", "Power import and export together"),
        (16, "power", "W", "Power"),
    )
    for c, stem, unit, title in sides:
        minor = c not in (1, 2, 16)
        yield Row(
            f"1-B:{c}.7.0", f"{stem}_{unit.lower()}", "number", unit, title, "S50 §6.12; IDIS", "k" + unit, (5, 3), diagnostic=minor
        )
        for phase in PHASES if c <= 10 else ():
            name = f"{stem}_l{phase}_{unit.lower()}"
            text = f"{title} L{phase}"
            yield Row(
                f"1-B:{c + 20 * phase}.7.0",
                name,
                "number",
                unit,
                text,
                "S50 §6.12; SE annex 3",
                "k" + unit,
                (5, 3),
                diagnostic=minor,
            )
    for c, stem, unit, title in sides[:10] + sides[10:11]:
        side = stem.removeprefix("power").removesuffix("_import") if c == 1 else stem.removeprefix("power")
        low = unit.lower()
        yield Row(
            f"1-B:{c}.4.0",
            f"average_power{side}_15m_{low}",
            "number",
            unit,
            f"{title}, this quarter's average",
            "E; IDIS",
            "k" + unit,
            (5, 3),
        )
        yield Row(
            f"1-B:{c}.5.0",
            f"last_average_power{side}_15m_{low}",
            "number",
            unit,
            f"{title}, last quarter's average",
            "IDIS",
            "k" + unit,
            (5, 3),
        )
        for tariff in range(9):
            rate, text = (f"_t{tariff}", f" tariff {tariff}") if tariff else ("", "")
            name = f"monthly_power_peak{side}{rate}_{low}"
            yield Row(f"1-B:{c}.6.{tariff}", name, "peak", unit, f"{title}, this month's peak{text}", "E; IDIS", "k" + unit, (5, 3))
    for c, stem, title in (
        (1, "power_average_import", "Average power import"),
        (15, "power_average_absolute", "Average power"),
        (16, "power_average", "Average net power"),
    ):
        yield Row(f"1-B:{c}.24.0", f"{stem}_w", "number", "W", title, "LT; IDIS", "kW", (5, 3), diagnostic=True)


@lru_cache(maxsize=len(_WINDOWS))
def demand_names(minutes: int) -> tuple[DemandNames, DemandNames]:
    """Names of import's and export's demand over so many minutes."""
    imported, exported = (
        DemandNames(
            f"energy_{flow}_kwh",
            f"average_power{side}_{minutes}m_w",
            f"last_average_power{side}_{minutes}m_w",
            f"monthly_power_peak{side}_w",
        )
        for flow, side in (("import", ""), ("export", "_export"))
    )
    return imported, exported


def demands() -> Iterator[Row]:
    """Demand over other times than the quarter-hour that meters count, and what a limit leaves."""
    for minutes in sorted(_WINDOWS):
        for names, title in zip(demand_names(minutes), ("Power import", "Power export"), strict=True):
            if minutes != _QUARTER and minutes <= DEMAND_MOST:
                yield Row("", names.running, "number", "W", f"{title}, average over {minutes} min so far", "registers")
                yield Row("", names.last, "number", "W", f"{title}, last average over {minutes} min", "registers")
    yield Row("", "power_left_w", "number", "W", "Power left below the limit", "demand that runs")


def phases() -> Iterator[Row]:
    """Voltage, current, power factor, sags and swells of each phase."""
    for phase in PHASES:
        volt, ampere, factor = (c + 20 * phase for c in (12, 11, 13))
        of, low = f"L{phase}", f"l{phase}"
        yield Row(f"1-B:{volt}.7.0", f"voltage_{low}_v", "number", "V", f"Voltage {of}", "S50 §6.12", "V", (4, 1))
        yield Row(f"1-B:{ampere}.7.0", f"current_{low}_a", "number", "A", f"Current {of}", "S50 §6.12", "A", (3, 0))
        yield Row(
            f"1-B:{factor}.7.0", f"power_factor_{low}", "factor", "", f"Power factor {of}", "LT; HU", "", (4, 3), diagnostic=True
        )
        yield Row(
            f"1-B:{volt}.24.0",
            f"voltage_average_{low}_v",
            "number",
            "V",
            f"Average voltage {of}",
            "LT; IDIS",
            "V",
            (4, 1),
            diagnostic=True,
        )
        yield Row(
            f"1-0:{ampere}.4.0",
            f"current_limit_{low}_a",
            "number",
            "A",
            f"Current limit {of}",
            "E; HU",
            "A",
            (5, 2),
            diagnostic=True,
        )
        for e, name, kind, unit, title in (
            (32, "voltage_sag_{}_count", "count", "", "Voltage sags"),
            (33, "voltage_sag_{}_s", "number", "s", "Last voltage sag, duration"),
            (34, "voltage_sag_{}_v", "number", "V", "Last voltage sag, magnitude"),
            (36, "voltage_swell_{}_count", "count", "", "Voltage swells"),
            (37, "voltage_swell_{}_s", "number", "s", "Last voltage swell, duration"),
            (38, "voltage_swell_{}_v", "number", "V", "Last voltage swell, magnitude"),
        ):
            yield Row(
                f"1-B:{volt}.{e}.0", name.format(low), kind, unit, f"{title} {of}", "S50 §6.12; LT", unit, (5, 0), diagnostic=True
            )
