"""A clean Debian in a folder, and a person in it who types. Starts no service by itself: `restart` is what systemd would do.

The folder and the namespaces that it is in are made by in_clean_root.sh, and go with it.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

#: As Debian and Raspberry Pi OS have it.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: The first of the users that DynamicUser= gives.
DYNAMIC = 61184
#: The longest command installs packages and builds an environment; `make install` listens half a minute, too.
TYPED_S = 300.0
READY_S = 60.0
#: A command that waits for input without saying so has shown nothing for so long.
QUIET_S = 2.0
#: `systemctl` says so where it is not the root it was started from, and does nothing.
IGNORED = "Running in chroot, ignoring"


class CleanRoot:
    """Runs what a person types, and the services that systemd would run."""

    def __init__(self, folder: Path, person: str = "pi") -> None:
        self.folder, self.person = folder, person
        self._services: dict[str, subprocess.Popen[bytes]] = {}

    def type(self, text: str, cwd: str, answers: Sequence[tuple[str, str]] = ()) -> tuple[int, str]:
        """Paste text into the person's shell on a terminal, and answer each prompt in turn; exit status and all that was shown.

        An answer whose prompt is empty is typed when all has been quiet for a while. The first command that fails is the last.
        """
        home = f"/home/{self.person}"
        shell = ["env", "-i", f"PATH={PATH}", f"HOME={home}", f"USER={self.person}", "TERM=dumb", "LC_ALL=C.UTF-8"]
        become = ["setpriv", f"--reuid={self.person}", f"--regid={self.person}", "--init-groups"]
        command = ["chroot", str(self.folder), *shell, *become, "bash", "-ec", f"cd {cwd}\n{text}"]
        child, terminal = pty.fork()
        if child == 0:
            os.execvp(command[0], command)
        try:
            shown = _converse(terminal, list(answers))
        finally:
            os.close(terminal)
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended:
                os.kill(child, signal.SIGHUP)
                _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), shown

    def restart(self, service: str) -> None:
        """Stop it, and start what its unit and the drop-ins say, until it says that it is ready (or listens)."""
        self.stop(service)
        unit = self._unit(service)
        runtime = self.folder / "run" / service
        environment = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
        become: list[str] = []
        if "DynamicUser" in unit:
            group = unit["SupplementaryGroups"][0]
            gid = int(_field(self.folder / "etc/group", group, 2))
            become = ["setpriv", f"--reuid={DYNAMIC}", f"--regid={DYNAMIC}", f"--groups={gid}", "--no-new-privs"]
            for state in (self.folder / "var/lib" / service, runtime):
                _own(state)
            environment |= {"STATE_DIRECTORY": f"/var/lib/{service}", "RUNTIME_DIRECTORY": f"/run/{service}"}
            environment["CREDENTIALS_DIRECTORY"] = self._credentials(service, unit.get("LoadCredential", []))
        for line in unit.get("ExecStartPre", []):
            subprocess.run(["chroot", str(self.folder), *line.split()], check=True, timeout=READY_S)
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
            (self.folder / "var/log" / f"{service}.output").open("ab") as log,
        ):
            told = self.folder / "run" / f"{service}.notify"
            told.unlink(missing_ok=True)
            notified.bind(str(told))
            told.chmod(0o666)
            notified.settimeout(READY_S)
            environment["NOTIFY_SOCKET"] = f"/run/{service}.notify"
            words = [
                "env",
                "-i",
                *(f"{key}={value}" for key, value in environment.items()),
                *become,
                *unit["ExecStart"][-1].split(),
            ]
            self._services[service] = subprocess.Popen(
                ["chroot", str(self.folder), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            try:
                while b"READY=1" not in notified.recv(4096):
                    pass
            except TimeoutError as error:
                raise AssertionError(f"{service} is not ready:\n{self.output(service)}") from error

    def stop(self, *services: str) -> None:
        """End them as systemd does; all of them where none is named."""
        for name in services or tuple(self._services):
            process = self._services.pop(name, None)
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def output(self, service: str) -> str:
        """What the journal would have."""
        return (self.folder / "var/log" / f"{service}.output").read_text(errors="replace")

    def _unit(self, service: str) -> dict[str, list[str]]:
        """Key -> values of the unit and its drop-ins; of a key that is set to nothing, those after it."""
        folders = [self.folder / "lib/systemd/system", self.folder / "etc/systemd/system"]
        papers = [path for folder in folders for path in (folder / f"{service}.service",) if path.is_file()][-1:]
        papers += sorted(path for folder in folders for path in (folder / f"{service}.service.d").glob("*.conf"))
        keys: dict[str, list[str]] = {}
        for paper in papers:
            for key, value in re.findall(r"^(\w+)=(.*)$", paper.read_text(), re.MULTILINE):
                keys.setdefault(key, []).append(value)
        return keys

    def _credentials(self, service: str, lines: Sequence[str]) -> str:
        folder = self.folder / "run/credentials" / service
        shutil.rmtree(folder, ignore_errors=True)
        _own(folder)
        for name, _, path in (line.partition(":") for line in lines):
            copy = folder / name
            copy.write_bytes((self.folder / path.lstrip("/")).read_bytes())
            os.chown(copy, DYNAMIC, DYNAMIC)
            copy.chmod(0o400)
        return f"/run/credentials/{service}"


def _converse(terminal: int, answers: list[tuple[str, str]]) -> str:
    """Read until the other side hangs up; type each answer when its prompt has come."""
    deadline, shown, seen = time.monotonic() + TYPED_S, "", 0
    while time.monotonic() < deadline:
        while answers and answers[0][0] and (at := shown.find(answers[0][0], seen)) >= 0:
            prompt, reply = answers.pop(0)
            seen = at + len(prompt)
            os.write(terminal, reply.encode())
        if not select.select([terminal], [], [], QUIET_S)[0]:
            if answers and not answers[0][0]:
                os.write(terminal, answers.pop(0)[1].encode())
            continue
        try:
            came = os.read(terminal, 4096)
        except OSError:  # EIO: nobody is at the other end any more
            came = b""
        if not came:
            assert not answers, f"was never asked {answers[0][0]!r}:\n{shown}"
            return shown
        shown += came.decode(errors="replace").replace("\r\n", "\n")
    raise AssertionError(f"still busy after {TYPED_S:.0f} s:\n{shown}")


def _field(table: Path, name: str, index: int) -> str:
    return next(fields[index] for line in table.read_text().splitlines() if (fields := line.split(":"))[0] == name)


def _own(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(folder, DYNAMIC, DYNAMIC)
