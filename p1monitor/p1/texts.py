"""Texts as meters send them: hex octets, plain text, filler. What cannot be read is kept as it came; never guessed."""

from __future__ import annotations

import re

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
#: What meters fill unused space with; as octets, and as the characters they look like.
_FILLER = b"\x00\xff"
_FILLER_TEXT = _FILLER.decode("latin-1")
#: Messages are ASCII by the standard (S50 §6.12: octet-string). Beyond it, a text is believed if most of it is.
_MOST = 0.7


def octets_text(raw: str) -> str | None:
    """Decode an octet-string; plain text, odd lengths and unreadable octets come back as they stand. None if there is nothing."""
    raw = raw.strip(_FILLER_TEXT + " ")
    if not raw:
        return None
    if not _HEX.fullmatch(raw):
        return raw
    octets = bytes.fromhex(raw).strip(_FILLER + b" ")
    if not octets:
        return None
    return _readable(octets) or raw


def _readable(octets: bytes) -> str | None:
    for encoding in ("ascii", "utf-8", "latin-1"):
        try:
            text = octets.decode(encoding)
        except UnicodeDecodeError:
            continue
        plain = sum(0x20 <= byte < 0x7F for byte in octets)
        if text.isprintable() and plain >= _MOST * len(octets):
            return text.strip() or None
    return None
