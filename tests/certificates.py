"""Certificates with dates that are wrong for now, and a door of TLS before a server. Never part of the product."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.services import Server, program

#: What `openssl ca` wants to be told before it signs for days of our choice.
AUTHORITY = """\
[ca]
default_ca = ours
[ours]
database = index.txt
rand_serial = yes
new_certs_dir = .
certificate = ca.crt
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


def sign(folder: Path, first: timedelta, last: timedelta) -> None:
    """Sign the server's certificate of this folder again: valid from and until so long from now."""
    (folder / "authority").write_text(AUTHORITY)
    (folder / "index.txt").write_text("")
    start, end = (f"{datetime.now(UTC) + shift:%Y%m%d%H%M%SZ}" for shift in (first, last))
    dates = ("-startdate", start, "-enddate", end, "-extfile", "names", "-in", "server.csr", "-out", "server.crt")
    command = [program("openssl", "openssl"), "ca", "-batch", "-notext", "-config", "authority", *dates]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


class Door:
    """TLS before a server that speaks none, on a port of its own. The certificate is read for each connection."""

    def __init__(self, behind: Server, folder: Path) -> None:
        self._behind, self._folder = behind, folder
        self._listener = socket.create_server((behind.host, 0))
        self.url = f"https://{behind.host}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._folder / "server.crt", self._folder / "server.key")
        with plain, suppress(OSError):
            outside = context.wrap_socket(plain, server_side=True)
            with outside, socket.create_connection((self._behind.host, self._behind.port)) as inside:
                back = threading.Thread(target=_pump, args=(inside, outside), daemon=True)
                back.start()
                _pump(outside, inside)
                back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
