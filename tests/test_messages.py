"""Messages of the grid company: when they came, when they went, and who is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from p1monitor.observer import Memory
from p1monitor.p1.records import Reading, Received
from p1monitor.p1.telegram import Telegram
from p1monitor.sinks.topics import event_text, message_text, reading_text
from tests.observing import NOON, WITHOUT_CRC, came, run
from tests.readings import reading

DAMAGED = Telegram("TST5", (), "absent", ("0-0:96.13.0(68\x0065",))
HELLO = {"message_text": "hello"}


def said(*texts: str | None, memory: Memory | None = None) -> list[Reading]:
    """A minute apart, of a meter with a clock."""
    story = (reading(NOON + timedelta(minutes=n), message_text=text) for n, text in enumerate(texts))
    return run(story, memory)[1]


def words(seen: list[Reading]) -> list[list[str]]:
    return [[event.words for event in one.events] for one in seen]


def test_a_message_is_told_when_it_comes_changes_and_goes() -> None:
    seen = said(None, "hello", "hello", "again", None, None)
    assert words(seen) == [
        [],
        ["message: hello"],
        [],
        ["message: again"],
        ["message cleared, it stood since 2026-01-15 11:03 UTC"],
        [],
    ]
    minutes = [(event.at, event.since) for one in seen for event in one.events]
    first, second, last = (NOON + timedelta(minutes=n) for n in (1, 3, 4))
    assert minutes == [(first, None), (second, first), (last, second)]


def test_text_and_code_are_independent() -> None:
    both = reading(NOON, message_text="hello", message_code="42")
    _, seen = run([both, reading(NOON + timedelta(minutes=1), message_code="42")])
    assert [(event.kind, event.code, event.words) for event in seen[0].events] == [
        ("message", None, "message: hello"),
        ("message", 42, "message code: 42"),
    ]
    assert [event.words for event in seen[1].events] == ["message cleared, it stood since 2026-01-15 11:00 UTC"]
    assert [message_text(one) for one in seen] == ["hello", ""]
    assert json.loads(reading_text(seen[1]))["message_code_timestamp"] == NOON.isoformat()


def test_a_standing_message_is_not_told_again_after_a_restart_and_keeps_its_time() -> None:
    memory, _ = run([reading(NOON, message_text="hello")])
    again = Memory.from_json(json.loads(json.dumps(memory.to_json())))
    seen = said("hello", None, memory=again)
    assert words(seen) == [[], ["message cleared, it stood since 2026-01-15 11:00 UTC"]]
    assert seen[0].values["message_text"].at == NOON


def test_a_message_that_an_older_program_remembered_has_no_time() -> None:
    seen = said("hello", None, memory=Memory.from_json({"seq": 3, "messages": HELLO}))
    assert words(seen) == [[], ["message cleared"]]
    assert seen[0].values["message_text"].at is None


def test_a_meter_without_a_clock_has_the_hosts_time_where_that_is_set() -> None:
    _, (seen,) = run([reading(None, received=came(90), message_text="hello")])
    assert seen.values["message_text"].at == (NOON + timedelta(seconds=90)).astimezone(UTC)
    _, (seen,) = run([reading(None, received=Received(60.0, 5.0, known=False), message_text="hello")])
    assert seen.values["message_text"].at is None


def test_a_message_whose_line_was_damaged_still_stands() -> None:
    story = [HELLO, HELLO, HELLO, {}, {}, {}]
    telegrams = [WITHOUT_CRC] * 2 + [DAMAGED] + [WITHOUT_CRC] * 3
    story[2] = {}
    _, seen = run(reading(None, telegram=telegram, values=values) for telegram, values in zip(telegrams, story, strict=True))
    assert words(seen) == [[], ["message: hello"], [], [], ["message cleared"], []]


def test_without_crc_a_message_must_be_told_twice_and_is_not_sent_before() -> None:
    texts = ("hello", "hello", "hellp", "hello", "bye", "bye")
    _, seen = run(reading(None, telegram=WITHOUT_CRC, message_text=text) for text in texts)
    assert words(seen) == [[], ["message: hello"], [], [], [], ["message: bye"]]
    assert [message_text(one) for one in seen] == [None, "hello", None, "hello", None, "bye"]
    assert "hellp" not in reading_text(seen[2])


@pytest.mark.parametrize("text", ["", None])
def test_no_message_is_empty(text: str | None) -> None:
    (seen,) = said(text)
    assert message_text(seen) == ""


def test_since_when_a_message_stands_is_sent() -> None:
    _, cleared = seen = said("hello", None)
    assert json.loads(reading_text(seen[0]))["message_text_timestamp"] == "2026-01-15T12:00:00+01:00"
    told = json.loads(event_text(cleared, cleared.events[0]))
    assert (datetime.fromisoformat(told["since"]), datetime.fromisoformat(told["at"])) == (NOON, NOON + timedelta(minutes=1))
