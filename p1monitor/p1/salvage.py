"""Where another telegram may begin inside bytes that were taken for one. Never judges one itself."""

from __future__ import annotations

from p1monitor.p1.grammar import HEADER_IN_LINE, LINE, LINE_NESTED

#: Places tried per refusal, so that a flood of slashes costs no more than its length allows.
CANDIDATES = 8


def headers(data: bytes) -> list[int]:
    """Where something inside a frame looks like a header, newest first.

    Even a proven frame may hold another: a telegram cut where its own CRC is 0 leaves the CRC of the one behind it valid,
    and without CRC a header that was cut makes one line with the next.
    """
    return [match.start() for match in HEADER_IN_LINE.finditer(data, 1)][::-1][:CANDIDATES]


def candidates(data: bytes) -> list[int]:
    """Where the next frame may begin inside a refused one: what looks like a header first, newest first."""
    found = headers(data)
    at = len(data)
    while len(found) < CANDIDATES and (at := data.rfind(b"/", 1, at)) > 0:
        if at not in found:
            found.append(at)
    return found


def was_cut(data: bytes) -> bool:
    """Tell whether a frame without CRC was glued together: a line that is no data object, with a `/` in it."""
    if data.count(b"/") == 1:
        return False
    lines = data.replace(b"\r", b"\n").split(b"\n")
    return any(b"/" in line and not _whole(line) for line in lines[1:])


def _whole(line: bytes) -> bool:
    return bool(LINE.fullmatch(line) or LINE_NESTED.fullmatch(line))
