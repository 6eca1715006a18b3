"""`p1monitor simulate`: what was asked for, and when it is sent, not what the telegrams say."""

from __future__ import annotations

import os
import socket
import threading
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from p1monitor import simulate
from p1monitor.p1.cipher import framer_for
from p1monitor.p1.framer import Frame
from p1monitor.p1.gcm import Keys
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.scenes import KINDS, Scene
from p1monitor.p1.telegram import parse
from p1monitor.p1.totalling import SIMULATED
from p1monitor.simulate import Play, SimulateError, moment_of, scene_of
from tests.lines import FakeClock
from tests.moments import AUTUMN, NOON

START = NOON.timestamp()


def frames(data: bytes, keys: Keys | None = None) -> list[Frame]:
    framer = framer_for("auto", keys)
    return [event for event in (*framer.feed(data), *framer.end()) if isinstance(event, Frame)]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-17T12:00", NOON),
        ("2026-06-17T10:00:00+00:00", NOON),
        ("2026-06-17T10:00Z", NOON),
        ("2026-06-17", NOON - timedelta(hours=12)),
        ("2026-10-25T02:30", AUTUMN + timedelta(hours=2, minutes=30)),
        ("2026-10-25T02:30+01:00", AUTUMN + timedelta(hours=3, minutes=30)),
        ("2026-01-01T00:00", datetime(2025, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_moment_is_central_european_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert moment_of(text) == moment.timestamp()


@pytest.mark.parametrize(
    ("text", "scene"),
    [
        ("message@+60", Scene("message", int(START) + 60, 3600)),
        ("power-failure@+0/30", Scene("power-failure", int(START), 30)),
        ("sag-l2@2026-06-17T12:00", Scene("sag-l2", int(START), 75)),
        ("meter-swap@2026-06-17T12:00:00+02:00/600", Scene("meter-swap", int(START), 600)),
    ],
)
def test_a_scene_is_a_name_a_time_and_perhaps_a_length(text: str, scene: Scene) -> None:
    assert scene_of(text, START) == scene


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("message", "a scene is NAME@TIME"),
        ("message@", "a scene is NAME@TIME"),
        ("message@noon", "noon: not a time"),
        ("mesage@+1", '"message"?'),
        ("flood@+1", "choose one of message"),
        ("message@+1/x", "a scene is NAME@TIME"),
    ],
)
def test_what_is_no_scene_is_said_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(SimulateError) as error:
        scene_of(text, START)
    assert words in str(error.value)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0])
def test_telegrams_come_at_the_speed_asked_for(model: str, speed: float) -> None:
    clock = FakeClock(5_000.0)
    period = MODELS[model].period_s
    begun = clock.monotonic()
    for at, chunk in enumerate(islice(Play(model, 7, START, (), speed).telegrams(clock), 5)):
        assert clock.monotonic() - begun == pytest.approx(at * period / speed)
        assert len(frames(chunk, SIMULATED if MODELS[model].seal else None)) == 1


def test_with_no_pace_to_keep_nothing_is_waited_for() -> None:
    clock = FakeClock(5_000.0)
    chunks = list(islice(Play("esmr5", 7, START, (), None).telegrams(clock), 50))
    clocks = [decode(parse(frame)).at for frame in frames(b"".join(chunks))]
    assert clocks == [NOON + timedelta(seconds=second) for second in range(50)]
    assert clock.waits == []


def test_a_meter_can_be_stopped() -> None:
    stop = threading.Event()
    stop.set()
    assert list(Play("esmr5", 7, START).telegrams(stop=stop)) == []


def test_a_file_has_no_telegrams_of_the_time_without_power(tmp_path: Path) -> None:
    path = tmp_path / "past.txt"
    play = simulate.play("esmr5", 7, "2026-10-25T02:58:00", ["power-failure@+10/60"], 1.0)
    count = simulate.to_file(play, path, 240 / simulate.DAY_S)
    assert count == len(frames(path.read_bytes())) == 180
    clocks = [decode(parse(frame)).at for frame in frames(path.read_bytes())]
    first = AUTUMN + timedelta(hours=2, minutes=58)
    seconds = (*range(10), *range(70, 240))
    assert clocks == [first + timedelta(seconds=second) for second in seconds]  # through the end of summer time


def test_without_a_start_it_is_now_or_so_many_days_ago() -> None:
    clock = FakeClock(START)
    assert simulate.play("esmr5", 0, None, (), 1.0, clock=clock).start == START
    assert simulate.play("esmr5", 0, None, (), 1.0, past_days=2, clock=clock).start == START - 2 * 86400


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(SimulateError, match='no simulated meter "diesel": choose one of esmr5'):
        simulate.play("diesel", 0, None, (), 1.0)


def test_the_list_names_every_model_and_scene() -> None:
    text = "\n".join(simulate.listing())
    assert all(f"  {name} " in text for name in (*MODELS, *KINDS))


def test_at_full_speed_on_tcp_a_reader_is_waited_for_and_misses_nothing() -> None:
    told: list[str] = []
    listening = threading.Event()

    def say(address: str) -> None:
        told.append(address)
        listening.set()

    play = Play("dsmr22", 7, START, (), None)
    threading.Thread(target=simulate.to_tcp, args=(play, ("127.0.0.1", 0), say), daemon=True).start()
    assert listening.wait(5)
    host, _, port = told[0].partition(":")
    with socket.create_connection((host, int(port)), 5) as client:
        received = b""
        while len(received) < 100_000:
            received += client.recv(65_536)
    stamps = [decode(parse(frame)).devices[0].at for frame in frames(received)]
    assert len(stamps) > 100
    assert stamps[0] == NOON  # nothing was sent before somebody listened
    assert received.startswith(b"/KMP5")


def test_at_full_speed_on_a_pseudo_terminal_a_reader_is_waited_for_and_misses_nothing() -> None:
    told: list[str] = []
    listening = threading.Event()

    def say(name: str) -> None:
        told.append(name)
        listening.set()

    threading.Thread(target=simulate.to_pty, args=(Play("kwhiq", 7, START, (), None), say), daemon=True).start()
    assert listening.wait(5)
    assert holder_of(told[0]) is None
    device = os.open(told[0], os.O_RDONLY | os.O_NOCTTY)
    received = b""
    while len(received) < 20_000:
        received += os.read(device, 4096)
    os.close(device)
    clocks = [decode(parse(frame)).at for frame in frames(received)]
    assert len(clocks) > 50
    assert clocks == [NOON + timedelta(seconds=second) for second in range(len(clocks))]


def holder_of(path: str) -> str | None:
    """Who has the port open."""
    for link in Path("/proc/self/fd").iterdir():
        try:
            if str(link.readlink()) == path:
                return str(link)
        except OSError:
            continue
    return None


def test_a_luxembourgish_past_needs_its_key(tmp_path: Path) -> None:
    path = tmp_path / "past.bin"
    count = simulate.to_file(Play("lux", 7, START), path, 1 / 24)
    found = frames(path.read_bytes(), SIMULATED)
    assert len(found) == count == 360
    assert {frame.crc for frame in found} == {"gcm"}
    assert decode(parse(found[0])).values["energy_import_kwh"].value is not None
    assert frames(path.read_bytes()) == []
