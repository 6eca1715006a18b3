"""Where the page's files are: in the package of a wheel, beside it in an editable install. Never serves one."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
#: The wheel's place first: an installed package never looks outside itself.
PLACES = (_PACKAGE / "web", _PACKAGE.parent / "web")


def folder() -> Path:
    """The folder that holds index.html; FileNotFoundError with one sentence if there is none."""
    for place in PLACES:
        if (place / "index.html").is_file():
            return place
    raise FileNotFoundError(f"the page's files are in none of {', '.join(map(str, PLACES))}: install p1monitor again")
