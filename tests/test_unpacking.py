"""Columns of a block without its telegrams; and what is damaged is refused, in words, without much memory."""

from __future__ import annotations

import tracemalloc
import zlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1.framer import Frame
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import parse
from p1monitor.recorder.packing import BYTES_MOST, READINGS_MOST, Packer, PackingError, columns, unpack
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.unpacking import CONTENT_MOST, HEAD, VERSION, WINDOW, proven
from tests.moments import NOON
from tests.packingkit import AT, framed, frames_of, kept, pack

# Some columns


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("hour", [2, 11])
def test_columns_are_what_the_telegrams_say(name: str, hour: int) -> None:
    readings = kept(frames_of(name, NOON.replace(hour=hour), 60, 60), step=60)
    shapes = Shapes()
    blob = pack(readings, shapes)
    decoded = [parse(Frame(one.frame)) for one in readings]
    codes = {item.obis for telegram in decoded for item in telegram.objects if ".7.0" in item.obis or ".8." in item.obis}
    assert len(codes) > 1
    found = columns(blob, shapes, codes)
    assert found.values.keys() == codes
    assert list(found.at) == [one.at for one in readings]
    assert list(found.seq) == [one.seq for one in readings]
    for code, stream in found.values.items():
        printed = [next(item for item in telegram.objects if item.obis == code).groups[-1] for telegram in decoded]
        numbers = [Decimal(value or 0).scaleb(-stream.decimals) for value in stream.values]
        assert numbers == [Decimal(text.partition("*")[0]) for text in printed]
        assert stream.unit == printed[0].partition("*")[2]


def test_columns_of_several_shapes() -> None:
    lines = [["1-0:1.7.0(01.234*kW)"], ["1-0:2.7.0(00.1*kW)"], ["1-0:1.7.0(1.2*kW)"], ["1-0:1.7.0(7*W)"], ["1-0:1.7.0(x*kW)"]]
    shapes = Shapes()
    blob = pack(kept([framed(one, "\r\n", "arc") for one in lines[:3]]), shapes)
    found = columns(blob, shapes, ["1-0:1.7.0", "1-0:9.9.9"])
    assert found.values == {"1-0:1.7.0": ("kW", 3, [1234, None, 1200])}
    blob = pack(kept([framed(one, "\r\n", "arc") for one in lines]), shapes)
    assert columns(blob, shapes, ["1-0:1.7.0"]).values["1-0:1.7.0"].values == [None, None, None, 7, None]


def test_of_a_line_with_several_numbers_the_last_is_its_value() -> None:
    shapes = Shapes()
    blob = pack(kept([framed(["0-1:24.3.0*255(260601120000S)(00)(60)(1)(0-1:24.2.1)(m3)", "(00123.456)"], "\r\n", "none")]), shapes)
    assert columns(blob, shapes, ["0-1:24.3.0"]).values["0-1:24.3.0"] == ("", 3, [123456])
    blob = pack(kept([framed(["0-1:24.2.1(260601120000S)(00123.456*m3)"], "\r\n", "none")]), shapes)
    assert columns(blob, shapes, ["0-1:24.2.1"]).values["0-1:24.2.1"] == ("m3", 3, [123456])


# What is damaged


def test_a_flipped_bit_is_never_believed() -> None:
    shapes = Shapes()
    readings = kept(frames_of("esmr5", NOON, 30))
    blob = pack(readings, shapes)
    for at in range(len(blob)):
        damaged = blob[:at] + bytes([blob[at] ^ 1 << at % 8]) + blob[at + 1 :]
        with pytest.raises(PackingError, match="block"):
            list(unpack(damaged, shapes))
        with pytest.raises(PackingError, match="block"):
            columns(damaged, shapes, ["1-0:1.7.0"])


def test_a_block_that_is_cut_is_refused() -> None:
    shapes = Shapes()
    blob = pack(kept(frames_of("esmr5", NOON, 30)), shapes)
    for length in range(len(blob)):
        with pytest.raises(PackingError):
            list(unpack(blob[:length], shapes))
    with pytest.raises(PackingError):
        list(unpack(blob + b"\0", shapes))


@given(st.binary(max_size=200))
def test_nonsense_that_proves_itself_is_refused(content: bytes) -> None:
    blob = HEAD.pack(VERSION, zlib.crc32(content), len(content)) + zlib.compress(content, wbits=WINDOW)
    with pytest.raises(PackingError):
        list(unpack(blob, Shapes()))


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=500)
def test_damage_that_proves_itself_gives_readings_or_is_refused(at: int, mask: int) -> None:
    shapes = Shapes()
    blob = pack(kept(frames_of("kwhiq", NOON, 5)), shapes)
    content = bytearray(proven(blob))
    content[at % len(content)] ^= mask
    try:
        list(unpack(HEAD.pack(VERSION, zlib.crc32(content), len(content)) + zlib.compress(content, wbits=WINDOW), shapes))
    except PackingError as error:
        assert str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("claimed", [100, CONTENT_MOST + 1])
def test_a_bomb_is_not_inflated(claimed: int) -> None:
    blob = HEAD.pack(VERSION, 0, claimed) + zlib.compress(bytes(2 * CONTENT_MOST), wbits=WINDOW)
    tracemalloc.start()
    with pytest.raises(PackingError):
        list(unpack(blob, Shapes()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_shape_that_is_lost_or_changed_is_said() -> None:
    shapes = Shapes()
    blob = pack(kept(frames_of("esmr5", NOON, 3)), shapes)
    ((number, template),) = shapes.new()
    with pytest.raises(PackingError, match=f"shape {number}"):
        list(unpack(blob, Shapes()))
    with pytest.raises(PackingError, match="shape"):
        list(unpack(blob, Shapes([(number, template.replace(b"1-0:1.8.1", b"1-0:1.8.2"))])))


def test_another_version_is_refused() -> None:
    with pytest.raises(PackingError, match="version 9"):
        list(unpack(b"\x09" + bytes(20), Shapes()))


def test_a_block_has_an_end() -> None:
    shapes = Shapes()
    with pytest.raises(PackingError):
        Packer(shapes).pack()
    packer, one = Packer(shapes), kept([b"/X\r\n\r\n1.7.0(1)\r\n!\r\n"])[0]
    for _ in range(READINGS_MOST):
        assert not packer.full
        packer.add(one)
    assert packer.full
    assert len(packer) == READINGS_MOST
    assert len(list(unpack(packer.pack(), shapes))) == READINGS_MOST
    packer.add(one)
    with pytest.raises(PackingError, match="readings"):
        packer.pack()
    packer = Packer(shapes)
    packer.add(one._replace(frame=bytes(BYTES_MOST), at=AT))
    assert packer.full
