"""Who made a meter, which standard it speaks, in which country: by header and version object. For people; nothing decodes by it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.records import Reading

#: The three letters after the `/` (IEC 62056-21 §6.3.2: FLAG ids, whose case means something else) to maker. Only those that
#: were seen in front of a P1 telegram.
MAKERS: Mapping[str, str] = MappingProxyType(
    {
        "ACE": "Itron",
        "ADN": "Aidon",
        "AUR": "Aurum (WarmteLink)",
        "ENE": "Sagemcom",
        "ESR": "Honeywell/Elster",
        "ESY": "EasyMeter",
        "HLY": "Holley",
        "ISK": "Iskraemeco",
        "KAM": "Kamstrup",
        "KFM": "Kaifa",
        "KMP": "Kamstrup",
        "LGF": "Landis+Gyr",
        "LG_": "Landis+Gyr",
        "LGZ": "Landis+Gyr",
        "MCS": "Metcom",
        "NWA": "WarmteLink",
        "SAG": "Sagemcom",
        "WSE": "Wasion",
        "XMX": "Landis+Gyr (P1 module of Xemex)",
    }
)

#: Grid companies that have their own letters put there: (company, country). The maker's name stands on the meter.
COMPANIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "FLU": ("Fluvius", "be"),
        "ELL": ("Ellevio", "se"),
        "ESO": ("ESO", "lt"),
        "EST": ("Energienetze Steiermark", "at"),
        "GRE": ("Groupe E", "ch"),
        "LUX": ("Luxmetering", "lu"),
    }
)

#: Letters that were seen in one country only, in front of telegrams that do not say so themselves.
SEEN_IN: Mapping[str, str] = MappingProxyType({"HLY": "hu", "WSE": "hu"})

_DSMR: Mapping[str, str] = MappingProxyType({"40": "DSMR 4.0", "42": "DSMR 4.2", "50": "DSMR/ESMR 5.0"})
#: 0-0:96.1.4 of e-MUCS-P1: 50217 is version 1.7, 50221 is 2.1.
_EMUCS = re.compile(r"502(\d)(\d)")
NO_VERSION = "P1 without a version of its own"


class Origin(NamedTuple):
    """What is known of where a meter comes from."""

    maker: str  #: for people
    variant: str  #: for people
    country: str  #: "nl", "be" …; empty where nothing tells


def origin(reading: Reading) -> Origin:
    """Look at the header and at the objects that name a version."""
    letters = reading.telegram.identification[:3].upper()
    company, country = COMPANIES.get(letters, ("", ""))
    maker = f"a meter of the grid company {company}" if company else MAKERS.get(letters, "a meter of an unknown maker")
    variant, home = (NO_VERSION, SEEN_IN[letters]) if letters in SEEN_IN else _variant(reading)
    return Origin(maker, variant, country or home)


def _variant(reading: Reading) -> tuple[str, str]:
    values = reading.values
    emucs = values.get("emucs_version")
    if emucs:
        match = _EMUCS.fullmatch(str(emucs.value))
        return f"e-MUCS-P1 {match[1]}.{match[2]}" if match else "e-MUCS-P1", "be"
    dsmr = values.get("dsmr_version")
    if dsmr is not None:
        return _DSMR.get(str(dsmr.value), f"P1 version {dsmr.value}"), "nl"
    if reading.telegram.objects and ":" not in reading.telegram.objects[0].code:
        return "an IEC 62056-21 readout", ""
    if reading.telegram.crc == "absent" and "energy_import_t1_kwh" in values and "clock_time" not in values:
        return "DSMR 2.2 or 3.0", "nl"
    return NO_VERSION, ""
