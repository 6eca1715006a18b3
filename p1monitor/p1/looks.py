"""What bytes that are no telegram look like: the usual wrong cable settings and foreign protocols. Never changes a byte."""

from __future__ import annotations

import re

#: So many bytes are enough to tell.
SAMPLE = 256

_OBIS_TEXT = re.compile(rb"\d-\d:\d{1,3}\.\d{1,3}\.\d{1,3}\(")
_STRIP_PARITY = bytes(value & 0x7F for value in range(256))
#: HDLC frame format type 3 between flags (IEC 62056-46 §6.4): DLMS as Nordic, Austrian and Swiss meters push it.
_HDLC = re.compile(rb"^[\x00\xff]*\x7e[\xa0-\xaf]|\x7e\x7e[\xa0-\xaf]", re.DOTALL)
#: General-glo-ciphering with a system title of eight bytes (Luxmetering P1 §3.2.5).
_CIPHERED = re.compile(rb"\xdb\x08.{8}[\x00-\x82]", re.DOTALL)


def look(sample: bytes) -> str | None:
    """Return "parity", "dlms" or "encrypted", or None where the bytes look like nothing known."""
    if _CIPHERED.search(sample):
        return "encrypted"
    if _HDLC.search(sample):
        return "dlms"
    high = sum(byte > 0x7F for byte in sample)
    stripped = sample.translate(_STRIP_PARITY)
    if high > len(sample) // 8 and len(_OBIS_TEXT.findall(stripped)) > len(_OBIS_TEXT.findall(sample)):
        return "parity"
    return None
