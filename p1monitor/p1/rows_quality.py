"""Rows about the grid: voltages of the day, levels, sags and swells, power failures, averages. Tables; never looks anything up.

Annex 1 and §3.6, §6.12 of the ME381/MT381 manual; §9 of KWHIQ's.
"""

from __future__ import annotations

from collections.abc import Iterator

from p1monitor.p1.rows import PHASES, Row

_SOURCE = "IDIS; ME381 annex 1"
#: 0-0:128.7.1e to .4e, and the words for whom: ANY goes up once per interval and level (ME381 §6.12).
_LEVELS_OF = ((1, "l1", "L1"), (2, "l2", "L2"), (3, "l3", "L3"), (4, "any", "any phase"))
_LEVELS = ("over +10 %", "+5 to +10 %", "0 to +5 %", "-5 to 0 %", "-10 to -5 %", "-15 to -10 %", "under -15 %")
#: Power failures: how e counts whom, within each family of five.
_FAILED = ((0, "all", "all phases"), (1, "l1", "L1"), (2, "l2", "L2"), (3, "l3", "L3"), (4, "any", "any phase"))


def voltages_of_the_day() -> Iterator[Row]:
    """0-0:128.8.*: highest and lowest of today and of the day before; e counts in tens by phase, 0 is the mean of all."""
    for tens, low, of in ((0, "average", "average of all phases"), *((n, f"l{n}", f"L{n}") for n in PHASES)):
        for e, name, title in (
            (0, "daily_voltage_peak_{}_v", "Highest voltage today"),
            (1, "daily_voltage_peak_previous_{}_v", "Highest voltage yesterday"),
            (2, "daily_voltage_minimum_{}_v", "Lowest voltage today"),
            (3, "daily_voltage_minimum_previous_{}_v", "Lowest voltage yesterday"),
        ):
            yield _grid(f"0-0:128.8.{10 * tens + e}", name.format(low), "number", "V", f"{title}, {of}")
    yield _grid("0-0:128.8.50", "daily_voltage_period_s", "number", "s", "Period of the day's voltages")


def voltage_levels() -> Iterator[Row]:
    """0-0:128.7.*: intervals that the mean voltage spent in each level, and the limits of asymmetry."""
    for tens, low, of in _LEVELS_OF:
        for level, range_ in enumerate(_LEVELS, 1):
            name = f"voltage_level_{level}_{low}_count"
            yield _grid(f"0-0:128.7.{10 * tens + level}", name, "count", "", f"Voltage level {level} ({range_}), {of}")
    for e, side in ((50, "upper"), (51, "lower")):
        name = f"voltage_asymmetry_{side}_permille"
        yield _grid(f"0-0:128.7.{e}", name, "number", "permille", f"Voltage asymmetry, {side} limit")


def sags_and_swells() -> Iterator[Row]:
    """1-0:12.*: thresholds, and what any phase had; the phases' own are in rows.phases()."""
    for e, name, kind, unit, title in (
        ("31.0", "voltage_sag_threshold_v", "number", "V", "Voltage sag, threshold"),
        ("31.129", "voltage_sag_time_integral_s", "number", "s", "Voltage sag, time integral"),
        ("32.0", "voltage_sag_any_count", "count", "", "Voltage sags, any phase"),
        ("33.0", "voltage_sag_any_s", "number", "s", "Last voltage sag, duration, any phase"),
        ("34.0", "voltage_sag_any_v", "number", "V", "Last voltage sag, magnitude, any phase"),
        ("35.0", "voltage_swell_threshold_v", "number", "V", "Voltage swell, threshold"),
        ("35.129", "voltage_swell_time_integral_s", "number", "s", "Voltage swell, time integral"),
        ("36.0", "voltage_swell_any_count", "count", "", "Voltage swells, any phase"),
        ("37.0", "voltage_swell_any_s", "number", "s", "Last voltage swell, duration, any phase"),
        ("38.0", "voltage_swell_any_v", "number", "V", "Last voltage swell, magnitude, any phase"),
        ("39.0", "voltage_cut_threshold_v", "number", "V", "Voltage cut, threshold"),
        ("43.0", "voltage_sag_time_threshold_s", "number", "s", "Voltage sag, least duration"),
        ("44.0", "voltage_swell_time_threshold_s", "number", "s", "Voltage swell, least duration"),
        ("45.0", "voltage_cut_time_threshold_s", "number", "s", "Voltage cut, least duration"),
    ):
        yield _grid(f"1-0:12.{e}", name, kind, unit, title)


def power_failures() -> Iterator[Row]:
    """0-0:96.7.*: counters, long ones, when the last one was and how long; those that DSMR knows too are in the catalogue."""
    for e, low, of in _FAILED[:4]:
        yield _grid(f"0-0:96.7.{e}", f"power_fail_{low}_count", "count", "", f"Power failures, {of}")
        yield _grid(f"0-0:96.7.{5 + e}", f"long_power_fail_{low}_count", "count", "", f"Long power failures, {of}")
        name = f"long_power_fail_{low}_s"
        yield _grid(f"0-0:96.7.{15 + e}", name, "number", "s", f"Last long power failure, duration, {of}")
    for e, low, of in _FAILED:
        name = f"long_power_fail_{low}_timestamp"
        yield _grid(f"0-0:96.7.{10 + e}", name, "stamp", "", f"Last long power failure, time, {of}")
    yield _grid("0-0:96.7.20", "long_power_fail_threshold_s", "number", "s", "Power failures that count as long, least duration")
    yield _grid("0-0:128.6.1", "short_power_fail_count", "count", "", "Short power failures, all phases")


def averages() -> Iterator[Row]:
    """Averages over the period of the power-quality profile, ten minutes unless set otherwise (KWHIQ §9.3)."""
    for c, stem, unit, title in (
        (1, "power_average_10m_import", "W", "Average power import"),
        (2, "power_average_10m_export", "W", "Average power export"),
        (3, "power_average_10m_reactive_import", "var", "Average reactive power import"),
        (4, "power_average_10m_reactive_export", "var", "Average reactive power export"),
    ):
        yield _average(f"1-0:{c}.27.0", f"{stem}_{unit.lower()}", unit, title, "k" + unit)
    yield _average("1-0:13.25.0", "power_factor_average_10m", "", "Average power factor")
    yield _grid("1-0:13.5.0", "power_factor_last_average", "factor", "", "Power factor, average of the last period")
    for phase in PHASES:
        volt, ampere, factor = (c + 20 * phase for c in (12, 11, 13))
        yield _average(f"1-0:{volt}.25.0", f"voltage_average_10m_l{phase}_v", "V", f"Average voltage L{phase}", "V")
        yield _average(f"1-0:{ampere}.25.0", f"current_average_10m_l{phase}_a", "A", f"Average current L{phase}", "A")
        yield _average(f"1-0:{factor}.25.0", f"power_factor_average_10m_l{phase}", "", f"Average power factor L{phase}")
        name, title = f"current_average_l{phase}_a", f"Sliding average current L{phase}"
        yield Row(f"1-0:{ampere}.4.0", name, "number", "A", title, _SOURCE, "A", (5, 2), diagnostic=True, seldom=True)


def quality() -> Iterator[Row]:
    """All of this page."""
    for family in (voltages_of_the_day, voltage_levels, sags_and_swells, power_failures, averages):
        yield from family()


def _grid(pattern: str, name: str, kind: str, unit: str, title: str) -> Row:
    return Row(pattern, name, kind, unit, title, _SOURCE, unit, (5, 0), diagnostic=True, seldom=True)


def _average(pattern: str, name: str, unit: str, title: str, printed: str = "") -> Row:
    kind = "number" if unit else "factor"
    return Row(pattern, name, kind, unit, f"{title}, ten minutes", "KWHIQ §9.3", printed, (5, 3), diagnostic=True, seldom=True)
