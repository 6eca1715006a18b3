"""The archive's tables: a block per meter and hour, and the shapes of telegrams. Part of a step; see schema.py.

A step that was released stays as it is, for ever. `hour` is that of the stamps (UTC seconds / 3600), `number` counts the blocks
of one hour; `bytes` is the length of the block, and in the index too, because to look at a row costs a page; `format` 1 is
packed (packing.py), 0 is verbatim records, for what cannot be packed.
"""

from __future__ import annotations

ARCHIVE_2 = """
CREATE TABLE shape (id INTEGER PRIMARY KEY, template BLOB NOT NULL) STRICT;
CREATE TABLE archive (
    meter INTEGER NOT NULL REFERENCES meter, hour INTEGER NOT NULL, number INTEGER NOT NULL,
    from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    readings INTEGER NOT NULL, bytes INTEGER NOT NULL, format INTEGER NOT NULL, block BLOB NOT NULL, PRIMARY KEY (meter, from_seq)
) STRICT;
CREATE INDEX archive_by_time ON archive (meter, start, bytes);
CREATE VIEW archives AS SELECT m.name AS meter, strftime('%Y-%m-%dT%H:%M:%SZ', a.start, 'unixepoch') AS "from",
    strftime('%Y-%m-%dT%H:%M:%SZ', a."end", 'unixepoch') AS "to", a.readings, a.bytes
FROM archive a JOIN meter m ON m.id = a.meter;
"""
