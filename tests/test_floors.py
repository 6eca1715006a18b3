"""The house stands: imports go down, p1/ knows nothing of the world, each third-party package has one door."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "p1monitor"

#: Room -> floor. A new room has to find its place here, and in docs/architecture.md.
FLOORS = {
    "p1": 0, "settings": 0, "clock": 0, "listen": 0, "webfiles": 0, "sdnotify": 0,
    "observer": 1, "sources": 1, "recorder": 1, "sinks": 1, "status": 1, "live": 1, "password": 1, "rules": 1, "show": 1,
    "diagnosis": 1, "days": 1, "sizes": 1, "keys": 1, "apart": 1,
    "config": 2, "owing": 2, "trouble": 2, "news": 2, "notes": 2, "terms": 2, "spent": 2,
    "afresh": 3, "fanout": 3, "reader": 3, "detect": 3, "check": 3, "asking": 3, "simulate": 3, "past": 3, "webapp": 3,
    "daemon": 4, "care": 4,
    "errands": 4,
    "custody": 5,
    "cli": 6,
    "__main__": 7,
}  # fmt: skip

#: What reaches out of the process, or tells the time. Bytes and values need none of it.
OUTSIDE = frozenset(
    {
        "asyncio", "concurrent", "http", "io", "logging", "multiprocessing", "os", "pathlib", "platform", "queue",
        "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile",
        "threading", "time", "urllib", "warnings",
    }
)  # fmt: skip
#: Calls that do the same without an import of their own.
OUTSIDE_CALLS = frozenset({"open", "print", "input", "now", "utcnow", "today"})
#: What the package's own name and the compiler's are.
NOT_THIRD_PARTY = sys.stdlib_module_names | {"p1monitor"}

MODULES = sorted(PACKAGE.rglob("*.py"))
#: What a sink is and how it is run: words without work, which the recorder needs too, because it is one.
CONTRACT = "p1monitor.sinks"


def name_of(path: Path) -> str:
    """p1monitor/sinks/mqtt.py -> sinks.mqtt"""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


NAMES = {f"p1monitor.{name_of(path)}" for path in MODULES}


def typing_only(tree: ast.Module) -> set[ast.AST]:
    """Everything under `if TYPE_CHECKING:`: it costs nothing when the daemon runs."""
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {inside for block in blocks for statement in block.body for inside in ast.walk(statement)}


def imports(path: Path, *, typing_too: bool = True) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, at its top or inside a function, with the line."""
    tree = ast.parse(path.read_text())
    skipped = set() if typing_too else typing_only(tree)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            module = node.module or ""
            yield module, node.lineno
            inner = (f"{module}.{alias.name}" for alias in node.names)
            yield from ((name, node.lineno) for name in inner if name in NAMES)


def room(module: str) -> str:
    """p1monitor.sinks.mqtt -> sinks"""
    parts = module.split(".")
    return parts[1] if parts[0] == "p1monitor" and len(parts) > 1 else ""


def test_every_room_has_its_floor() -> None:
    rooms = {name_of(path).split(".")[0] for path in MODULES} - {"__init__", ""}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_only_go_down(path: Path) -> None:
    here = name_of(path).split(".")[0]
    for module, line in imports(path):
        there = room(module)
        if there not in FLOORS or there == here or module == CONTRACT:
            continue
        assert FLOORS[there] < FLOORS[here], f"{path.name}:{line}: floor {FLOORS[here]} imports {module}, floor {FLOORS[there]}"


def test_what_a_sink_is_needs_the_records_only() -> None:
    assert {module for module, _ in imports(PACKAGE / "sinks" / "__init__.py") if room(module)} == {"p1monitor.p1.records"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "p1").glob("*.py")), ids=name_of)
def test_standard_knows_nothing_of_the_world(path: Path) -> None:
    for module, line in imports(path):
        assert module.split(".")[0] not in OUTSIDE, f"{path.name}:{line}: {module}"
        assert room(module) in {"", "p1"}, f"{path.name}:{line}: {module}"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in OUTSIDE_CALLS, f"{path.name}:{node.lineno}: {called}()"


def test_each_third_party_package_has_one_door() -> None:
    doors = defaultdict(set)
    for path in MODULES:
        for module, _ in imports(path, typing_too=False):
            package = module.split(".")[0]
            if package not in NOT_THIRD_PARTY:
                doors[package].add(name_of(path))
    assert {package: files for package, files in doors.items() if len(files) > 1} == {}
    assert set(doors) <= {
        "click", "crcmod", "cryptography", "flask", "influxdb_client", "paho", "prometheus_client", "serial", "urllib3", "waitress",
        "werkzeug",
    }, "a new dependency, or one that is not in pyproject.toml"  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_room_is_too_large(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300, "two subjects?"
