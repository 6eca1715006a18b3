"""Every value that dsmr_parser finds in a telegram, we find too, and it is the same."""

from __future__ import annotations

from datetime import datetime

import pytest

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.telegram import parse, render
from tests.corpus import Capture, captures
from tests.oracle import Pair, oracle, pairs
from tests.telegrams import VARIANTS

GOOD = [capture for capture in captures() if capture.good]

#: Files that dsmr_parser cannot read at all, and why.
UNREADABLE = {
    "emucs-sagemcom-s210-2.txt": "units without an asterisk are no Decimal",
    "emucs-landis-e660-1.txt": "a history of six columns",
    "hu-wasion-1-excerpt.txt": "its specification wants a CRC",
}

_FLAG = "the flag is the offset, whatever the calendar says: W in summer, S in winter"
#: Where the two differ, and why ours is meant: file -> (beginning of the name, reason).
OURS_IS_MEANT = {
    "dsmr40-landis-e350-1.txt": ("HOURLY_GAS_METER_READING at", "the flag in lower case is no time to dsmr_parser"),
    "emucs-iskra-mie5-2.txt": ("BELGIUM_MAXIMUM_DEMAND_MONTH", "value first and time second"),
    "emucs-v171-spec-1.txt": ("BELGIUM_MAXIMUM_DEMAND_13_MONTHS", _FLAG),
    "emucs-v211-spec-1.txt": ("BELGIUM_MAXIMUM_DEMAND_13_MONTHS", _FLAG),
    "emucs-v211-spec-2.txt": ("BELGIUM_MAXIMUM_DEMAND_13_MONTHS", _FLAG),
    "esmr50-honeywell-as3x-1.txt": ("P1_MESSAGE_TIMESTAMP", "twelve octets of DLMS are no time to dsmr_parser"),
    "esmr50-metcom-mcs301-1.txt": ("EQUIPMENT_IDENTIFIER", "an odd number of zeros, kept as it is"),
    "heat-aurum-1.txt": ("", _FLAG),
    "heat-nwa-1.txt": ("", _FLAG),
    "heat-nwa-2.txt": ("", _FLAG),
    "lt-sagemcom-eso5-1.txt": ("P1_MESSAGE_HEADER", "1-0:0.2.8 is a firmware signature, the version is 1-3:0.2.8"),
    "se-sagemcom-t211-1.txt": ("P1_MESSAGE_TIMESTAMP", _FLAG),
}


def compared(data: bytes, variant: str) -> list[Pair] | None:
    (frame,) = (event for event in Framer().feed(data) if isinstance(event, Frame))
    theirs = oracle(frame.data, variant)
    return None if theirs is None else list(pairs(theirs, decode(parse(frame))))


@pytest.mark.corpus
@pytest.mark.parametrize("capture", GOOD, ids=lambda capture: capture.name)
def test_the_same_values_as_dsmr_parser(capture: Capture) -> None:
    both = compared(capture.path.read_bytes(), capture.variant)
    assert (both is None) == (capture.name in UNREADABLE)
    different = [pair for pair in both or () if pair.theirs != pair.ours]
    if capture.name in OURS_IS_MEANT:
        name, _ = OURS_IS_MEANT[capture.name]
        assert different, "this difference is gone"
        different = [pair for pair in different if not pair.name.startswith(name) or pair.ours is None]
        if capture.name.startswith("lt-"):  # there it is theirs that is not in the telegram
            different = [pair for pair in different if pair.name != name]
    assert not different


# The same without the corpus: on telegrams of our own writing, and on those of the simulated meters.

#: Telegram of tests/telegrams.py -> its variant in the corpus' words.
VARIANT_OF = {
    "dsmr22": "DSMR 2.2",
    "dsmr30": "DSMR 3.0",
    "dsmr42": "DSMR 4.2",
    "esmr5": "DSMR/ESMR 5.0",
    "emucs": "e-MUCS",
    "swedish": "Sweden",
    "heat": "DSMR5-like heat",
}
#: Values that dsmr_parser finds in each, at least: a comparison of nothing would succeed too.
AT_LEAST = 10


@pytest.mark.parametrize("name", VARIANT_OF)
def test_the_same_values_in_telegrams_of_our_own(name: str) -> None:
    both = compared(VARIANTS[name](), VARIANT_OF[name])
    assert both is not None
    meant = {"P1_MESSAGE_TIMESTAMP"} if name == "swedish" else set()  # W in summer, as Swedish meters send it
    assert {pair.name for pair in both if pair.theirs != pair.ours} == meant
    assert len(both) >= (AT_LEAST if name != "heat" else 4)


#: Simulated meter -> its variant, and how many values there are to compare, at least.
SIMULATED = {
    "esmr5": ("DSMR/ESMR 5.0", 30),
    "me381": ("DSMR 3.0", 10),
    "mt381": ("DSMR 3.0", 10),
    "kwhiq": ("DSMR/ESMR 5.0", 9),
    "emucs3": ("e-MUCS", 30),
    "dsmr22": ("DSMR 2.2", 12),
    "lux": ("Luxembourg", 8),
    "sweden": ("Sweden", 19),
    "delta": ("e-MUCS", 28),
}
#: … and those whose short codes dsmr_parser does not know.
UNKNOWN = {"clms100"}


@pytest.mark.parametrize("name", [name for name in MODELS if name not in UNKNOWN])
@pytest.mark.parametrize("moment", ["2026-01-10T12:00:00", "2026-03-29T01:30:00", "2026-10-25T00:59:59", "2026-10-25T01:00:00"])
def test_the_same_values_in_a_simulated_meters_telegrams(moment: str, name: str) -> None:
    at = datetime.fromisoformat(f"{moment}+00:00")
    variant, least = SIMULATED[name]
    both = compared(render(MODELS[name].telegram(at, 3)), variant)
    assert both is not None
    assert [pair for pair in both if pair.theirs != pair.ours] == []
    assert len(both) >= least
