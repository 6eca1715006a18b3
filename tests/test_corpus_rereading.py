"""Every value of every real telegram: as a second, naive reading of its text has it, and as it was when it was last looked at.

After a change that is meant: P1MONITOR_GOLDEN=write writes the digests anew.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.reading import decode, describe
from p1monitor.p1.records import Measurement
from p1monitor.p1.telegram import parse
from p1monitor.show import Stream
from tests.corpus import SEALED, Capture, captures, sealed
from tests.rereading import Said, reread

pytestmark = pytest.mark.corpus

EVERY = pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture.name)

#: Name of a file and the SHA-256 of what `decode --json` prints of it. The captures are not ours to commit; a digest is no content.
DIGESTS = Path(__file__).parent / "golden" / "corpus.sha256"


def recorded() -> dict[str, str]:
    rows = (line.split("  ") for line in DIGESTS.read_text().splitlines())
    return {name: digest for digest, name in rows}


def said(code: str, measurement: Measurement | None) -> Said:
    assert measurement is not None, code
    unit = measurement.unit if measurement.value is not None else ""  # of nothing, a unit is a guess
    return Said(code, measurement.value, unit, measurement.at)


@EVERY
def test_a_naive_reading_of_the_text_says_the_same(capture: Capture) -> None:
    framer = Framer()
    for frame in [event for event in (*framer.feed(capture.path.read_bytes()), *framer.end()) if isinstance(event, Frame)]:
        telegram = parse(frame)
        meant = [one if one.value is not None else one._replace(unit="") for one in reread(frame.data)]
        assert [said(view.obis, view.measurement) for view in describe(telegram)] == meant
        # What goes on to everybody is that, and the last of each code
        last = {one.code: one for one in meant}
        reading = decode(telegram)
        for measurement in reading.values.values():
            if not measurement.derived:
                assert said(measurement.obis, measurement) == last[measurement.obis]
        for device in reading.devices:
            for measurement in device.values.values():
                assert said(measurement.obis, measurement) in meant
        clock = last.get("0-0:1.0.0")
        assert clock is None or reading.at == clock.value


def digests() -> dict[str, str]:
    """Name -> digest of what is printed of it now."""
    streams = [Stream(capture.name, capture.path.read_bytes()) for capture in captures()]
    streams += [Stream(name, data, keys=keys) for name in SEALED for data, keys in [sealed(name)]]
    return {
        stream.file: hashlib.sha256("".join(f"{line}\n" for _, line in stream.lines()).encode()).hexdigest() for stream in streams
    }


def test_nothing_of_what_is_printed_has_changed() -> None:
    now = digests()
    if os.environ.get("P1MONITOR_GOLDEN") == "write":
        DIGESTS.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(now.items())))
    before = recorded()
    assert {name for name, digest in now.items() if before.get(name) != digest} == set(), "another value, unit, name or time"
    assert set(before) == set(now)
