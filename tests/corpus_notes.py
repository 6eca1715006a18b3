"""What the index of the real telegrams notes of each, in words of our own that a test can check. Facts about shapes; no values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Of both directions, or of all three phases.
_T1, _T2, _TOTAL = "energy_import_t1_kwh", "energy_import_t2_kwh", "energy_import_kwh"
_QUADRANTS = frozenset(f"energy_reactive_q{quadrant}_kvarh" for quadrant in (1, 2, 3, 4))
_REACTIVE = frozenset({"energy_reactive_import_kvarh", "energy_reactive_export_kvarh"})


@dataclass(frozen=True)
class Note:
    """Of one file. What is None is not noted."""

    phases: int | None = None  #: with powers of their own
    volts: int | None = None  #: phases with a voltage
    devices: tuple[str, ...] | None = None  #: "gas 2": the medium and its channel
    failures: int | None = None  #: entries of the log that are real
    peaks: int | None = None  #: months in the history of peaks
    summer: bool | None = None  #: what the clock's flag says
    timeless: bool = False  #: no clock, or one that nobody set
    has: frozenset[str] = frozenset()  #: names that have a value
    lacks: frozenset[str] = frozenset()  #: names that have none
    prints: tuple[str, ...] = ()  #: what makes it odd, as a regular expression over its text
    header: str = ""  #: how the header begins


def _n(*has: str, lacks: tuple[str, ...] = (), **more: Any) -> Note:
    return Note(has=frozenset(has), lacks=frozenset(lacks), **more)


#: Before DSMR 4 no meter has a clock; it has a total only where we make it of the rates.
_OLD: dict[str, Any] = {"phases": 0, "volts": 0, "timeless": True}
_PLUS, _MINUS = "power_import_w", "power_export_w"
_LOG_EMPTY = r"99\.97\.0\(0?\)"
_TOTALS_ONLY = (_T1, _T2)
_NORDIC: dict[str, Any] = {"phases": 3, "volts": 3, "devices": ()}
_SE = (_TOTAL, "energy_export_kwh", *_REACTIVE, "power_reactive_import_l1_var", "current_l3_a")
_NO_ID = (*_TOTALS_ONLY, "equipment_id", "tariff", "dsmr_version")

NOTES: Mapping[str, Note] = {
    "dsmr22-iskra-mt382-1.txt": _n("limiter_threshold_w", "breaker_state", devices=("gas 2",),
        prints=(r"24\.3\.0.*\r\n\(", r"24\.4\.0"), **_OLD),
    "dsmr22-iskra-mt382-3.txt": _n(devices=("gas 1",), lacks=("equipment_id",),
        prints=(r"24\.1\.0\(3\)", r"96\.1\.1\(0+\)"), **_OLD),
    "dsmr22-iskra-me382-1.txt": _n(_T1, devices=("gas 1",), prints=(r"96\.1\.1\(x+\)",), **_OLD),
    "dsmr22-iskra-me382-2.txt": _n(_T1, devices=(), **_OLD),
    "dsmr22-iskra-mt382-5.txt": _n(_MINUS, devices=("gas 1",), prints=(r"96\.1\.1\([0-9a-f]+\)", r"2\.7\.0\(0*[1-9.]"), **_OLD),
    "dsmr22-kamstrup-162-1.txt": _n(devices=("gas 2",), lacks=("limiter_threshold_w", "breaker_state"), header="KMP5 ", **_OLD),
    "dsmr22-kamstrup-382-1.txt": _n(_T1, _T2, devices=("gas 1",), header="KMP5 ", **_OLD),
    "dsmr22-landis-e120-1.txt": _n(devices=("gas 1",),
        prints=(r"96\.1\.0.*\r\n.*24\.1\.0", r"\(0-1:24\.2\.0\)"), lacks=("valve_state",), **_OLD),
    "dsmr22-landis-e120-3.txt": _n(_T1, devices=(), **_OLD),
    "dsmr22-itron-ace4000-1.txt": _n("power_absolute_w", devices=("gas 0",),
        prints=(r"\*255\(", r"(7-0:23\.1\.0.*\r\n){24}", r" {5,}\)", r"15\.7\.0.*\*W\)"), **_OLD),
    "dsmr30-spec-1.txt": _n("message_code", "message_text", "limiter_threshold_a", devices=("gas 1",),
        prints=(r"24\.3\.0",), **_OLD),
    "dsmr40-landis-e350-1.txt": _n("limiter_threshold_w", "breaker_state", phases=3, volts=0, devices=("gas 1",), failures=0,
        summer=True,
        prints=(r"24\.4\.0",)),
    "dsmr42-kaifa-ma105-1.txt": _n(_PLUS, phases=1, volts=0, devices=("gas 1",), failures=0, summer=False,
        prints=(r"\(000101000001W\)\(2147483647\*s\)",)),
    "dsmr42-kaifa-ma304-1.txt": _n(_PLUS, phases=3, volts=0, devices=("gas 1",), summer=True),
    "dsmr42-kaifa-ma304-2.txt": _n(_PLUS, phases=3, volts=0, devices=("gas 1",), failures=1, prints=(r"99\.97\.0\(3\)",)),
    "dsmr42-kaifa-ma304-3.txt": _n(_PLUS, phases=3, volts=0, devices=("gas 1",), summer=False),
    "dsmr42-landis-zcf110-1.txt": _n(phases=1, volts=0, devices=("gas 1",), failures=0,
        prints=(r"99\.97\.0\(0\)\(0-0:96\.7\.19\)\r",)),
    "dsmr42-landis-zcf110-3.txt": _n(phases=1, volts=0, devices=("gas 1",), failures=0),
    "dsmr42-landis-e350-1.txt": _n(phases=3, volts=0, devices=("gas 1",), summer=False),
    "dsmr42-landis-e350-3.txt": _n(phases=3, volts=0, lacks=("gas_m3",), timeless=True),
    "dsmr42-landis-e350-4.txt": _n(phases=1, volts=0, devices=("gas 1",), summer=True),
    "esmr50-spec-1.txt": _n("message_text", "voltage_sag_l1_count", "voltage_swell_l1_count", phases=3, volts=3,
        devices=("gas 1",), failures=2),
    "esmr50-iskra-am550-1p-1.txt": _n(phases=1, volts=1, devices=("gas 1",), summer=True),
    "esmr50-iskra-am550-1p-3.txt": _n(phases=1, volts=1, devices=("gas 1",), failures=0, prints=(r"99\.97\.0\(\)",)),
    "esmr50-iskra-am550-1p-4.txt": _n(phases=1, volts=1, devices=(), lacks=("equipment_id",),
        prints=(r"24\.2\.1\(700101010000W\)\(0+\)", r"96\.1\.0\(\)")),
    "esmr50-iskra-am550-3p-1.txt": _n(phases=3, volts=3, devices=("gas 1",), summer=False, prints=(r"[246]2\.7\.0\(0*[1-9.]",)),
    "esmr50-iskra-am550-3p-3.txt": _n("voltage_sag_l1_count", phases=3, volts=3, devices=("gas 2",),
        prints=(r"0-1:24\.1\.0\(003\)",)),
    "esmr50-iskra-am550-3p-5.txt": _n(phases=3, volts=3, devices=("gas 1",), failures=0,
        prints=(r"96\.1\.0\(xxx\)", r"99\.97\.0\(\)")),
    "esmr50-iskra-am550-3p-6.txt": _n(phases=3, volts=3, devices=("gas 1",), summer=True),
    "esmr50-sagemcom-t210d-1.txt": _n(phases=3, volts=3, devices=("gas 1",), failures=2),
    "esmr50-sagemcom-t211-1.txt": _n(phases=3, volts=3, devices=(), header="Ene5\\T211 ESMR 5.0"),
    "esmr50-sagemcom-xs210-1.txt": _n(phases=1, volts=1, devices=("gas 1",)),
    "esmr50-sagemcom-xs210-2.txt": _n(phases=1, volts=1, devices=("gas 1",)),
    "esmr50-sagemcom-cx2000-1.txt": _n("any_power_fail_count", phases=3, volts=3, failures=10, prints=(r"96\.7\.21\(\d{5}\)",)),
    "esmr50-landis-e360-1.txt": _n(phases=3, volts=3, devices=("gas 1",), header="XMX5LGF"),
    "esmr50-landis-e360-2.txt": _n(phases=3, volts=3, devices=("gas 1",), summer=True, header="XMX5LGF"),
    "esmr50-landis-e360-4.txt": _n(phases=3, volts=3, devices=(), timeless=True, failures=3,
        prints=(r"1\.0\.0\(000101000000W\)", r"96\.1\.0\(0+\)")),
    "esmr50-metcom-mcs301-1.txt": _n(phases=3, volts=3, devices=(), timeless=True, failures=3,
        prints=(r"24\.1\.0\(\)", r"\(000000000000S\)\(23\)")),
    "esmr50-metcom-mcs301-2.txt": _n(phases=3, volts=3, devices=(),
        prints=(r"31\.7\.0\(\d+\*mA\)", r"24\.1\.0\(000\)", r"\(\d\d\)\(\d+[SW]\)")),
    "esmr50-honeywell-as3x-1.txt": _n("tariff", phases=3, volts=3, devices=(), summer=True,
        prints=(r"1\.0\.0\([0-9A-F]{24}\)", r"96\.14\.0\(5431\)", r"0-4:24\.2\.1\(0\)")),
    "emucs-sagemcom-s210-1.txt": _n("emucs_version", volts=1, devices=("gas 1",),
        prints=(r"96\.1\.4\(50213\)", r"24\.2\.3", r"0-1:96\.1\.1")),
    "emucs-sagemcom-s211-1.txt": _n("emucs_version", phases=3, volts=3, devices=("gas 1", "water 2")),
    "emucs-sagemcom-s210-2.txt": _n(_T1, lacks=("gas_m3",),
        prints=(r"1\.8\.1\(\d+\.\d+kWh\)", r"24\.2\.3\(632525252525W\)\(0+\.0+\)")),
    "emucs-sagemcom-s211-4.txt": _n("monthly_power_peak_w", phases=3, volts=3, devices=("gas 1", "gas 2"), peaks=1),
    "emucs-v171-spec-1.txt": _n("average_power_15m_w", "monthly_power_peak_w", devices=("gas 1", "water 2"), peaks=3,
        prints=(r"98\.1\.0\(3\)",)),
    "emucs-sagemcom-s211-5.txt": _n("monthly_power_peak_w", devices=("gas 1", "water 2"), peaks=4,
        prints=(r"\(632525252525W\)\(00\.000\*kW\)",)),
    "emucs-sagemcom-s211-6.txt": _n("monthly_power_peak_w", devices=(), peaks=2),
    "emucs-sagemcom-s211-8.txt": _n("monthly_power_peak_w", peaks=13, prints=(r"98\.1\.0.{520,}",)),
    "emucs-landis-e360-1.txt": _n("nominal_voltage_v", "ean", "relay_1_state", "relay_4_state", phases=3,
        prints=(r"96\.1\.4\(50221\)", r"96\.1\.2\((2D)+\)")),
    "emucs-v211-spec-1.txt": _n("nominal_voltage_v", phases=3, devices=("gas 1", "water 2"), prints=(r"0-2:24\.2\.3",)),
    "emucs-v211-spec-2.txt": _n("ean", phases=1, devices=("gas 1", "water 2")),
    "emucs-iskra-mie5-1.txt": _n(phases=3, devices=(), header="ISk5\\2MIE5",
        prints=(r"0-0:1\.0\.0\(\d{12}\)", r"1-0:0\.0\.0", r"0-1:96\.1\.1\(\)")),
    "emucs-iskra-mie5-2.txt": _n("energy_import_t5_kwh", "limiter_threshold_va", "monthly_power_peak_w", phases=3,
        prints=(r"1\.6\.0\([\d.]+\*kW\)\(\d{12}\)",)),
    "emucs-landis-e660-1.txt": _n(_TOTAL, "monthly_power_peak_export_w", "monthly_register_history", peaks=1, lacks=_TOTALS_ONLY,
        header="LG_E660_Fluvius",
        prints=(r"98\.1\.0\(1\)\(0-0:0\.1\.0\)",)),
    "lux-sagemcom-t210-1.txt": _n(_TOTAL, "limiter_threshold_va", lacks=(*_TOTALS_ONLY, "message_text_1"), header="Lux5",
        prints=(r"96\.13\.5",)),
    "lux-sagemcom-t210-4.txt": _n(_TOTAL, lacks=(*_TOTALS_ONLY, "logical_device_name"), header="Lux5"),
    "se-sagemcom-t211-1.txt": _n(*_SE, lacks=_NO_ID, header="ELL5", prints=(r"\*kvarh\)",), **_NORDIC),
    "se-landis-e360-1.txt": _n(*_SE, lacks=_NO_ID, summer=False, prints=(r"\*kVArh\)",), **_NORDIC),
    "se-landis-e360-3.txt": _n(*_SE, lacks=_NO_ID, summer=False, **_NORDIC),
    "se-kamstrup-omnia-1.txt": _n(*_SE, lacks=_NO_ID, summer=True, header="KAM5", **_NORDIC),
    "se-kamstrup-omnia-3.txt": _n(*_SE, lacks=_NO_ID, header="KAM5", prints=(r"1\.7\.0\(0+\.0+\*kW\)",), **_NORDIC),
    "se-aidon-6534-1.txt": _n(*_SE, lacks=_NO_ID, header="ADN9 6534", **_NORDIC),
    "fi-landis-e360-1.txt": _n(*_SE, lacks=_NO_ID, **_NORDIC),
    "hu-sagemcom-s210-1.txt": _n(*_QUADRANTS, "month_end_registers", "power_factor", "limiter_threshold_w", "current_limit_l1_a",
        lacks=("dsmr_version",),
        prints=(r"13\.7\.0\(4",)),
    "hu-wasion-1-excerpt.txt": _n("tariff", "breaker_state", "limiter_threshold_w",
        prints=(r"96\.14\.0\(TARIFF 1\)", r"96\.3\.10\(ON\)", r"17\.0\.0\(\d+\*W\)")),
    "lt-sagemcom-eso5-1.txt": _n("frequency_hz", "voltage_average_l1_v", "firmware_signature", "power_factor_l1",
        lacks=("dsmr_version",),
        prints=(r"\*kHz\)", r"\*kV\)", r"\*kA\)", r"33\.7\.0\(01000\)")),
    "at-sagemcom-t210dr-1.txt": _n(_T1, *_REACTIVE, header="EST5",
        prints=(r"1\.8\.0\(\d{9}\*Wh\)", r"1\.7\.0\(\d{9}\*W\)", r"\*varh\)", r"\*var\)")),
    "at-sagemcom-t210dr-3.txt": _n(_T1, *_REACTIVE, header="EST5", prints=(r"1\.8\.0\(\d{9}\*Wh\)",)),
    "ch-sagemcom-xt211-1.txt": _n(_T1, _PLUS, _MINUS, "energy_export_t1_kwh", "device_address_0", timeless=True, peaks=0,
        header="GRE5",
        prints=(r"1-1:1\.8\.1", r"98\.1\.0\(12\)\r", r"96\.13\.1")),
    "heat-aurum-1.txt": _n(devices=("heat 1",), lacks=(_PLUS, _TOTAL), header="AUR2",
        prints=(r"24\.1\.0\(012\)", r"\.\d{3}\*GJ\)")),
    "heat-nwa-1.txt": _n(devices=("heat 1",), lacks=(_PLUS,), header="NWA-"),
    "heat-nwa-2.txt": _n(devices=("heat 1",), lacks=(_PLUS,), header="NWA-"),
    "heat-nwa-unpadded-crc.txt": _n(devices=("heat 1",), lacks=(_PLUS,), prints=(r"!\w{3}\r\n",)),
    "iec-easymeter-q3d-1.txt": _n(_TOTAL, phases=3, volts=0, timeless=True,
        prints=(r"\*255\(", r"1\.8\.0\*255\(\d+\.\d{7}\*kWh\)", r"\*W\)")),
    "iec-iskra-am551-1.txt": _n("error_register", phases=3, volts=3, summer=True, header="ISK9",
        prints=(r"0\.9\.1\(\d{6}\)", r"0\.9\.2\(\d{6}\)")),
    "bad-extracrlf-stream-1.txt": _n(devices=("gas 1",), failures=2),
    "bad-nul-noise-1.txt": _n(devices=("gas 1",), phases=1),
}  # fmt: skip
