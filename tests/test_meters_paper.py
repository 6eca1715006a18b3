"""The page about meters says of every simulated meter, profile and checksum what the code has, and counts the captures right."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from p1monitor import rules
from p1monitor.p1.crc import ALGORITHMS
from p1monitor.p1.meters import MODELS
from p1monitor.p1.tariffs import LABELS
from p1monitor.p1.times import meter_time
from tests.corpus import SEALED, captures
from tests.test_docs import ROOT, section

PAGE = (ROOT / "docs" / "meters.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    rows = [line for line in section(PAGE, heading).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:] if set(row) - set("|- ")]


def test_every_simulated_meter_has_its_row_and_stands_for_a_variant() -> None:
    assert {row[0].strip("`") for row in table("Simulated meters")} == set(MODELS)
    assert set(re.findall(r"`(\w+)`", " ".join(row[6] for row in table("What was tested on what")))) == set(MODELS)


def test_every_profile_has_its_row_with_its_labels_and_its_clock() -> None:
    rows = {row[0].strip("`"): row for row in table("Profiles")}
    assert tuple(rows) == rules.PROFILES
    for name, (_, tariffs, clock, *_) in rows.items():
        labels = dict(re.findall(r"(\d) ([\w-]+)", tariffs))
        assert {int(tariff): label for tariff, label in labels.items()} == LABELS.get(name, {})
        winter, summer = (meter_time(text, name) for text in ("260115120000W", "260715120000S"))
        assert winter
        assert summer
        hours = [moment.utcoffset() // timedelta(hours=1) for moment in (winter, summer)]  # type: ignore[operator]
        assert clock == f"+{hours[0]} h, summer +{hours[1]} h"


def test_every_checksum_setting_is_explained() -> None:
    told = section(PAGE, "Another checksum")
    assert {"auto", "off", *ALGORITHMS} - {"arc"} <= set(re.findall(r'`(?:crc = )?"?(\w+)"?`', told))
    assert "ARC" in told


@pytest.mark.parametrize("paper", ["README.md", "docs/get-started.md", "docs/configuration.md"])
def test_papers_lead_there(paper: str) -> None:
    assert re.search(r"\]\((docs/)?meters\.md[)#]", Path(ROOT / paper).read_text())


#: Row of the page -> how its files are called.
FILES = {
    "NTA 8130, DSMR 2.1": "dsmr22-itron",
    "DSMR 2.2": "dsmr22-(?!itron)",
    "DSMR 3.0": "dsmr30-",
    "DSMR 4.0": "dsmr40-",
    "DSMR 4.2": "dsmr42-",
    "DSMR/ESMR 5.0": "esmr50-",
    "e-MUCS-P1 1.3 to 2.1": "emucs-(?!iskra)",
    "e-MUCS-P1, Wallonia (IE.5)": "emucs-iskra",
    "Luxembourg": "lux-",
    "Austria (T210-D-r)": "at-|enc-at",
    "Sweden": "se-",
    "Finland": "fi-",
    "Hungary": "hu-sagemcom",
    "Lithuania": "lt-",
    "Switzerland (Groupe E)": "ch-",
    "WarmteLink, heat": "heat-",
    "IEC 62056-21 mode D": "iec-",
}


@pytest.mark.corpus
def test_the_captures_are_counted() -> None:
    names = [*SEALED, *(capture.name for capture in captures())]
    found = Counter(row for row, pattern in FILES.items() for name in names if re.match(pattern, name))
    rows = {row[0]: sum(int((re.match(r"\d+", cell) or ["0"])[0]) for cell in row[4:6]) for row in table("What was tested on what")}
    assert {row: count for row, count in rows.items() if count} == found
