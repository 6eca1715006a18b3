"""What is installed on the machine: the unit is understood, hardened and explained, the example is a configuration."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from p1monitor import config, rules
from p1monitor.password import make_line
from p1monitor.settings import MeterSettings, SourceSettings, Thresholds
from tests.services import program

FOLDER = Path(__file__).parent.parent / "systemd"
#: systemd-analyze's scale goes from 0 (nothing to gain) to 10; PrivateDevices must stay off, the rest is taken away.
EXPOSURE_MOST = 1.6


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that exists in place of the one that is not installed here."""
    text = (FOLDER / "p1monitor.service").read_text()
    assert "/opt/p1monitor/bin/p1monitor" in text
    path = tmp_path / "p1monitor.service"
    path.write_text(text.replace("/opt/p1monitor/bin/p1monitor run", f"{sys.executable} -m p1monitor run"))
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    command = [program("systemd-analyze", "systemd"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "LC_ALL": "C"})


def test_systemd_understands_every_line(unit: Path) -> None:
    run = analyze("verify", "--man=no", str(unit))
    assert run.stderr == "", "an unknown key is only a warning"
    assert run.returncode == 0


def test_service_can_do_little_harm(unit: Path) -> None:
    run = analyze("security", "--offline=true", "--no-pager", str(unit))
    assert run.returncode == 0, run.stderr
    found = re.search(r"exposure level for p1monitor\.service: ([0-9.]+)", run.stdout)
    assert found, run.stdout
    assert float(found[1]) <= EXPOSURE_MOST, run.stdout


@pytest.mark.parametrize("name", ["p1monitor.service", "99-p1monitor.rules"])
def test_every_line_has_its_reason(name: str) -> None:
    reason = False
    for number, line in enumerate((FOLDER / name).read_text().splitlines(), 1):
        if line.startswith("#"):
            reason = True
        elif not line or line.startswith("["):
            reason = False
        else:
            assert reason, f"{name}:{number}: {line}"


def test_cable_rules_give_one_name_and_keep_modemmanager_away() -> None:
    rows = [line for line in (FOLDER / "99-p1monitor.rules").read_text().splitlines() if "ID_MODEL_ID" in line and line[0] != "#"]
    assert len(rows) == 5
    for row in rows:
        assert re.fullmatch(
            r'ENV\{ID_VENDOR_ID\}=="[0-9a-f]{4}", ENV\{ID_MODEL_ID\}=="[0-9a-f]{4}", SYMLINK\+="p1", '
            r'OPTIONS\+="link_priority=\d+", ENV\{ID_MM_DEVICE_IGNORE\}="1"',
            row,
        )


EXAMPLE = (FOLDER / "config.example.toml").read_text()


def uncomment(text: str) -> str:
    return re.sub(r"^# (?=\[[a-z.]+\]$|[a-z_]+ = )", "", text, flags=re.MULTILINE)


def test_example_loads_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(EXAMPLE)
    [meter] = config.load(path).meters
    assert meter == MeterSettings(source=SourceSettings(device="/dev/p1"))


def test_example_has_every_key_once_in_its_table() -> None:
    found: dict[str, list[str]] = {}
    table = ""
    for line in uncomment(EXAMPLE).splitlines():
        if heading := re.fullmatch(r"\[+([a-z.]+)\]+", line):
            table = heading[1]
            found[table] = []
        elif key := re.match(r"([a-z_]+) = ", line):
            found[table].append(key[1])
    expected = {name: [field.name for field in dataclasses.fields(kind)] for name, (kind, _) in rules.TABLES.items()}
    expected["meter"] = [
        field.name for field in dataclasses.fields(MeterSettings) if field.name not in {"source", "roles", "quality"}
    ]
    expected["meter.quality"] = [field.name for field in dataclasses.fields(Thresholds)]
    expected["meter.roles"] = ["gas"]  # as an example: a key is a role
    expected["meter.source"] = [field.name for field in dataclasses.fields(SourceSettings)]
    assert {name: sorted(keys) for name, keys in found.items()} == {name: sorted(keys) for name, keys in expected.items()}


def test_example_loads_with_every_table_on(tmp_path: Path) -> None:
    meter, mark, tables = EXAMPLE.partition("# A second meter")
    for secret, content in {"mqtt": "x", "influxdb": "x", "page": make_line("correct horse")}.items():
        (tmp_path / secret).write_text(content)
    path = tmp_path / "config.toml"
    path.write_text(meter + mark + re.sub(r"\n(ca|certificate|key)_file = .*", "", uncomment(tables)))
    settings = config.load(path)
    assert settings.mqtt
    assert settings.influxdb
    assert settings.relay


@pytest.mark.parametrize("kind", ["tcp", "replay", "simulated"])
def test_example_has_a_source_of_each_type(tmp_path: Path, kind: str) -> None:
    meter = EXAMPLE.partition("# A second meter")[0]
    block = meter.partition(f'# Of type "{kind}"')[2].partition("\n\n")[0]
    (tmp_path / "telegrams.txt").write_text("/")
    path = tmp_path / "config.toml"
    path.write_text(f'[[meter]]\n[meter.source]\ntype = "{kind}"\n#{uncomment(block)}')
    [loaded] = config.load(path).meters
    assert loaded.source.type == kind


def test_keys_that_are_commented_out_show_their_defaults() -> None:
    lines = EXAMPLE.splitlines()
    for kind in (MeterSettings, SourceSettings, *(kind for kind, _ in rules.TABLES.values())):
        for field in dataclasses.fields(kind):
            if field.default in (None, "", dataclasses.MISSING):
                continue
            quoted = isinstance(field.default, (str, Path))
            word = f'"{field.default}"' if quoted else str(field.default).lower()
            assert any(re.match(rf"(# )?{field.name} = {re.escape(word)}(\s|$)", line) for line in lines), field.name
