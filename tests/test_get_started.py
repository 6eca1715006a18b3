"""The get-started page: every block is followed or says why not, every name in its tables is one. See test_get_started_real.py."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.sinks import House
from p1monitor.sinks.homeassistant import Announcer, entities
from p1monitor.sinks.topics import Topics
from tests.moments import NOON
from tests.paper import GET_STARTED, Block, blocks, names
from tests.test_get_started_real import STEPS

PAGE = GET_STARTED.read_text()

MADE_UP = """\
Do this:

    first
      deeper

    second

<!-- not run: for another machine -->

    third

1. not
    a block

```sh
fourth
```
"""


def test_blocks_are_found_however_they_are_written() -> None:
    assert blocks(MADE_UP) == [
        Block(3, "first\n  deeper\n\nsecond", None),
        Block(10, "third", "for another machine"),
        Block(15, "fourth", None),
    ]


def test_every_block_of_the_page_is_followed_or_says_why_not() -> None:
    followed = [block.text.splitlines()[0] for block in blocks(PAGE) if block.why_not is None]
    assert followed == [step.first_line for step in STEPS]


def test_every_new_name_of_the_page_is_announced_to_home_assistant() -> None:
    announcer = Announcer(House("abc123", ("home",), "0.1.0"), Topics("p1monitor", "homeassistant"), 10)
    announced: set[str] = set()
    for model in MODELS.values():
        reading = decode(model.telegram(NOON, 0))._replace(meter="home")
        for payload in announcer.payloads(reading, entities(reading)).values():
            announced |= {entity["default_entity_id"] for entity in json.loads(payload)["cmps"].values()}
    pairs = names(PAGE)
    assert len(pairs) == len(set(pairs)) > 50
    assert {new for _, new in pairs} - announced == set()


@pytest.mark.homeassistant
def test_every_old_name_of_the_page_is_one_of_home_assistants() -> None:
    """By the texts of its own integrations, as they are installed with it."""
    [components] = Path(os.environ["P1MONITOR_HASS"]).parent.parent.glob("lib/python3*/site-packages/homeassistant/components")
    sensors = json.loads((components / "dsmr/strings.json").read_text())["entity"]["sensor"]
    titles = [sensor["name"] for sensor in sensors.values() if "name" in sensor]
    devices = re.findall(r'^DEVICE_NAME_\w+ = "(.+)"', (components / "dsmr/const.py").read_text(), re.MULTILINE)
    keys = re.findall(r'key="(dsmr/[^"]+)"', (components / "dsmr_reader/definitions.py").read_text())
    known = {_slug(f"{device} {title}") for device in devices for title in titles} | {_slug(key) for key in keys}
    assert {old for old, _ in names(PAGE)} - {f"sensor.{slug}" for slug in known} == set()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
