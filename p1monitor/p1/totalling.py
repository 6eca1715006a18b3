"""Simulated meters that send totals and no tariffs: Luxembourg's, whose telegrams are encrypted, and Sweden's.

Tables of lines, and their values. The keys of the simulated meter are no secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from p1monitor.p1 import writing
from p1monitor.p1.catalogue import PHASES
from p1monitor.p1.gcm import LUXEMBOURG, Keys, seal
from p1monitor.p1.layout import Given, each_phase, line, octets, telegram
from p1monitor.p1.state import State
from p1monitor.p1.telegram import Telegram

#: What a real meter's owner gets from the grid company.
SIMULATED = Keys(bytes.fromhex("000102030405060708090A0B0C0D0E0F"), LUXEMBOURG)

_ENERGIES = ("energy_import_kwh", "energy_export_kwh", "energy_reactive_import_kvarh", "energy_reactive_export_kvarh")
_POWERS = ("power_import_w", "power_export_w", "power_reactive_import_var", "power_reactive_export_var")
_LUXEMBOURG_LINES = (
    line("dsmr_version"),
    line("clock"),
    line("logical_device_name"),
    *(line(name) for name in _ENERGIES),
    *(line(name) for name in _POWERS),
    line("limiter_threshold_va"),
    line("breaker_state", (1, 0)),
    line("message_text"),
)
_SWEDEN_LINES = (
    line("clock"),
    *(line(name, (11, 3)) for name in _ENERGIES),
    *(line(name, (7, 3)) for name in _POWERS),
    *(line(f"power_{side}_l{phase}_w", (7, 3)) for phase in PHASES for side in ("import", "export")),
    *each_phase("voltage_l{}_v"),
    *(line(f"current_l{phase}_a", (4, 1)) for phase in PHASES),
)
_TAN = (3, 10)  # of what is drawn, always alike
_LIMIT_VA = 27_600


def lux(state: State) -> Telegram:
    """A Luxembourgish meter, before it is encrypted."""
    values = {
        **_common(state),
        "dsmr_version": "42",
        "logical_device_name": octets(f"SAG{state.number:013d}"),
        "limiter_threshold_va": _LIMIT_VA,
        "breaker_state": 1,
        "message_text": writing.messages(state)["message_text"],
    }
    return telegram(f"Lux5\\2537{state.number % 10**5:05d}_D", _LUXEMBOURG_LINES, values, "valid")


def sealed(text: bytes, second: int) -> bytes:
    """Encrypt what a Luxembourgish meter sends at a moment: its counter goes on with the time."""
    return seal(text, SIMULATED, b"SAG\x05\x00\x00\x00\x01", second & 0xFFFFFFFF)


def sweden(state: State) -> Telegram:
    """A Swedish meter: no number, no tariff, but every phase."""
    values = {**_common(state), **writing.phases(state.volts, state.load.watts, 10)}
    return telegram("LGF5E360", _SWEDEN_LINES, values, "valid")


def _common(state: State) -> Mapping[str, Given]:
    times, parts = _TAN
    totals = sum(state.imported), sum(state.exported)
    net = max(sum(state.load.watts), 0)
    reactive = (totals[0] * times // parts, 0)
    return {
        "clock": state.stamp(state.local),
        **dict(zip(_ENERGIES, (*totals, *reactive), strict=True)),
        **writing.power(state),
        **dict(zip(_POWERS[2:], (net * times // parts, 0), strict=True)),
    }
