"""Currents over the fuse (ME381 §6.10.2, .3), and power that runs the wrong way (ME381 table 52: unexpected export)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from p1monitor.observer import Rules
from p1monitor.settings import Thresholds
from tests.qualitykit import More, Seen, play, telegram

FUSE = {"current_limit_l1_a": Decimal(25)}


def amperes(phase: int, parts: list[tuple[int, str]], more: More = FUSE, rules: Rules = Rules()) -> Seen:  # noqa: B008 - frozen
    """The current of one phase by second; the others draw little."""
    values = [text for seconds, text in [(100, "1"), *parts] for _ in range(seconds)]
    readings = []
    for second, text in enumerate(values, -100):
        own = {f"current_l{n}_a": Decimal(text if n == phase else "1") for n in (1, 2, 3)}
        readings.append(telegram(second, ["230.0"] * 3, {**more, **own}))
    return play(readings) if rules == Rules() else play(readings, rules)


@pytest.mark.parametrize("phase", [1, 2, 3])
def test_over_the_fuse_for_longer_than_its_time(phase: int) -> None:
    over = amperes(phase, [(100, "26.5"), (9, "3")])
    first = 70 + 2 * (phase - 1)
    assert over.events == [(first, 0, None, "26.5"), (first + 1, 100, 100.0, "26.5")]
    assert [(event.phase, event.unit) for event in over.told] == [(f"L{phase}", "A")] * 2
    assert amperes(phase, [(90, "26.5"), (9, "3")]).events == []
    assert amperes(phase, [(100, "25"), (9, "3")]).events == []


def test_the_owners_fuse_counts_and_no_limit_is_none() -> None:
    rules = Rules(quality=Thresholds(fuse_a=16, fuse_s=5))
    assert [one[:2] for one in amperes(1, [(9, "17"), (9, "3")], rules=rules).events] == [(70, 0), (71, 9)]
    for more in ({}, {"current_limit_l1_a": Decimal(999)}):
        assert amperes(1, [(200, "90"), (9, "3")], more).events == []


def export(parts: list[tuple[int, int]], register: str | None) -> Seen:
    """The export by second, and the register of it."""
    own = {} if register is None else {"energy_export_kwh": Decimal(register)}
    watts = [one for seconds, one in parts for _ in range(seconds)]
    return play(telegram(second, ["230.0"], {"power_export_w": one, **own}) for second, one in enumerate(watts, -100))


@pytest.mark.parametrize("register", [None, "0.000"])
def test_export_from_a_home_that_never_exported(register: str | None) -> None:
    assert export([(100, 0), (100, 400), (50, 0)], register).events == [(91, 0, None, "400")]
    assert export([(100, 0), (60, 400), (50, 0)], register).events == []


def test_export_from_a_home_that_does() -> None:
    assert export([(100, 0), (1000, 400), (50, 0)], "12.345").events == []
