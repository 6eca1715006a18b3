"""Step 4 of the history: what each hour and each day was like, of every number that has no profile. Never changed.

A step that was released stays as it is, for ever. `seconds` is 3600 or 86400, `numbers` has a record of 20 bytes for each of the
names of its `layout`: how many readings had it, least, most and sum, in thousandths of the unit (summaries.py). The key is an
index of its own, so that a row may be longer than a quarter of a page and is still in one.
"""

from __future__ import annotations

SUMMARY_4 = """
CREATE TABLE summary_layout (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE summary (
    meter INTEGER NOT NULL REFERENCES meter, seconds INTEGER NOT NULL, "end" INTEGER NOT NULL, start INTEGER NOT NULL,
    samples INTEGER NOT NULL, layout INTEGER NOT NULL REFERENCES summary_layout, numbers BLOB NOT NULL,
    PRIMARY KEY (meter, seconds, "end")
) STRICT;
"""
