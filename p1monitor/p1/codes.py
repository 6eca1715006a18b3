"""Codes that the standards turn into words: device types, breaker states. Tables only; never reads a telegram."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: M-Bus device type (0-n:24.1.0) to medium: EN 13757-3 §8.4.1, OMS volume 2 table 2. 0 is no device.
MEDIA: Mapping[int, str] = MappingProxyType(
    {
        1: "oil",
        2: "electricity",
        3: "gas",
        4: "heat",
        5: "steam",
        6: "warm_water",
        7: "water",
        8: "heat_cost",
        9: "compressed_air",
        10: "cold",
        11: "cold",
        12: "heat",
        13: "heat",
        21: "warm_water",
        22: "water",
        40: "waste_water",
    }
)

#: Medium by the A of the code, where the device has no channel of its own (NTA 8130, DSMR 2.2 P1 §6.3 to §6.5).
MEDIA_BY_A: Mapping[int, str] = MappingProxyType({5: "heat", 6: "cold", 7: "gas", 8: "water"})

#: The unit of a medium's register where the meter prints none.
UNIT_BY_MEDIUM: Mapping[str, str] = MappingProxyType(
    {"gas": "m3", "water": "m3", "warm_water": "m3", "waste_water": "m3", "heat": "GJ", "cold": "GJ", "electricity": "kWh"}
)

#: Medium by the unit, for a channel whose device type the meter does not send.
MEDIA_BY_UNIT: Mapping[str, str] = MappingProxyType({"m3": "gas", "GJ": "heat", "kWh": "electricity"})

#: Received power of a modem's reference signal in dBm -> the quality of its reception, from here on (KWHIQ's display).
RECEPTION: tuple[tuple[int, str], ...] = ((-80, "excellent"), (-90, "good"), (-100, "sufficient"), (-120, "insufficient"))
NO_RECEPTION = "none"

#: Disconnector state (0-0:96.3.10, 0-n:24.4.0): DLMS class 70, attribute 3.
BREAKER: Mapping[str, str] = MappingProxyType(
    {"0": "disconnected", "1": "connected", "2": "ready for reconnection", "ON": "connected", "OFF": "disconnected"}
)
