"""The tables of the history, as steps from one version to the next. Never changes a step that was released.

A step that was released stays as it is, for ever: files that it made are out there. Times are UTC seconds since 1970,
energy is in Wh, an M-Bus device's value in thousandths of its unit; the stamp of a row is the end of its interval.
"""

# ruff: noqa: S608 -- SQL is put together of constants only
from __future__ import annotations

from p1monitor.recorder.schema_archive import ARCHIVE_2
from p1monitor.recorder.schema_profiles import PROFILES_2
from p1monitor.recorder.schema_quality import QUALITY_3
from p1monitor.recorder.schema_summary import SUMMARY_4

#: `PRAGMA application_id` of a history: "P1MO".
APPLICATION = 0x50314D4F

_RATES_1 = ("", *(f"_t{tariff}" for tariff in range(1, 9)))
_ALL_1 = ", ".join(f"energy_{flow}{rate}_wh INTEGER" for flow in ("import", "export") for rate in _RATES_1)
#: The columns of a profile's key come first, in its order: integrity_check of SQLite 3.40 finds NULLs that are none otherwise.
_END_1 = '"end" INTEGER NOT NULL'
_SEGMENT_1 = "segment INTEGER NOT NULL REFERENCES segment"
_REST_1 = "start INTEGER NOT NULL, {}status INTEGER NOT NULL, samples INTEGER NOT NULL, registers_at INTEGER"


def _row_1(*key: str) -> str:
    rest = _REST_1.format("" if _END_1 in key else f"{_END_1}, ")
    return ", ".join(("device INTEGER NOT NULL REFERENCES device", *key, _SEGMENT_1, rest))


_POWER_1 = "power_mean_w REAL, power_min_w INTEGER, power_max_w INTEGER"
#: Status word in letters, as the meters' manuals name its bits.
_BITS_1 = " || ".join(
    f"CASE WHEN p.status & {bit} THEN '{name} ' ELSE '' END"
    for bit, name in ((128, "PDN"), (32, "CAD"), (8, "DST"), (4, "DNV"), (2, "CIV"), (1, "ERR"))
)
_TIME_1 = """strftime('%Y-%m-%dT%H:%M:%SZ', p.start, 'unixepoch') AS "from",
    strftime('%Y-%m-%dT%H:%M:%SZ', p."end", 'unixepoch') AS "to" """


def _view_1(name: str, table: str, columns: str) -> str:
    """A profile as people read it: names, times, kWh; totals that go on when the meter is replaced."""
    totals = ", ".join(
        f"(p.energy_{flow}_wh + coalesce(json_extract(s.\"offset\", '$.energy_{flow}_kwh'), 0)) / 1000.0 AS energy_{flow}_total_kwh"
        for flow in ("import", "export")
    )
    return f"""
CREATE VIEW {name} AS SELECT m.name AS meter, s.equipment_id, {_TIME_1}, trim({_BITS_1}) AS status, p.samples,
    {columns}, {totals}
FROM {table} p JOIN segment s ON s.id = p.segment JOIN device d ON d.id = p.device JOIN meter m ON m.id = d.meter;
"""


_KWH_1 = ", ".join(
    f"p.energy_{flow}{rate}_wh / 1000.0 AS energy_{flow}{rate}_kwh" for flow in ("import", "export") for rate in _RATES_1
)
_TOTALS_1 = ", ".join(f"p.energy_{flow}_wh / 1000.0 AS energy_{flow}_kwh" for flow in ("import", "export"))
_P_1 = "p.power_mean_w, p.power_min_w, p.power_max_w"

_STEP_1 = f"""
CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE meter (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE device (
    id INTEGER PRIMARY KEY, meter INTEGER NOT NULL REFERENCES meter, role TEXT NOT NULL, medium TEXT NOT NULL,
    UNIQUE (meter, role)
) STRICT;
CREATE TABLE segment (
    id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES device, equipment_id TEXT NOT NULL,
    from_seq INTEGER NOT NULL, "offset" TEXT NOT NULL, UNIQUE (device, from_seq)
) STRICT;
CREATE TABLE minute ({_row_1(_END_1)}, {_POWER_1}, voltage_l1_v REAL, voltage_l2_v REAL, voltage_l3_v REAL,
    energy_import_wh INTEGER, energy_export_wh INTEGER, PRIMARY KEY (device, "end", segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE load_profile ({_row_1(_END_1)}, {_POWER_1}, {_ALL_1}, PRIMARY KEY (device, "end", segment)) STRICT, WITHOUT ROWID;
CREATE TABLE daily_profile ({_row_1("date TEXT NOT NULL")}, {_POWER_1}, {_ALL_1}, PRIMARY KEY (device, date, segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE mbus_profile ({_row_1("name TEXT NOT NULL", _END_1)}, value INTEGER, PRIMARY KEY (device, name, "end", segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE mbus_capture (
    device INTEGER NOT NULL REFERENCES device, name TEXT NOT NULL, at INTEGER NOT NULL,
    segment INTEGER NOT NULL REFERENCES segment, value INTEGER NOT NULL, PRIMARY KEY (device, name, at, segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    id INTEGER PRIMARY KEY, meter INTEGER NOT NULL REFERENCES meter, seq INTEGER NOT NULL, number INTEGER NOT NULL,
    at TEXT, received REAL, kind TEXT NOT NULL, code INTEGER, words TEXT NOT NULL, phase TEXT, channel INTEGER,
    UNIQUE (meter, seq, number)
) STRICT;
{_view_1("minutes", "minute", f"{_P_1}, p.voltage_l1_v, p.voltage_l2_v, p.voltage_l3_v, {_TOTALS_1}")}
{_view_1("load_profiles", "load_profile", f"{_P_1}, {_KWH_1}")}
{_view_1("daily_profiles", "daily_profile", f"p.date, {_P_1}, {_KWH_1}")}
CREATE VIEW mbus_profiles AS SELECT m.name AS meter, d.role, s.equipment_id, {_TIME_1}, trim({_BITS_1}) AS status,
    p.samples, p.name, p.value / 1000.0 AS value,
    (p.value + coalesce(json_extract(s."offset", '$.' || p.name), 0)) / 1000.0 AS total
FROM mbus_profile p JOIN segment s ON s.id = p.segment JOIN device d ON d.id = p.device JOIN meter m ON m.id = d.meter;
CREATE VIEW events AS SELECT m.name AS meter, e.at, e.kind, e.code, e.words, e.phase, e.channel
FROM event e JOIN meter m ON m.id = e.meter;
"""

#: Step n makes version n of version n - 1.
STEPS: tuple[str, ...] = (_STEP_1, PROFILES_2 + ARCHIVE_2, QUALITY_3, SUMMARY_4)
