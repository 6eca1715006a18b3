"""What comes out of a stream: a proven Frame, or Rejected with its reason. Never looks at bytes itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

#: `new(Frame, (all three fields))`: half the time of a named tuple's own constructor, which fills in defaults. For those that
#: are made for every telegram, or for every line that changed.
new = tuple.__new__

#: Why bytes were refused, in words for people.
REASONS = {
    "crc": "the checksum is wrong",
    "no-crc": "the checksum is missing, and this meter sends one",
    "truncated": "the telegram was cut short",
    "overflow": "no end of the telegram within 16 KiB",
    "empty": "a telegram without any data",
    "noise": "bytes that are no telegram",
    "parity": "7-bit characters with parity, read as 8 bits: set the port to 7E1",
    "dlms": "binary DLMS/HDLC, not P1 text",
    "encrypted": "encrypted telegrams: a key is needed (decryption_key_file)",
    "key": "the decryption key does not fit this meter",
    "tag": "an encrypted telegram that is not proven: damaged bytes, or another authentication key",
    "short": "an encrypted telegram was cut short",
    "sync": "bytes between encrypted telegrams",
    "plain": "telegrams that are not encrypted, though there is a decryption key: take decryption_key_file away",
}


class Frame(NamedTuple):
    """The bytes from `/` to the end of the `!` line, proven."""

    data: bytes
    crc: str = "valid"  #: "valid", "absent" (this variant has none) or "gcm"
    offset: int = 0  #: of the `/` in the stream, since the framer was made


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that gave no telegram."""

    reason: str  #: a key of REASONS
    offset: int
    length: int
    sample: bytes = b""  #: the first bytes, for a diagnosis
    fits: str = ""  #: where the checksum is wrong: another one that would have been right

    @property
    def words(self) -> str:
        """The reason, for people."""
        return why(self.reason, self.fits)


def why(reason: str, fits: str = "") -> str:
    """A reason in words; with a checksum that fits, what to configure. p1monitor itself never takes another one."""
    return REASONS[reason] + (f', but right as another one: crc = "{fits}" of this [[meter]]' if fits else "")
