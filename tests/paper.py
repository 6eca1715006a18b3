"""A page of docs/ as a person follows it: its blocks of commands in order, its tables of names. Never runs anything."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

GET_STARTED = Path(__file__).parent.parent / "docs" / "get-started.md"
#: Right above a block, seen by those who edit the page only: why no test follows it.
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
#: Indented lines after an empty one, with the empty ones between them; or a fence.
BLOCK = re.compile(r"(?<=\n\n)((?: {4}[^\n]+\n)(?: {4}[^\n]+\n|\n)*)|^```\w*\n([\s\S]*?)^```$", re.MULTILINE)
NAMES = re.compile(r"^\| old: `(sensor\.\w*)` \| new: `(sensor\.)` \|\n\| --- \| --- \|\n((?:\|.*\n)+)", re.MULTILINE)
TICKED = re.compile(r"`(\w+)`")
#: What stands in brackets behind an old id -> how it ends then, and what becomes of the new one.
SHORTHANDS = {
    "_2": ("_1", "_2", "_t1_", "_t2_"),
    "l2": ("_l1", "_l2", "_l1_", "_l2_"),
    "l3": ("_l1", "_l3", "_l1_", "_l3_"),
}


class Block(NamedTuple):
    """Lines to paste into a terminal."""

    line: int  #: where it begins in the page
    text: str
    why_not: str | None  #: it is not run because …


def blocks(page: str) -> list[Block]:
    """Every block of the page, in order."""
    found = []
    for match in BLOCK.finditer(page):
        before = page[: match.start()]
        mark = NOT_RUN.search(before)
        text = textwrap.dedent(match[1] or match[2]).strip()
        found.append(Block(before.count("\n") + 1, text, mark[1] if mark else None))
    return found


def names(page: str) -> list[tuple[str, str]]:
    """Old and new entity ids of the tables, every shorthand written out."""
    found = []
    for old_prefix, new_prefix, rows in NAMES.findall(page):
        for row in rows.splitlines():
            old, _, new = row.strip("| ").partition(" | ")
            firsts, _, more = old.partition("(")
            target = TICKED.findall(new)[0]
            for first in TICKED.findall(firsts):
                pairs = [(first, target)]
                for ends, becomes, part, other in (SHORTHANDS[mark] for mark in TICKED.findall(more) if mark in SHORTHANDS):
                    pairs.append((first.removesuffix(ends) + becomes, target.replace(part, other)))
                found += [(old_prefix + one, new_prefix + another) for one, another in pairs]
    return found
