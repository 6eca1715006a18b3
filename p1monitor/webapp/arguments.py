"""The arguments of a question, checked and bounded, and the refusal of one that makes no sense. Pure; knows no HTTP, no store."""

from __future__ import annotations

import math
from collections.abc import Mapping

from p1monitor.p1.event_codes import PHASES
from p1monitor.recorder.event_book import KINDS

#: Events of one answer.
MOST_EVENTS, EVENTS = 1000, 100

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
