"""What systemd wants to hear: ready, status, watchdog, stopping. Nothing where no systemd listens; never raises."""

from __future__ import annotations

import contextlib
import os
import socket

READY = "READY=1"
WATCHDOG = "WATCHDOG=1"
STOPPING = "STOPPING=1"


def notify(*lines: str) -> bool:
    """Send lines such as READY; True if systemd could take them (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):  # nobody listens, or over vsock, which is for virtual machines
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)  # a watchdog that waits for its listener is none
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.send("\n".join(lines).encode())
        return True
    return False


def status(words: str) -> str:
    """The line that `systemctl status` shows."""
    return f"STATUS={' '.join(words.split())}"


def watchdog_interval() -> float | None:
    """Seconds between two WATCHDOG lines: half of what systemd waits, None if it does not (sd_watchdog_enabled(3))."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        wait = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    except ValueError:
        return None
    return wait / 2 if wait > 0 else None
