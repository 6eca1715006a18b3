"""Texts: hex to text, and everything else as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.p1.texts import octets_text

TEXTS = {
    "74457374313233": "tEst123",
    "3031203631203831": "01 61 81",
    "": None,
    "   ": None,
    "00000000": None,
    "FFFF": None,
    "\xff\xff\xff": None,
    "414243FFFF": "ABC",
    "41424": "41424",
    "Plain text, not hex.": "Plain text, not hex.",
    "0102": "0102",
    "C3A96E": "C3A96E",
    "436166C3A9206175206C616974": "Caf\xe9 au lait",
    "12345678         ": "12345678",
}


@pytest.mark.parametrize(("raw", "text"), TEXTS.items())
def test_text(raw: str, text: str | None) -> None:
    assert octets_text(raw) == text


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=1024))
def test_every_printable_text_arrives(text: str) -> None:
    assert octets_text(text.encode().hex()) == text


@given(st.text(max_size=60))
def test_never_raises_and_is_always_printable_or_raw(raw: str) -> None:
    found = octets_text(raw)
    assert found is None or found.isprintable() or found in raw
