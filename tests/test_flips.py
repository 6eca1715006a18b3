"""A bad line: one byte in 5 000 flipped, no CRC. What is published is the simulator's; and what would not be is seen."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.flips import BEGIN, HELD_MOST, Judge, Published, run

NAME = "energy_import_kwh"


def test_a_line_that_flips_bytes() -> None:
    result = run(3000)
    assert result.faults == []
    assert result.damaged > 200
    assert result.readings > 2900
    assert result.days_exact == result.days == 6
    assert result.held > 20
    assert set(result.events) == {"message"}


def judged(*published: str | None, good: bool = True) -> list[str]:
    """The faults found where these were published, 10 s apart, of a register that goes 0.01 kWh each time."""
    judge = Judge()
    for index, value in enumerate(published):
        shown: Published = {} if value is None else {NAME: Decimal(value)}
        judge.look(BEGIN + timedelta(seconds=10 * index), shown, {NAME: Decimal(index) / 100}, good=good)
    return [words.partition(": ")[2] for words in judge.result.faults]


def test_what_may_not_be_published_is_seen() -> None:
    assert judged(None, "0.01", "0.02", "0.03") == []
    assert judged("0.00", "0.14", None, None, good=False) == []  # a flipped digit within the fuse, and then nothing
    assert judged("0.00", "0.24", good=False) == [f"{NAME} is 0.24, not 0.01"]
    assert judged("0.05", "0.02", good=False) == [f"{NAME} went from 0.05 back to 0.02"]
    assert judged("0.00", "0.02") == [f"{NAME} is 0.02, and the meter says 0.01"]
    assert judged(*["0.00"], *[None] * HELD_MOST)[-1:] == [f"{NAME} is held, and {HELD_MOST} good telegrams say it"]


@pytest.mark.parametrize(
    ("total", "edge", "well"), [("1.00", False, True), ("1.01", False, False), ("1.01", True, True), (None, True, False)]
)
def test_a_days_total_that_is_not_the_meters_is_seen(total: str | None, edge: bool, well: bool) -> None:
    judge = Judge()
    judge.day(NAME, BEGIN.toordinal(), None if total is None else Decimal(total), Decimal("1.00"), edge=edge)
    assert bool(judge.result.faults) is not well
