"""Which serial ports this host has, by which names, and who holds one. Never opens a port."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

BY_ID = Path("/dev/serial/by-id")
DEV = Path("/dev")
PROC = Path("/proc")
#: A name in the kernel's console= that is a serial port, as the firmware of a Pi and most bootloaders write it.
CONSOLE = re.compile(r"\bconsole=((?:ttyAMA|ttyS|serial)\d+)")
SERIAL = ("ttyAMA", "ttyS", "ttyUSB", "ttyACM", "serial")
PATTERNS = ("ttyUSB*", "ttyACM*", "ttyAMA*", "serial0")  #: the kernel's names for ports a meter can hang on
MASTERS = frozenset({"/dev/ptmx", "/dev/pts/ptmx"})
GETTIES = ("agetty", "getty", "mgetty")
SEARCH_S = 2.0  #: looking through /proc for a holder may take no longer: it only makes a message better


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port."""

    device: str  #: the kernel's name, "/dev/ttyUSB0": may be another port after the next boot
    by_id: str | None  #: the name that stays with the cable

    @property
    def best(self) -> str:
        """The name to write into the configuration."""
        return self.by_id or self.device


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a port open."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid})"


def ports(dev: Path = DEV, by_id: Path = BY_ID) -> tuple[Port, ...]:
    """The serial ports of this host, sorted by name."""
    stable = {os.path.realpath(link): str(link) for link in sorted(by_id.glob("*"), reverse=True)}
    found = {os.path.realpath(path): str(path) for pattern in PATTERNS for path in dev.glob(pattern)}
    return tuple(Port(found[real], stable.get(real)) for real in sorted(found))


def consoles(dev: Path = DEV, proc: Path = PROC) -> dict[str, str]:
    """Serial ports on which this host talks to people -> how we know: a login prompt (getty), or the kernel's console."""
    found: dict[str, str] = {}
    for process in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            program, *words = _words(process)
            if Path(program).name in GETTIES:
                found |= {word: "a login prompt (getty) runs on it" for word in words if word.startswith(SERIAL)}
    with contextlib.suppress(OSError):  # a host that does not tell
        for word in CONSOLE.findall((proc / "cmdline").read_text(errors="replace")):
            found[word] = f"console={word} in the kernel's command line"
    return {os.path.realpath(dev / word): why for word, why in found.items() if (dev / word).exists()}


def advice(device: str, dev: Path = DEV, by_id: Path = BY_ID) -> str | None:
    """A sentence for one who configured a name that the next boot may give to another port; None if all is well."""
    if by_id in Path(device).parents:
        return None
    for port in ports(dev, by_id):
        if port.by_id and os.path.realpath(port.device) == os.path.realpath(device):
            return f'{device} may be another port after a reboot: device = "{port.by_id}" stays with the cable'
    return None


def holders(device: str, proc: Path = PROC) -> tuple[tuple[Holder, ...], bool]:
    """Processes that have the device open, this one too, and whether every process could be looked at.

    Without being root only one's own processes can be looked at.
    """
    real = os.path.realpath(device)
    found: list[Holder] = []
    complete = True
    deadline = monotonic() + SEARCH_S
    for process in proc.glob("[0-9]*"):
        if monotonic() > deadline:
            return tuple(found), False
        try:
            open_files = {_target(link) for link in (process / "fd").iterdir()}
        except PermissionError:
            complete = False
            continue
        except OSError:
            continue  # it ended while we looked
        # A simulator has both ends of its pseudo-terminal open, and reads from neither
        simulator = process.name != str(os.getpid()) and real.startswith("/dev/pts/") and MASTERS & open_files
        if real in open_files and not simulator:
            found.append(Holder(int(process.name), _command(process)))
    return tuple(found), complete


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _command(process: Path) -> str:
    try:
        # An interpreter says nothing: name the script, or the module, as well.
        words = _words(process)
        return " ".join(Path(word).name for word in words[: 3 if "-m" in words[1:2] else 2] if word) or _name(process)
    except OSError:
        return "a program"


def _words(process: Path) -> list[str]:
    return [os.fsdecode(word) for word in (process / "cmdline").read_bytes().split(b"\0")]


def _name(process: Path) -> str:
    return (process / "comm").read_text(errors="replace").strip() or "a program"
