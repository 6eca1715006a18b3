"""The replay of recordings, on a clock that only the replay moves."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from p1monitor.settings import SourceSettings
from p1monitor.sources import BUILDERS, Forgetful, SourceError, build
from p1monitor.sources.replay import BLOCK, GAP_MOST_S, ReplaySource, pace, pieces
from tests.lines import FakeClock, dsmr2, dsmr5


def played(source: ReplaySource, clock: FakeClock, most: int = 100) -> list[tuple[float, bytes]]:
    """What comes, and how many seconds after the start, without the silence."""
    began = clock.now
    source.open()
    heard: list[tuple[float, bytes]] = []
    for chunk in source.chunks():
        if chunk:
            heard.append((round(clock.now - began, 3), chunk))
        if len(heard) == most:
            break
    source.close()
    return heard


def recording(tmp_path: Path, *telegrams: bytes) -> Path:
    path = tmp_path / "recording.txt"
    path.write_bytes(b"".join(telegrams))
    return path


def test_telegrams_come_when_their_clocks_say(tmp_path: Path) -> None:
    path, clock = recording(tmp_path, dsmr5(0), dsmr5(1), dsmr5(11)), FakeClock()
    assert played(ReplaySource(path, clock=clock), clock) == [(0, dsmr5(0)), (1, dsmr5(1)), (11, dsmr5(11))]


def test_speed_is_a_factor(tmp_path: Path) -> None:
    path, clock = recording(tmp_path, dsmr5(0), dsmr5(10)), FakeClock()
    assert [at for at, _ in played(ReplaySource(path, 4.0, clock=clock), clock)] == [0, 2.5]


def test_as_fast_as_it_goes_waits_for_nothing(tmp_path: Path) -> None:
    path, clock = recording(tmp_path, *map(dsmr5, range(50))), FakeClock()
    assert b"".join(chunk for _, chunk in played(ReplaySource(path, None, clock=clock), clock)) == path.read_bytes()
    assert clock.waits == []


def test_silence_is_told_while_a_telegram_is_not_due(tmp_path: Path) -> None:
    path, clock = recording(tmp_path, dsmr2(), dsmr2()), FakeClock()
    source = ReplaySource(path, clock=clock)
    source.open()
    assert list(source.chunks()).count(b"") == 9


def test_a_recording_is_played_again_and_again(tmp_path: Path) -> None:
    path, clock = recording(tmp_path, dsmr5(0), dsmr5(1)), FakeClock()
    assert [at for at, _ in played(ReplaySource(path, 1.0, True, clock), clock, 6)] == [0, 1, 2, 3, 4, 5]


def test_closing_ends_it(tmp_path: Path) -> None:
    source = ReplaySource(recording(tmp_path, dsmr5()), None, True, FakeClock())
    source.open()
    for count, _ in enumerate(source.chunks()):
        if count == 3:
            source.close()
        assert count < 5
    source.open()
    assert next(source.chunks()) == dsmr5()


def test_a_dump_stands_for_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "frame.hex"
    path.write_text(dsmr5().hex("\n", 32) + "\n")
    clock = FakeClock()
    assert played(ReplaySource(path, clock=clock), clock) == [(0, dsmr5())]


def test_trouble_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file or directory"):
        ReplaySource(tmp_path / "absent.txt").open()
    dump = tmp_path / "frame.hex"
    dump.write_text("no hex")
    with pytest.raises(SourceError, match="is no hex dump"):
        ReplaySource(dump).open()
    empty = ReplaySource(recording(tmp_path), None, True)
    empty.open()
    with pytest.raises(SourceError, match="is empty"):
        list(empty.chunks())


@pytest.mark.parametrize(
    ("before", "piece", "seconds"),
    [
        pytest.param(dsmr5(0), dsmr5(10), 10, id="its own clock"),
        pytest.param(dsmr5(0), dsmr5(0), 1, id="the clock stands still"),
        pytest.param(dsmr5(5), dsmr5(0), 1, id="the clock goes back"),
        pytest.param(dsmr5(3595, flag="S"), dsmr5(0, flag="W"), 5, id="the hour that comes twice"),
        pytest.param(dsmr5(0), dsmr5(0, day="261102"), GAP_MOST_S, id="a hole in the recording"),
        pytest.param(dsmr5(0), dsmr5(0, day="261399"), 1, id="a date that is none"),
        pytest.param(dsmr2(), dsmr2(), 10, id="no clock"),
    ],
)
def test_the_pace_is_the_meters(before: bytes, piece: bytes, seconds: float) -> None:
    assert pace(before, piece) == seconds


@pytest.mark.parametrize("text", [b"", b"/", dsmr5()[40:] + dsmr5() + dsmr5()[:90], b"x" * (3 * BLOCK), dsmr5() * 300])
def test_pieces_are_the_file(text: bytes) -> None:
    cut = list(pieces(io.BytesIO(text)))
    assert b"".join(cut) == text
    assert all(0 < len(piece) <= 2 * BLOCK for piece in cut)


# The table of sources


def test_every_source_is_built_from_its_settings(tmp_path: Path) -> None:
    for kind in BUILDERS:
        settings = SourceSettings(kind, device="/dev/ttyUSB0", host="meter.local", port=23, path=tmp_path / "x")
        assert build(settings, Forgetful()).name.startswith(kind)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("serial", "wants device"),
        ("tcp", "wants host and port"),
        ("replay", "wants path"),
        ("morse", "there is no source of type"),
    ],
)
def test_a_key_that_is_missing_is_named(kind: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        build(SourceSettings(type=kind), Forgetful())
