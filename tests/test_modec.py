"""Mode C, in three chunkings: what is sent, in which order, what comes out, and that nothing else is ever sent."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.modec import (
    ANSWER_S,
    BREAK,
    NOISE_MOST,
    PASSWORD,
    READOUT_MAX,
    REASONS,
    SPEEDS,
    Action,
    Baud,
    Dialogue,
    Pause,
    Ready,
    Refused,
    Send,
    Wait,
    bcc,
    with_parity,
    without_parity,
)
from p1monitor.p1.modec_meter import MeterSide
from p1monitor.p1.reading import decode
from p1monitor.p1.telegram import Telegram, data_object, parse

LINES = b"F.F(00000000)\r\nC.1.0(12345678)\r\n1.8.0(00001234.567*kWh)\r\n"
HEAD = b"/TST5\\2METER-1\r\n"
ECHO = b"/?!\r\n"


def block(lines: bytes = LINES) -> bytes:
    text = lines + b"!\r\n\x03"
    return b"\x02" + text + bytes([bcc(text)])


def run(*answers: bytes | None, size: int = 10_000, dialogue: Dialogue | None = None) -> list[Action]:
    """Play the meter: each answer is what comes after a Wait; None is silence."""
    machine, left = dialogue or Dialogue(), list(answers)
    done: list[Action] = []
    todo = machine.begin()
    while todo:
        action = todo.pop(0)
        done.append(action)
        if not isinstance(action, Wait):
            continue
        answer = left.pop(0) if left else None
        for at in range(0, len(answer or b""), size):
            todo += machine.feed((answer or b"")[at : at + size])
            assert machine.held <= READOUT_MAX + size
        if not todo:
            todo = machine.timeout()
    assert machine.feed(b"/TST5\r\n") == machine.timeout() == machine.abandon() == []
    return done


def all_ways(*answers: bytes | None) -> list[Action]:
    whole = run(*answers)
    for size in (1, 7, 64):
        assert run(*answers, size=size) == whole
    return whole


def test_a_readout() -> None:
    assert all_ways(HEAD, block()) == [
        Baud(300),
        Send(b"/?!\r\n"),
        Wait(ANSWER_S),
        Pause(0.2),
        Send(b"\x06050\r\n"),
        Baud(9600),
        Wait(ANSWER_S),
        Ready(HEAD + b"\r\n" + LINES + b"!\r\n"),
    ]


def test_the_readout_is_a_telegram_like_any_other() -> None:
    ready = all_ways(HEAD, block())[-1]
    assert isinstance(ready, Ready)
    (frame,) = Framer().feed(ready.frame)
    assert isinstance(frame, Frame)
    assert frame == Frame(ready.frame, "absent", 0)
    reading = decode(parse(frame))
    assert {item.code: item.obis for item in parse(frame).objects} == {
        "F.F": "0-0:97.97.0",
        "C.1.0": "0-0:96.1.0",
        "1.8.0": "1-0:1.8.0",
    }
    assert str(reading.values["energy_import_kwh"].value) == "1234.567"
    assert reading.equipment_id == "12345678"
    assert reading.telegram.identification == "TST5\\2METER-1"


@pytest.mark.parametrize(("z", "rate"), SPEEDS.items())
def test_every_speed_of_mode_c(z: str, rate: int) -> None:
    done = all_ways(b"/TST%bx\r\n" % z.encode(), block())
    assert done[4:6] == [Send(b"\x060%b0\r\n" % z.encode()), Baud(rate)]
    assert isinstance(done[-1], Ready)


def test_with_an_address_and_without_another_speed() -> None:
    done = run(HEAD, block(), dialogue=Dialogue("0012 AB", start=2400, faster=False))
    assert done[:2] == [Baud(2400), Send(b"/?0012 AB!\r\n")]
    assert done[4:6] == [Send(b"\x06030\r\n"), Baud(2400)]


CASES: dict[str, tuple[tuple[bytes | None, ...], str]] = {
    "nothing": ((None,), "silent"),
    "only our echo": ((ECHO,), "noise"),
    "noise": ((bytes(range(128, 256)) * 5,), "noise"),
    "half an identification": ((HEAD[:8],), "noise"),
    "a letter for a speed": ((b"/TSTAx\r\n",), "mode"),
    "identification, then nothing": ((HEAD, None), "no-data"),
    "identification, then noise": ((HEAD, b"\x81" * (NOISE_MOST + 1)), "no-data"),
    "cut": ((HEAD, block()[:-9]), "cut"),
    "cut before the checksum": ((HEAD, block()[:-1]), "cut"),
    "without an end": ((HEAD, b"\x02" + b"1.8.0(1)\r\n" * (READOUT_MAX // 10 + 1)), "overflow"),
    "one bit wrong": ((HEAD, block().replace(b"1234.567", b"1234.566")), "bcc"),
    "wrong checksum": ((HEAD, block()[:-1] + b"\x00"), "bcc"),
    "a password is asked for": ((HEAD, b"\x01P0\x02(12345678)\x03\x04"), "programming"),
}


@pytest.mark.parametrize(("answers", "reason"), CASES.values(), ids=CASES)
def test_what_gives_no_readout_says_why(answers: tuple[bytes | None, ...], reason: str) -> None:
    done = all_ways(*answers)
    assert done[-1] == Refused(reason)
    assert Refused(reason).words == REASONS[reason]
    breaks = reason in ("no-data", "cut", "overflow", "programming", "mode")
    assert (Send(BREAK) in done) is breaks, "a meter that may still be talking is told to stop"


def test_every_reason_can_happen() -> None:
    assert {reason for _, reason in CASES.values()} == set(REASONS)


@pytest.mark.parametrize("noise", [b"", ECHO, b"\x81\x00\xff", b"/", b"/TST5", b"!\r\n", b"\x15"])
def test_garbage_around_changes_nothing(noise: bytes) -> None:
    done = all_ways(noise + HEAD, b"\x06050\r\n" + noise + block())
    assert done[-1] == Ready(HEAD + b"\r\n" + LINES + b"!\r\n")


def test_a_start_mark_in_the_glitch_before_the_readout() -> None:
    assert all_ways(HEAD, b"\x02\x81" + block())[-1] == Ready(HEAD + b"\r\n" + LINES + b"!\r\n")


def test_several_data_sets_in_one_line_are_taken_apart() -> None:
    ready = all_ways(HEAD, block(b"1.8.1(1*kWh)1.8.2(2*kWh)\r\n1.6.1(3*kW)(2611011200)\r\n"))[-1]
    assert ready == Ready(HEAD + b"\r\n1.8.1(1*kWh)\r\n1.8.2(2*kWh)\r\n1.6.1(3*kW)(2611011200)\r\n!\r\n")


def test_closing_in_the_middle_sends_a_break_only_to_a_meter_that_was_woken() -> None:
    early, late = Dialogue(), Dialogue(parity=True)
    early.begin()
    assert early.abandon() == []
    late.begin()
    late.feed(with_parity(HEAD))
    assert late.abandon() == [Send(with_parity(BREAK))]
    assert bcc(BREAK[1:-1]) == BREAK[-1]


def test_parity_by_hand() -> None:
    done = run(with_parity(HEAD), with_parity(block()), dialogue=Dialogue(parity=True))
    assert done[1] == Send(b"\xaf\x3f\x21\x8d\x0a")
    assert all(byte.bit_count() % 2 == 0 for action in done if isinstance(action, Send) for byte in action.data)
    assert done[-1] == Ready(HEAD + b"\r\n" + LINES + b"!\r\n")
    assert without_parity(with_parity(bytes(range(128)))) == bytes(range(128))
    for bit in range(8):
        flipped = bytearray(with_parity(block()))
        flipped[20] ^= 1 << bit
        assert run(with_parity(HEAD), bytes(flipped), dialogue=Dialogue(parity=True))[-1] == Refused("bcc")


# Against the simulated meter


def meter(address: str = "", *, parity: bool = False) -> MeterSide:
    objects = (data_object("C.1.0", "7"), data_object("1.8.2", "00000001.000*kWh"))
    return MeterSide(lambda: Telegram("TST5METER", objects, "absent"), address=address, parity=parity)


def converse(dialogue: Dialogue, side: MeterSide) -> tuple[Action, int]:
    """Both at one line, and our speed at the end; bytes that are sent at one speed and read at another are lost."""
    todo, here, there = dialogue.begin(), 300, 300
    answers: list[Action] = []
    while todo:
        action = todo.pop(0)
        if isinstance(action, Baud):
            here = action.rate
        if isinstance(action, Send) and here == there:
            answers += side.feed(action.data)
        if isinstance(action, Wait):
            for answer in answers:
                there = answer.rate if isinstance(answer, Baud) else there
                if isinstance(answer, Send) and here == there:
                    todo += dialogue.feed(answer.data)
            answers = []
            todo = todo or dialogue.timeout()
        if isinstance(action, (Ready, Refused)):
            return action, here
    raise AssertionError("it ends in Ready or Refused")


@pytest.mark.parametrize("parity", [False, True])
@pytest.mark.parametrize("faster", [False, True])
def test_dialogue_and_meter_understand_each_other(parity: bool, faster: bool) -> None:
    side = meter("123", parity=parity)
    end, speed = converse(Dialogue("00123", faster=faster, parity=parity), side)
    assert end == Ready(b"/TST5METER\r\n\r\nC.1.0(7)\r\n1.8.2(00000001.000*kWh)\r\n!\r\n")
    assert speed == (9600 if faster else 300)
    assert side.readouts == 1
    assert side.declined == []


def test_the_meter_keeps_to_itself() -> None:
    assert converse(Dialogue("124"), meter("123"))[0] == Refused("silent")
    side = meter()
    assert side.feed(b"\x06050\r\n") == []  # nobody has signed on
    for wrong in (b"\x06051\r\n", b"\x06250\r\n", b"\x06060\r\n"):
        side.feed(b"/?!\r\n")
        assert side.feed(wrong) == [Send(b"\x15")]
    assert side.declined == [b"\x06051\r\n", b"\x06250\r\n", b"\x06060\r\n"]
    side.feed(b"/?!\r\n")
    side.feed(BREAK)
    assert side.feed(b"\x06050\r\n") == []


# Against hostile bytes

BYTES = st.lists(
    st.one_of(
        st.sampled_from([HEAD, block(), b"\x02", b"\x03", b"\x01", b"\x06", b"/", b"!\r\n", LINES, b"\r\n"]),
        st.binary(max_size=50),
    ),
    max_size=20,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(BYTES, max_size=6), st.booleans(), st.integers(1, 300))
def test_it_never_raises_and_never_says_more_than_it_may(chunks: list[bytes], parity: bool, size: int) -> None:
    dialogue = Dialogue(parity=parity)
    actions = dialogue.begin()
    for chunk in chunks:
        for at in range(0, len(chunk), size):
            actions += dialogue.feed(chunk[at : at + size])
            assert dialogue.held <= READOUT_MAX + size
    actions += dialogue.timeout()
    sent = [without_parity(action.data) if parity else action.data for action in actions if isinstance(action, Send)]
    acknowledgements = {b"\x060%b0\r\n" % z.encode() for z in SPEEDS}
    assert all(data in (b"/?!\r\n", BREAK) or data in acknowledgements for data in sent)
    assert sum(isinstance(action, (Ready, Refused)) for action in actions) == 1


@pytest.mark.parametrize("begin", [0, NOISE_MOST - 1, NOISE_MOST, NOISE_MOST + 1, 2 * NOISE_MOST])
@pytest.mark.parametrize(("head", "answer"), [(b"", HEAD), (HEAD, PASSWORD + b"0\x02()\x03")], ids=["head", "password"])
def test_how_the_bytes_were_cut_says_nothing_of_the_noise_before(begin: int, head: bytes, answer: bytes) -> None:
    def told(size: int) -> list[Action]:
        dialogue = Dialogue()
        actions = dialogue.begin()
        for data in (head, b"x" * begin + answer):
            for at in range(0, len(data), size):
                actions += dialogue.feed(data[at : at + size])
        return actions + dialogue.timeout()

    assert told(1) == told(7) == told(10_000)


@pytest.mark.parametrize("unit", [b"\x81", b"\x02", b"1.8.0(1)", b"/TST5"])
def test_byte_by_byte_costs_time_by_the_length(unit: bytes) -> None:
    def seconds(length: int) -> float:
        dialogue = Dialogue()
        dialogue.begin()
        dialogue.feed(HEAD)
        dialogue.feed(b"\x02")
        data = unit * (length // len(unit))
        began = time.process_time()
        for at in range(len(data)):
            dialogue.feed(data[at : at + 1])
        return time.process_time() - began

    seconds(1000)
    assert seconds(READOUT_MAX // 8 * 7) < 40 * seconds(READOUT_MAX // 8) + 0.05
