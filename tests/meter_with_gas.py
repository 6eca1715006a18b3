"""Readings of a made-up meter with gas and water, decoded from data objects of our own writing. No capture of a real one."""

from __future__ import annotations

from dataclasses import replace

from p1monitor.p1.reading import decode
from p1monitor.p1.records import Device, Measurement, Reading, Received
from p1monitor.p1.telegram import Telegram, data_object

#: 2026-01-10T12:00:00Z
NOON = 1768046400.0


def hexed(text: str) -> str:
    """As meters send texts."""
    return text.encode("latin-1").hex().upper()


def reading(
    seq: int = 1,
    *,
    meter: str = "home",
    monotonic: float = 0.0,
    serial: str = "E0099000000000001",
    gas_serial: str = "G0099000000000001",
    import_t1: str = "012345.678",
    power: str = "00.735",
    gas: str = "04321.123",
    captured: str = "260110115500W",
    water: str | None = "00987.654",
    message: str = "",
    extra: tuple[tuple[str, ...], ...] = (),
) -> Reading:
    """An ESMR 5 meter of three phases (two shown) with gas and water."""
    clock = f"260110{13 + seq // 3600:02}{seq // 60 % 60:02}{seq % 60:02}W"
    objects = [
        data_object("1-3:0.2.8", "50"),
        data_object("0-0:1.0.0", clock),
        data_object("0-0:96.1.1", hexed(serial)),
        data_object("1-0:1.8.1", f"{import_t1}*kWh"),
        data_object("1-0:1.8.2", "002000.500*kWh"),
        data_object("1-0:2.8.1", "000010.000*kWh"),
        data_object("1-0:2.8.2", "000020.001*kWh"),
        data_object("0-0:96.14.0", "0002"),
        data_object("1-0:1.7.0", f"{power}*kW"),
        data_object("1-0:2.7.0", "00.000*kW"),
        data_object("0-0:96.7.21", "00012"),
        data_object("1-0:99.97.0", "1", "0-0:96.7.19", "251224191500W", "0000000228*s"),
        data_object("1-0:32.32.0", "00003"),
        data_object("0-0:96.13.0", hexed(message)),
        data_object("1-0:32.7.0", "230.1*V"),
        data_object("1-0:52.7.0", "229.8*V"),
        data_object("1-0:31.7.0", "003*A"),
        data_object("1-0:21.7.0", f"{power}*kW"),
        data_object("1-0:22.7.0", "00.000*kW"),
        data_object("1-0:14.7.0", "50.01*Hz"),
        data_object("0-1:24.1.0", "003"),
        data_object("0-1:96.1.0", hexed(gas_serial)),
        data_object("0-1:24.2.1", captured, f"{gas}*m3"),
        *(data_object(code, *groups) for code, *groups in extra),
    ]
    if water is not None:
        objects += [
            data_object("0-2:24.1.0", "007"),
            data_object("0-2:96.1.0", hexed("W0099000000000001")),
            data_object("0-2:24.2.1", captured, f"{water}*m3"),
        ]
    telegram = Telegram("TST5\\model-1", tuple(objects), "valid")
    return decode(telegram, Received(NOON + seq, monotonic))._replace(seq=seq, meter=meter)


def with_value(source: Reading, name: str, measurement: Measurement) -> Reading:
    """The same reading with another value."""
    return source._replace(values={**source.values, name: measurement})


def with_device_value(source: Reading, role: str, name: str, measurement: Measurement) -> Reading:
    """The same reading with another value of one device."""

    def other(device: Device) -> Device:
        return replace(device, values={**device.values, name: measurement}) if device.role == role else device

    return source._replace(devices=tuple(other(device) for device in source.devices))
