"""A host that does not know the time, or is told another one: what waits for it, what never does, what is stamped how.

The stories are the table of tests/hostlives.py; each is lived once by each meter and then asked.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from p1monitor.observer.clocks import look
from p1monitor.p1.records import SET_LEAST, Reading, Received
from p1monitor.recorder import Queries
from p1monitor.recorder.reading_back import EVER, telegrams
from p1monitor.settings import InfluxSettings
from p1monitor.sinks import House, SinkError, influxdb
from tests.hostlives import (
    CLOCKLESS,
    DAY,
    HOUR,
    LENGTH_S,
    MESSAGE_S,
    METERS,
    PERIOD_S,
    STORIES,
    TRUTH,
    Hands,
    Life,
    Story,
    live,
)
from tests.readings import METER
from tests.services import Victoria

MINUTE = 60
#: How often points are sent.
BATCH_S = 600
UNSET = "the clock of this host is not set yet: readings of a meter without a clock wait for it"
TODAY = datetime.fromtimestamp(TRUTH, UTC).date()
CIV = 2
#: What a life may write to the log: that its telegrams come.
LINES_MOST = 3

Lived = Callable[[str, str], tuple[Life, Path]]

told = pytest.mark.parametrize("name", STORIES)
by_each = pytest.mark.parametrize("meter", METERS)
by_clockless = pytest.mark.parametrize("meter", CLOCKLESS)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Each life is lived once."""

    @cache
    def life(name: str, meter: str) -> tuple[Life, Path]:
        folder = tmp_path_factory.mktemp("life")
        return live(meter, STORIES[name], folder), folder / "history.sqlite"

    return life


def ahead(story: Story, second: int) -> float:
    """By how much the wall clock is ahead of the truth in this second."""
    now = story.boot
    for at, then in story.sets.items():
        now = then if second >= at else now
    return now


def stamp(story: Story, second: int) -> float:
    """The stamp that a reading without a time of its own should get: what the host said, if it was believed then, or else
    what it said when it first was."""
    assert story.known is not None
    return TRUTH + second + ahead(story, max(second, story.known))


def rows(path: Path, sql: str) -> list[Any]:
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def minutes(stamps: Iterator[float]) -> dict[float, int]:
    """Ends of minutes, and the readings in each."""
    found: dict[float, int] = {}
    for at in stamps:
        end = -(-at // MINUTE) * MINUTE
        found[end] = found.get(end, 0) + 1
    return found


# What never waits


@told
@by_each
def test_live_values_never_wait_and_nothing_flips(lived: Lived, name: str, meter: str) -> None:
    life, _ = lived(name, meter)
    assert [moment.second for moment in life.moments] == list(range(0, LENGTH_S, PERIOD_S))
    assert {moment.published for moment in life.moments} == {1}
    assert {moment.live["age_s"] for moment in life.moments} == {0.0}
    assert not any(moment.stale for moment in life.moments)
    said = [text for moment in life.moments for topic, text in moment.topics.items() if topic.endswith("/status")]
    assert said == ["online"]
    state = life.status["meters"][METER]
    assert (state["reconnects"], state["period_s"], state["last_trouble"]) == (0, PERIOD_S, None)
    assert life.status["uptime_s"] == LENGTH_S - 1


@told
@by_each
def test_retained_readings_come_at_their_interval(lived: Lived, name: str, meter: str) -> None:
    life, _ = lived(name, meter)
    assert all(f"p1monitor/{METER}/reading" in moment.topics for moment in life.moments)


@told
@by_each
def test_the_hosts_time_is_told_only_where_it_is_known(lived: Lived, name: str, meter: str) -> None:
    life, _ = lived(name, meter)
    for moment in life.moments:
        shown = moment.live["received"]
        sent = json.loads(moment.topics[f"p1monitor/{METER}/reading"])["received"]
        assert (shown is None) == (sent is None)
        could_be = moment.knows or moment.wall >= SET_LEAST
        assert shown == (datetime.fromtimestamp(moment.wall, UTC).isoformat() if could_be else None)


@told
@by_each
def test_no_good_value_is_held_and_no_line_is_logged_because_of_the_hosts_clock(
    lived: Lived, caplog: pytest.LogCaptureFixture, tmp_path: Path, name: str, meter: str
) -> None:
    quiet, _ = lived("right", meter)
    with caplog.at_level("INFO", logger="p1monitor"):
        life = live(meter, STORIES[name], tmp_path)
    assert life.status["meters"][METER]["held"] == quiet.status["meters"][METER]["held"]
    assert len(caplog.records) <= LINES_MOST
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_the_status_tells_when_the_daemon_started_once_the_clock_is_right(lived: Lived) -> None:
    life, _ = lived("1970, set after an hour", "esmr5")
    assert life.status["started"] == TRUTH


# The history


@told
def test_a_meter_with_a_clock_stamps_its_own_rows_whatever_the_host_says(lived: Lived, name: str) -> None:
    life, path = lived(name, "esmr5")
    truth = minutes(TRUTH + second for second in range(0, LENGTH_S, PERIOD_S))
    assert dict(rows(path, 'SELECT "end", samples FROM minute')) == truth
    assert rows(path, f"SELECT status FROM load_profile WHERE status & {CIV}") == []
    assert not life.counted


@pytest.mark.parametrize("name", [name for name, story in STORIES.items() if story.known is not None])
@by_clockless
def test_readings_without_a_clock_get_their_stamps_in_order_by_how_long_ago_they_came(lived: Lived, name: str, meter: str) -> None:
    life, path = lived(name, meter)
    story = STORIES[name]
    expected = minutes(stamp(story, second) for second in range(0, LENGTH_S, PERIOD_S))
    assert dict(rows(path, 'SELECT "end", samples FROM minute')) == expected
    assert not life.counted


@by_clockless
def test_readings_of_a_host_that_never_knows_wait_in_the_journal(lived: Lived, meter: str) -> None:
    life, path = lived("1970 for ever", meter)
    assert rows(path, 'SELECT "end" FROM minute') == []
    assert not life.counted
    assert list(telegrams(path, None, *EVER)) == [moment.reading.frame for moment in life.moments]


@told
@by_each
def test_nothing_in_the_history_is_negative_or_begins_in_1970(lived: Lived, name: str, meter: str) -> None:
    _, path = lived(name, meter)
    for table in ("minute", "load_profile", "daily_profile", "mbus_profile"):
        for start, end in rows(path, f'SELECT start, "end" FROM {table}'):
            assert TRUTH - 4 * DAY < start < end
    ends = [end for (end,) in rows(path, 'SELECT "end" FROM minute WHERE "end" % 900 = 0 ORDER BY "end"')]
    queries = Queries(path)
    try:
        asked = [(start, end) for start in ends for end in ends if start < end]
        gone = [one for span in asked for used in queries.used(METER, *span).values() for one in used.values()]
    finally:
        queries.close()
    assert all(one is None or one >= 0 for one in gone)
    assert any(gone) or not ends


@told
@by_each
def test_events_have_a_sane_time_or_none(lived: Lived, name: str, meter: str) -> None:
    life, path = lived(name, meter)
    story = STORIES[name]
    second = next(moment.second for moment in life.moments if moment.reading.events)
    assert second in range(MESSAGE_S, MESSAGE_S + 2 * PERIOD_S)  # without a checksum it must be told twice
    events = rows(path, "SELECT at, received, kind FROM event WHERE kind <> 'clock'")
    if story.known is None and meter in CLOCKLESS:
        assert events == []
        return
    ((at, received, kind),) = events
    assert kind == "message"
    assert (None if at is None else datetime.fromisoformat(at).timestamp()) == (None if meter in CLOCKLESS else TRUTH + second)
    if received is None:
        assert meter not in CLOCKLESS  # which has told when it was
    else:
        assert received == stamp(story, second)


def test_a_host_that_begins_at_its_last_shutdown_is_no_witness_against_the_meter(lived: Lived) -> None:
    first, last = (lived("right", "esmr5")[0].moments[index].reading for index in (0, -1))
    before = look(None, first._replace(received=Received(TRUTH, 10.0))).clock
    # It ran for ten seconds, was off for three days, and goes on where it was: its monotonic clock tells nothing of that.
    later = datetime.fromtimestamp(TRUTH + 3 * DAY, UTC)
    seen = look(before, last._replace(at=later, received=Received(TRUTH + 20, 60.0, known=False)))
    assert (seen.at, seen.events) == (later.timestamp(), ())
    accused = look(before, last._replace(at=later, received=Received(TRUTH + 20, 60.0)))
    assert (accused.at, len(accused.events)) == (None, 1)


# InfluxDB


@pytest.mark.parametrize("name", [name for name, story in STORIES.items() if ahead(story, LENGTH_S) == 0])
def test_points_of_a_meter_without_a_clock_wait_and_are_sent_once_with_the_stamps_of_the_history(
    lived: Lived, victoria: Victoria, name: str
) -> None:
    moments, story = lived(name, "me381")[0].moments, STORIES[name]
    hands = Hands(story.boot)
    house = House("abc", (METER,), "test", knows_time=lambda: bool(moments[done].knows))
    sink = influxdb.build(InfluxSettings(victoria.url, "home", "energy"), house, hands)
    sink.open()
    waiting: list[Reading] = []
    refusals: list[tuple[str, bool, bool]] = []
    for done, moment in enumerate(moments):
        hands.second, hands.ahead = moment.second, ahead(story, moment.second)
        waiting.append(moment.reading)
        if len(waiting) >= BATCH_S // PERIOD_S or done == len(moments) - 1:
            try:
                sink.deliver(waiting)
            except SinkError as error:
                refusals.append((str(error), error.permanent, moment.knows))
            else:
                waiting.clear()
    sink.close()
    victoria.flush()
    (series,) = victoria.export('{__name__="p1_power_w",role="electricity"}')
    # What was believed to be in 2031 this server does not take.
    stamps = {round(at * 1000) for moment in moments if (at := stamp(story, moment.second)) < TRUTH + DAY}
    assert set(series["timestamps"]) == stamps  # type: ignore[call-overload]
    assert set(refusals) <= {(UNSET, False, False)}
    assert bool(refusals) == (story.known is not None and story.known >= BATCH_S)


# Today


@told
@by_each
def test_today_goes_on_from_before_the_power_was_lost(lived: Lived, name: str, meter: str) -> None:
    life, _ = lived(name, meter)
    quiet, _ = lived("right", meter)
    days = {total.day for total in life.memory.totals.values()}
    shown = [moment.reading.values.get("energy_import_today_kwh") for moment in life.moments]
    numbers = [one.value for one in shown if one is not None and isinstance(one.value, Decimal)]
    assert all(number >= 0 for number in numbers)
    if name == "three days behind, never set" and meter in CLOCKLESS:
        return  # it is believed after ten minutes, for nobody says otherwise
    assert days == {TODAY.toordinal()}
    if name == "2031, believed, set after an hour" and meter in CLOCKLESS:
        assert numbers[-1] < Decimal(1)  # another day had begun: today is counted from when the clock was set
    elif numbers:
        assert numbers[-1] == quiet.moments[-1].reading.values["energy_import_today_kwh"].value
    else:
        assert (name, meter in CLOCKLESS) == ("1970 for ever", True)


# Waiting is told


def test_a_host_that_is_set_to_a_year_that_cannot_be_is_not_believed_any_more(lived: Lived) -> None:
    knows: Mapping[int, bool] = {moment.second: moment.knows for moment in lived("1970, set after an hour", "dsmr22")[0].moments}
    assert not knows[HOUR - PERIOD_S]
    assert knows[HOUR]
