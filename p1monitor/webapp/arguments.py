"""The arguments of a question, checked and bounded, and the refusal of one that makes no sense. Pure; knows no HTTP, no store."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches

from p1monitor.p1.event_codes import PHASES
from p1monitor.recorder.event_book import KINDS
from p1monitor.recorder.measured import GAUGES
from p1monitor.recorder.register_rows import NAMES as REGISTERS
from p1monitor.recorder.register_rows import OF

#: Events of one answer.
MOST_EVENTS, EVENTS = 1000, 100
#: Names of one series answer: a chart shows a dozen lines at most. Our longest has some forty letters, and a role before it.
MOST_NAMES, NAME_MOST = 16, 96
#: Points of one series answer: more than a wide screen has pixels.
MOST_POINTS, POINTS = 4000, 300
#: Every name that a series can be asked for.
NAMES = frozenset({*GAUGES, *REGISTERS})

Arguments = Mapping[str, str]


class Refused(Exception):
    """A question that has no answer: the HTTP status, a key for programs, a sentence for people."""

    def __init__(self, status: int, key: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.key = key


def moment(arguments: Arguments, key: str, default: float) -> float:
    """A time in UTC seconds."""
    try:
        found = float(arguments.get(key, default))
    except ValueError:
        found = math.nan
    if not 0 <= found < 1e11:
        raise Refused(400, key, f"{key}: expected UTC seconds since 1970, like 1767225600")
    return found


def whole(arguments: Arguments, key: str, default: int, most: int) -> int:
    """A whole number from 1 on."""
    text = arguments.get(key, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 0 < int(text) <= most):
        raise Refused(400, key, f"{key}: expected a whole number from 1 to {most}")
    return int(text)


def names(arguments: Arguments, roles: Callable[[], Collection[str]]) -> list[str]:
    """The names of a series; `roles` are those of the devices that the meter has had, which may stand before a name."""
    found = [name for name in arguments.get("names", "power_w").split(",") if name]
    if not 0 < len(found) <= MOST_NAMES or any(len(name) > NAME_MOST for name in found):
        raise Refused(400, "names", f"names: 1 to {MOST_NAMES} names, like power_w,voltage_l1_v")
    for name in found:
        role, stroke, plain = name.rpartition(OF)
        if plain not in NAMES or (stroke and plain in GAUGES):
            near = get_close_matches(plain, NAMES, n=1, cutoff=0.0)[0]
            raise Refused(400, "names", f"there is no number called {name} in a history; the nearest name is {near}")
        if stroke and role not in roles():
            raise Refused(404, "names", f"{name}: there is no device of that role; there are: {', '.join(roles()) or 'none'}")
    return list(dict.fromkeys(found))


def kinds(arguments: Arguments) -> list[str]:
    """Kinds of events, with commas between them; none: all."""
    named = [one.strip().replace("_", " ").replace("-", " ") for one in arguments.get("kind", "").split(",")]
    found = [one for one in named if one]
    if not KINDS.keys() >= set(found):
        raise Refused(400, "kind", f"kind: one or several of {', '.join(KINDS)}")
    return found


def phase(arguments: Arguments) -> str | None:
    """L1, L2 or L3; None: any."""
    found = arguments.get("phase", "").upper() or None
    if found not in {None, *PHASES}:
        raise Refused(400, "phase", f"phase: one of {', '.join(PHASES)}")
    return found
