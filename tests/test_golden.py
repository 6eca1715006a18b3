"""Our own telegrams, decoded, object by object: the expected answers stand in tests/golden, in the form of `decode --json`.

To see what has changed on purpose: P1MONITOR_GOLDEN=write writes them anew; the version control shows the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from p1monitor.p1.framer import Frame, Framer
from p1monitor.p1.telegram import parse, render
from p1monitor.show import Stream
from tests.telegrams import VARIANTS

GOLDEN = Path(__file__).parent / "golden"
WRITE = os.environ.get("P1MONITOR_GOLDEN") == "write"


@pytest.fixture(params=list(VARIANTS))
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_object_decodes_to_what_stands_in_the_golden_file(variant: str) -> None:
    ((good, line),) = Stream(f"{variant}.txt", VARIANTS[variant]()).lines()
    assert good
    found = json.loads(line)
    path = GOLDEN / f"{variant}.json"
    if WRITE:
        lines = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in found.pop("objects"))
        head = json.dumps(found, ensure_ascii=False)[:-1]
        path.write_text(f'{head}, "objects": [\n  {lines}\n]}}\n', encoding="utf-8")
        return
    assert found == json.loads(path.read_text(encoding="utf-8"))


def test_what_is_parsed_is_rendered_byte_for_byte(variant: str) -> None:
    sent = VARIANTS[variant]()
    (frame,) = Framer().feed(sent)
    assert isinstance(frame, Frame)
    assert render(parse(frame)) == sent


def test_no_line_is_left_over(variant: str) -> None:
    (frame,) = Framer().feed(VARIANTS[variant]())
    assert isinstance(frame, Frame)
    assert not parse(frame).bad_lines


def test_all_golden_files_belong_to_a_variant() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(VARIANTS)
