"""A simulated Corinex CLMS100: one phase, six tariffs, read through its optical port. A table of lines, and their values.

Registers of eight digits before the point that roll over at 99 999 999 kWh; on its label 1.8.2 is VT (high), 1.8.3 NT (low).
Codes are written short, as IEC 62056-21 readouts have them.
"""

from __future__ import annotations

from p1monitor.p1 import writing
from p1monitor.p1.household import LOW, NORMAL
from p1monitor.p1.layout import Given, Line, line, short, telegram
from p1monitor.p1.state import State
from p1monitor.p1.telegram import Telegram

_ENERGY, _POWER = (11, 3), (5, 3)
TARIFFS = range(1, 7)
_HIGH, _LOW = 2, 3
_SIDES = ("import", "export")
_LINES: tuple[Line, ...] = tuple(
    short(one)
    for one in (
        line("error_register"),
        line("device_id_1"),
        line("clock_time"),
        line("clock_date"),
        *(line(f"energy_{side}{tariff}_kwh", _ENERGY) for side in _SIDES for tariff in ("", *(f"_t{n}" for n in TARIFFS))),
        line("energy_reactive_import_kvarh", _ENERGY),
        line("tariff", (1, 0)),
        line("power_import_w", _POWER),
        line("power_export_w", _POWER),
        line("voltage_l1_v"),
        line("current_l1_a", (5, 2)),
        line("frequency_hz"),
        line("power_factor"),
    )
)
#: tan φ and cos φ of what is drawn, always alike.
_TAN, _COS = (3, 10), "0.958"


def clms100(state: State) -> Telegram:
    """Corinex CLMS100."""
    times, parts = _TAN
    watts = (sum(state.load.watts), 0, 0)
    values: dict[str, Given] = {
        "error_register": "00000000",
        "device_id_1": f"1{state.number:012d}",
        "clock_time": f"{state.local:%H%M%S}",
        "clock_date": f"{state.local:%y%m%d}",
        **{f"energy_{side}_t{n}_kwh": 0 for side in _SIDES for n in TARIFFS},
        "energy_reactive_import_kvarh": sum(state.imported) * times // parts,
        "tariff": _HIGH if state.load.tariff == NORMAL else _LOW,
        **writing.power(state),
        **writing.phases(state.volts, watts, 1),
        "frequency_hz": 5000,
        "power_factor": _COS,
    }
    for side, registers in zip(_SIDES, (state.imported, state.exported), strict=True):
        values[f"energy_{side}_kwh"] = sum(registers)
        values[f"energy_{side}_t{_HIGH}_kwh"] = registers[NORMAL - 1]
        values[f"energy_{side}_t{_LOW}_kwh"] = registers[LOW - 1]
    return telegram("CRX5CLMS100", _LINES, values, "absent")
