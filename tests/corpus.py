"""The folder of real telegrams that P1MONITOR_CORPUS names, and what its index says of each. Never writes there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from p1monitor.p1.gcm import Keys, read_key

#: A row of the index: name, variant, country, meter, source, CRC.
_ROW = re.compile(r"\| (\S+\.txt) \| ([^|]*) \|[^|]*\|[^|]*\|[^|]*\| ([^|]*) \|")

#: What must come of the broken ones. Their notes in the index, in the framer's words.
BROKEN: dict[str, list[str]] = {
    "bad-7e1-read-as-8n1.txt": ["parity"],
    "bad-cu-header-corrupt-1.txt": ["crc"],
    "bad-dupkeys-1.txt": ["crc"],
    "bad-emptycrc-1.txt": ["no-crc"],
    "bad-extracrlf-stream-1.txt": ["valid", "crc", "crc"],
    "bad-inserted-1.txt": ["crc"],
    "bad-longline-gap-1.txt": ["crc"],
    "bad-nul-noise-1.txt": ["valid"],
    "bad-overflow-1.txt": ["crc"],
    "bad-truncated-1.txt": ["truncated"],
    "dsmr40-spec-typos.txt": ["crc"],
    "lux-sagemcom-t210-3.txt": ["crc"],
}


@dataclass(frozen=True)
class Capture:
    """One file of the folder."""

    path: Path
    variant: str
    crc: str  #: the index' words

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def good(self) -> bool:
        """Whether it must give a telegram."""
        return self.crc.startswith(("yes", "recomputed", "none")) and not self.name.startswith("bad-")

    @property
    def verdicts(self) -> list[str]:
        """What must come of it, noise aside: how a telegram was proven, or why it was refused."""
        return BROKEN.get(self.name) or ["absent" if self.crc.startswith("none") else "valid"]


def captures() -> list[Capture]:
    """Every plain one that is in the index and in the folder; none where no folder is named."""
    folder = os.environ.get("P1MONITOR_CORPUS")
    if not folder:
        return []
    rows = _ROW.findall((Path(folder) / "INDEX.md").read_text())
    return [Capture(Path(folder) / name, variant, crc) for name, variant, crc in rows]


#: Hex dumps of encrypted frames, and whose keys open them: those in the index.
SEALED = {"enc-at-1.hex": "enc-at-1.hex", "enc-lux-badtag-1.hex": "enc-at-1.hex"}


def sealed(name: str) -> tuple[bytes, Keys]:
    """The bytes of an encrypted one, and the keys that the index has for it."""
    folder = Path(os.environ["P1MONITOR_CORPUS"])
    (row,) = [line for line in (folder / "INDEX.md").read_text().splitlines() if line.startswith(f"| {SEALED[name]} |")]
    match = re.search(r"KEY ([0-9A-F]{32}); AK ([0-9A-F]{32})", row)
    assert match
    return bytes.fromhex((folder / name).read_text()), Keys(read_key(match[1]), read_key(match[2]))
