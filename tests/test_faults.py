"""What meters and lines do wrong, and exactly what is published then: the table, and what it says in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from p1monitor.observer.judge import FALL_AGREED, FALL_CAPTURES, STEADY
from p1monitor.p1.records import Reading
from p1monitor.p1.telegram import Telegram
from tests.observing import NOON, came, run, shown
from tests.readings import device, reading

TEN_SECONDS, FIVE_MINUTES, HOUR, DAY, WEEK, YEAR = 10, 300, 3600, 86_400, 7 * 86_400, 365 * 86_400


@dataclass(frozen=True)
class Fault:
    """What telegrams say one after the other. What has a `?` behind it is held back; all else is published as it stands.

    What is not given stays as it was in all of them. `gas` is captured with each telegram, or at the seconds in `captured`.
    """

    energy: str = "5.000"
    gas: str = "80.000"
    clock: str = ""  #: of the meter, seconds since noon; empty: it is right
    captured: str = ""
    meters: str = "E1"
    submeters: str = "G1"
    every: float = TEN_SECONDS
    crc: bool = True
    told: str = ""  #: kinds of the events

    def __len__(self) -> int:
        return max(len(each.split()) for each in (self.energy, self.gas, self.clock, self.captured, self.meters, self.submeters))

    def column(self, said: str) -> Sequence[str]:
        words = said.split() or [str(index * self.every) for index in range(len(self))]
        return words * len(self) if len(words) == 1 else words

    def readings(self) -> list[Reading]:
        telegram = Telegram("TST5", (), "valid" if self.crc else "absent")
        columns = (self.energy, self.gas, self.clock, self.captured, self.meters, self.submeters)
        return [
            reading(
                _moment(clock) if self.crc else None,
                received=came(index * self.every),
                equipment_id=meter,
                telegram=telegram,
                devices=[device(value=gas.rstrip("?"), at=_moment(captured), equipment_id=submeter)] if self.gas else [],
                energy_import_kwh=energy.rstrip("?"),
            )
            for index, (energy, gas, clock, captured, meter, submeter) in enumerate(
                zip(*(self.column(each) for each in columns), strict=True)
            )
        ]


def _moment(seconds: str) -> datetime:
    return NOON + timedelta(seconds=float(seconds.rstrip("?")))


def _wanted(words: Sequence[str]) -> list[Decimal | None]:
    return [None if word.endswith("?") else Decimal(word) for word in words]


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


FALLEN = " ".join(f"40.{n:03}?" for n in range(FALL_AGREED - 1))
LESS = " ".join(f"2.{n}?" for n in range(1, FALL_CAPTURES))
RISING = " ".join(f"{1000 * n}?" for n in range(1, STEADY))
ZEROS, GAS_ZEROS = " ".join(["0.000?"] * 40), " ".join(["0.000?"] * 29)

FAULTS = {
    "nothing wrong": Fault("1.000 1.010 1.010 1.100"),
    "gas at 0 after radio loss": Fault(gas=f"812.100 {GAS_ZEROS} 812.400", every=FIVE_MINUTES),
    "gas after days without radio": Fault(gas="812.100 830.000", every=3 * DAY),
    "gas that jumps": Fault(gas="1.0 900.0? 1.1", every=FIVE_MINUTES),
    "gas that jumps, confirmed by the next capture": Fault(gas="1.0 900.0? 900.1", every=FIVE_MINUTES, told="register"),
    "gas that jumps, the same capture again": Fault(gas="1.0 900.0? 900.0? 900.0?", captured="0 60 60 60", every=60),
    "gas that fell for good": Fault(gas=f"812.1 {LESS} 2.9", every=FIVE_MINUTES, told="register"),
    "a falling register": Fault("500.000 40.000? 500.010"),
    "a register that fell for good": Fault(f"500.000 {FALLEN} 40.010 40.020", told="register"),
    "a register at 0, however often": Fault(f"500.000 {ZEROS} 500.010"),
    "a jump": Fault("1.000 2.000? 1.010"),
    "a jump that the next reading confirms": Fault("1.000 99.000? 99.010", told="register"),
    "two jumps that do not agree": Fault("1.000 99.000? 77.000? 1.020"),
    "a fuse that is larger than we think": Fault(f"1 {RISING} 99000", told="register"),
    "flipped digits without CRC: the first must be told twice": Fault("7.00? 1.00? 1.00 1.01", gas="", crc=False),
    "flipped digits without CRC: a jump": Fault("1.00? 1.00 8.01? 1.01", gas="", crc=False),
    "flipped digits without CRC: two jumps": Fault("1.00? 1.00 8.01? 4.01? 1.02", gas="", crc=False),
    "flipped digits without CRC: a fall": Fault("5.00? 5.00 1.00? 5.01", gas="", crc=False),
    "flipped digits without CRC: a little too high is put right": Fault("1.00? 1.00 1.05 1.01? 1.02? 1.06", gas="", crc=False),
    "flipped digits without CRC: a little too low comes back": Fault("1.50? 1.50 1.10? 1.51", gas="", crc=False),
    "a meter swap": Fault("500.000 0.000 0.010", meters="E1 E2 E2", told="swap"),
    "a gas meter swap": Fault(gas="812.100 0.100 0.200", submeters="G1 G2 G2", told="swap", every=FIVE_MINUTES),
    "a flipped digit in the meter's identifier": Fault(
        "500.00? 500.00 500.00 500.01", gas="", meters="E1 E1 X1 E1", crc=False
    ),
    "a meter swap without CRC": Fault("500.00? 500.00 0.01? 0.01", gas="", meters="E1 E1 E2 E2", crc=False, told="swap"),
    "roll-over at 99 999 999": Fault("99999998 99999999 00000000", every=600, told="register"),
    "roll-over at 999 999.99": Fault("999999.98 999999.99 0.01", told="register"),
    "a date in the future": Fault(clock=f"0 {YEAR}? {YEAR + 10}? 30", told="clock clock"),
    "a frozen clock": Fault(clock="0 0 0? 0? 960", every=240, told="clock clock"),
    "a clock that was frozen while energy was used": Fault("1.000 1.010 1.500 2.000", clock="0 0 0? 0?", every=240, told="clock"),
    "a week's silence": Fault("1.000 901.000", gas="10.0 400.0", every=WEEK),
    "a week's silence and more than the fuse carries": Fault("1.000 20000.000? 901.000", every=WEEK),
    "a week's silence without CRC: the next reading agrees": Fault(
        "1.00? 1.00 901.00? 901.00", gas="", crc=False, every=WEEK
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_exactly_the_right_values_are_published(name: str) -> None:
    fault = FAULTS[name]
    _, seen = run(fault.readings())
    assert [_number(shown(one.values, "energy_import_kwh")) for one in seen] == _wanted(fault.column(fault.energy))
    if fault.gas:
        assert [_number(shown(one.devices[0].values, "gas_m3")) for one in seen] == _wanted(fault.column(fault.gas))
    if fault.crc:
        assert [one.at for one in seen] == [None if text.endswith("?") else _moment(text) for text in fault.column(fault.clock)]
    assert [event.kind for one in seen for event in one.events] == fault.told.split()
