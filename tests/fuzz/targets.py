"""What must hold of any bytes, whoever sent them. Each target takes bytes and fails on what must not be; pytest runs their seeds.

Seeds are telegrams of our own simulated meters, and what lines do to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Protocol

from p1monitor.p1.cipher import SEALED_MAX, Opener
from p1monitor.p1.framer import FRAME_MAX, Framer
from p1monitor.p1.frames import Frame, Rejected
from p1monitor.p1.gcm import Keys, seal
from p1monitor.p1.meters import MODELS
from p1monitor.p1.modec import ACK, BREAK, READOUT_MAX, SPEEDS, STX, Action, Dialogue, Ready, Refused, Send, bcc, without_parity
from p1monitor.p1.reading import decode, describe
from p1monitor.p1.telegram import parse, render
from tests.lines import dsmr5

BEGIN = datetime(2026, 3, 20, 6, tzinfo=UTC)
KEYS = Keys(bytes(range(16)))
#: Longer ones are cut into pieces of sixteen bytes instead of single ones, so that more are tried in the time.
SINGLE_MOST = 1500
SIGN_ON = b"/?!\r\n"
#: All that p1monitor may ever say to a meter.
SAID = frozenset({SIGN_ON, BREAK, *(ACK + b"0%b0\r\n" % z.encode() for z in SPEEDS)})


class Cutter(Protocol):
    """What finds frames in a stream."""

    @property
    def held(self) -> int:
        """Bytes held."""

    def feed(self, data: bytes) -> Iterator[Frame | Rejected]:
        """Take bytes."""

    def end(self) -> Iterator[Frame | Rejected]:
        """There are no more."""


@cache
def telegrams() -> tuple[bytes, ...]:
    """One of every simulated meter."""
    return tuple(render(model.telegram(BEGIN, 7)) for model in MODELS.values())


@cache
def sealed() -> Mapping[bytes, bytes]:
    """Encrypted frames, and what is in them."""
    return {
        seal(text, KEYS, b"TST\x10\x20\x30\x40\x50", number): text for number, text in enumerate((dsmr5(1), dsmr5(2), *telegrams()))
    }


def framer(data: bytes) -> None:
    """Whole, in pieces and byte by byte the same comes out; what is proven was there, and is proven again."""
    for crc in ("auto", "off"):
        for event in _cut(partial(Framer, crc), data, FRAME_MAX):
            if isinstance(event, Frame):
                assert data[event.offset : event.offset + len(event.data)] == event.data
            else:
                assert event.sample == data[event.offset : event.offset + event.length][: len(event.sample)]
                assert event.words


def telegram(data: bytes) -> None:
    """Whatever is in a frame gives a telegram, which rendered gives the same again, and a reading."""
    frame = Frame(data, "absent")
    found = parse(frame)
    plain = found._replace(bad_lines=())
    again = parse(Frame(render(plain), "absent"))
    assert again == plain, (again, plain)
    first, second = decode(found, meter="fuzz"), decode(again, meter="fuzz")
    assert list(first.values.items()) == list(second.values.items())
    assert first.devices == second.devices
    decode(found._replace(objects=()), meter="alone")
    alone = decode(found, meter="alone")
    assert (list(alone.values.items()), alone.devices, alone.at) == (list(first.values.items()), first.devices, first.at)
    assert len(list(describe(found))) == len(found.objects)


def cipher(data: bytes) -> None:
    """No telegram comes out but those that were sealed with the key."""
    known = frozenset(sealed().values())
    for event in _cut(partial(Opener, KEYS), data, SEALED_MAX):
        assert not isinstance(event, Frame) or (event.crc == "gcm" and event.data in known)


def modec(data: bytes) -> None:
    """A meter may say what it likes: the dialogue ends, the same line by line and byte by byte, and says only what it may."""
    parity, data = bool(data[:1] and data[0] & 1), data[1:]
    lines, single = (_dialogue(pieces, parity) for pieces in (data.splitlines(keepends=True), _pieces(data, 1)))
    assert lines == single


def _dialogue(pieces: Iterable[bytes], parity: bool) -> list[Action]:
    dialogue = Dialogue(parity=parity)
    actions = dialogue.begin()
    for piece in pieces:
        actions += dialogue.feed(piece)
        assert dialogue.held <= READOUT_MAX + len(piece)
    actions += dialogue.timeout()
    said = [without_parity(action.data) if parity else action.data for action in actions if isinstance(action, Send)]
    assert SAID.issuperset(said)
    (last,) = (action for action in actions if isinstance(action, (Ready, Refused)))
    if isinstance(last, Ready):
        assert last.frame.startswith(b"/")
    return actions


def _cut(make: Callable[[], Cutter], data: bytes, most: int) -> list[Frame | Rejected]:
    steps = (len(data), 1 if len(data) <= SINGLE_MOST else 16, data[0] + 2) if data else (1,)
    whole, *others = (_events(make(), _pieces(data, step), most) for step in steps)
    assert all(events == whole for events in others)
    end = 0
    for event in whole:
        assert event.offset >= end
        end = event.offset + (event.length if isinstance(event, Rejected) else 0)
    return whole


def _events(cutter: Cutter, pieces: Iterable[bytes], most: int) -> list[Frame | Rejected]:
    found: list[Frame | Rejected] = []
    for piece in pieces:
        found += cutter.feed(piece)
        assert cutter.held <= most
    return found + list(cutter.end())


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _texts() -> Iterator[bytes]:
    yield dsmr5(1) + dsmr5(2)
    yield dsmr5(1)[:60] + dsmr5(2)
    first, second = telegrams()[:2]
    yield from telegrams()
    yield first + second
    yield first[:300] + second
    yield b"\xff\x00" + first.replace(b"\r\n", b"\n") + b"/" + second[20:]


def _sealed_texts() -> Iterator[bytes]:
    first, second, *others = sealed()
    yield from (first + second, first[:60] + second, first[:-1] + second, b"\xdb\x08" + first, dsmr5() + first, *others)


def _readouts() -> Iterator[bytes]:
    head, text = b"/TST5\\2METER-1\r\n", b"1.8.0(000001.000*kWh)\r\nF.F(00)1.7.0(0.5*kW)\r\n!\r\n\x03"
    for first in (b"\x00", b"\x40", b"\xfe"):
        yield first + SIGN_ON + head + STX + text + bytes([bcc(text)])
        yield first + head + b"\x01P0\x02()\x03"
        yield first + head + STX + telegrams()[0] + b"\x03\x00"


@dataclass(frozen=True, slots=True)
class Target:
    """What is tried, and what to begin with."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


TARGETS: Mapping[str, Target] = {
    "framer": Target(framer, _texts),
    "telegram": Target(telegram, _texts),
    "cipher": Target(cipher, _sealed_texts),
    "modec": Target(modec, _readouts),
}
