"""The topics of DSMR-reader, made of our readings, for those who come from it. Pure; knows one meter, for they name none.

What stands where is DSMR-reader's MQTT documentation; its units are kW, kWh and m3, its words "delivered" (to the home:
import) and "returned" (export). Prices and costs are not ours to know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from p1monitor.p1.catalogue import PHASES
from p1monitor.p1.records import Measurement, Reading
from p1monitor.sinks import Spent

ROOT = "dsmr"
#: Watts to kilowatts, by moving the point: no digit is lost or made.
KILO = -3
_GAS = "gas_m3"
_QUARTER = timedelta(minutes=15)

#: Leaf of dsmr/reading -> name of the value, places that its point moves.
READING: Mapping[str, tuple[str, int]] = {
    "electricity_delivered_1": ("energy_import_t1_kwh", 0),
    "electricity_returned_1": ("energy_export_t1_kwh", 0),
    "electricity_delivered_2": ("energy_import_t2_kwh", 0),
    "electricity_returned_2": ("energy_export_t2_kwh", 0),
    "electricity_currently_delivered": ("power_import_w", KILO),
    "electricity_currently_returned": ("power_export_w", KILO),
    **{f"phase_currently_delivered_l{n}": (f"power_import_l{n}_w", KILO) for n in PHASES},
    **{f"phase_currently_returned_l{n}": (f"power_export_l{n}_w", KILO) for n in PHASES},
    **{f"phase_voltage_l{n}": (f"voltage_l{n}_v", 0) for n in PHASES},
    **{f"phase_power_current_l{n}": (f"current_l{n}_a", 0) for n in PHASES},
}
#: Leaf of dsmr/meter-stats -> name of the value.
STATS: Mapping[str, str] = {
    "dsmr_version": "dsmr_version",
    "electricity_tariff": "tariff",
    "power_failure_count": "any_power_fail_count",
    "long_power_failure_count": "long_power_fail_count",
    **{f"voltage_sag_count_l{n}": f"voltage_sag_l{n}_count" for n in PHASES},
    **{f"voltage_swell_count_l{n}": f"voltage_swell_l{n}_count" for n in PHASES},
}
#: Leaf of a period -> name of what was used in it.
PERIOD: Mapping[str, str] = {
    "electricity1": "energy_import_t1_kwh",
    "electricity2": "energy_import_t2_kwh",
    "electricity1_returned": "energy_export_t1_kwh",
    "electricity2_returned": "energy_export_t2_kwh",
    "electricity_merged": "energy_import_kwh",
    "electricity_returned_merged": "energy_export_kwh",
    "gas": _GAS,
}
#: Leaf of the day -> name of the value; of gas, of its device. These the reading itself has, newer than any history.
TODAY: Mapping[str, str] = {
    "electricity_merged": "energy_import_today_kwh",
    "electricity_returned_merged": "energy_export_today_kwh",
    "gas": "gas_today_m3",
}
DAY = "day-consumption"
#: Branch -> period.
PERIODS: Mapping[str, str] = {DAY: "day", "current-month": "month", "current-year": "year"}


class Tree:
    """The tree of one meter. Remembers the last two captures of gas, for what was used between them."""

    def __init__(self) -> None:
        self._captures: tuple[Measurement, ...] = ()

    def topics(self, reading: Reading, refused: int) -> dict[str, str]:
        """All that a reading says; what it does not say, or what is doubtful, is left as it was."""
        gas = self._gas(reading)
        flat = dict(_reading(reading, gas))
        together = {"id": reading.seq, **dict.fromkeys(("timestamp", *READING)), **flat}
        return {
            f"{ROOT}/raw": reading.frame.decode("latin-1"),
            f"{ROOT}/json": json.dumps({**together, "id": reading.seq}),
            **_under("reading", {"id": str(reading.seq), **flat}),
            **_under("meter-stats", {**dict(_stats(reading)), "rejected_telegrams": str(refused)}),
            **_under("consumption/gas", dict(self._gas_use(gas))),
            **_under(DAY, dict(_today(reading))),
            **_under("consumption/quarter-hour-peak-electricity", dict(_quarter(reading))),
        }

    def _gas(self, reading: Reading) -> Measurement | None:
        device = next((one for one in reading.devices if one.role == "gas"), None)
        gas = _known(device.values.get(_GAS)) if device else None
        if device is None or gas is None:
            return None
        gas = gas._replace(at=gas.at or device.at)
        if not self._captures or self._captures[-1].at != gas.at:
            self._captures = (*self._captures[-1:], gas)
        return gas

    def _gas_use(self, gas: Measurement | None) -> Iterator[tuple[str, str]]:
        if gas is None:
            return
        yield "delivered", _number(gas.value)
        if gas.at is not None:
            yield "read_at", gas.at.isoformat()
        if len(self._captures) > 1:
            before, after = (Decimal(str(one.value)) for one in self._captures)
            yield "currently_delivered", _number(max(after - before, Decimal(0)))  # a new meter begins lower


def periods(spent: Mapping[str, Spent]) -> dict[str, str]:
    """Day, month and year: what was used in each, as far as it is known."""
    told: dict[str, str] = {}
    for branch, period in PERIODS.items():
        used = spent.get(period, {})
        leaves = {leaf: _number(used[name]) for leaf, name in PERIOD.items() if name in used}
        told |= _under(branch, {leaf: text for leaf, text in leaves.items() if branch != DAY or leaf not in TODAY})
    return told


def _reading(reading: Reading, gas: Measurement | None) -> Iterator[tuple[str, str]]:
    if reading.at is not None:
        yield "timestamp", reading.at.isoformat()
    for leaf, (name, places) in READING.items():
        if (one := _known(reading.values.get(name))) is not None:
            yield leaf, _number(Decimal(str(one.value)).scaleb(places))
    if gas is not None:
        if gas.at is not None:
            yield "extra_device_timestamp", gas.at.isoformat()
        yield "extra_device_delivered", _number(gas.value)


def _stats(reading: Reading) -> Iterator[tuple[str, str]]:
    for leaf, name in STATS.items():
        one = reading.values.get(name)
        if one is not None and one.value is not None and not one.held:
            yield leaf, str(one.value)


def _today(reading: Reading) -> Iterator[tuple[str, str]]:
    gas = next((one.values for one in reading.devices if one.role == "gas"), {})
    for leaf, name in TODAY.items():
        if (one := _known(reading.values.get(name) or gas.get(name))) is not None:
            yield leaf, _number(one.value)


def _quarter(reading: Reading) -> Iterator[tuple[str, str]]:
    average, at = _known(reading.values.get("last_average_power_15m_w")), reading.at
    if average is None or at is None:
        return
    end = _floor(at)
    yield "average_delivered", _number(Decimal(str(average.value)).scaleb(KILO))
    yield "read_at_start", (end - _QUARTER).isoformat()
    yield "read_at_end", end.isoformat()


def _floor(at: datetime) -> datetime:
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def _known(one: Measurement | None) -> Measurement | None:
    """A number that may go out."""
    return one if one is not None and isinstance(one.value, Decimal) and one.value.is_finite() and not one.held else None


def _number(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _under(branch: str, leaves: Mapping[str, str]) -> dict[str, str]:
    return {f"{ROOT}/{branch}/{leaf}": text for leaf, text in leaves.items()}
