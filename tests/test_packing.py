"""What goes into a block comes out of it byte for byte, whatever it is; what is damaged is refused."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1.crc import crc16_arc, crc16_x25
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.scenes import KINDS, Scene
from p1monitor.p1.telegram import parse
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.packing import BYTES_MOST, READINGS_MOST, Packer, PackingError, columns, unpack
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.unpacking import CONTENT_MOST, HEAD, VERSION
from tests.corpus import captures
from tests.moments import AUTUMN, NOON
from tests.packingkit import AT, GAS, HELD, frames_of, kept, pack, there_and_back

GOOD = [one for one in captures() if one.good]
#: Bytes of a block, its texts and all, that an hour of the liveliest simulated meter may take.
HOUR_MOST = 3600


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_every_scene_of_every_model(name: str, kind: str) -> None:
    scene = Scene(kind, int(NOON.timestamp()), min(KINDS[kind].seconds, 200))
    there_and_back(kept(frames_of(name, NOON - timedelta(seconds=100), 60, 10, (scene,)), step=10))


@pytest.mark.parametrize("name", MODELS)
def test_an_hour_in_which_summer_time_ends(name: str) -> None:
    begin = AUTUMN + timedelta(hours=2, minutes=50)  # of the day whose midnight it is: 02:50, before the hour that comes twice
    shapes = Shapes()
    there_and_back(kept(frames_of(name, begin, 1200)), shapes)
    assert shapes.count == 1


def test_an_hour_is_small_and_has_one_shape() -> None:
    shapes = Shapes()
    assert len(there_and_back(kept(frames_of("esmr5", NOON, 3600)), shapes)) < HOUR_MOST
    there_and_back(kept(frames_of("esmr5", NOON + timedelta(hours=9), 600)), shapes)
    assert len(shapes.new()) == 1
    assert shapes.new() == []


@pytest.mark.corpus
@pytest.mark.parametrize("capture", GOOD, ids=lambda capture: capture.name)
def test_every_telegram_of_the_corpus(capture: object) -> None:
    data = capture.path.read_bytes()  # type: ignore[attr-defined]  # a Capture: see the parameters
    (frame,) = [one for one in Framer().feed(data) if isinstance(one, Frame)]
    there_and_back(kept([frame.data], crc=frame.crc))
    there_and_back(kept([frame.data] * 3, crc=frame.crc))


@pytest.mark.corpus
def test_all_telegrams_of_the_corpus_in_one_block() -> None:
    found = [one for capture in GOOD for one in Framer().feed(capture.path.read_bytes()) if isinstance(one, Frame)]
    shapes = Shapes()
    there_and_back(kept([one.data for one in found] * 2), shapes)
    for _, template in shapes.new():
        assert b"$" in template


# Frames that nobody has seen yet

DIGITS = st.text("0123456789", min_size=1, max_size=25)
NUMBER = st.one_of(
    st.builds("{}{}".format, st.sampled_from(("", "-", "+")), DIGITS),
    st.builds("{}{}.{}".format, st.sampled_from(("", "-")), DIGITS, DIGITS),
    st.sampled_from(("0", "-0", "00.000", "-0.000", "-00.1", "1_000", " 1", "00012", "9", "10", "99", "100")),
)
MOMENT = st.one_of(
    st.sampled_from(("260601120000S", "260601120001S", "261025023000W", "260230120000S", "632525252525W", "991231235959W")),
    st.from_regex(r"[0-9]{12}[SWX]?", fullmatch=True),
)
TEXT = st.text(st.characters(min_codepoint=0, max_codepoint=255, exclude_characters="\r\n"), max_size=20)
GROUP = st.one_of(NUMBER, st.builds("{}*{}".format, NUMBER, st.sampled_from(("kWh", "kW", "m3", "", "#", "°C"))), MOMENT, TEXT)
CODE = st.sampled_from(
    ("1-0:1.7.0", "1-0:2.7.0", "1-0:21.7.0", "1-0:22.7.0", "0-1:24.2.1", "0-0:1.0.0", "1.8.0*255", "", "%s", "#1")
)
LINE = st.one_of(
    st.builds(lambda code, groups: code + "".join(f"({one})" for one in groups), CODE, st.lists(GROUP, max_size=3)), TEXT
)
CRCS: Mapping[str, Callable[[bytes], bytes]] = {
    "none": lambda _: b"",
    "arc": lambda text: b"%04X" % crc16_arc(text),
    "lower": lambda text: b"%04x" % crc16_arc(text),
    "x25": lambda text: b"%04X" % crc16_x25(text),
    "short": lambda text: b"%X" % crc16_arc(text),
}


def framed(lines: list[str], end: str, crc: str) -> bytes:
    text = end.join(["/XYZ5 %d", *lines, "!"]).encode("latin-1")
    return text + CRCS[crc](text) + end.encode()


FRAME = st.builds(framed, st.lists(LINE, max_size=5), st.sampled_from(("\r\n", "\n", "\r")), st.sampled_from(sorted(CRCS)))


@given(st.lists(FRAME, min_size=1, max_size=6), st.integers(1, 4))
@settings(deadline=None, max_examples=300)
def test_any_frames(frames: list[bytes], times: int) -> None:
    there_and_back(kept(frames * times))


@given(st.lists(st.lists(GROUP, min_size=4, max_size=4), min_size=2, max_size=8))
@settings(deadline=None, max_examples=300)
def test_telegrams_whose_values_alone_differ(rows: list[list[str]]) -> None:
    codes = ("1-0:1.7.0", "1-0:2.7.0", "1-0:21.7.0", "1-0:22.7.0")
    there_and_back(kept([framed([f"{c}({v})" for c, v in zip(codes, row, strict=True)], "\r\n", "arc") for row in rows]))


@given(st.lists(st.tuples(*[st.integers(-3, 3000)] * 8), min_size=2, max_size=8), st.booleans())
@settings(deadline=None, max_examples=300)
def test_powers_that_contradict_each_other(rows: list[tuple[int, ...]], both: bool) -> None:
    codes = [f"1-0:{c + 20 * phase}.7.0" for phase in range(4) for c in (1, 2)]
    lines = [
        [f"{c}({v if both or index % 2 == 0 else 0:05d}*W)" for index, (c, v) in enumerate(zip(codes, row, strict=True))]
        for row in rows
    ]
    there_and_back(kept([framed(one, "\r\n", "arc") for one in lines]))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_bytes_that_are_no_telegram(one: bytes, other: bytes) -> None:
    there_and_back(kept([one, other, one, one]))


@given(
    st.lists(
        st.builds(
            Kept,
            st.integers(0, 2**62),
            st.integers(-(2**40), 2**40),
            st.integers(-50_000, 50_000),
            st.integers(0, 255),
            st.one_of(st.none(), st.integers(0, 2**40)),
            st.sampled_from(("valid", "absent", "gcm")),
            st.sampled_from((GAS, HELD)),
            st.just(b"/X\r\n\r\n0-0:1.0.0(260601120000S)\r\n!\r\n"),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_what_stands_beside_the_frame(readings: list[Kept]) -> None:
    there_and_back(readings)


# What changes from hour to hour


def test_widths_do_not_depend_on_the_hour() -> None:
    shapes = Shapes()
    for values in (("5.1", "12.2", "0.3"), ("12.0", "13.0"), ("1200.5",), ("7.0", "8.0"), ("0.1",)):
        there_and_back(kept([framed([f"1-0:1.7.0({value}*W)"], "\r\n", "none") for value in values]), shapes)
    assert shapes.count == 1


def test_a_text_and_a_time_that_change_make_no_shape() -> None:
    shapes = Shapes()
    lines = [["0-0:96.13.0()", "0-0:1.0.0(260601120000S)"], ["0-0:96.13.0(4142)", "0-0:1.0.0(261201120000W)"]]
    lines[1][0] = "0-0:96.13.0(414X)"
    there_and_back(kept([framed(one, "\r\n", "arc") for one in lines]), shapes)
    assert shapes.count == 1


def test_readings_of_several_shapes_keep_their_order() -> None:
    mixed = [one for pair in zip(frames_of("esmr5", NOON, 20), frames_of("kwhiq", NOON, 20), strict=True) for one in pair]
    shapes = Shapes()
    there_and_back(kept(mixed), shapes)
    assert shapes.count == 2


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
    blob = HEAD.pack(VERSION, zlib.crc32(content), len(content)) + zlib.compress(content)
    with pytest.raises(PackingError):
        list(unpack(blob, Shapes()))


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=500)
def test_damage_that_proves_itself_gives_readings_or_is_refused(at: int, mask: int) -> None:
    shapes = Shapes()
    blob = pack(kept(frames_of("kwhiq", NOON, 5)), shapes)
    content = bytearray(zlib.decompress(blob[HEAD.size :]))
    content[at % len(content)] ^= mask
    try:
        list(unpack(HEAD.pack(VERSION, zlib.crc32(content), len(content)) + zlib.compress(content), shapes))
    except PackingError as error:
        assert str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("claimed", [100, CONTENT_MOST + 1])
def test_a_bomb_is_not_inflated(claimed: int) -> None:
    blob = HEAD.pack(VERSION, 0, claimed) + zlib.compress(bytes(2 * CONTENT_MOST))
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
