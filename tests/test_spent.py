"""What was used today, this month and this year: as new as the reading, over midnight, a swap, a roll-over and a restart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from p1monitor.days import starts
from p1monitor.p1.records import Reading, Received
from p1monitor.recorder.queries import Queries
from p1monitor.recorder.steps import Stood
from p1monitor.sinks import Spent
from p1monitor.spent import ASK_S, SOON_S, Spending
from tests.readings import device, reading
from tests.recording import House
from tests.test_webapp_days import zone

__all__ = ["zone"]  # a fixture

WINTER, SUMMER = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))
#: A month begins two hours later.
LATE = datetime(2026, 1, 31, 22, tzinfo=WINTER)
FEBRUARY = 7200
#: Seconds between readings and between captures, and how late these come.
STEP, CAPTURE, LATENESS = 10, 3600, 300
#: Where a register of six places begins anew.
ROLLS = 10**9


class Asked:
    """A history that counts its questions."""

    def __init__(self, path: Path) -> None:
        self.queries, self.moments = Queries(path), list[float]()

    def stood(self, meter: str, moment: float) -> Mapping[str, Mapping[str, Stood]]:
        self.moments.append(moment)
        return self.queries.stood(meter, moment)

    def close(self) -> None:
        self.queries.close()


class Meter(NamedTuple):
    """One of those that stood in a place one after the other."""

    equipment_id: str
    since: int
    first: int = 0  #: what it showed then, thousandths

    def shows(self, at: int) -> int:
        return (self.first + at - self.since) % ROLLS


class Life:
    """A home in which a Wh and a quarter of a litre of gas go through each second, its history, and who asks what was used."""

    def __init__(self, path: Path) -> None:
        self.path, self.meters, self.gas_meters = path, [Meter("E1", 0)], [Meter("G1", -CAPTURE)]
        self.house, self.asked = House(path), Asked(path)
        self.spending = Spending(self.asked)

    def close(self) -> None:
        self.asked.close()
        self.house.recorder.close()

    def again(self) -> None:
        """A restart."""
        self.close()
        self.house, self.asked = House(self.path), Asked(self.path)
        self.spending = Spending(self.asked)

    def reading(self, at: int) -> Reading:
        captured = captured_by(at)
        meter = next(one for one in reversed(self.meters) if one.since <= at)
        gas = next(one for one in reversed(self.gas_meters) if one.since <= captured)
        wh = meter.shows(at)
        when = LATE + timedelta(seconds=at)
        return reading(
            when,
            received=Received(when.timestamp(), float(at)),
            equipment_id=meter.equipment_id,
            devices=[
                device(value=kilo(gas.shows(captured) // 4), at=LATE + timedelta(seconds=captured), equipment_id=gas.equipment_id)
            ],
            values={"energy_import_kwh": kilo(wh), "energy_import_t1_kwh": kilo(wh * 7 // 10), "energy_export_kwh": "0.000"},
        )

    def run(self, start: int, end: int) -> Iterator[tuple[int, Mapping[str, Spent]]]:
        """What was said to be used, reading by reading."""
        for at in range(start, end, STEP):
            one = self.house.see(self.reading(at))
            self.house.clock.now += STEP
            self.house.recorder.deliver([one])
            yield at, self.spending.of(one)


def captured_by(at: int) -> int:
    """When the newest capture was that a telegram tells."""
    return (at - LATENESS) // CAPTURE * CAPTURE


def kilo(thousandths: int) -> str:
    return f"{thousandths / 1000:.3f}"


def milli(thousandths: int) -> Decimal:
    return Decimal(thousandths).scaleb(-3)


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with closing(Life(tmp_path / "history.sqlite")) as made:
        yield made


def test_a_year_that_began_in_winter_began_in_winter_time() -> None:
    began = starts(datetime(2026, 7, 14, 15, 16, 17, tzinfo=SUMMER))
    assert began == {
        "day": datetime(2026, 7, 14, tzinfo=SUMMER).timestamp(),
        "month": datetime(2026, 7, 1, tzinfo=SUMMER).timestamp(),
        "year": datetime(2026, 1, 1, tzinfo=WINTER).timestamp(),
    }


def test_a_new_month_is_told_from_its_second_minute_on_and_to_the_last_reading(life: Life) -> None:
    before = [told for _, told in life.run(FEBRUARY - CAPTURE, FEBRUARY)]
    assert not any(told.get("month") for told in before), "the history begins later"
    told, asked = before[-1], len(life.asked.moments)
    for at, told in life.run(FEBRUARY, FEBRUARY + 3 * CAPTURE):
        gone, burnt = at - FEBRUARY, max(captured_by(at) - FEBRUARY, 0)
        assert told.get("day") == told.get("month")
        assert not told.get("year"), "the history begins later"
        if gone <= SOON_S and not told.get("month"):
            continue
        assert told["month"] == {
            "energy_import_kwh": milli(gone),
            "energy_import_t1_kwh": milli(at * 7 // 10 - FEBRUARY * 7 // 10),
            "energy_export_kwh": 0,
            "gas_m3": milli(burnt // 4),
        }
    assert len(life.asked.moments) - asked <= 4 * (2 + 3 * CAPTURE / ASK_S), "it is asked hardly ever"
    life.again()
    again = next(life.run(FEBRUARY + 3 * CAPTURE, FEBRUARY + 4 * CAPTURE))[1]
    assert again["month"]["energy_import_kwh"] == milli(3 * CAPTURE)
    assert again["month"]["gas_m3"] == told["month"]["gas_m3"]


def test_other_meters_go_on_where_the_old_ones_stood(life: Life) -> None:
    life.meters.append(Meter("E2", FEBRUARY + 1000))
    life.gas_meters.append(Meter("G2", FEBRUARY + CAPTURE))
    deque(life.run(FEBRUARY - 600, FEBRUARY + 100), 0)
    for at, told in life.run(FEBRUARY + 100, FEBRUARY + 3 * CAPTURE):
        swapped = STEP if at >= FEBRUARY + 1000 else 0  # what went through between the last telegram and the first is nobody's
        assert told["month"]["energy_import_kwh"] == milli(at - FEBRUARY - swapped)
        burnt = max(captured_by(at) - FEBRUARY, 0)
        assert told["month"]["gas_m3"] == milli(max(burnt - CAPTURE, 0) // 4), "its first capture counts nothing"


def test_a_roll_over_is_counted_on(life: Life) -> None:
    life.meters = [Meter("E1", 0, ROLLS - FEBRUARY - 1000)]
    deque(life.run(FEBRUARY - 600, FEBRUARY + 100), 0)
    told = [(at - FEBRUARY, said["month"]["energy_import_kwh"]) for at, said in life.run(FEBRUARY + 100, FEBRUARY + 2 * CAPTURE)]
    assert [used for _, used in told] == sorted(used for _, used in told)
    assert {milli(gone) - used for gone, used in told} <= {milli(0), milli(STEP)}, "a step of it for an hour"
    assert told[-1][1] == milli(told[-1][0])


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("zone", ["Europe/Amsterdam"], indirect=True)
def test_a_meter_without_a_clock_is_told_by_the_hosts(life: Life) -> None:
    deque(life.run(FEBRUARY - 600, FEBRUARY + 100), 0)
    one = life.reading(FEBRUARY + 100)
    assert one.received
    bare = one._replace(at=None)
    assert life.spending.of(bare)["month"]["energy_import_kwh"] == milli(100)
    assert life.spending.of(bare._replace(received=one.received._replace(known=False))) == {}


def test_a_history_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    with closing(Queries(tmp_path / "none")) as nowhere:
        assert not any(Spending(nowhere).of(reading(LATE, energy_import_kwh="1.000")).values())
