"""Every telegram that goes into the recorder comes back byte for byte: journal, sealed blocks, `export --telegrams`."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from p1monitor.cli import main
from p1monitor.observer import Memory
from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Received
from p1monitor.p1.telegram import parse, render
from p1monitor.recorder.reading_back import EVER, Past, telegrams
from p1monitor.recorder.verify import faults
from tests.archiving import folder, path
from tests.corpus import captures
from tests.recording import NOON, House
from tests.staged import Staged

__all__ = ["folder", "path"]  # fixtures

DAY_S = 86_400
BEGIN = int(datetime(2026, 10, 24, 12, 30, tzinfo=UTC).timestamp())


def exported(path: Path) -> bytes:
    out = path.with_name("out.txt")
    result = CliRunner().invoke(main, ["export", "--telegrams", "--history", str(path), "-o", str(out)])
    assert (result.exit_code, result.output) == (0, "")
    return out.read_bytes()


def test_every_telegram_of_a_simulated_day(path: Path) -> None:
    """At the meter's own pace, over the end of summer time; a part of it is in the journal only."""
    life = Staged(path, "me381", BEGIN)
    life.run(DAY_S, int(MODELS["me381"].period_s))
    assert life.store.execute("SELECT count(*), max(format) FROM archive").fetchone() == (24, 1)
    assert len(life.frames) == DAY_S // 10
    assert exported(path) == b"".join(life.frames)
    life.recorder.close()
    assert exported(path) == b"".join(life.frames)
    assert not list(faults(path))


@pytest.mark.corpus
def test_every_telegram_of_the_corpus(path: Path) -> None:
    """Each capture is a meter of its own; what a simulated one sends later seals it."""
    house = House(path)
    sent: dict[str, list[bytes]] = {}

    def send(meter: str, content: bytes) -> None:
        framer, house.memory = Framer(), Memory()
        for event in (*framer.feed(content), *framer.end()):
            if isinstance(event, Frame):
                house.clock.now += 1
                received = Received(house.clock.wall(), house.clock.monotonic())
                reading = house.see(decode(parse(event), received, meter=meter, frame=event.data))
                sent.setdefault(meter, []).append(event.data)
                house.recorder.deliver([reading._replace(seq=len(sent[meter]))])

    for capture in captures():
        send(capture.name, capture.path.read_bytes())
    house.clock.now += 7200
    for meter in list(sent):
        send(meter, render(MODELS["dsmr22"].telegram(NOON, 0)))
    assert len(sent) >= 70
    house.recorder.close()
    with closing(Past(path)) as past:
        assert {row.meter: row.readings for row in past.rows()} == {meter: len(frames) - 1 for meter, frames in sent.items()}
    for meter, frames in sent.items():
        assert list(telegrams(path, meter, *EVER)) == frames, meter
