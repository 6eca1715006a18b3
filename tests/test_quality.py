"""Undervoltage, overvoltage, missing voltage: exactly the events that the meters' rules give (ME381 §6.12.1, KWHIQ §9.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from p1monitor.observer import Rules
from p1monitor.settings import Thresholds
from tests.qualitykit import Part, others, play, telegram, trace

WELL = others(1, "230.0")


class Case(NamedTuple):
    """Voltages of one phase by second, and what is told: the first code of three, second, duration, magnitude."""

    parts: Sequence[tuple[int, str | None]]
    events: Sequence[tuple[object, ...]] = ()
    thresholds: Thresholds = Thresholds()


LOW, HIGH, CUT, NORMAL = 76, 79, 82, 85
CASES = {
    "nothing": Case([(200, "230.0")]),
    "at the sag's threshold": Case([(300, "207.0"), (9, "230.0")]),
    "just under it": Case([(300, "206.9"), (9, "230.0")], [(LOW, 0, None, "206.9"), (NORMAL, 300, 300.0, "206.9")]),
    "just over it": Case([(300, "207.1"), (9, "230.0")]),
    "at the swell's threshold": Case([(300, "253.0"), (9, "230.0")]),
    "just over that": Case([(300, "253.1"), (9, "230.0")], [(HIGH, 0, None, "253.1"), (NORMAL, 300, 300.0, "253.1")]),
    "just under that": Case([(300, "252.9"), (9, "230.0")]),
    "at the cut's threshold": Case([(300, "115.0"), (9, "230.0")], [(CUT, 0, None, "115.0"), (NORMAL, 300, 300.0, "115.0")]),
    "just under that one": Case([(300, "114.9"), (9, "230.0")], [(CUT, 0, None, "114.9"), (NORMAL, 300, 300.0, "114.9")]),
    "just over the cut's": Case([(300, "115.1"), (9, "230.0")], [(LOW, 0, None, "115.1"), (NORMAL, 300, 300.0, "115.1")]),
    "a sag of just under its time": Case([(59, "200.0"), (9, "230.0")]),
    "of its time: not longer": Case([(60, "200.0"), (9, "230.0")]),
    "of a second more": Case([(61, "200.0"), (9, "230.0")], [(LOW, 0, 61.0, "200.0"), (NORMAL, 61, 61.0, "200.0")]),
    "two seconds more": Case([(62, "200.0"), (9, "230.0")], [(LOW, 0, None, "200.0"), (NORMAL, 62, 62.0, "200.0")]),
    "a swell of its time": Case([(60, "260.0"), (9, "230.0")]),
    "of longer": Case([(61, "260.0"), (9, "230.0")], [(HIGH, 0, 61.0, "260.0"), (NORMAL, 61, 61.0, "260.0")]),
    "a cut of its time": Case([(60, "0.0"), (9, "230.0")]),
    "a longer cut": Case([(61, "0.0"), (9, "230.0")], [(CUT, 0, 61.0, "0.0"), (NORMAL, 61, 61.0, "0.0")]),
    "low, and then at the threshold, is not low": Case([(30, "206.9"), (40, "207.0"), (9, "230.0")]),
    "high, and then at the threshold, is not high": Case([(30, "253.1"), (40, "253.0"), (9, "230.0")]),
    "two in ten minutes, the second less deep": Case(
        [(70, "200.0"), (30, "230.0"), (70, "205.0"), (9, "230.0")],
        [(LOW, 0, None, "200.0"), (NORMAL, 70, 70.0, "200.0"), (LOW, 100, None, "205.0"), (NORMAL, 170, 70.0, "205.0")],
    ),
    "two swells": Case(
        [(70, "260.0"), (30, "230.0"), (70, "255.0"), (9, "230.0")],
        [(HIGH, 0, None, "260.0"), (NORMAL, 70, 70.0, "260.0"), (HIGH, 100, None, "255.0"), (NORMAL, 170, 70.0, "255.0")],
    ),
    "a sag's time is shorter: a missing voltage is one all the same": Case(
        [(70, "0.0"), (9, "230.0")], [(CUT, 0, None, "0.0"), (NORMAL, 70, 70.0, "0.0")], Thresholds(sag_s=20)
    ),
    "… unless it was too short for that": Case(
        [(40, "0.0"), (9, "230.0")], [(LOW, 0, 40.0, "0.0"), (NORMAL, 40, 40.0, "0.0")], Thresholds(sag_s=20)
    ),
    "two short ones are not a long one": Case([(40, "200.0"), (1, "230.0"), (40, "200.0"), (9, "230.0")]),
    "the lowest counts": Case(
        [(30, "200.0"), (5, "190.0"), (40, "201.0"), (9, "230.0")], [(LOW, 0, None, "190.0"), (NORMAL, 75, 75.0, "190.0")]
    ),
    "the highest counts, also after it was told": Case(
        [(70, "255.0"), (5, "259.0"), (9, "230.0")], [(HIGH, 0, None, "255.0"), (NORMAL, 75, 75.0, "259.0")]
    ),
    "from one side to the other: normal is told once": Case(
        [(70, "200.0"), (70, "260.0"), (9, "230.0")],
        [(LOW, 0, None, "200.0"), (HIGH, 70, None, "260.0"), (NORMAL, 140, 70.0, "260.0")],
    ),
    "a short one after one that was told": Case(
        [(70, "200.0"), (20, "260.0"), (9, "230.0")], [(LOW, 0, None, "200.0"), (NORMAL, 90, 70.0, "200.0")]
    ),
    "low, then missing": Case(
        [(70, "200.0"), (70, "0.0"), (9, "230.0")],
        [(LOW, 0, None, "200.0"), (CUT, 70, None, "0.0"), (NORMAL, 140, 140.0, "0.0")],
    ),
    "missing, then low: that is one of its own": Case(
        [(70, "0.0"), (70, "200.0"), (9, "230.0")],
        [(CUT, 0, None, "0.0"), (LOW, 70, None, "200.0"), (NORMAL, 140, 70.0, "200.0")],
    ),
    "missing for a while, and low around it": Case(
        [(20, "0.0"), (50, "200.0"), (9, "230.0")], [(LOW, 0, None, "0.0"), (NORMAL, 70, 70.0, "0.0")]
    ),
    "a gap: what was not told begins anew": Case([(50, "200.0"), (40, None), (50, "200.0"), (9, "230.0")]),
    "… and may be told then": Case(
        [(50, "200.0"), (40, None), (65, "200.0"), (9, "230.0")], [(LOW, 90, None, "200.0"), (NORMAL, 155, 65.0, "200.0")]
    ),
    "what was told goes on over a gap": Case(
        [(70, "200.0"), (40, None), (20, "200.0"), (9, "230.0")], [(LOW, 0, None, "200.0"), (NORMAL, 130, 130.0, "200.0")]
    ),
    "… or was over before it": Case(
        [(70, "200.0"), (40, None), (9, "230.0")], [(LOW, 0, None, "200.0"), (NORMAL, 110, 69.0, "200.0")]
    ),
    "a telegram or two lost are no gap": Case(
        [(40, "200.0"), (25, None), (9, "200.0"), (9, "230.0")], [(LOW, 0, None, "200.0"), (NORMAL, 74, 74.0, "200.0")]
    ),
    "the owner's sag": Case(
        [(70, "219.9"), (9, "230.0")], [(LOW, 0, None, "219.9"), (NORMAL, 70, 70.0, "219.9")], Thresholds(sag_v=220)
    ),
    "the owner's time": Case(
        [(6, "200.0"), (9, "230.0")], [(LOW, 0, 6.0, "200.0"), (NORMAL, 6, 6.0, "200.0")], Thresholds(sag_s=5)
    ),
    "the owner's swell": Case(
        [(7, "240.1"), (9, "230.0")], [(HIGH, 0, None, "240.1"), (NORMAL, 7, 7.0, "240.1")], Thresholds(swell_v=240, swell_s=5)
    ),
    "the owner's cut": Case(
        [(7, "80.0"), (9, "230.0")], [(CUT, 0, None, "80.0"), (NORMAL, 7, 7.0, "80.0")], Thresholds(cut_v=80, cut_s=5)
    ),
    "over the sag's threshold and not normal yet": Case(
        [(70, "190.0"), (30, "203.0"), (9, "230.0")], [(LOW, 0, None, "190.0"), (NORMAL, 100, 70.0, "190.0")], Thresholds(sag_v=200)
    ),
    "normal begins at nine tenths": Case(
        [(70, "190.0"), (9, "207.0")], [(LOW, 0, None, "190.0"), (NORMAL, 70, 70.0, "190.0")], Thresholds(sag_v=200)
    ),
}  # fmt: skip


@pytest.mark.parametrize("phase", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_what_is_told(name: str, phase: int) -> None:
    case = CASES[name]
    parts: list[Part] = [(seconds, None if volts is None else others(phase, volts)) for seconds, volts in case.parts]
    seen = trace(parts, Rules(quality=case.thresholds))
    quality = [one for one in seen.events if one[0] not in (90, None)]
    assert quality == [(int(str(code)) + phase - 1, *rest) for code, *rest in case.events]
    assert {event.phase for event in seen.told if event.code in range(76, 88)} <= {f"L{phase}"}
    assert {event.kind for event in seen.told} <= {"power quality"}


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].events])
def test_a_restart_after_every_reading_tells_the_same(name: str) -> None:
    case = CASES[name]
    parts: list[Part] = [(seconds, None if volts is None else others(2, volts)) for seconds, volts in case.parts]
    rules = Rules(quality=case.thresholds)
    assert trace(parts, rules, restart=True).events == trace(parts, rules).events


def test_all_three_phases_at_once_have_their_own() -> None:
    seen = trace([(70, ["200.0"] * 3), (9, WELL)])
    assert [one[0] for one in seen.events] == [76, 77, 78, 85, 86, 87]
    names = ("voltage_sag_l1_count", "voltage_sag_l2_count", "voltage_sag_l3_count", "voltage_sag_any_count")
    assert [seen.counter(name) for name in names] == [1, 1, 1, 1]


def test_what_the_last_one_was_like() -> None:
    seen = trace([(70, others(2, "200.0")), (9, WELL), (90, others(2, "260.0")), (9, WELL), (80, others(3, "0.0")), (9, WELL)])
    names = (
        "voltage_sag_l2_s",
        "voltage_sag_l2_v",
        "voltage_swell_any_s",
        "voltage_swell_l2_v",
        "voltage_sag_any_s",
        "voltage_sag_l3_count",
    )
    assert [seen.counter(name) for name in names] == [70, 200, 90, 260, 80, 1]
    assert seen.last is not None
    assert seen.last.values["voltage_sag_l2_v"].unit == "V"


def test_a_meter_of_ten_seconds() -> None:
    seen = trace([(70, ["200.0"]), (50, ["230.0"])], step=10)
    assert seen.events == [(76, 0, 70.0, "200.0"), (85, 70, 70.0, "200.0")]
    assert trace([(60, ["200.0"]), (50, ["230.0"])], step=10).events == []


def test_a_meter_without_voltage_has_none() -> None:
    seen = play(telegram(60 * minute, [], {"power_import_w": 300}) for minute in range(60))
    assert (seen.events, seen.rows) == ([], [])
    assert not [name for name in (seen.last.values if seen.last else ()) if "voltage" in name]
