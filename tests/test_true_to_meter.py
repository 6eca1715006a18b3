"""Days are the registers, to the last digit, whatever befalls the meter."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.readings import SUMMER, WINTER
from tests.truth import House
from tests.verdict import Lived, live, rebuilt

#: Of each kind in one stretch of the suite; the years of `make endure` have more.
COUNTS: Mapping[str, int] = {"off": 8, "cut": 4, "repeat": 1, "step": 4, "swap": 2, "quiet": 1}
STRETCHES = {"spring": datetime(2026, 3, 14, tzinfo=WINTER), "autumn": datetime(2026, 10, 16, tzinfo=SUMMER)}
DAYS = 20


@pytest.fixture(scope="module", params=STRETCHES)
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    path = tmp_path_factory.mktemp("true") / "history.sqlite"
    return live(path, lambda: House(7, STRETCHES[request.param], DAYS, COUNTS))


def test_days_are_the_registers_to_the_last_digit(lived: Lived) -> None:
    assert lived.wrong_ends("daily_profile") == []
    assert lived.checked["daily_profile"] > DAYS * 0.6


def test_quarters_and_billing_periods_are_the_registers_too(lived: Lived) -> None:
    for table in ("load_profile", "billing_profile"):
        assert lived.wrong_ends(table) == []
    assert lived.checked["load_profile"] > DAYS * 96 * 0.5
    assert lived.checked["billing_profile"] == 1  # the running one has not ended


@pytest.mark.parametrize("table", ["load_profile", "daily_profile", "billing_profile"])
def test_no_period_is_negative_and_all_together_are_what_was_used(lived: Lived, table: str) -> None:
    totals = lived.totals(table)
    assert all(before <= after for (_, *before), (_, *after) in pairwise(totals))
    assert totals[-1][1:] == lived.last


def test_the_days_on_which_the_clocks_change_have_their_hours(lived: Lived) -> None:
    assert lived.hours() in ({"2026-03-29": (23.0, 92)}, {"2026-10-25": (25.0, 100)})


def test_what_was_not_seen_is_flagged_and_no_curve_is_invented(lived: Lived) -> None:
    assert lived.wrong_gaps() == []
    assert lived.checked["gaps"] > 100


def test_gas_is_what_it_captured(lived: Lived) -> None:
    assert lived.wrong_gas() == []


def test_made_again_of_the_readings_it_is_the_same(lived: Lived, tmp_path: Path) -> None:
    with closing(sqlite3.connect(lived.path)) as db, closing(sqlite3.connect(tmp_path / "history.sqlite")) as copy:
        db.backup(copy)
    assert rebuilt(lived, tmp_path / "history.sqlite") == []
