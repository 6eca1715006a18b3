"""How large the history is, and how much this process has had written to disks. Never opens the history itself."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

#: What the kernel counts for us: bytes that really went to a disk, write by write of the page cache.
IO = Path("/proc/self/io")


def sizes(history: Path | None, io: Path = IO) -> dict[str, float]:
    """`store`: bytes of the history and its files beside it; `written`: bytes. What cannot be told is left out."""
    told: dict[str, float] = {}
    if history is not None:
        with suppress(OSError):
            told["store"] = sum(file.stat().st_size for file in history.parent.glob(f"{history.name}*"))
    with suppress(OSError):
        found = re.search(r"^write_bytes: (\d+)", io.read_text(), flags=re.MULTILINE)
        if found:
            told["written"] = int(found[1])
    return told
