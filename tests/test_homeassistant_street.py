"""A real Home Assistant and the seven simulated meters: every entity has the simulator's value; messages come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from p1monitor.p1.catalogue import row_of
from p1monitor.p1.records import Reading
from p1monitor.settings import MqttSettings
from p1monitor.sinks.homeassistant import device_name, entities
from p1monitor.sinks.homeassistant_extras import EXTRAS
from p1monitor.sinks.topics import stamp_name
from tests.hass import HomeAssistant, homeassistant, until
from tests.services import Mosquitto
from tests.street import MODELS, QUIET, ROUND_S, SETTLED, Street

__all__ = ["homeassistant"]  # a fixture

pytestmark = pytest.mark.homeassistant

Said = tuple[object, str | None]
UNITS: Mapping[str, str | None] = {"m3": "m³", "permille": "‰", "": None}
#: The message stands for three rounds: a meter without CRC must tell each change twice.
CAME, WENT = (SETTLED + 2) * ROUND_S, (SETTLED + 5) * ROUND_S


def test_home_assistant_shows_what_the_meters_said(homeassistant: HomeAssistant, mosquitto: Mosquitto, tmp_path: Path) -> None:
    mqtt = MqttSettings(mosquitto.host, mosquitto.port)
    folder = tmp_path / "street"
    folder.mkdir()
    with Street(folder, QUIET, scenes=[f"message@+{CAME}/{WENT - CAME}"], mqtt=mqtt) as street:
        prefix = f"p1monitor-{street.daemon.house.installation}"
        street.round(SETTLED + 1)
        agree(homeassistant, street, prefix)
        devices = {
            next(iter(device["identifiers"]))[1]: device
            for device in homeassistant.ask("config/device_registry/list")
            if device["identifiers"] and next(iter(device["identifiers"]))[0] == "mqtt"
        }
        assert devices.keys() == {f"{prefix}-{name}" for name in names_of(street)}
        for model in MODELS:
            sent = street.sent[model][-1]
            main = devices[f"{prefix}-{model}"]
            assert (main["name"], main["via_device_id"]) == (device_name(model, ""), None)
            assert (main["model"], main["serial_number"]) == (sent.telegram.identification, sent.equipment_id)
            for device in sent.devices:
                other = devices[f"{prefix}-{model}-{device.role}"]
                assert (other["name"], other["via_device_id"]) == (device_name(model, device.role), main["id"])
                assert other["serial_number"] == device.equipment_id

        offered = {
            entry["unique_id"]
            for entry in homeassistant.ask("config/entity_registry/list")
            if entry["disabled_by"] == "integration" and entry["unique_id"].startswith(prefix)
        }
        assert offered == {
            unique for model, sent in street.sent.items() for unique in expected(sent, f"{prefix}-{model}", seldom=True)
        }

        # Both words of the message come, stay, and go.
        street.round(2)
        agree(homeassistant, street, prefix)
        assert message(homeassistant, f"{prefix}-me381") == ("0123456789", "tEst123")
        street.round(3)
        agree(homeassistant, street, prefix)
        assert message(homeassistant, f"{prefix}-me381") == ("", "")
    assert homeassistant.complaints() == []


def names_of(street: Street) -> set[str]:
    return {
        name for model, sent in street.sent.items() for name in (model, *(f"{model}-{device.role}" for device in sent[-1].devices))
    }


def message(homeassistant: HomeAssistant, meter: str) -> tuple[str, str]:
    states = homeassistant.states()
    return states[f"{meter}-message_text"]["state"], states[f"{meter}-message_code"]["state"]


def agree(homeassistant: HomeAssistant, street: Street, prefix: str) -> None:
    """Wait until every entity says what the newest telegram of its meter says, and tell which does not."""
    try:
        until(lambda: not differences(homeassistant, street, prefix), 15)
    except AssertionError:
        assert differences(homeassistant, street, prefix) == {}


def differences(homeassistant: HomeAssistant, street: Street, prefix: str) -> dict[str, object]:
    """Unique id -> what it says, and what the meter said."""
    states = homeassistant.states()
    wrong: dict[str, object] = {}
    for model, sent in street.sent.items():
        wanted = expected(sent, f"{prefix}-{model}")
        wrong |= {unique: (told(states.get(unique)), want) for unique, want in wanted.items() if not says(states.get(unique), want)}
        ours = {unique for unique in states if unique.startswith(f"{prefix}-{model}-") and "_today_" not in unique}
        beside = {f"{prefix}-{model}-{name}" for name in EXTRAS}
        wrong |= {unique: (told(states[unique]), "nothing") for unique in ours - wanted.keys() - beside}
    return wrong


def expected(sent: Sequence[Reading], meter: str, *, seldom: bool = False) -> dict[str, Said]:
    """Unique id -> value and unit, of everything that has had a value; or of what is offered switched off."""
    had = {entity for reading in sent for entity in entities(reading)}
    places = {"": sent[-1].values, **{device.role: device.values for device in sent[-1].devices}}
    wanted: dict[str, Said] = {}
    for role, name, stamp in had:
        row, one = row_of(name), places[role][name]
        assert row is not None
        if row.seldom is seldom:
            unique = "-".join(filter(None, (meter, role, stamp_name(name) if stamp else name)))
            wanted[unique] = (one.at, None) if stamp else (one.value, UNITS.get(one.unit, one.unit))
    return wanted


def told(state: Any) -> object:
    return (state["state"], state["attributes"].get("unit_of_measurement")) if state else "absent"


def says(state: Any, want: Said) -> bool:
    """Whether an entity has this value, in this unit."""
    value, unit = want
    if state is None or state["attributes"].get("unit_of_measurement") != unit:
        return False
    text = state["state"]
    if isinstance(value, Decimal):
        return text not in {"unknown", "unavailable", ""} and Decimal(text) == value
    if isinstance(value, datetime):
        return text not in {"unknown", "unavailable", ""} and datetime.fromisoformat(text) == value
    return bool(text == (value or ""))
