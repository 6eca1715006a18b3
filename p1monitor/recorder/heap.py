"""Memory that something large took for a moment, given back to the system. Never changes what is kept."""

from __future__ import annotations

from collections.abc import Callable


def give_back() -> None:
    """Let go of free pages, where the C library can (glibc: malloc_trim).

    Sealing needs some ten megabytes for a tenth of a second. What is freed lies between what is kept, and glibc by itself
    returns only the end of its heap.
    """
    if _trim is not None:
        _trim(0)


def _found() -> Callable[[int], object] | None:
    try:
        import ctypes  # noqa: PLC0415 - where memory may not be made executable, some of its releases cannot be loaded

        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (ImportError, MemoryError, OSError, AttributeError):  # musl and macOS have none
        return None
    return trim


_trim = _found()
