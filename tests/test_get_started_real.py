"""The get-started page, block by block as it is written, in a clean Debian, up to the entities in a real Home Assistant.

Driven by `make getstarted` (in_clean_root.sh), which makes the Debian and shuts the network out. A simulated meter is the
cable; services are started as their units say, where the page restarts them, since systemd itself does not run there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from paho.mqtt import subscribe

from tests.cleanroot import IGNORED, CleanRoot
from tests.hass import HomeAssistant, until
from tests.paper import GET_STARTED, blocks

CLONE = "/home/pi/p1monitor"
#: What the person thinks up.
HASS_PASSWORD, OUR_PASSWORD = "for Home Assistant", "for p1monitor 4711"
#: What Home Assistant says of what has no value.
IDLE = {"unknown", "unavailable"}


class Listening(NamedTuple):
    """The broker in the clean root, as the home's network has it."""

    host: str
    port: int


class Step(NamedTuple):
    """What a block is known by, what the person answers meanwhile, what must be shown."""

    first_line: str
    answers: tuple[tuple[str, str], ...] = ()
    shows: tuple[str, ...] = ()
    patience_s: float = 0.0  #: it may be typed again for so long, where the page says "some seconds later"


#: The blocks of the page that are followed. <page> is the password that `make install` showed.
STEPS = (
    Step("sudo apt-get update", (("[Y/n]", "y\n"),)),
    Step("sudo make install", shows=("ESMR 5", "gas", "config.toml was made", "shown this once: ")),
    Step(
        "sudo apt-get install mosquitto",
        (
            ("[Y/n]", "y\n"),
            *(("assword: ", f"{word}\n") for word in (HASS_PASSWORD, HASS_PASSWORD, OUR_PASSWORD, OUR_PASSWORD)),
        ),
    ),
    Step("sudo install -m 600 /dev/stdin /etc/p1monitor/mqtt", (("", f"{OUR_PASSWORD}\n\x04"),)),
    Step("sudo mkdir -p /etc/systemd/system/p1monitor.service.d"),
    Step("sudo p1monitor check", shows=("ok   meter home", "ok   history", "ok   page", "ok   mqtt")),
    Step("sudo systemctl daemon-reload", shows=(IGNORED,)),
    Step("sudo p1monitor status", (("Password of the page", "<page>\n"),), ("ok   meter home", "ok   recorder", "ok   mqtt"), 20.0),
)


@pytest.fixture
def root() -> Iterator[CleanRoot]:
    made = CleanRoot(Path(os.environ["P1MONITOR_CLEANROOT"]))
    yield made
    made.stop()


@pytest.fixture
def cable(root: CleanRoot) -> Iterator[None]:
    """A simulated meter, under the names that udev gives a cable."""
    meter = subprocess.Popen([sys.executable, "-m", "p1monitor", "simulate", "--pty"], stdout=subprocess.PIPE, text=True)
    assert meter.stdout
    device = meter.stdout.readline().strip()
    dialout = next(line for line in (root.folder / "etc/group").read_text().splitlines() if line.startswith("dialout:"))
    os.chown(device, 0, int(dialout.split(":")[2]))
    Path(device).chmod(0o660)
    (root.folder / "dev/ttyUSB0").symlink_to(device)
    by_id = root.folder / "dev/serial/by-id"
    by_id.mkdir(parents=True)
    (by_id / "usb-FTDI_P1_cable-if00-port0").symlink_to("../../ttyUSB0")
    yield
    meter.terminate()
    meter.wait(10)


@pytest.mark.cleanroot
def test_the_page_leads_to_entities_in_home_assistant(root: CleanRoot, cable: None, tmp_path: Path) -> None:
    page_password = ""
    for block, step in zip([block for block in blocks(GET_STARTED.read_text()) if not block.why_not], STEPS, strict=True):
        assert block.text.splitlines()[0] == step.first_line
        began = time.monotonic()
        answers = [(prompt, reply.replace("<page>", page_password)) for prompt, reply in step.answers]
        while True:
            status, shown = root.type(block.text, CLONE, answers)
            if status == 0 or time.monotonic() > began + step.patience_s:
                break
            time.sleep(1)
        print(f"line {block.line}, {time.monotonic() - began:.1f} s: {step.first_line}\n{shown}")
        assert status == 0, shown
        assert all(words in shown for words in step.shows), shown
        page_password = next(iter(re.findall(r"shown this once: (\S+)", shown)), page_password)
        # systemd would have started it at the end of `make install`, and restarted it where the page says so
        started = ["p1monitor"] if "make install" in block.text else re.findall(r"systemctl restart (\w+)", block.text)
        for service in started:
            root.restart(service)
    announced = _announced()
    print(len(announced), "entities are announced")
    if hass := os.environ.get("P1MONITOR_HASS"):
        _in_home_assistant(hass, tmp_path, page_password, announced)
    root.stop()
    status, shown = root.type("sudo make uninstall", CLONE)
    left = {"/etc/p1monitor", "/var/lib/p1monitor", "/etc/systemd/system/p1monitor.service.d"}
    assert status == 0
    assert set(re.findall(r"^  (/\S+)$", shown, re.MULTILINE)) == left


def _live(password: str) -> dict[str, Any]:
    request = urllib.request.Request("http://127.0.0.1:8080/api/v1/live")
    request.add_header("Authorization", "Basic " + b64encode(f"me:{password}".encode()).decode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def _announced() -> set[str]:
    """Unique ids that the broker has, for whoever signs in as Home Assistant, of entities that are not switched off."""
    topics = ["homeassistant/device/#"]
    login: Any = {"username": "homeassistant", "password": HASS_PASSWORD}
    told = subscribe.simple(topics, hostname="127.0.0.1", msg_count=2, auth=login)  # type: ignore[no-untyped-call]  # paho
    devices = [json.loads(message.payload) for message in told]
    assert {device["dev"]["name"] for device in devices} == {"Home smart meter", "Home gas meter"}
    return {entity["uniq_id"] for device in devices for entity in device["cmps"].values() if entity.get("en", True)}


def _in_home_assistant(command: str, folder: Path, password: str, announced: set[str]) -> None:
    home = HomeAssistant(command, folder)
    try:
        home.start()
        home.add_broker(Listening("127.0.0.1", 1883), username="homeassistant", password=HASS_PASSWORD)
        before = _live(password)
        until(lambda: announced <= home.states().keys())
        # An event entity has no state until something happens
        until(lambda: not [one for one in home.states().values() if one["state"] in IDLE and one["entity_id"][:6] != "event."])
        states = {unique.rpartition("-")[2]: state for unique, state in home.states().items()}
        after = _live(password)
        print(len(states), "entities in Home Assistant")
        assert len(states) == len(announced)
        for name in ("energy_import_t1_kwh", "energy_import_t2_kwh", "energy_export_t1_kwh", "energy_import_kwh"):
            # The announced readings are ten seconds old at most
            assert before["values"][name] - 0.1 <= float(states[name]["state"]) <= after["values"][name], name
        assert float(states["gas_m3"]["state"]) == pytest.approx(after["devices"][0]["values"]["gas_m3"], abs=1)
        assert 0 <= float(states["power_import_w"]["state"]) < 20_000
        # The page has both, the second for releases before 2025.10
        ids = {"sensor.p1_home_energy_import_t1_kwh", "sensor.home_smart_meter_energy_import_tariff_1_low"}
        assert states["energy_import_t1_kwh"]["entity_id"] in ids
        assert not home.complaints()
    finally:
        home.stop()
