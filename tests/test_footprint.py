"""What keeps the daemon small."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Thread
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client

from p1monitor.daemon import Daemon
from p1monitor.p1.records import Measurement
from p1monitor.recorder import Queries, heap
from p1monitor.recorder.recent import Recent
from p1monitor.recorder.samples import VOLTAGES
from p1monitor.settings import MeterSettings, Settings, SourceSettings, WebSettings
from p1monitor.webapp import Frugal, WebError
from tests.archiving import folder, path
from tests.readings import METER
from tests.staged import Staged

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["folder", "path"]  # fixtures

ROOT = Path(__file__).parent.parent
BEGIN = 1_781_522_400
PIECES, PIECE = 20_000, 1000


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(heap._trim is None, reason="this C library cannot give memory back")
def test_what_is_free_between_what_is_kept_is_given_back() -> None:
    pieces = [bytes([number % 256]) * PIECE for number in range(PIECES)]
    kept = pieces[::50]
    full = resident()
    del pieces
    heap.give_back()
    assert full - resident() > PIECES * PIECE / 2
    assert all(len(piece) == PIECE for piece in kept)


def test_a_recent_reading_keeps_what_it_has_not_and_forgets_what_no_meter_can_mean() -> None:
    recent = Recent()
    names = ["power_w", *VOLTAGES]
    for second, told in enumerate((("-5", "230.1", "", "229.9"), ("", "", "", ""), ("1E30", "1E30", "0", "-9E18"))):
        found = {
            name: Measurement(Decimal(text), "", "", derived=name == "power_w")
            for name, text in zip(names, told, strict=True)
            if text
        }
        recent.put(METER, second + 1, BEGIN + second, found)
    numbers = recent.look(METER, names, 0, BEGIN - 1, BEGIN + 9).numbers
    assert list(zip(*numbers, strict=True)) == [(-5000, 230100, None, 229900), (None,) * 4, (None, None, 0, None)]


def test_all_threads_ask_by_one_connection(path: Path) -> None:
    life = Staged(path, "esmr5", BEGIN)
    life.run(5, 1)
    queries = Queries(path)
    files = []
    for _ in range(3):
        thread = Thread(target=queries.meters)
        thread.start()
        thread.join()
        files.append(sum(path.name in str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()))
    queries.close()
    assert files[0] == files[-1]


def test_a_daemon_on_a_real_meter_loads_no_simulated_one() -> None:
    code = "import sys, p1monitor.cli, p1monitor.daemon; sys.exit('p1monitor.p1.meters' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


#: A daemon with a page; whether Flask is loaded before somebody looks, and after.
LOOKED = """
import sys, urllib.request
from pathlib import Path
from p1monitor.daemon import Daemon
from p1monitor.settings import HistorySettings, MeterSettings, Settings, SourceSettings, WebSettings
source = SourceSettings(type="tcp", host="127.0.0.1", port=9)
meters, web = (MeterSettings(source=source),), WebSettings(listen="127.0.0.1:0")
settings = Settings(meters=meters, history=HistorySettings(path=Path(sys.argv[1])), web=web)
with Daemon(settings) as daemon:
    print("flask" in sys.modules, "jinja2" in sys.modules)
    answer = urllib.request.urlopen(f"http://127.0.0.1:{daemon._server.port}/api/v1/meters").read()
    print("flask" in sys.modules, answer.decode())
"""


def test_flask_is_loaded_by_the_first_who_looks(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOOKED, str(tmp_path / "history.sqlite")]
    before, after = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert before == "False False"
    assert after.startswith('True {"meters":[')


def test_a_page_that_must_not_be_is_refused_at_start_though_it_is_made_later(tmp_path: Path) -> None:
    open_to_all = Settings(
        meters=(MeterSettings(source=SourceSettings(type="tcp", host="127.0.0.1", port=9)),),
        history=None,
        web=WebSettings(listen="0.0.0.0:0"),
    )
    with pytest.raises(WebError, match="it wants password_file"), Daemon(open_to_all):
        pass


class Meeting:
    """An application in which two meet, if they are let in together."""

    def __init__(self) -> None:
        self.made, self.met = 0, False
        self._two = Barrier(2)

    def make(self) -> Meeting:
        self.made += 1
        return self

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            self._two.wait(0.3)
            self.met = True
        except BrokenBarrierError:
            self._two.reset()
        start_response("200 OK", [])
        return [b""]


@pytest.mark.parametrize(("asked", "together"), [("/api/v1/series", False), ("/report/2026-01", False), ("/api/v1/live", True)])
def test_large_answers_are_put_together_one_after_the_other(asked: str, together: bool) -> None:
    meeting = Meeting()
    page = Frugal(meeting.make)
    threads = [Thread(target=Client(page).get, args=(asked,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (meeting.met, meeting.made) == (together, 1)


def test_who_waits_too_long_for_a_turn_goes_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p1monitor.webapp.frugal.TURN_S", 0.0)
    test_large_answers_are_put_together_one_after_the_other("/api/v1/series", True)


def test_an_answer_that_fails_gives_its_turn_back() -> None:
    def broken(_environ: Any, _start_response: Any) -> Iterable[bytes]:
        raise ValueError("no answer")

    page = Frugal(lambda: broken)
    with pytest.raises(ValueError, match="no answer"):
        Client(page).get("/api/v1/series")
    assert page._turn.acquire(blocking=False)


#: What the daemon imports: is anything of it not compiled?
COMPILED = """
import sys
from pathlib import Path
import p1monitor.cli, p1monitor.daemon, p1monitor.webapp.app, p1monitor.sinks.mqtt, p1monitor.sources.tcp
files = {name: Path(getattr(module, "__cached__", None) or "/") for name, module in sys.modules.items()}
print(p1monitor.daemon.__doc__, [name for name, file in files.items() if not file.exists()])
"""


def test_all_that_the_service_imports_was_compiled_as_it_runs_it(tmp_path: Path) -> None:
    unit = (ROOT / "systemd" / "p1monitor.service").read_text()
    install = (ROOT / "systemd" / "install.sh").read_text()
    assert "\nEnvironment=PYTHONOPTIMIZE=2\nEnvironment=PYTHONPYCACHEPREFIX=/opt/p1monitor/compiled\n" in unit
    assert 'compile.sh" "$opt/bin/python" "$opt/compiled"' in install
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONOPTIMIZE": "2", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    subprocess.run([str(ROOT / "systemd" / "compile.sh"), sys.executable, str(tmp_path)], env=environment, check=True)
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run([sys.executable, "-c", COMPILED], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "None []\n"
