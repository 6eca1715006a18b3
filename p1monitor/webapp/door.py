"""Who may come in: the listen address, the Host header, the password and its rate limit. Pure but for scrypt's time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict, deque
from pathlib import Path
from threading import Lock

from p1monitor import listen, password
from p1monitor.clock import Clock
from p1monitor.settings import WebSettings

#: A person mistypes twice; a guesser wants thousands. Per address and altogether, in one minute.
TRIES, TRIES_ALL, TRIES_S = 5, 30, 60.0
#: Addresses remembered; beyond it the longest unseen goes, and the limit over all of them still holds.
ADDRESSES = 256
#: Scripts that send the password with every request: so many right answers are remembered, for scrypt takes its time.
KNOWN = 8


class WebError(Exception):
    """The page cannot be served as configured, told in one sentence."""


def host_of(header: str) -> str:
    """The host in a Host header, without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


class Door:
    """The rules of one listen address. Raises WebError where they leave the page open to the network unasked."""

    def __init__(self, settings: WebSettings, clock: Clock) -> None:
        try:
            host, _port = listen.split(settings.listen)
        except ValueError as error:
            raise WebError(f"[web] listen: {error}") from error
        if settings.auth not in ("password", "off"):
            raise WebError(f'[web] auth = "{settings.auth}": it is "password" or "off"')
        self.only_local = listen.is_loopback(host)
        self._line = None
        if settings.auth == "password" and settings.password_file is not None:
            self._line = _read(settings.password_file)
        if self._line is None and settings.auth != "off" and not self.only_local:
            raise WebError(
                f'[web] listen = "{settings.listen}" can be reached from other machines: '
                'it wants password_file (made by `p1monitor passwd`) or auth = "off"'
            )
        self._gate = Gate(clock)
        self._scrypt = Lock()  # one check at a time: 16 MiB each
        self._known: OrderedDict[bytes, None] = OrderedDict()

    @property
    def locked(self) -> bool:
        """Whether a password is asked for."""
        return self._line is not None

    @property
    def secret(self) -> bytes | None:
        """The key that signs sessions; None where there are none."""
        return password.session_secret(self._line) if self._line else None

    def welcome_host(self, header: str) -> bool:
        """Whether that Host header fits: a foreign name that leads to loopback is a trick (DNS rebinding)."""
        return not self.only_local or listen.is_loopback(host_of(header))

    def try_password(self, given: str, address: str) -> bool | None:
        """Whether the password is right; None: too many tries, not even looked at."""
        if self._line is None:
            return True
        if not self._gate.enter(address):
            return None
        with self._scrypt:
            right = password.verify(self._line, given)
        if right:
            self._gate.forgive(address)
        return right

    def try_basic(self, header: str, address: str) -> bool | None:
        """The same for an `Authorization: Basic` header, whose user name does not matter."""
        if self._line is None:
            return True
        given = _basic(header)
        if given is None:
            return False
        proof = hmac.digest(password.session_secret(self._line), given.encode("utf-8", "surrogatepass"), hashlib.sha256)
        if proof in self._known:
            return True
        right = self.try_password(given, address)
        if right:
            self._known[proof] = None
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return right


class Gate:
    """Tries per minute, by address and over all. Everything it remembers is bounded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: deque[float] = deque(maxlen=TRIES_ALL)
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def enter(self, address: str) -> bool:
        """Count a try; False if there were too many of late."""
        now = self._clock.monotonic()
        with self._lock:
            tries = self._by_address.setdefault(address, deque(maxlen=TRIES))
            self._by_address.move_to_end(address)
            while len(self._by_address) > ADDRESSES:
                self._by_address.popitem(last=False)
            if _full(tries, now) or _full(self._all, now):
                return False
            tries.append(now)
            self._all.append(now)
            return True

    def forgive(self, address: str) -> None:
        """Forget the tries of an address that knew the password."""
        with self._lock:
            self._by_address.pop(address, None)


def _full(tries: deque[float], now: float) -> bool:
    return len(tries) == tries.maxlen and now - tries[0] < TRIES_S


def _read(path: Path) -> str:
    try:
        return password.read_line(path)
    except password.PasswordError as error:
        raise WebError(f"[web] password_file: {error}") from error


def _basic(header: str) -> str | None:
    scheme, _space, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > 4 * password.LONGEST:
        return None
    try:
        _user, colon, given = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return given if colon else None
