"""Who plays what: roles of M-Bus devices, kept for good; replaced meters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from p1monitor.observer import Bound, Memory
from p1monitor.p1.records import Reading
from tests.observing import NOON, run, shown
from tests.readings import device, reading


def roles(seen: Reading) -> dict[str, str]:
    return {one.equipment_id: one.role for one in seen.devices}


def test_a_device_gets_its_role_by_its_medium_whatever_its_channel() -> None:
    _, (seen,) = run([reading(NOON, devices=[device("water", channel=1, equipment_id="W"), device(channel=4)])])
    assert roles(seen) == {"W": "water", "G1": "gas"}


def test_a_device_that_was_never_read_gets_no_role_until_it_is() -> None:
    dead, gas = device(value=None, channel=1, equipment_id="OLD"), device(channel=2)
    memory, seen = run([reading(NOON, devices=[dead, gas])])
    assert roles(seen[0]) == {"G1": "gas"}
    _, seen = run([reading(NOON, devices=[device(channel=1, equipment_id="OLD"), gas])], memory)
    assert roles(seen[0]) == {"G1": "gas", "OLD": "gas_2"}


def test_of_two_at_first_sight_the_one_with_the_newest_capture_is_the_first() -> None:
    dead = device(at=NOON - timedelta(days=90), channel=1, equipment_id="DEAD")
    live = device(at=NOON, channel=2, equipment_id="LIVE")
    _, (seen,) = run([reading(NOON, devices=[dead, live])])
    assert roles(seen) == {"DEAD": "gas_2", "LIVE": "gas"}
    assert [one.equipment_id for one in seen.devices] == ["DEAD", "LIVE"]


def test_a_role_follows_its_device_to_another_channel_without_a_word() -> None:
    _, seen = run([reading(NOON, devices=[device(channel=1)]), reading(NOON, devices=[device(channel=3)])])
    assert roles(seen[1]) == {"G1": "gas"}
    assert seen[1].events == ()


@pytest.mark.parametrize("channel", [1, 2])
def test_a_new_device_in_the_place_of_the_only_one_is_its_replacement(channel: int) -> None:
    first, second = device(equipment_id="OLD"), device(equipment_id="NEW", channel=channel)
    _, seen = run([reading(NOON, devices=[first]), reading(NOON, devices=[second]), reading(NOON, devices=[second])])
    assert roles(seen[1]) == {"NEW": "gas"}
    (event,) = seen[1].events
    assert (event.kind, event.channel, event.words) == ("swap", channel, "gas: meter OLD was replaced by NEW")
    assert seen[2].events == ()


def test_a_new_device_beside_the_old_one_is_a_second_one() -> None:
    old, new = device(equipment_id="OLD"), device(equipment_id="NEW", channel=2)
    _, seen = run([reading(NOON, devices=[old]), reading(NOON, devices=[old, new])])
    assert roles(seen[1]) == {"OLD": "gas", "NEW": "gas_2"}


CAPTURED = [NOON + timedelta(hours=hour) for hour in range(60)]


def beside(
    old: Sequence[datetime], new: Sequence[datetime | None], names: tuple[str, str] = ("OLD", "NEW")
) -> tuple[list[dict[str, str]], list[str]]:
    """Two gas meters, each with its captures, telegram after telegram: their roles, and what was told."""
    story = [
        reading(
            max(first, second or first),
            devices=[
                device(equipment_id=names[0], at=first),
                *([device(equipment_id=names[1], at=second, channel=2)] if second else []),
            ],
        )
        for first, second in zip(old, new, strict=True)
    ]
    _, seen = run(story)
    return [roles(one) for one in seen], [event.words for one in seen for event in one.events]


def test_a_new_device_takes_the_role_over_when_the_old_one_has_stood_still_for_a_day() -> None:
    seen, told = beside([CAPTURED[0]] * 40, [None, *CAPTURED[1:40]])
    assert seen[0] == seen[23] == {"OLD": "gas"}
    assert seen[24] == seen[39] == {"NEW": "gas"}
    assert told == ["gas: meter OLD was replaced by NEW"]


def test_a_new_device_beside_one_that_still_captures_is_a_second_one() -> None:
    seen, told = beside(CAPTURED[:4], [None, *CAPTURED[1:4]])
    assert seen == [{"OLD": "gas"}, {"OLD": "gas"}, *[{"OLD": "gas", "NEW": "gas_2"}] * 2]
    assert told == []


def test_a_dead_device_that_comes_back_into_the_telegram_gets_no_role() -> None:
    seen, _ = beside(CAPTURED[30:60], [None, *[CAPTURED[0]] * 29], ("LIVE", "DEAD"))
    assert seen == [{"LIVE": "gas"}] * 30


def test_one_of_two_is_replaced_on_its_own_channel() -> None:
    one, two, new = (device(equipment_id=name, channel=n) for name, n in (("A", 1), ("B", 2), ("C", 2)))
    _, seen = run([reading(NOON, devices=[one, two]), reading(NOON, devices=[one, new])])
    assert roles(seen[0]) == {"A": "gas", "B": "gas_2"}
    assert roles(seen[1]) == {"A": "gas", "C": "gas_2"}


def test_without_identifier_channel_and_medium_tell_who_it_is() -> None:
    nameless = [device(equipment_id="", channel=1), device("water", equipment_id="", channel=2)]
    _, seen = run([reading(NOON, devices=nameless), reading(NOON, devices=nameless[::-1])])
    assert [[one.role for one in each.devices] for each in seen] == [["gas", "water"], ["water", "gas"]]


def test_an_identifier_that_is_missing_for_a_while_is_no_swap() -> None:
    shown, hidden = device(), device(equipment_id="")
    memory, seen = run([reading(NOON, devices=[one]) for one in (hidden, shown, hidden, shown)])
    assert all([one.role for one in each.devices] == ["gas"] and not each.events for each in seen)
    assert Bound("gas", "gas", 1, "G1") in memory.roles


def test_an_electric_submeter_is_not_the_electricity_meter() -> None:
    _, (seen,) = run([reading(NOON, devices=[device("electricity", unit="kWh", equipment_id="S")])])
    assert roles(seen) == {"S": "electricity_2"}


def test_a_new_electricity_meter_is_told_once() -> None:
    _, seen = run([reading(NOON, equipment_id=name) for name in ("E1", "", "E2", "E2")])
    assert [[event.words for event in each.events] for each in seen] == [
        [],
        [],
        ["electricity: meter E1 was replaced by E2"],
        [],
    ]


# As the configuration says


OLD, NEW = device(at=NOON, equipment_id="OLD"), device(at=NOON, equipment_id="NEW", channel=2)
BOTH = reading(NOON, devices=[OLD, NEW])


def later(hours: float, *ids: str) -> Reading:
    at = NOON + timedelta(hours=hours)
    return reading(at, devices=[device(value=f"{100 + hours}", at=at, equipment_id=one, channel=n) for n, one in enumerate(ids, 1)])


def cast(configured: Mapping[str, str], *readings: Reading, memory: Memory | None = None) -> tuple[list[dict[str, str]], list[str]]:
    _, seen = run(readings, memory, configured)
    return [roles(one) for one in seen], [event.words for one in seen for event in one.events]


def test_a_configured_device_has_its_role_at_once_and_the_old_one_loses_it() -> None:
    memory, _ = run([reading(NOON, devices=[OLD])])
    seen, told = cast({"NEW": "gas"}, BOTH, later(1, "OLD", "NEW"), memory=memory)
    assert seen == [{"OLD": "gas_2", "NEW": "gas"}] * 2
    assert told == ["gas: meter OLD was replaced by NEW"]


def test_of_several_at_first_sight_the_configured_one_has_the_role() -> None:
    assert cast({"OLD": "gas"}, BOTH)[0] == [{"OLD": "gas", "NEW": "gas_2"}]
    assert cast({"NEW": "gas"}, BOTH) == ([{"OLD": "gas_2", "NEW": "gas"}], [])


def test_two_that_have_their_roles_the_wrong_way_round_change_places() -> None:
    memory, (before,) = run([BOTH])
    assert roles(before) == {"OLD": "gas", "NEW": "gas_2"}
    seen, told = cast({"NEW": "gas"}, BOTH, BOTH, memory=memory)
    assert seen == [{"OLD": "gas_2", "NEW": "gas"}] * 2
    assert told == ["gas_2: meter NEW was replaced by OLD", "gas: meter OLD was replaced by NEW"]


def test_registers_of_those_that_change_places_are_new_segments() -> None:
    counts = [("812.0", "5.0"), ("812.1", "5.1")]
    story = [
        reading(
            NOON + timedelta(minutes=5 * n),
            devices=[device(value=one, equipment_id="OLD"), device(value=two, equipment_id="NEW", channel=2)],
        )
        for n, (one, two) in enumerate(counts)
    ]
    memory, _ = run(story[:1])
    _, (seen,) = run(story[1:], memory, {"NEW": "gas"})
    assert [shown(one.values, "gas_m3") for one in seen.devices] == ["812.1", "5.1"]


def test_a_role_that_waits_for_its_device_stays_with_who_has_it_and_is_given_to_nobody_else() -> None:
    memory, _ = run([later(0, "OLD")])
    assert cast({"LATER": "gas"}, later(1, "OLD"), later(2, "OTHER"), later(3, "OTHER", "LATER"), memory=memory)[0] == [
        {"OLD": "gas"},
        {"OTHER": "gas_2"},
        {"OTHER": "gas_2", "LATER": "gas"},
    ]
    assert cast({"LATER": "gas"}, later(0, "OLD"))[0] == [{"OLD": "gas_2"}]


def test_a_configured_device_that_stands_still_keeps_its_role() -> None:
    dead = device(at=NOON, equipment_id="DEAD")
    story = [
        reading(NOON + timedelta(hours=n), devices=[dead, device(at=NOON + timedelta(hours=n), equipment_id="LIVE", channel=2)])
        for n in range(40)
    ]
    assert cast({"DEAD": "gas"}, reading(NOON, devices=[dead]), *story)[0][-1] == {"DEAD": "gas", "LIVE": "gas_2"}


def test_a_device_is_never_cast_as_another_medium() -> None:
    assert cast({"W": "gas"}, reading(NOON, devices=[device("water", equipment_id="W")])) == ([{"W": "water"}], [])


def test_a_role_left_behind_begins_anew() -> None:
    far = reading(NOON, devices=[OLD, device(value="900", at=NOON, equipment_id="NEW", channel=2)])
    memory, _ = run([far])
    memory, _ = run([far], memory, {"NEW": "gas_5"})
    _, (*_, seen) = run([later(n, "OLD", "NEW", "THIRD") for n in (1, 2)], memory, {"NEW": "gas_5"})
    assert roles(seen) == {"OLD": "gas", "NEW": "gas_5", "THIRD": "gas_2"}
    assert shown(seen.devices[2].values, "gas_m3") == "102"  # not held for what gas_2 had counted
