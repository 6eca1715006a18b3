"""What the index notes of each real telegram is what comes of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import cast

import pytest

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Reading
from p1monitor.p1.telegram import parse
from tests.corpus import BROKEN, captures
from tests.corpus_notes import NOTES, Note

pytestmark = pytest.mark.corpus

CAPTURES = {capture.name: capture for capture in captures()}


def reading_of(name: str) -> tuple[str, Reading]:
    """The text that was taken, and what it says."""
    framer = Framer()
    (frame,) = (one for one in (*framer.feed(CAPTURES[name].path.read_bytes()), *framer.end()) if isinstance(one, Frame))
    return frame.data.decode("latin-1"), decode(parse(frame))


def seen(reading: Reading) -> set[str]:
    places = (reading.values, *(device.values for device in reading.devices))
    return {name for values in places for name, one in values.items() if one.value not in (None, ())}


def phases(reading: Reading, pattern: str) -> int:
    return sum(pattern.format(phase) in reading.values for phase in (1, 2, 3))


def rows(reading: Reading, name: str) -> int:
    value = reading.values[name].value
    assert isinstance(value, tuple)
    times = [row[0] for row in value if isinstance(row[0], datetime)]
    assert times == sorted(times, reverse=True)  # newest first, whatever order the meter has
    return len(value)


@pytest.mark.parametrize("name", [name for name in NOTES if name in CAPTURES])
def test_noted(name: str) -> None:
    note, (text, reading) = NOTES[name], reading_of(name)
    assert text.startswith(f"/{note.header}")
    assert [pattern for pattern in note.prints if not re.search(pattern, text)] == []
    assert note.has - seen(reading) == set()
    assert note.lacks & seen(reading) == set()
    assert (reading.at is None) == note.timeless
    told = {
        "phases": phases(reading, "power_import_l{}_w"),
        "volts": phases(reading, "voltage_l{}_v"),
        "devices": tuple(f"{device.medium} {device.channel}" for device in reading.devices),
        "failures": "power_failure_log" in reading.values and rows(reading, "power_failure_log"),
        "peaks": "monthly_power_peak_history" in reading.values and rows(reading, "monthly_power_peak_history"),
        "summer": reading.at and reading.at.utcoffset() == timedelta(hours=2),
    }
    assert {key: value for key, value in told.items() if getattr(note, key) not in (None, value)} == {}


def test_every_file_that_gives_a_telegram_has_its_note() -> None:
    assert set(NOTES) == {name for name in CAPTURES if not {"valid", "absent"}.isdisjoint(BROKEN.get(name, ["valid"]))}


def test_a_note_that_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[str, Note]", NOTES), "dsmr22-iskra-mt382-1.txt", Note(devices=("gas 1",), timeless=True))
    with pytest.raises(AssertionError):
        test_noted("dsmr22-iskra-mt382-1.txt")
