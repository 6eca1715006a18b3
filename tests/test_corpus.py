"""Every real telegram of the corpus: taken or refused as its index says, whole, however the bytes come."""

from __future__ import annotations

import re

import pytest

from p1monitor.p1.framer import Frame, Framer, Rejected
from p1monitor.p1.reading import decode
from p1monitor.p1.telegram import parse, render
from tests.corpus import BROKEN, Capture, captures

pytestmark = pytest.mark.corpus

CAPTURES = captures()
EVERY = pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
GOOD = pytest.mark.parametrize("capture", [one for one in CAPTURES if one.good], ids=lambda capture: capture.name)

#: What a line brings before and between telegrams: modem words, half lines, idle and negotiation bytes, stray marks.
GARBAGE = b"\xff\xfb\x03\x00*** NO CARRIER ***\r\n(03.456*kW)\r\n1-0:2.7.0(0\x80\x81! 17/3\r\n"


#: Device type and equipment identifier of an M-Bus channel.
IDENTITY = re.compile(r"0-[1-4]:(24\.1\.0|96\.1\.[01])")


def framed(*chunks: bytes) -> list[Frame | Rejected]:
    framer = Framer()
    events = [event for chunk in chunks for event in framer.feed(chunk)]
    return events + list(framer.end())


def frames(capture: Capture) -> list[Frame]:
    return [event for event in framed(capture.path.read_bytes()) if isinstance(event, Frame)]


def verdicts(events: list[Frame | Rejected]) -> list[str]:
    words = [event.crc if isinstance(event, Frame) else event.reason for event in events]
    return [word for word in words if word != "noise"]


def test_the_whole_index_is_read() -> None:
    assert len(CAPTURES) >= 80
    names = {capture.name for capture in CAPTURES}
    assert names == {path.name for path in CAPTURES[0].path.parent.glob("*.txt")}
    assert set(BROKEN) == {capture.name for capture in CAPTURES if not capture.good}


@EVERY
def test_taken_or_refused_as_the_index_says(capture: Capture) -> None:
    assert verdicts(framed(capture.path.read_bytes())) == capture.verdicts


@EVERY
def test_chunks_do_not_change_the_events(capture: Capture) -> None:
    data = capture.path.read_bytes()
    whole = framed(data)
    assert framed(*(data[at : at + 1] for at in range(len(data)))) == whole
    for size in (2, 7, 64, 1000):
        assert framed(*(data[at : at + size] for at in range(0, len(data), size))) == whole


@EVERY
def test_garbage_around_changes_nothing(capture: Capture) -> None:
    data = capture.path.read_bytes()
    alone = framed(data)
    around = GARBAGE + data + b"\r\n" + GARBAGE
    events = framed(around)
    assert verdicts(events) == verdicts(alone)
    assert [event.data for event in events if isinstance(event, Frame)] == [
        event.data for event in alone if isinstance(event, Frame)
    ]
    assert framed(*(around[at : at + 1] for at in range(len(around)))) == events


@GOOD
def test_a_good_one_gives_every_data_object_and_nothing_else(capture: Capture) -> None:
    (frame,) = frames(capture)
    telegram = parse(frame)
    header, _, rest = frame.data.decode("latin-1").partition("\n")
    body = rest[: rest.rindex("!")]
    objects = "".join(item.code + "".join(f"({group})" for group in item.groups) for item in telegram.objects)
    assert telegram.identification == header[1:].rstrip()
    assert objects == "".join(line.strip(" \x00\r") for line in body.split("\n"))
    assert not telegram.bad_lines


@GOOD
def test_every_data_object_is_in_the_reading(capture: Capture) -> None:
    (frame,) = frames(capture)
    telegram = parse(frame)
    reading = decode(telegram)
    seen = {code for one in reading.values.values() for code in one.obis.split("+")}
    for device in reading.devices:
        seen |= {code for one in device.values.values() for code in one.obis.split("+")}
    for item in telegram.objects:
        which_device = IDENTITY.fullmatch(item.obis)  # its type and number, which are in the device's record
        never_read = not item.groups[-1].split("*")[0].strip("0.")
        assert item.obis in seen or (item.obis.startswith("0-") and (which_device or never_read)), item


@EVERY
def test_what_parses_renders_and_parses_again(capture: Capture) -> None:
    for frame in frames(capture):
        telegram = parse(frame)
        (again,) = framed(render(telegram))
        assert isinstance(again, Frame)
        assert parse(again) == telegram
