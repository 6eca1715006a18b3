"""What is written is true: commands exist, every key and topic and path is documented, every link leads somewhere."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
from flask import Flask

from p1monitor import __version__, cli, rules
from p1monitor.live import Live
from p1monitor.p1.catalogue import row_of
from p1monitor.p1.meters import MODELS
from p1monitor.p1.scenes import KINDS
from p1monitor.settings import MeterSettings, SourceSettings, Thresholds, WebSettings
from p1monitor.status import Status
from p1monitor.webapp.app import create_app
from tests.test_floors import FLOORS

ROOT = Path(__file__).parent.parent
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
TABLES = {
    "[[meter]]": MeterSettings,
    "[meter.source]": SourceSettings,
    "[meter.quality]": Thresholds,
    **{f"[{name}]": kind for name, (kind, _) in rules.TABLES.items()},
}


def section(text: str, heading: str) -> str:
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_documented_with_its_default(table: str) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section(CONFIGURATION, table), flags=re.MULTILINE))
    fields = {field.name: field for field in dataclasses.fields(TABLES[table]) if field.name not in {"source", "roles", "quality"}}
    assert set(rows) == set(fields)
    for name, said in rows.items():
        default = fields[name].default
        if default not in (None, dataclasses.MISSING) and said != "needed":
            quoted = isinstance(default, (str, Path))
            assert said == (f'`"{default}"`' if quoted else f"`{str(default).lower()}`"), name


def test_make_targets_of_the_papers_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for paper in PAPERS:
        text = paper.read_text()
        named = re.findall(r"^    make ([a-z]+)", text, flags=re.MULTILINE)
        named += [word for words in re.findall(r"`make ([a-z ]+)`", text) for word in words.split()]
        assert set(named) <= targets, paper.name
    assert {"demo", "test", "services", "lint", "types", "bench", "wheel", "endure", "clean"} <= targets


def test_commands_of_the_readme_are_those_there_are() -> None:
    documented = set(re.findall(r"^\| `p1monitor (\w+)`", README, flags=re.MULTILINE))
    assert documented == set(cli.main.commands)
    mentioned = {word for paper in PAPERS for word in re.findall(r"`p1monitor (\w+)", paper.read_text())}
    assert mentioned <= documented


def test_readmes_configuration_is_toml_with_known_keys() -> None:
    block = README.partition("with a `config.toml` as small as\n")[2].partition("\n`p1monitor check`")[0]
    raw = tomllib.loads(re.sub(r"^    ", "", block, flags=re.MULTILINE))
    assert set(raw["mqtt"]) <= {field.name for field in dataclasses.fields(rules.TABLES["mqtt"][0])}
    assert set(raw["meter"][0]["source"]) == {"device"}


@pytest.fixture
def app() -> Flask:
    return create_app(Live(["home"]), None, Status(__version__), WebSettings())


def test_every_path_is_documented(app: Flask) -> None:
    documented = set(re.findall(r"^\| `(/[^`]*)`", (ROOT / "docs" / "http.md").read_text(), flags=re.MULTILINE))
    served = {rule.rule for rule in app.url_map.iter_rules()} - {"/login", "/logout", "/<path:name>"}
    assert documented == served


def test_every_room_is_in_the_architecture() -> None:
    rows = re.findall(r"^\| (\d) \| ([^|]*) \|", (ROOT / "docs" / "architecture.md").read_text(), flags=re.MULTILINE)
    told = {room.removesuffix("/").removesuffix(".py"): int(n) for n, rooms in rows for room in re.findall(r"`([^`]+)`", rooms)}
    assert told == FLOORS


def test_every_simulated_meter_and_scene_is_documented_with_its_length() -> None:
    paper = (ROOT / "docs" / "simulated.md").read_text()
    models = dict(re.findall(r"^\| `([a-z0-9]+)` \| .* \| (\d+) s \|$", paper, flags=re.MULTILINE))
    assert models == {name: f"{model.period_s:g}" for name, model in MODELS.items()}
    scenes = dict(re.findall(r"^\| `([a-z0-9-]+)` \| .* \| (\d+) \|$", paper, flags=re.MULTILINE))
    assert scenes == {name: str(kind.seconds) for name, kind in KINDS.items()}


def test_links_between_papers_lead_somewhere() -> None:
    for paper in PAPERS:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", paper.read_text()):
            assert (paper.parent / target).exists(), f"{paper.name}: {target}"


def test_new_names_of_the_get_started_page_are_names() -> None:
    named = set(re.findall(r"`p1_home_(\w+)`", (ROOT / "docs" / "get-started.md").read_text()))
    assert {name for name in named if row_of(name) is None} == set()
    assert len(named) > 15


def test_changelog_has_a_place_for_what_comes() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
