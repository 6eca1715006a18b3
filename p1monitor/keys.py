"""The key files of a meter whose telegrams are encrypted. Never shows what stands in them."""

from __future__ import annotations

from pathlib import Path

from p1monitor.p1.cipher import Opener, framer_for
from p1monitor.p1.framer import Framer
from p1monitor.p1.gcm import CipherError, Keys, read_key

#: A key is 32 hex digits; a longer file is another file.
FILE_MAX = 1024


def read(decryption: Path | None, authentication: Path | None) -> Keys | None:
    """Read the keys, None where there is no file. Raises CipherError, which names the file and not the key."""
    if decryption is None:
        if authentication is not None:
            raise CipherError(f"{authentication} is of no use without the decryption key")
        return None
    return Keys(_read(decryption), _read(authentication)) if authentication else Keys(_read(decryption))


def framer(crc: str, decryption: Path | None, authentication: Path | None) -> Framer | Opener:
    """The way in for a meter with these files. Raises CipherError, also where the library is not installed."""
    return framer_for(crc, read(decryption, authentication))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return read_key(file.read(FILE_MAX).decode("ascii", "replace"))
    except OSError as error:
        raise CipherError(f"{path}: {error.strerror}") from None
    except CipherError as error:
        raise CipherError(f"{path}: {error}") from None
