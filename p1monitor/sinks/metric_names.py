"""A value's name as a Prometheus metric: base unit, `_total` where it counts, labels for what repeats. Pure.

What has a phase or a tariff is a family of its own (`p1_phase_…`, `p1_tariff_…`), so that a sum over a family counts nothing twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.catalogue import row_of

PREFIX = "p1"
#: Our unit -> base unit's name, and what one of ours is of it.
UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "W": ("watts", 1),
        "var": ("vars", 1),
        "VA": ("voltamperes", 1),
        "kWh": ("joules", 3.6e6),
        "kvarh": ("varseconds", 3.6e6),
        "kVAh": ("voltampereseconds", 3.6e6),
        "GJ": ("joules", 1e9),
        "m3": ("cubic_meters", 1),
        "V": ("volts", 1),
        "A": ("amperes", 1),
        "Hz": ("hertz", 1),
        "s": ("seconds", 1),
        "dBm": ("dbm", 1),
        "dB": ("db", 1),
        "permille": ("ratio", 1e-3),
        "": ("", 1),
    }
)
#: Units of flows: what has one goes to the home, from it, or is the difference.
_FLOWS = frozenset({"W", "var", "VA", "kWh", "kvarh", "kVAh"})
_FLOW = re.compile(r"power|energy|(last_)?average_power|monthly_power_peak")
_DIRECTIONS = ("import", "export", "net", "absolute")
#: A quadrant has its direction in itself.
_QUADRANT = re.compile(r"q[1-4]")
#: Averages and peaks are of import unless they say export, as the meters have it; a power without a word is the net one.
_OF_IMPORT = re.compile(r"average_|last_average_|monthly_")
_REPEATED = (("phase", re.compile(r"l([1-3])")), ("tariff", re.compile(r"t(\d+)")))
#: Words that mean something else in a metric's name.
_SPOKEN: Mapping[str, str] = MappingProxyType({"total": "all", "counter": "count"})
#: Kinds that only grow, until the meter is another.
_COUNTERS = frozenset({"register", "count"})


class Metric(NamedTuple):
    """One family, and a value's place in it."""

    name: str  #: without "_total"
    counter: bool
    labels: tuple[tuple[str, str], ...]
    factor: float  #: from our unit to the base unit
    help: str


@lru_cache(maxsize=1024)
def metric_of(name: str) -> Metric | None:
    """The metric of a value's name; None for a name that no catalogue row has."""
    row = row_of(name)
    if row is None:
        return None
    unit, factor = UNITS[row.unit]
    words = name.split("_")
    if row.unit or row.kind == "count":
        words = words[:-1]  # the unit, or "count"
    labels: dict[str, str] = {}
    for label, pattern in _REPEATED:
        found = next((match for word in words if (match := pattern.fullmatch(word))), None)
        if found:
            labels[label] = found[1]
            words.remove(found[0])
    given = next((word for word in words if word in _DIRECTIONS), "") if row.unit in _FLOWS and _FLOW.match(name) else None
    back = given == "net" and row.kind == "register"  # it runs backwards too: no counter, so no part of one's family
    if given is not None and not back and not any(_QUADRANT.fullmatch(word) for word in words):
        words = [word for word in words if word != given]
        labels["direction"] = given or ("import" if _OF_IMPORT.match(name) else "net")
    counter = row.kind in _COUNTERS and "today" not in words and not back
    words = [_SPOKEN.get(word, word) for word in words]
    if row.kind == "factor" and words[-1] != "ratio":
        words.append("ratio")
    stem = "_".join((PREFIX, *(label for label in ("phase", "tariff") if label in labels), *words, *([unit] if unit else [])))
    title = re.sub(r" (L[1-3]|(tariff )\d+)\b", lambda match: f" per {'tariff' if match[2] else 'phase'}", row.title)
    return Metric(
        stem, counter, tuple(sorted(labels.items())), factor, title if not unit else f"{title}, in {unit.replace('_', ' ')}"
    )
