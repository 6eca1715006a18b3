"""Readings through the observer, one after the other, and what of them goes out. Never part of the product."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from p1monitor.observer import NONE_CONFIGURED, Memory, observe
from p1monitor.p1.records import Measurement, Reading, Received
from p1monitor.p1.telegram import Telegram
from tests.readings import WINTER

NOON = datetime(2026, 1, 15, 12, tzinfo=WINTER)
WITHOUT_CRC = Telegram("TST4", (), "absent")
HELD = None


def came(seconds: float) -> Received:
    """So long after noon, by the host."""
    return Received(NOON.timestamp() + seconds, 1000 + seconds)


def run(
    readings: Iterable[Reading], memory: Memory | None = None, configured: Mapping[str, str] = NONE_CONFIGURED
) -> tuple[Memory, list[Reading]]:
    """Observe them; what is remembered goes through JSON each time, as over a restart."""
    memory, seen = memory or Memory(), []
    for one in readings:
        memory, observed = observe(memory, one, WINTER, configured)
        assert Memory.from_json(json.loads(json.dumps(memory.to_json()))) == memory
        seen.append(observed)
    return memory, seen


def shown(values: Mapping[str, Measurement], name: str) -> str | None:
    """A value that goes out; None is held."""
    measurement = values.get(name)
    return None if measurement is None or measurement.held else str(measurement.value)
