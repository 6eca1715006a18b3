"""The page's password: its scrypt line, its check, and the key that signs sessions. Never keeps or logs a password."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata
from pathlib import Path
from typing import NamedTuple

#: 16 MiB and five passes: a quarter of a second on a PC, about one on a small Pi, and no strain on its memory.
COST, BLOCK, PASSES = 2**14, 8, 5
#: What a line may ask of this host at most: 64 MiB.
MOST_MEMORY = 64 * 2**20
MOST_PASSES = 16
SHORTEST, LONGEST = 8, 1024
FILE_LIMIT = 4096  #: bytes of a password file that are read; a line has about 100


class PasswordError(Exception):
    """A password or a password file that cannot be used, told in one sentence. Never carries the password."""


class _Line(NamedTuple):
    cost: int
    block: int
    passes: int
    salt: bytes
    digest: bytes


def make_line(password: str) -> str:
    """The line to store for a password: `scrypt$cost$block$passes$salt$digest`, salt and digest in base64."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordError(f"a password has {SHORTEST} to {LONGEST} characters")
    salt = secrets.token_bytes(16)
    digest = _digest(password, _Line(COST, BLOCK, PASSES, salt, b""))
    return f"scrypt${COST}${BLOCK}${PASSES}${_text(salt)}${_text(digest)}"


def verify(line: str, password: str) -> bool:
    """Whether this is the password of that line. Takes as long for a wrong one; raises PasswordError for a bad line."""
    parsed = _parse(line)
    if len(password) > LONGEST:
        return False
    return hmac.compare_digest(_digest(password, parsed), parsed.digest)


def session_secret(line: str) -> bytes:
    """The key that signs session cookies: made of the line, so that a new password ends every session."""
    return hmac.digest(line.encode(), b"p1monitor session", "sha256")


def read_line(path: Path) -> str:
    """The line in a password file, checked; PasswordError says what to do."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_LIMIT).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a password line"
        raise PasswordError(f"{path}: {reason}; make it with `p1monitor passwd`") from error
    line = text.strip()
    try:
        _parse(line)
    except PasswordError as error:
        raise PasswordError(f"{path}: {error}; make it with `p1monitor passwd`") from error
    return line


def _parse(line: str) -> _Line:
    try:
        scheme, cost, block, passes, salt, digest = line.split("$")
        octets = [base64.b64decode(text, validate=True) for text in (salt, digest)]
        parsed = _Line(int(cost), int(block), int(passes), *octets)
    except (ValueError, binascii.Error):
        raise PasswordError("not a password line") from None
    memory = 128 * parsed.cost * parsed.block
    sane = parsed.cost > 1 and parsed.cost & (parsed.cost - 1) == 0 and parsed.block > 0
    bounded = 0 < memory <= MOST_MEMORY and 0 < parsed.passes <= MOST_PASSES
    if scheme != "scrypt" or not sane or not bounded or len(parsed.digest) != 32 or len(parsed.salt) < 8:
        raise PasswordError("not a password line")
    return parsed


def _digest(password: str, line: _Line) -> bytes:
    # The same word typed on two keyboards may be composed differently; NFC makes it one.
    octets = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    memory = 2 * MOST_MEMORY  # OpenSSL's limit counts a little more than the table itself
    return hashlib.scrypt(octets, salt=line.salt, n=line.cost, r=line.block, p=line.passes, maxmem=memory, dklen=32)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def write(path: Path, line: str) -> str:
    """Write the line of a password file, for its owner only; what to do with it comes back."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(line + "\n")
    return f"{path}: written. In [web]: password_file = {str(path.absolute())!r}"
