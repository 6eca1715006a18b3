"""What foreign bytes look like."""

from __future__ import annotations

import pytest

from p1monitor.p1.looks import look

TEXT = b"/TST5\r\n\r\n1-0:1.7.0(00.193*kW)\r\n1-0:2.7.0(00.000*kW)\r\n!\r\n"


def with_parity(data: bytes) -> bytes:
    """What a port set to 8N1 sees of a meter that sends 7E1."""
    return bytes(byte | (byte.bit_count() % 2) << 7 for byte in data)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (b"", None),
        (TEXT, None),
        (b"\xff" * 100, None),
        (bytes(range(256)), None),
        (with_parity(TEXT), "parity"),
        (b"\x7e\xa0\x8b\xce\xff\x03\x13\x12\x8b\xe6\xe7", "dlms"),
        (b"\x00\x7e\xa2\x43\x41\x08\x83", "dlms"),
        (b"\x12\x7e\x7e\xa2\x43", "dlms"),
        (b"\xdb\x08SAGY\x05\x06\x07\x08\x82\x01\xf2\x30", "encrypted"),
        (b"junk\xdb\x08SAGY\x05\x06\x07\x08\x82\x01\xf2\x30", "encrypted"),
    ],
)
def test_look(sample: bytes, expected: str | None) -> None:
    assert look(sample) == expected
