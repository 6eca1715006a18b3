"""[meter.quality]: each key, its range and its default; what the daemon gets is what the observer goes by."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from p1monitor.config import load
from p1monitor.settings import RANGES, Thresholds
from tests.test_config import METER, complaint, write


def quality(key: str, value: float) -> str:
    return f"{METER}[meter.quality]\n{key} = {value}\n"


@pytest.mark.parametrize("key", RANGES)
def test_each_key_within_its_range_and_beyond(key: str, tmp_path: Path) -> None:
    for value in RANGES[key]:
        (meter,) = load(write(tmp_path, quality(key, value))).meters
        assert meter.quality == dataclasses.replace(Thresholds(), **{key: value})
    least, most = RANGES[key]
    for value in (least - 0.5, most + 0.5):
        assert complaint(tmp_path, quality(key, value)) == f"[meter.quality] {key}: must be between {least} and {most}"


def test_defaults_are_the_meters_and_within_their_ranges(tmp_path: Path) -> None:
    (meter,) = load(write(tmp_path, METER)).meters
    assert meter.quality == Thresholds(207, 60, 253, 60, 115, 60, 970, 1030, None, 90, 60)
    values = dataclasses.asdict(meter.quality)
    assert all(least <= values[key] <= most for key, (least, most) in RANGES.items() if values[key] is not None)


def test_an_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    assert complaint(tmp_path, quality("sag_volt", 1)) == "[meter.quality] sag_volt: unknown key, did you mean sag_v?"
