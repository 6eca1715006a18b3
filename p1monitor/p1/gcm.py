"""The keys of an encrypted meter, and AES-128-GCM as DLMS uses it (Luxmetering P1 §3.2.5). Never shows a key, never finds a frame.

The nonce is the meter's title and a counter; the security byte and the authentication key are authenticated with the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

#: Luxembourg's authentication key, which is public and the same for every meter (Luxmetering P1 §3.2.5).
LUXEMBOURG = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
#: Authenticated and encrypted, suite 0: the only kind on a P1 port.
SECURITY = 0x30
#: Bytes of the tag, and of all that the length of a frame counts beside the ciphertext: security byte, counter, tag.
TAG, FIXED = 12, 17

_KEY_BYTES = 16
_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]+")

#: (nonce, ciphertext, tag or None) -> text. None as the tag: not proven, for a diagnosis only. None as the text: the tag is wrong.
Decrypt = Callable[[bytes, bytes, bytes | None], bytes | None]


class CipherError(ValueError):
    """Why telegrams cannot be decrypted here, in one sentence without a key."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The two keys of a meter. Not even a traceback shows them."""

    decryption: bytes
    authentication: bytes = LUXEMBOURG

    def __repr__(self) -> str:
        return "Keys(…)"


def read_key(text: str) -> bytes:
    """Read a key: 32 hex digits, blanks between them or not. Raises CipherError, which does not tell them."""
    digits = "".join(text.split())
    if len(digits) == 2 * _KEY_BYTES + 2 and digits.startswith("30"):
        digits = digits[2:]  # some programs want the authentication key with the security byte in front
    if len(digits) != 2 * _KEY_BYTES or not _HEX_DIGITS.fullmatch(digits):
        raise CipherError(f"a key is {2 * _KEY_BYTES} hex digits, and this is not ({len(digits)} characters)")
    return bytes.fromhex(digits)


def seal(plain: bytes, keys: Keys, title: bytes, counter: int) -> bytes:
    """Encrypt a telegram as a meter does; for simulated ones. Raises CipherError where the library is not installed."""
    decryptor(keys)
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - see decryptor

    count = counter.to_bytes(4)
    encryptor = Cipher(algorithms.AES(keys.decryption), modes.GCM(title + count)).encryptor()
    encryptor.authenticate_additional_data(bytes([SECURITY]) + keys.authentication)
    text = encryptor.update(plain) + encryptor.finalize()
    head = b"\xdb\x08" + title + b"\x82" + (FIXED + len(text)).to_bytes(2)
    return head + bytes([SECURITY]) + count + text + encryptor.tag[:TAG]


def decryptor(keys: Keys) -> Decrypt:
    """The library is an extra, and loaded only where there is a key. Raises CipherError where it is not installed."""
    try:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415
    except ImportError:
        raise CipherError(
            "encrypted telegrams need the library cryptography: sudo make install again, or the pip beside p1monitor "
            "(/opt/p1monitor/bin/pip install cryptography)"
        ) from None
    aes, authenticated = algorithms.AES(keys.decryption), bytes([SECURITY]) + keys.authentication

    def decrypt(nonce: bytes, ciphertext: bytes, tag: bytes | None) -> bytes | None:
        if tag is None:  # GCM without its proof is CTR, beginning at 2 (NIST SP 800-38D §7.2)
            return Cipher(aes, modes.CTR(nonce + b"\0\0\0\2")).decryptor().update(ciphertext)
        opening = Cipher(aes, modes.GCM(nonce, tag, min_tag_length=TAG)).decryptor()
        opening.authenticate_additional_data(authenticated)
        text = opening.update(ciphertext)
        try:
            return text + opening.finalize()
        except InvalidTag:
            return None

    return decrypt
