"""The checksum."""

from __future__ import annotations

from p1monitor.p1.crc import ALGORITHMS, accelerated, crc16_arc


def test_check_values() -> None:
    """The values that the catalogues of CRC algorithms give for "123456789"."""
    assert {name: function(b"123456789") for name, function in ALGORITHMS.items()} == {"arc": 0xBB3D, "x25": 0x906E}


def test_agrees_with_the_definition() -> None:
    """DSMR 5.0.2 P1 §6.2, bit by bit."""

    def slow(data: bytes) -> int:
        crc = 0
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        return crc

    for data in (b"", b"/", b"/TST5\r\n\r\n1-0:1.7.0(00.193*kW)\r\n!", bytes(range(256))):
        assert crc16_arc(data) == slow(data)


def test_says_whether_the_extension_is_in_use() -> None:
    assert accelerated() is True
