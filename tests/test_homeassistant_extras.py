"""What Home Assistant is told beside the values, what it is told of again, and what is taken back. No broker."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from p1monitor.p1.records import Reading, Received
from p1monitor.sinks import House, Spent
from p1monitor.sinks.health import EVERY_S, LOOKS, Health
from p1monitor.sinks.homeassistant import ANNOUNCED_MOST, recalled
from p1monitor.sinks.homeassistant_extras import EXTRAS, KINDS, MESSAGE
from p1monitor.sinks.retained import GONE_S, Retained
from p1monitor.sinks.topics import Topics
from tests.meter_with_gas import reading

DOCS = Path(__file__).parent.parent / "docs"
TOPICS = Topics("p1monitor", "homeassistant")
HOUSE = House("abc123", ("home", "home-gas"), "0.1.0", frames=lambda _: (99, 1))
MAIN, GAS, WATER = (f"homeassistant/device/p1monitor-abc123-home{role}/config" for role in ("", "-gas", "-water"))


def components(announcement: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(announcement)["cmps"]
    return told


def test_every_kind_of_event_that_is_documented_has_a_type() -> None:
    table = (DOCS / "mqtt.md").read_text().partition("| kind | what happened")[2].partition("\n\n")[0]
    kinds = {kind for row in re.findall(r"^\| (`.*?`) \|", table, flags=re.MULTILINE) for kind in re.findall(r"`([^`]+)`", row)}
    assert {*KINDS, MESSAGE} == kinds


def test_extras_are_the_electricity_meters() -> None:
    payloads = Retained(HOUSE, TOPICS, 10).take(reading(), 0.0)
    assert EXTRAS.keys() <= components(payloads[MAIN]).keys()
    assert not EXTRAS.keys() & components(payloads[GAS]).keys()
    events = components(payloads[MAIN])["events"]
    assert (events["p"], events["stat_t"]) == ("event", "p1monitor/home/event")
    assert "avty" not in events
    assert components(payloads[MAIN])["last_telegram"]["avty"] == [{"t": "p1monitor/status"}]


def test_link_quality_is_of_the_last_quarter_of_an_hour() -> None:
    health = Health()
    assert health.look(0, 0) is None
    assert health.look(30, 30) == 50
    for minute in range(1, LOOKS):
        assert health.look(30 + 60 * minute, 30) != 100
    assert health.look(30 + 60 * LOOKS, 30) == 100
    assert health.look(30 + 60 * LOOKS + 2, 31) == Decimal("99.9")


def test_health_is_told_each_minute_and_when_a_meter_falls_silent() -> None:
    kept = Retained(HOUSE, TOPICS, 10)
    kept.take(reading(1, monotonic=100.0), 100.0)
    first = kept.ages(100.0)["p1monitor/home/health"]
    assert json.loads(first) == {"meter": "home", "link_quality_percent": 99.0, "last_telegram": "2026-01-10T12:00:01+00:00"}
    kept.take(reading(2, monotonic=101.0), 101.0)
    assert "p1monitor/home/health" not in kept.ages(101.0)
    kept.take(reading(3, monotonic=120.0), 120.0)
    silent = kept.ages(150.0)
    assert silent["p1monitor/home/status"] == "offline"
    assert json.loads(silent["p1monitor/home/health"])["last_telegram"] == "2026-01-10T12:00:03+00:00"
    later = 150 + EVERY_S
    unknown = reading(4, monotonic=later)._replace(received=Received(60.0, later, known=False))
    kept.take(unknown, later)
    assert json.loads(kept.ages(later)["p1monitor/home/health"])["last_telegram"] is None


def test_a_submeter_that_is_gone_for_a_day_is_taken_back() -> None:
    kept = Retained(HOUSE, TOPICS, 10)
    kept.take(reading(1), 0.0)
    assert WATER not in kept.take(reading(2, water=None), GONE_S - 1)
    gone = kept.take(reading(3, water=None), GONE_S)
    assert {topic: text for topic, text in gone.items() if "water" in topic} == {WATER: "", "p1monitor/home/water": ""}
    assert not [topic for topic in kept.everything() if "water" in topic]
    back = kept.take(reading(4), GONE_S + 1)
    assert {WATER, "p1monitor/home/water"} <= back.keys()
    assert GAS in kept.everything()


def test_a_pause_of_the_whole_meter_takes_nothing_back() -> None:
    kept = Retained(HOUSE, TOPICS, 10)
    kept.take(reading(1), 0.0)
    later = kept.take(reading(2), 3 * GONE_S)
    assert not [topic for topic, text in later.items() if not text and "config" in topic]


def test_what_was_announced_in_an_earlier_life_is_announced_again() -> None:
    before = Retained(HOUSE, TOPICS, 10).take(reading(1, message="hello"), 0.0)
    kept = Retained(HOUSE, TOPICS, 10)
    kept.recall(MAIN, before[MAIN], 0.0)
    kept.recall(WATER, before[WATER], 0.0)
    now = kept.take(reading(2, water=None), 0.0)
    assert now[MAIN] == before[MAIN], "the message is there, though there is none"
    assert WATER not in now
    later = kept.take(reading(3, water=None), GONE_S)
    assert later[WATER] == ""


def test_an_entity_that_there_is_no_more_is_let_go_of_and_then_dropped() -> None:
    old = json.loads(Retained(HOUSE, TOPICS, 10).take(reading(1), 0.0)[MAIN])
    old["cmps"]["of_old"] = {"p": "binary_sensor", "uniq_id": "x"}
    kept = Retained(HOUSE, TOPICS, 10)
    kept.take(reading(1), 0.0)
    kept.recall(MAIN, json.dumps(old), 0.0)
    assert components(kept.take(reading(2), 0.0)[MAIN])["of_old"] == {"p": "binary_sensor"}
    assert "of_old" not in components(kept.take(reading(3), 0.0)[MAIN])
    assert MAIN not in kept.take(reading(4), 0.0)


def test_announcements_of_others_are_not_ours() -> None:
    kept = Retained(HOUSE, TOPICS, 10)
    theirs = '{"cmps": {"x": {"p": "sensor"}}}'
    for topic in ("homeassistant/device/other/config", MAIN.replace("home/", "homes/"), GAS + "/x", MAIN.replace("abc", "abd")):
        kept.recall(topic, theirs, 0.0)
    kept.recall("homeassistant/device/p1monitor-abc123-home--gas/config", theirs, 0.0)  # of the other meter
    assert "x" not in components(kept.take(reading(), 0.0)[MAIN])


def test_what_is_no_announcement_is_left_alone() -> None:
    for text in ("", "[]", "{", "null", '{"cmps": 3}', '{"cmps": {"a": 1, "b": {"p": 2}}}', "[" * 99_999):
        assert recalled("", text) == (frozenset(), {})
    many = {f"x{n}": {"p": "sensor"} for n in range(3 * ANNOUNCED_MOST)}
    assert len(recalled("", json.dumps({"cmps": many}))[1]) == ANNOUNCED_MOST


def test_what_was_used_this_month_is_told_where_the_history_knows_it() -> None:
    used = {"energy_import_kwh": Decimal("120.001"), "energy_import_t1_kwh": Decimal(1), "gas_m3": Decimal("45.100")}
    asked = []

    def spent(reading: Reading) -> Mapping[str, Spent]:
        asked.append(reading.seq)
        return {"month": used if reading.seq == 3 else {}}

    kept = Retained(replace(HOUSE, spent=spent), TOPICS, 10)
    first = kept.take(reading(1), 0.0)
    assert "p1monitor/home/month" not in first
    assert not [name for name in components(first[MAIN]) if name.startswith("month")]
    assert MAIN not in kept.take(reading(2), 5.0)
    then = kept.take(reading(3), 10.0)
    assert json.loads(then["p1monitor/home/month"]) == {"meter": "home", "energy_import_kwh": 120.001, "gas_m3": 45.1}
    assert {name for name in components(then[MAIN]) if name.startswith("month")} == {"month_energy_import_kwh", "month_gas_m3"}
    gas = components(then[MAIN])["month_gas_m3"]
    assert (gas["name"], gas["dev_cla"], gas["stat_cla"], gas["stat_t"]) == (
        "Gas this month",
        "gas",
        "total_increasing",
        "p1monitor/home/month",
    )
    assert kept.take(reading(4), 20.0).keys() == {"p1monitor/home/reading"}, "what is not known for a moment stays as it was"
    assert asked == [1, 3, 4], "once per interval"
    again = Retained(HOUSE, TOPICS, 10)
    again.recall(MAIN, then[MAIN], 0.0)
    assert not [one for one in components(again.take(reading(4), 0.0)[MAIN]).values() if one.keys() == {"p"}], "it comes again"
