"""Step 2 of the history, as far as it concerns profiles: whole sums instead of means, and the billing profile. Never changed.

Means of step 1 become sums again: of a row's mean and its samples. No row is lost.
"""

# ruff: noqa: S608 -- SQL is put together of constants only
from __future__ import annotations

_RATES_2 = ("", *(f"_t{tariff}" for tariff in range(1, 9)))
_NAMES_2 = tuple(f"energy_{flow}{rate}_wh" for flow in ("import", "export") for rate in _RATES_2)
_ALL_2 = ", ".join(f"{name} INTEGER" for name in _NAMES_2)
#: The columns of a profile's key come first, in its order: integrity_check of SQLite 3.40 finds NULLs that are none otherwise.
_END_2 = '"end" INTEGER NOT NULL'
_SEGMENT_2 = "segment INTEGER NOT NULL REFERENCES segment"
_REST_2 = "start INTEGER NOT NULL, {}status INTEGER NOT NULL, samples INTEGER NOT NULL, registers_at INTEGER"
_POWER_2 = "power_sum_w INTEGER, powers INTEGER, power_min_w INTEGER, power_max_w INTEGER"
_PHASES_2 = ("l1", "l2", "l3")
_VOLTS_2 = ", ".join(f"voltage_{phase}_sum_dv INTEGER, voltage_{phase}_count INTEGER" for phase in _PHASES_2)
_DEMAND_2 = "demand_max_w INTEGER, demand_max_at INTEGER, demand_own INTEGER"


def _row_2(*key: str) -> str:
    rest = _REST_2.format("" if _END_2 in key else f"{_END_2}, ")
    return ", ".join(("device INTEGER NOT NULL REFERENCES device", *key, _SEGMENT_2, rest))


#: Status word in letters, as the meters' manuals name its bits.
_BITS_2 = " || ".join(
    f"CASE WHEN p.status & {bit} THEN '{name} ' ELSE '' END"
    for bit, name in ((128, "PDN"), (32, "CAD"), (8, "DST"), (4, "DNV"), (2, "CIV"), (1, "ERR"))
)
_TIME_2 = """strftime('%Y-%m-%dT%H:%M:%SZ', p.start, 'unixepoch') AS "from",
    strftime('%Y-%m-%dT%H:%M:%SZ', p."end", 'unixepoch') AS "to" """


def _view_2(name: str, table: str, columns: str) -> str:
    """A profile as people read it: names, times, means, kWh; totals that go on when the meter is replaced or rolls over."""
    totals = ", ".join(
        f"(p.energy_{flow}_wh + coalesce(json_extract(s.\"offset\", '$.energy_{flow}_kwh'), 0)) / 1000.0 AS energy_{flow}_total_kwh"
        for flow in ("import", "export")
    )
    return f"""
CREATE VIEW {name} AS SELECT m.name AS meter, s.equipment_id, {_TIME_2}, trim({_BITS_2}) AS status, p.samples,
    {columns}, {totals}
FROM {table} p JOIN segment s ON s.id = p.segment JOIN device d ON d.id = p.device JOIN meter m ON m.id = d.meter;
"""


def _kwh_2(rates: tuple[str, ...]) -> str:
    return ", ".join(
        f"p.energy_{flow}{rate}_wh / 1000.0 AS energy_{flow}{rate}_kwh" for flow in ("import", "export") for rate in rates
    )


_P_2 = "1.0 * p.power_sum_w / p.powers AS power_mean_w, p.power_min_w, p.power_max_w"
_V_2 = ", ".join(f"p.voltage_{phase}_sum_dv / 10.0 / p.voltage_{phase}_count AS voltage_{phase}_v" for phase in _PHASES_2)
_D_2 = "p.demand_max_w, strftime('%Y-%m-%dT%H:%M:%SZ', p.demand_max_at, 'unixepoch') AS demand_max_to"

_HEAD_2 = 'device, {}segment, start, "end", status, samples, registers_at'
_SUM_2 = "CAST(round(power_mean_w * samples) AS INTEGER), iif(power_mean_w IS NULL, NULL, samples), power_min_w, power_max_w"
_SUMS_V_2 = ", ".join(
    f"CAST(round(voltage_{phase}_v * 10 * samples) AS INTEGER), iif(voltage_{phase}_v IS NULL, NULL, samples)"
    for phase in _PHASES_2
)
_INTO_2 = "power_sum_w, powers, power_min_w, power_max_w"
_INTO_V_2 = ", ".join(f"voltage_{phase}_sum_dv, voltage_{phase}_count" for phase in _PHASES_2)


def _moved_2(table: str, key: str, registers: str, *, volts: bool = False) -> str:
    head = _HEAD_2.format(key)
    into, of = (f", {_INTO_V_2}", f", {_SUMS_V_2}") if volts else ("", "")
    return f"""INSERT INTO {table} ({head}, {_INTO_2}{into}, {registers})
    SELECT {head}, {_SUM_2}{of}, {registers} FROM {table}_1;
DROP TABLE {table}_1;
"""


_EVERY_2 = ", ".join(_NAMES_2)

PROFILES_2 = f"""
DROP VIEW minutes; DROP VIEW load_profiles; DROP VIEW daily_profiles;
ALTER TABLE minute RENAME TO minute_1;
ALTER TABLE load_profile RENAME TO load_profile_1;
ALTER TABLE daily_profile RENAME TO daily_profile_1;
CREATE TABLE minute ({_row_2(_END_2)}, {_POWER_2}, {_VOLTS_2},
    energy_import_wh INTEGER, energy_export_wh INTEGER, PRIMARY KEY (device, "end", segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE load_profile ({_row_2(_END_2)}, {_POWER_2}, {_ALL_2}, PRIMARY KEY (device, "end", segment)) STRICT, WITHOUT ROWID;
CREATE TABLE daily_profile ({_row_2("date TEXT NOT NULL")}, {_POWER_2}, {_ALL_2}, PRIMARY KEY (device, date, segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE billing_profile ({_row_2("date TEXT NOT NULL")}, {_DEMAND_2}, {_ALL_2}, PRIMARY KEY (device, date, segment)
) STRICT, WITHOUT ROWID;
{_moved_2("minute", "", "energy_import_wh, energy_export_wh", volts=True)}
{_moved_2("load_profile", "", _EVERY_2)}
{_moved_2("daily_profile", "date, ", _EVERY_2)}
{_view_2("minutes", "minute", f"{_P_2}, {_V_2}, {_kwh_2(('',))}")}
{_view_2("load_profiles", "load_profile", f"{_P_2}, {_kwh_2(_RATES_2)}")}
{_view_2("daily_profiles", "daily_profile", f"p.date, {_P_2}, {_kwh_2(_RATES_2)}")}
{_view_2("billing_profiles", "billing_profile", f"p.date, {_D_2}, {_kwh_2(_RATES_2)}")}
"""
