"""Memory that an hour's sealing took, given back to the system. Never changes what is kept."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Let go of free pages, where the C library can (glibc: malloc_trim).

    Sealing needs some ten megabytes for a tenth of a second. What is freed lies between what is kept, and glibc by itself
    returns only the end of its heap.
    """
    if _trim is not None:
        _trim(0)


def _found() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # musl and macOS have none
        return None


_trim = _found()
