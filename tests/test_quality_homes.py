"""A month of simulated homes: a Belgian delta net has no false event, and a net with dips exactly those."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from p1monitor.observer import Memory, observe
from p1monitor.observer.levels import PERIOD_S
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.grid import INSTALLED
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Event, QualityRow, Reading, Received
from p1monitor.p1.telegram import parse, render

BEGIN = datetime(2026, 2, 1, tzinfo=UTC)
DAYS = 28
#: A telegram each so many seconds …
COARSE_S = 180
#: … but each so many days an hour with one every second, and so around the one swell that the net has in this month, on L1.
FINE_DAYS, FINE_S = 14, 3600
SWELL, SWELL_S = INSTALLED + 6 * 149 * 86_400 - 75, 75


def home(model: str, seed: int, moments: Iterator[int]) -> Iterator[Reading]:
    """What this home's meter sends at these moments."""
    for second in moments:
        moment = datetime.fromtimestamp(second, UTC)
        frame = next(event for event in Framer().feed(render(MODELS[model].telegram(moment, seed))) if isinstance(event, Frame))
        yield decode(parse(frame), Received(float(second), second - BEGIN.timestamp()))


def month() -> Iterator[int]:
    """Seconds of a month."""
    begin = int(BEGIN.timestamp())
    for second in range(begin, begin + DAYS * 86_400):
        fine = (second - begin) % (FINE_DAYS * 86_400) < FINE_S or abs(second - SWELL) < FINE_S / 4
        if fine or second % COARSE_S == 0:
            yield second


def lived(readings: Iterator[Reading]) -> tuple[Memory, list[Event], list[QualityRow]]:
    """Observe it all."""
    memory, events, rows = Memory(), list[Event](), list[QualityRow]()
    for reading in readings:
        memory, seen = observe(memory, reading)
        events += [event for event in seen.events if event.kind in {"power quality", "power failure"}]
        rows += [seen.quality] if seen.quality else []
    return memory, events, rows


@pytest.mark.parametrize("seed", [4, 7])
def test_a_month_of_a_delta_net_has_no_event_but_the_nets_own(seed: int) -> None:
    """Even seeds have 0 V on their second phase, odd ones 133 V on each."""
    _, events, rows = lived(home("delta", seed, month()))
    begun, over = events
    assert (begun.code, begun.at, over.code, over.seconds) == (79, datetime.fromtimestamp(SWELL, UTC), 85, SWELL_S)
    assert len(rows) == DAYS * 86_400 // PERIOD_S - 1


def test_each_dip_of_the_net_is_told_once_with_its_beginning_and_its_75_seconds() -> None:
    """The first sag of the second phase comes 83 days after the meter."""
    dip = INSTALLED + 83 * 86_400 - 75
    _, events, _ = lived(home("emucs3", 7, iter(range(dip - 900, dip + 200))))
    assert [event.code for event in events] == [77, 86]
    assert events[0].at == datetime.fromtimestamp(dip, UTC)
    assert events[1].at == datetime.fromtimestamp(dip, UTC) + timedelta(seconds=75)
    assert events[1].seconds == 75


def test_a_dutch_meters_log_and_its_count_of_that_dip_are_told_once() -> None:
    dip = INSTALLED + 83 * 86_400 - 75
    _, events, _ = lived(home("esmr5", 7, iter(range(dip - 900, dip + 400))))
    assert [event.code for event in events if event.kind == "power quality"] == [77, 86]
    failures = [event for event in events if event.kind == "power failure"]
    assert len(failures) == len({event.at for event in failures}) > 0
