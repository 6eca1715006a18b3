"""Simulated meters as sources: when they send, not what."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.sources import SourceError
from p1monitor.sources.simulated import SimulatedSource
from tests.lines import FakeClock


@pytest.mark.parametrize("name", list(MODELS))
def test_a_telegram_comes_at_each_whole_period(name: str) -> None:
    clock = FakeClock(1_800_000_003.7)
    model = MODELS[name]
    source = SimulatedSource(name, 7, clock)
    source.open()
    due = 1_800_000_003.7 // model.period_s * model.period_s
    telegrams = 0
    for chunk in source.chunks():
        if not chunk:
            continue
        telegrams += 1
        due += model.period_s
        assert clock.now == pytest.approx(due)
        assert chunk == render(model.telegram(datetime.fromtimestamp(due, UTC), 7))
        assert [type(event) for event in Framer().feed(chunk)] == [Frame]
        if telegrams == 5:
            source.close()
    assert telegrams == 5


def test_silence_is_told_between_the_telegrams_of_a_slow_meter() -> None:
    slow = max(MODELS, key=lambda name: MODELS[name].period_s)
    clock = FakeClock(1_800_000_000.0)
    source = SimulatedSource(slow, 0, clock)
    source.open()
    chunks = source.chunks()
    heard = [bool(next(chunks)) for _ in range(20)]
    assert heard.count(True) == 2
    assert all(wait <= 1 for wait in clock.waits)


def test_a_clock_that_is_set_back_is_followed() -> None:
    clock = FakeClock(1_800_000_000.5)
    source = SimulatedSource("esmr5" if "esmr5" in MODELS else None, 0, clock)
    source.open()
    chunks = source.chunks()
    next(chunks)
    clock.now -= 86400
    assert next(chunks)


def test_closing_ends_the_wait_at_once() -> None:
    slow = max(MODELS, key=lambda name: MODELS[name].period_s)
    source = SimulatedSource(slow)
    source.open()
    thread = threading.Thread(target=lambda: [None for _ in source.chunks()])
    thread.start()
    began = time.monotonic()
    source.close()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - began < 0.5


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(SourceError, match=f'no simulated meter "diesel": choose one of .*{next(iter(MODELS))}'):
        SimulatedSource("diesel")
