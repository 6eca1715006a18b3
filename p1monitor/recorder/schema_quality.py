"""Step 3 of the history: the profile of power quality, and what an event was like. Never changed.

A step that was released stays as it is, for ever. Sums, least and most of the profile are in thousandths of the unit: mV, mA, mW,
mvar. `moment` is the time of an event in UTC seconds, by which it is found; `same` names the event that says the same and more.
"""

# ruff: noqa: S608 -- SQL is put together of constants only
from __future__ import annotations

_PHASES_3 = ("l1", "l2", "l3")
_POWERS_3 = (
    ("power_import", "w"),
    ("power_export", "w"),
    ("power_reactive_import", "var"),
    ("power_reactive_export", "var"),
)
_VOLTS_3 = ", ".join(
    f"voltage_{phase}_sum_mv INTEGER, voltage_{phase}_count INTEGER, voltage_{phase}_min_mv INTEGER, voltage_{phase}_max_mv INTEGER"
    for phase in _PHASES_3
)
_MEANS_3 = ", ".join(
    f"{stem}_sum_m{unit} INTEGER, {stem}_count INTEGER"
    for stem, unit in (*((f"current_{phase}", "a") for phase in _PHASES_3), *_POWERS_3)
)
_SHOWN_3 = ", ".join(
    (
        *(
            f"p.voltage_{phase}_sum_mv / 1000.0 / p.voltage_{phase}_count AS voltage_{phase}_v,"
            f" p.voltage_{phase}_min_mv / 1000.0 AS voltage_{phase}_min_v,"
            f" p.voltage_{phase}_max_mv / 1000.0 AS voltage_{phase}_max_v"
            for phase in _PHASES_3
        ),
        *(f"p.current_{phase}_sum_ma / 1000.0 / p.current_{phase}_count AS current_{phase}_a" for phase in _PHASES_3),
        *(f"p.{stem}_sum_m{unit} / 1000.0 / p.{stem}_count AS {stem}_{unit}" for stem, unit in _POWERS_3),
    )
)
_BITS_3 = " || ".join(
    f"CASE WHEN p.status & {bit} THEN '{name} ' ELSE '' END"
    for bit, name in ((128, "PDN"), (32, "CAD"), (8, "DST"), (4, "DNV"), (2, "CIV"), (1, "ERR"))
)

QUALITY_3 = f"""
CREATE TABLE quality_profile (
    device INTEGER NOT NULL REFERENCES device, "end" INTEGER NOT NULL, segment INTEGER NOT NULL REFERENCES segment,
    start INTEGER NOT NULL, status INTEGER NOT NULL, samples INTEGER NOT NULL,
    {_VOLTS_3}, {_MEANS_3}, power_factor_permille INTEGER, PRIMARY KEY (device, "end", segment)
) STRICT, WITHOUT ROWID;
CREATE VIEW quality_profiles AS SELECT m.name AS meter, s.equipment_id,
    strftime('%Y-%m-%dT%H:%M:%SZ', p.start, 'unixepoch') AS "from", strftime('%Y-%m-%dT%H:%M:%SZ', p."end", 'unixepoch') AS "to",
    trim({_BITS_3}) AS status, p.samples, {_SHOWN_3}, p.power_factor_permille / 1000.0 AS power_factor
FROM quality_profile p JOIN segment s ON s.id = p.segment JOIN device d ON d.id = p.device JOIN meter m ON m.id = d.meter;
DROP VIEW events;
ALTER TABLE event ADD COLUMN since TEXT;
ALTER TABLE event ADD COLUMN seconds REAL;
ALTER TABLE event ADD COLUMN value REAL;
ALTER TABLE event ADD COLUMN unit TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN moment INTEGER;
ALTER TABLE event ADD COLUMN same INTEGER REFERENCES event;
UPDATE event SET moment = coalesce(CAST(strftime('%s', at) AS INTEGER), CAST(received AS INTEGER));
CREATE INDEX event_by_time ON event (meter, moment);
CREATE INDEX event_by_same ON event (same) WHERE same IS NOT NULL;
CREATE VIEW events AS SELECT m.name AS meter, coalesce(e.at, strftime('%Y-%m-%dT%H:%M:%SZ', e.moment, 'unixepoch')) AS at,
    e.kind, e.code, e.words, e.phase, e.channel, e.seconds, e.value, e.unit, e.since
FROM event e JOIN meter m ON m.id = e.meter WHERE e.same IS NULL;
"""
