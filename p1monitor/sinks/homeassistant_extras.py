"""What Home Assistant is told of a meter beside its values: events, messages that come and go, how the line does. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from p1monitor.p1.records import Reading
from p1monitor.p1.tariffs import labels, titled
from p1monitor.sinks.topics import Topics

#: Kinds of events, as docs/mqtt.md has them. Home Assistant refuses a type that was not announced: a new one is "other".
MESSAGE = "message"
KINDS = (
    "alarm",
    "clock",
    "disconnector",
    "error",
    "fraud",
    "mbus",
    "power failure",
    "power quality",
    "register",
    "standard",
    "swap",
)
OTHER = "other"
TYPES = (*(kind.replace(" ", "_") for kind in KINDS), OTHER)

_TYPE = f"(value_json.kind | replace(' ', '_') if value_json.kind in {list(KINDS)} else '{OTHER}')"
_EVENT = f"{{% if value_json.kind != '{MESSAGE}' %}}{{{{ dict(value_json, event_type={_TYPE}) | to_json }}}}{{% endif %}}"
_MESSAGE = f"{{% if value_json.kind == '{MESSAGE}' %}}{{{{ dict(value_json, event_type='{MESSAGE}') | to_json }}}}{{% endif %}}"


class Extra(NamedTuple):
    """One entity that is no value of the meter."""

    platform: str
    title: str
    leaf: str  #: its topic
    told: Mapping[str, object]
    outlives: bool = False  #: it is of use while the meter is silent


#: Name -> entity of the electricity meter's device.
EXTRAS: Mapping[str, Extra] = MappingProxyType(
    {
        "events": Extra("event", "Events", "event", {"evt_typ": list(TYPES), "val_tpl": _EVENT}),
        "message_events": Extra("event", "Messages", "event", {"evt_typ": [MESSAGE], "val_tpl": _MESSAGE}),
        "link_quality": Extra(
            "sensor",
            "Link quality",
            "health",
            {
                "ent_cat": "diagnostic",
                "stat_cla": "measurement",
                "unit_of_meas": "%",
                "sug_dsp_prc": 1,
                "val_tpl": "{{ value_json.link_quality_percent | default('None') | string }}",
            },
            outlives=True,
        ),
        "last_telegram": Extra(
            "sensor",
            "Last telegram",
            "health",
            {
                "ent_cat": "diagnostic",
                "dev_cla": "timestamp",
                "val_tpl": "{{ value_json.last_telegram | default('None') | string }}",
            },
            outlives=True,
        ),
    }
)


def name_tariffs(components: Mapping[str, dict[str, object]], profile: str, reading: Reading) -> None:
    """Let the names of a meter's entities say what their tariff is called: a normal one in one country is a low one in another."""
    known = labels(profile, reading)
    for name, component in components.items():
        if "name" in component:
            component["name"] = titled(str(component["name"]), name, known)


def extras(meter: str, topics: Topics, identity: Callable[[str], str]) -> dict[str, dict[str, object]]:
    """Components of a meter's device; `identity` makes an id for ever of a name."""
    slug = re.sub(r"[^a-z0-9]+", "_", meter).strip("_")
    return {
        name: {
            "p": extra.platform,
            "uniq_id": identity(name),
            "name": extra.title,
            "default_entity_id": f"{extra.platform}.p1_{slug}_{name}",
            "stat_t": topics.of(meter, extra.leaf),
            **({"avty": [{"t": topics.status}]} if extra.outlives else {}),
            **extra.told,
        }
        for name, extra in EXTRAS.items()
    }
