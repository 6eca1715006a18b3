"""The scripts that put the service onto a machine: below a folder of their own here; a whole Debian is `make cleanroot`."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from p1monitor import config
from p1monitor.password import verify

ROOT = Path(__file__).parent.parent
INSTALL, UNINSTALL = (ROOT / "systemd" / name for name in ("install.sh", "uninstall.sh"))
SCRIPTS = [*sorted((ROOT / "systemd").glob("*.sh")), *sorted((ROOT / "tests").glob("*.sh"))]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_whole(script: Path) -> None:
    assert os.access(script, os.X_OK)
    shell = script.read_text().splitlines()[0].rpartition("/")[2].rpartition(" ")[2]
    subprocess.run([shell, "-n", str(script)], check=True)


def run(script: str, prefix: Path, *, fine: bool = True, **more: str) -> str:
    """Run a script below `prefix`; what it installs borrows the libraries of these tests."""
    # No index, no network: the wheel alone, and what it imports is found where this Python has it
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PREFIX": str(prefix),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        **more,
    }
    done = subprocess.run(
        [str(ROOT / "systemd" / script)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode == 0) == fine, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, capture_output=True, timeout=300, check=True)
    return next(folder.iterdir())


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_life_of_an_installation(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run("install.sh", tmp_path, WHEEL=str(wheel), METER="/dev/ttyNONE")
    assert f"fetching what {wheel} needs" in told
    etc, units = tmp_path / "etc/p1monitor", tmp_path / "etc/systemd/system"
    assert "there is no /dev/ttyNONE" in told
    assert "write where it is into" in told
    found = re.search(r"shown this once: (\S+)", told)
    assert found
    assert verify((etc / "page").read_text().strip(), found[1])
    assert (rights(etc / "page"), rights(etc / "config.toml")) == (0o600, 0o644)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(etc))
    settings = config.load(etc / "config.toml")
    assert settings.web
    assert (settings.web.listen, settings.web.password_file) == ("0.0.0.0:8080", etc / "page")
    assert settings.meters[0].source.device == "/dev/p1"
    assert "LoadCredential=page:/etc/p1monitor/page" in (units / "p1monitor.service.d/page.conf").read_text()
    assert (units / "p1monitor.service").read_text() == (ROOT / "systemd/p1monitor.service").read_text()
    assert (tmp_path / "usr/local/bin/p1monitor").readlink() == Path("/opt/p1monitor/bin/p1monitor")
    assert (tmp_path / "opt/p1monitor/bin/p1monitor").is_file()

    mine = (etc / "config.toml").read_text().replace("# decryption_key_file", "decryption_key_file") + "# mine\n"
    (etc / "config.toml").write_text(mine)
    store = tmp_path / "var/lib/p1monitor/history.sqlite"
    store.parent.mkdir(parents=True)
    with sqlite3.connect(store) as history:
        history.execute("CREATE TABLE kept AS SELECT 4711 AS value")
    history.close()
    told = run("install.sh", tmp_path, WHEEL=str(wheel), WITH="prometheus")
    assert f"fetching what {wheel}[encrypted,prometheus] needs" in told  # the first because the configuration names a key
    assert "shown this once" not in told
    assert (etc / "config.toml").read_text().endswith("# mine\n")
    [copy] = (tmp_path / "var/backups/p1monitor").iterdir()
    assert rights(copy) == 0o600
    with sqlite3.connect(copy) as history:
        assert history.execute("SELECT value FROM kept").fetchone() == (4711,)
    history.close()

    store.write_bytes(b"no store at all" * 100)
    assert "nothing was changed" in run("install.sh", tmp_path, WHEEL=str(wheel), fine=False)

    yours = units / "p1monitor.service.d/mqtt.conf"
    yours.write_text("[Service]\nLoadCredential=mqtt:/etc/p1monitor/mqtt\n")
    told = run("uninstall.sh", tmp_path)
    assert f"\n  {yours.parent}\n" in told
    shutil.rmtree(yours.parent)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if "p1monitor" in path.name}
    assert left == {"etc/p1monitor", "var/lib/p1monitor", "var/backups/p1monitor"}
    assert all(str(tmp_path / name) in told for name in left)


def test_what_it_does_not_know_it_says_and_touches_nothing(tmp_path: Path) -> None:
    assert "there is no extra encryption" in run("install.sh", tmp_path, fine=False, WITH="encryption")
    for words, said in ((("--with",), "--with wants a word"), (("--without", "x"), "--without is nothing that this knows")):
        done = subprocess.run([INSTALL, *words], env={"PREFIX": str(tmp_path)}, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_root_it_says_so() -> None:
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv, to be somebody else than root")
        become = ["setpriv", "--reuid=65534", "--clear-groups"]
    else:
        become = []
    for script in (INSTALL, UNINSTALL):
        done = subprocess.run([*become, "sh", "-s"], stdin=script.open(), capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "wants root" in done.stdout + done.stderr
