"""[meter.roles]: who is who among a meter's devices, from the file to the reading and to what is said about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from p1monitor import asking
from p1monitor.check import look
from p1monitor.config import ConfigError, load
from p1monitor.p1.codes import MEDIA
from p1monitor.p1.telegram import Telegram, data_object, render
from p1monitor.rules import ROLE, ROLES
from p1monitor.settings import MeterSettings, Settings, SourceSettings
from p1monitor.sources import SourceError
from tests.lines import FakeClock
from tests.readerkit import Script, Setup

METER = '[[meter]]\n[meter.source]\ndevice = "/dev/ttyUSB0"\n[meter.roles]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(METER + text)
    return path


def test_roles_are_read(tmp_path: Path) -> None:
    (meter,) = load(written(tmp_path, 'gas = "G1"\ngas_2 = "G 2"\nwarm_water = "W"\nelectricity_2 = "E"')).meters
    assert meter.roles == {"gas": "G1", "gas_2": "G 2", "warm_water": "W", "electricity_2": "E"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('gaz = "G1"', "[meter.roles] gaz: unknown role, did you mean gas?"),
        ('gas_1 = "G1"', "[meter.roles] gas_1: unknown role, did you mean gas_2?"),
        ('electricity = "E1"', "[meter.roles] electricity: unknown role, did you mean electricity_2?"),
        ("gas = 61", "[meter.roles] gas: must be the device's identifier in quotes, as p1monitor shows it"),
        ('gas = ""', "[meter.roles] gas: must be the device's identifier in quotes, as p1monitor shows it"),
        ('gas = "G\\n1"', "[meter.roles] gas: must be the device's identifier in quotes, as p1monitor shows it"),
        ('gas = "G1"\ngas_2 = "G1"', "[meter.roles] gas_2: is the same device as gas"),
    ],
)
def test_what_is_wrong_is_one_sentence_without_an_identifier(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: {said}"


def test_roles_that_are_no_table(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[[meter]]\nroles = "gas"\n[meter.source]\ndevice = "/dev/a"\n')
    with pytest.raises(ConfigError, match=r"meter\.roles: must be a table, written \[meter\.roles\]"):
        load(path)


def test_every_medium_can_be_a_role() -> None:
    assert all(ROLE.fullmatch(role) for role in ROLES)
    assert {role.removesuffix("_2") for role in ROLES} == set(MEDIA.values())


def frame(*devices: tuple[str, str]) -> bytes:
    lines = [("0-0:96.1.1", "4531"), ("1-3:0.2.8", "50"), ("1-0:1.8.1", "000005.000*kWh")]
    for channel, (name, value) in enumerate(devices, 1):
        lines += [(f"0-{channel}:24.1.0", "003"), (f"0-{channel}:96.1.0", name.encode().hex())]
        lines.append((f"0-{channel}:24.2.1", f"{value}*m3"))
    return render(Telegram("TST5", tuple(data_object(*line) for line in lines), "valid"))


def test_the_reader_casts_as_configured_and_says_who_was_not_seen() -> None:
    clock = FakeClock()
    both = frame(("OLD", "00812.000"), ("NEW", "00001.000"))
    script = Script(clock, [frame(("OLD", "00812.000")), 1.0, both, 1.0, SourceError("lost")])
    setup = Setup(script, clock, meter=MeterSettings("home", roles={"gas": "NEW", "water": "W"}))
    setup.play(script)
    assert [{one.equipment_id: one.role for one in seen.devices} for seen in setup.readings] == [
        {"OLD": "gas_2"},
        {"OLD": "gas_2", "NEW": "gas"},
    ]
    assert setup.told["roles_unseen"] == ["water"]
    good, (_, line) = asking.words({"meters": {"home": {**setup.told, "stale": False}}})
    assert "not seen yet as configured: water" in line
    assert good  # no error


def test_check_names_the_roles_and_no_identifier() -> None:
    meter = MeterSettings(source=SourceSettings(type="simulated"), roles={"gas": "G1", "water": "W1"})
    settings = Settings((meter,), None, None)
    (said,) = [answer for answer in look(settings) if answer.what == "roles of home"]
    assert said.good
    assert said.words.startswith("gas, water: ")
    assert "G1" not in said.words
    assert not [answer for answer in look(replace(settings, meters=(replace(meter, roles={}),))) if "roles" in answer.what]
