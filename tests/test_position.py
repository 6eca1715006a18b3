"""How far a sink has come: what it took, what it is owed, and what is noted of both."""

from __future__ import annotations

import random

import pytest

from p1monitor.recorder.position import OWED_MOST, Position


def test_what_comes_in_order_leaves_no_hole() -> None:
    position = Position(5)
    for seq in (6, 7, 8):
        position = position.took(seq)
    assert position == Position(8)
    assert (position.cursor, position.missing) == (8, 0)


def test_what_was_passed_over_is_owed_until_it_is_made_good() -> None:
    position = Position(100).took(500).took(501).left(502).left(503).took(504)
    assert position == Position(504, ((101, 499), (502, 503)))
    assert (position.cursor, position.missing) == (100, 401)
    assert position.took(300) == position  # it was passed over before
    position = position.made_good(250)
    assert position.cursor == 250
    assert position.made_good(499) == Position(504, ((502, 503),))
    assert position.made_good(499).made_good(503) == Position(504)


def test_holes_are_bounded_and_nothing_is_lost_by_that() -> None:
    chance, position, taken = random.Random(1), Position(0), set[int]()
    for seq in range(1, 2000):
        if chance.random() < 0.5:
            position = position.took(seq)
            taken.add(seq)
        assert len(position.owed) <= OWED_MOST
    owed = {seq for first, last in position.owed for seq in range(first, last + 1)}
    assert owed | taken >= set(range(1, position.upto + 1))


@pytest.mark.parametrize("position", [Position(0), Position(6000), Position(504, ((101, 499), (502, 503)))])
def test_it_is_noted_and_read_back(position: Position) -> None:
    assert Position.read(str(position)) == position


@pytest.mark.parametrize("text", ["", "six", "6 4", "6 4-5-6", "6  4-5"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|not enough|too many"):
        Position.read(text)
