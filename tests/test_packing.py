"""What goes into a block comes out of it byte for byte, whatever it is; what is damaged is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.scenes import KINDS, Scene
from p1monitor.recorder.cutting import cut
from p1monitor.recorder.kept import Kept
from p1monitor.recorder.packing import Packer, unpack
from p1monitor.recorder.shapes import Shapes
from tests.corpus import captures
from tests.moments import AUTUMN, NOON
from tests.packingkit import CRCS, GAS, HELD, framed, frames_of, kept, there_and_back

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


def test_frames_can_be_kept_whole() -> None:
    readings, shapes = kept(frames_of("esmr5", NOON, 50)), Shapes()
    packer = Packer(shapes)
    for one in readings:
        packer.add(one)
    assert list(unpack(packer.pack(whole=True), shapes)) == readings
    assert shapes.new() == [(1, b"C\n$")]
    assert len(packer.pack(whole=True)) > 3 * len(packer.pack())


@pytest.mark.parametrize(
    "pair",
    [
        ("00.123", "0.1234"),
        ("12.345", "1.2345"),
        ("-0123", "00123"),
        ("-0.10", "-0.00"),
        ("12345", "12_45"),
        ("12345", " 2345"),
        ("12345", "+2345"),
        ("12345", "12a45"),
        ("260601120000S", "260230120000S"),
        ("260601120000S", "260601120060S"),
        ("260601120000S", "260601120000X"),
        ("4142%s", "4142%d"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_one_length_but_not_one_form(pair: tuple[str, str], turned: bool) -> None:
    """What is looked at in the first telegram alone must be seen in the others."""
    one, other = pair[::-1] if turned else pair
    there_and_back(kept([framed([f"1-0:1.7.0({value})"]) for value in (one, other, one)]))


def test_an_hour_of_one_length_is_cut_at_once() -> None:
    """The quick way gives a range of rows; line by line it takes several times as long."""
    (group,) = cut(frames_of("esmr5", NOON, 100))
    assert group.rows == range(100)
