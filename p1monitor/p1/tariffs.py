"""What tariffs are called: 1 is the night's in one country and the day's in another. Words only; no number ever depends on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from p1monitor.p1.origin import origin
from p1monitor.p1.records import Reading

Labels = Mapping[int, str]

#: Profile -> tariff -> its label. A profile that is not here has none: its tariffs are numbers to their owners too, or
#: nobody has told us. The last one is a meter's, for its label is printed on it (CLMS100 §5.3.1).
LABELS: Mapping[str, Labels] = MappingProxyType(
    {
        "nl": MappingProxyType({1: "low", 2: "normal"}),  # S50 §6.12, note
        "be": MappingProxyType({1: "normal", 2: "low"}),
        "ch": MappingProxyType({1: "peak", 2: "off-peak"}),  # Romande Energie's sheet
        "clms100": MappingProxyType({2: "VT", 3: "NT"}),
    }
)
#: What stands in a header whose meter has labels of its own -> their profile.
BY_HEADER: Mapping[str, str] = MappingProxyType({"CLMS100": "clms100"})

_TARIFF = re.compile(r"_t(\d+)(?:_|$)")
_SPOKEN = re.compile(r"tariff \d+")
NONE: Labels = MappingProxyType({})


def labels(profile: str, reading: Reading | None) -> Labels:
    """The labels of a meter's tariffs: by its profile, else by what its telegrams say of where it comes from."""
    if profile == "auto" and reading is not None:
        header = reading.telegram.identification
        own = (known for words, known in BY_HEADER.items() if words in header)
        profile = next(own, "") or origin(reading).country
    return LABELS.get(profile, NONE)


def label_of(name: str, known: Labels) -> str:
    """The label of the tariff that a name is about; empty where it is about none, or none is known."""
    match = _TARIFF.search(name)
    return known.get(int(match[1]), "") if match else ""


def titled(title: str, name: str, known: Labels) -> str:
    """A title with its tariff's label: "Energy import tariff 1 (low)"."""
    label = label_of(name, known)
    return _SPOKEN.sub(rf"\g<0> ({label})", title) if label else title
