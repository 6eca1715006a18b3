"""Telegrams of our own writing, by the standards, with invented numbers: what all tests share. No capture of anybody's meter.

Each function builds the bytes of one variant, as its meter would send them; what a test wants to vary is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from p1monitor.p1.crc import crc16_arc


def hexed(text: str) -> str:
    """An octet-string as meters send it: two hex digits per character."""
    return text.encode("latin-1").hex().upper()


def telegram(header: str, *lines: str, crc: bool = True) -> bytes:
    """Put header, empty line, data lines and the end together, with the CRC that belongs to them."""
    text = "\r\n".join((f"/{header}", "", *lines, "!")).encode("latin-1")
    return text + (b"%04X" % crc16_arc(text) if crc else b"") + b"\r\n"


def dsmr22(*, power: str = "0000.47", gas: str = "01834.207", message: str = "") -> bytes:
    """DSMR 2.2: 9600 baud, each ten seconds, no clock, no CRC; gas once an hour, its value on the next line."""
    return telegram(
        "TST3 P1MON-22",
        f"0-0:96.1.1({hexed('T00220000000000011')})",
        "1-0:1.8.1(00412.061*kWh)",
        "1-0:1.8.2(00387.554*kWh)",
        "1-0:2.8.1(00012.300*kWh)",
        "1-0:2.8.2(00031.009*kWh)",
        "0-0:96.14.0(0001)",
        f"1-0:1.7.0({power}*kW)",
        "1-0:2.7.0(0000.00*kW)",
        "0-0:17.0.0(0999.00*kW)",
        "0-0:96.3.10(1)",
        "0-0:96.13.1()",
        f"0-0:96.13.0({hexed(message)})",
        "0-1:24.1.0(3)",
        f"0-1:96.1.0({hexed('T00220000000000021')})",
        "0-1:24.3.0(110306140000)(00)(60)(1)(0-1:24.2.1)(m3)",
        f"({gas})",
        "0-1:24.4.0(1)",
        crc=False,
    )


def dsmr30(*, code: str = "00421337", text: str = "Onderhoud op 9 juni, 09:00-11:00") -> bytes:
    """DSMR 3.0: as 2.2, with a limiter in amperes, a message code and a message text in hex, a device's type after its id."""
    return telegram(
        "TST5\\2P1MON-30",
        f"0-0:96.1.1({hexed('T00300000000000012')})",
        "1-0:1.8.1(02210.118*kWh)",
        "1-0:1.8.2(01976.402*kWh)",
        "1-0:2.8.1(00000.000*kWh)",
        "1-0:2.8.2(00000.000*kWh)",
        "0-0:96.14.0(0002)",
        "1-0:1.7.0(002.36*kW)",
        "1-0:2.7.0(000.00*kW)",
        "0-0:17.0.0(025*A)",
        "0-0:96.3.10(1)",
        f"0-0:96.13.1({hexed(code)})",
        f"0-0:96.13.0({hexed(text)})",
        f"0-1:96.1.0({hexed('T00300000000000022')})",
        "0-1:24.1.0(03)",
        "0-1:24.3.0(120609100000)(00)(60)(1)(0-1:24.2.1)(m3)",
        "(00920.114)",
        "0-1:24.4.0(1)",
        crc=False,
    )


def dsmr42(*, clock: str = "151103214030W", power: str = "00.333") -> bytes:
    """DSMR 4.2: single-phase, 115200 baud, each ten seconds, with clock and CRC; gas once an hour."""
    return telegram(
        "TST5P1MON42",
        "1-3:0.2.8(42)",
        f"0-0:1.0.0({clock})",
        f"0-0:96.1.1({hexed('T00420000000000013')})",
        "1-0:1.8.1(003104.772*kWh)",
        "1-0:1.8.2(002650.095*kWh)",
        "1-0:2.8.1(000000.000*kWh)",
        "1-0:2.8.2(000000.000*kWh)",
        "0-0:96.14.0(0002)",
        f"1-0:1.7.0({power}*kW)",
        "1-0:2.7.0(00.000*kW)",
        "0-0:96.7.21(00003)",
        "0-0:96.7.9(00001)",
        "1-0:99.97.0(1)(0-0:96.7.19)(150214033107W)(0000000421*s)",
        "1-0:32.32.0(00002)",
        "1-0:32.36.0(00000)",
        "0-0:96.13.1()",
        "0-0:96.13.0()",
        "1-0:31.7.0(001*A)",
        "1-0:21.7.0(00.333*kW)",
        "1-0:22.7.0(00.000*kW)",
        "0-1:24.1.0(003)",
        f"0-1:96.1.0({hexed('T00420000000000023')})",
        "0-1:24.2.1(151103210000W)(01502.481*m3)",
    )


def esmr5(
    *,
    clock: str = "240710153012S",
    import_t1: str = "004105.330",
    import_t2: str = "003877.046",
    power_import: str = "00.000",
    power_export: str = "01.204",
    gas: str = "02711.095",
    captured: str = "240710153000S",
    message: str = "",
) -> bytes:
    """ESMR 5: three phases with solar panels, each second; gas each five minutes; every object of the standard, in its order."""
    return telegram(
        "TST5\\2P1MON-50",
        "1-3:0.2.8(50)",
        f"0-0:1.0.0({clock})",
        f"0-0:96.1.1({hexed('T00500000000000014')})",
        f"1-0:1.8.1({import_t1}*kWh)",
        f"1-0:1.8.2({import_t2}*kWh)",
        "1-0:2.8.1(001200.415*kWh)",
        "1-0:2.8.2(002933.870*kWh)",
        "0-0:96.14.0(0002)",
        f"1-0:1.7.0({power_import}*kW)",
        f"1-0:2.7.0({power_export}*kW)",
        "0-0:96.7.21(00009)",
        "0-0:96.7.9(00002)",
        "1-0:99.97.0(2)(0-0:96.7.19)(231104052233W)(0000000310*s)(220817191500S)(0000001844*s)",
        "1-0:32.32.0(00004)",
        "1-0:52.32.0(00003)",
        "1-0:72.32.0(00000)",
        "1-0:32.36.0(00000)",
        "1-0:52.36.0(00001)",
        "1-0:72.36.0(00002)",
        f"0-0:96.13.0({hexed(message)})",
        "1-0:32.7.0(233.4*V)",
        "1-0:52.7.0(231.0*V)",
        "1-0:72.7.0(236.8*V)",
        "1-0:31.7.0(001*A)",
        "1-0:51.7.0(002*A)",
        "1-0:71.7.0(008*A)",
        "1-0:21.7.0(00.245*kW)",
        "1-0:41.7.0(00.467*kW)",
        "1-0:61.7.0(00.000*kW)",
        "1-0:22.7.0(00.000*kW)",
        "1-0:42.7.0(00.000*kW)",
        "1-0:62.7.0(01.916*kW)",
        "0-1:24.1.0(003)",
        f"0-1:96.1.0({hexed('T00500000000000024')})",
        f"0-1:24.2.1({captured})({gas}*m3)",
    )


def emucs(*, average: str = "01.482", peak: str = "04.105", peak_at: str = "250305184500W") -> bytes:
    """e-MUCS, Belgium: quarter-hour average, this month's peak and those before, gas not temperature corrected, water."""
    return telegram(
        "TST5\\P1MON_BE",
        "0-0:96.1.4(50217)",
        f"0-0:96.1.1({hexed('1TST0000000015')})",
        "0-0:1.0.0(250318071409W)",
        "1-0:1.8.1(001840.207*kWh)",
        "1-0:1.8.2(002015.633*kWh)",
        "1-0:2.8.1(000705.118*kWh)",
        "1-0:2.8.2(000301.946*kWh)",
        "0-0:96.14.0(0001)",
        f"1-0:1.4.0({average}*kW)",
        f"1-0:1.6.0({peak_at})({peak}*kW)",
        "0-0:98.1.0(3)(1-0:1.6.0)(1-0:1.6.0)(250101000000W)(632525252525W)(00.000*kW)"
        "(250201000000W)(250119180000W)(05.230*kW)(250301000000W)(250211074500W)(03.987*kW)",
        "1-0:1.7.0(02.015*kW)",
        "1-0:2.7.0(00.000*kW)",
        "1-0:21.7.0(01.790*kW)",
        "1-0:41.7.0(00.140*kW)",
        "1-0:61.7.0(00.085*kW)",
        "1-0:22.7.0(00.000*kW)",
        "1-0:42.7.0(00.000*kW)",
        "1-0:62.7.0(00.000*kW)",
        "1-0:32.7.0(229.8*V)",
        "1-0:52.7.0(232.2*V)",
        "1-0:72.7.0(231.6*V)",
        "1-0:31.7.0(007.81*A)",
        "1-0:51.7.0(000.66*A)",
        "1-0:71.7.0(000.41*A)",
        "0-0:96.3.10(1)",
        "0-0:17.0.0(999.9*kW)",
        "1-0:31.4.0(999*A)",
        "0-0:96.13.0()",
        "0-1:24.1.0(003)",
        f"0-1:96.1.1({hexed('7TST0000000025')})",
        "0-1:24.4.0(1)",
        "0-1:24.2.3(250318070959W)(00530.377*m3)",
        "0-2:24.1.0(007)",
        f"0-2:96.1.1({hexed('8TST0000000035')})",
        "0-2:24.2.1(250318071203W)(00101.640*m3)",
    )


def swedish(*, clock: str = "230621110520W") -> bytes:
    """Swedish H1: totals without tariffs, reactive energy and power, neither identifier nor submeters."""
    return telegram(
        "TST5P1MONSE",
        f"0-0:1.0.0({clock})",
        "1-0:1.8.0(00014208.316*kWh)",
        "1-0:2.8.0(00000611.054*kWh)",
        "1-0:3.8.0(00000098.441*kVArh)",
        "1-0:4.8.0(00002310.907*kVArh)",
        "1-0:1.7.0(0003.127*kW)",
        "1-0:2.7.0(0000.000*kW)",
        "1-0:3.7.0(0000.000*kVAr)",
        "1-0:4.7.0(0000.318*kVAr)",
        "1-0:21.7.0(0001.604*kW)",
        "1-0:22.7.0(0000.000*kW)",
        "1-0:41.7.0(0000.988*kW)",
        "1-0:42.7.0(0000.000*kW)",
        "1-0:61.7.0(0000.535*kW)",
        "1-0:62.7.0(0000.000*kW)",
        "1-0:32.7.0(229.1*V)",
        "1-0:52.7.0(230.6*V)",
        "1-0:72.7.0(228.7*V)",
        "1-0:31.7.0(007.2*A)",
        "1-0:51.7.0(004.4*A)",
        "1-0:71.7.0(002.5*A)",
    )


def heat(*, register: str = "48.207", captured: str = "240118063011W") -> bytes:
    """A heat meter with a P1 port of its own: no electricity at all."""
    return telegram(
        "TST-P1MONHEAT",
        "1-3:0.2.8(50)",
        "0-0:1.0.0(240118063014W)",
        f"0-0:96.1.1({hexed('THEAT00000016')})",
        "0-0:96.13.1()",
        "0-0:96.13.0()",
        "0-1:24.1.0(004)",
        f"0-1:96.1.0({hexed('THEAT00000026')})",
        f"0-1:24.2.1({captured})({register}*GJ)",
    )


def oddities() -> bytes:
    """What meters really do: an unknown object, a device that was never read, a register without its star, an unset clock."""
    return telegram(
        "TST5\\2P1MON-ODD",
        "1-3:0.2.8(50)",
        "0-0:1.0.0(000101000000W)",
        f"0-0:96.1.1({hexed('T00500000000000017')})",
        "1-0:1.8.1(000321.500kWh)",
        "1-0:1.8.2(000123.250*kWh)",
        "0-0:96.14.0(5431)",
        "1-0:1.7.0(00.000*kW)",
        "1-0:2.7.0(00.750*kW)",
        "1-0:99.97.0(0)(0-0:96.7.19)",
        "0-0:96.13.0(Plain text, not hex)",
        "1-0:0.2.99(abc)",
        "0-1:24.1.0(003)",
        f"0-1:96.1.0({hexed('T00500000000000027')})",
        "0-1:24.2.1(632525252525W)(00000.000)",
        "0-4:24.1.0(007)",
        f"0-4:96.1.0({hexed('T00500000000000037')})",
        "0-4:24.2.1(240710150000S)(00077.001*m3)",
    )


#: Every variant, as its function writes it when nothing is asked of it.
VARIANTS: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {build.__name__: build for build in (dsmr22, dsmr30, dsmr42, esmr5, emucs, swedish, heat, oddities)}
)
