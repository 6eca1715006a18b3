"""Home Assistant's device-based discovery: (reading, house, catalogue row) -> payloads. Pure; never sends or remembers.

One Home Assistant device per physical meter. Identities are made of the installation, the meter's name and the device's
role, never of serial numbers and channels: a replaced meter goes on as the same entities.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from p1monitor.p1.catalogue import ROWS, Row, row_of
from p1monitor.p1.records import Device, Reading
from p1monitor.sinks import House
from p1monitor.sinks.homeassistant_extras import EXTRAS, extras, name_tariffs
from p1monitor.sinks.topics import OFFLINE, ONLINE, Topics, clean, sent, stamp_name

#: Readings missed before a momentary value expires; telegram age and last will normally speak long before.
EXPIRE_INTERVALS, EXPIRE_LEAST_S = 3, 300
#: Home Assistant refuses states over 255 characters.
STATE_LENGTH = 250

#: Names not worth an entity: a serial number is an attribute of its device, the clock stands in every reading.
NOT_ENTITIES = frozenset({"clock", "clock_time", "clock_date", "equipment_id", "device_type", "serial_number"})


class Entity(NamedTuple):
    """Something that has had a value."""

    role: str  #: of the M-Bus device; the electricity meter itself has ""
    name: str
    stamp: bool = False  #: not the value but the time that the meter gives it (a month's peak)


@dataclass(frozen=True, slots=True)
class Shape:
    """How Home Assistant is to take a value."""

    device_class: str | None = None
    state_class: str | None = None
    unit: str | None = None
    precision: int | None = None
    expires: bool = False


_TEXT = Shape()
_STAMP = Shape("timestamp")
#: The message's topic holds its bare text: the beginning is the state, all of it an attribute.
_MESSAGE = {"val_tpl": f"{{{{ value[:{STATE_LENGTH}] }}}}", "json_attr_tpl": "{{ {'text': value} | to_json }}"}
#: How a text that is left out, or null, is taken: as unknown. But a message that is cleared is known to be none.
_UNKNOWN = "default('None')"
_ABSENT: Mapping[str, str] = MappingProxyType({"message": "default('', true)"})


def _momentary(device_class: str | None, unit: str | None, precision: int | None) -> Shape:
    return Shape(device_class, "measurement", unit, precision, expires=True)


#: Unit -> shape of momentary values.
MOMENTARY: Mapping[str, Shape] = MappingProxyType(
    {
        "W": _momentary("power", "W", 0),
        "var": _momentary("reactive_power", "var", 0),
        "VA": _momentary("apparent_power", "VA", 0),
        "V": _momentary("voltage", "V", 1),
        "A": _momentary("current", "A", None),
        "Hz": _momentary("frequency", "Hz", 2),
        "s": _momentary("duration", "s", 0),
        "dBm": _momentary("signal_strength", "dBm", 0),
        "dB": _momentary("signal_strength", "dB", 0),
        "permille": _momentary(None, "‰", 0),
        "": _momentary(None, None, None),
    }
)

#: Unit -> shape of registers. No class for reactive and apparent energy: the releases of early 2025 know none, and
#: refuse a whole device for an unknown one.
REGISTERS: Mapping[str, Shape] = MappingProxyType(
    {
        "kWh": Shape("energy", "total_increasing", "kWh", 3),
        "GJ": Shape("energy", "total_increasing", "GJ", 3),
        "m3": Shape("volume", "total_increasing", "m³", 3),
        "kvarh": Shape(None, "total_increasing", "kvarh", 3),
        "kVAh": Shape(None, "total_increasing", "kVAh", 3),
        "": Shape(None, "total_increasing"),
    }
)

#: Unit -> shape of an M-Bus device's other results: a month-end register or an error volume, which may stand still or fall.
RESULTS: Mapping[str, Shape] = MappingProxyType(
    {unit: Shape(None, "measurement", shape.unit, shape.precision) for unit, shape in REGISTERS.items()}
)

#: First words of a register's name, and its unit -> shape, where the unit does not say it all.
NAMED: Mapping[tuple[str, str], Shape] = MappingProxyType(
    {
        ("gas_", "m3"): Shape("gas", "total_increasing", "m³", 3),
        ("water_", "m3"): Shape("water", "total_increasing", "m³", 3),
        ("warm_water_", "m3"): Shape("water", "total_increasing", "m³", 3),
        ("energy_net_", "kWh"): Shape("energy", "total", "kWh", 3),  # runs backwards while the home exports
    }
)

#: Kind -> shapes by unit. A kind that is not here is a plain text.
KINDS: Mapping[str, Mapping[str, Shape]] = MappingProxyType(
    {
        "number": MOMENTARY,
        "peak": MOMENTARY,
        "limits": MOMENTARY,
        "factor": MOMENTARY,
        "register": REGISTERS,
        "result": RESULTS,
        "count": MappingProxyType({"": Shape(None, "total_increasing")}),
    }
)


#: Role -> name -> platform of what was announced once, and is not any more.
Gone = Mapping[str, Mapping[str, str]]
NOTHING_GONE: Gone = MappingProxyType({})
#: Names that stand for the time of a value.
_STAMPS = {stamp_name(row.name): row.name for row in ROWS if row.unit}
#: Before a register's name: how far it went this month.
MONTH = "month_"
#: A device has some hundred entities; more is not an announcement of ours.
ANNOUNCED_MOST = 2000


@dataclass(frozen=True, slots=True)
class Announcer:
    """What all announcements of one daemon have in common."""

    house: House
    topics: Topics
    interval: float  #: seconds between two retained readings

    def payloads(
        self, reading: Reading, seen: frozenset[Entity], gone: Gone = NOTHING_GONE, months: Iterable[str] = ()
    ) -> dict[str, str]:
        """Topic -> payload for every physical meter in the reading, the electricity meter first: the others name it.

        Of what is gone only its platform stands there, once: so Home Assistant lets go of it. `months` are the registers
        whose use of this month is known.
        """
        made = {"": self._device(reading, None, seen)}
        made[""]["cmps"] |= dict(self._months(reading.meter, months)) if made[""]["cmps"] else {}
        name_tariffs(made[""]["cmps"], self.house.profiles.get(reading.meter, "auto"), reading)
        made |= {device.role: self._device(reading, device, seen) for device in reading.devices}
        for role, payload in made.items():
            payload["cmps"] = {**{name: {"p": platform} for name, platform in gone.get(role, {}).items()}, **payload["cmps"]}
        return {
            self.topic(reading.meter, role): json.dumps(payload, ensure_ascii=False)
            for role, payload in made.items()
            if payload["cmps"]
        }

    def topic(self, meter: str, role: str) -> str:
        """Where a device is announced."""
        return self.topics.announcement(self._id(meter, role))

    def role_of(self, topic: str, meter: str) -> str | None:
        """The role that an announcement of this meter is about; None of any other announcement."""
        if topic == self.topic(meter, ""):
            return ""
        head, tail = self.topic(meter, "\0").split("\0")
        role = topic.removeprefix(head).removesuffix(tail)
        return role if topic == f"{head}{role}{tail}" and re.fullmatch(r"[a-z0-9_]+", role) else None

    def _device(self, reading: Reading, device: Device | None, seen: frozenset[Entity]) -> dict[str, Any]:
        meter, role = reading.meter, device.role if device else ""
        components: dict[str, object] = {}
        for entity in sorted(seen):
            row = row_of(entity.name)
            if entity.role == role and row is not None:
                name = stamp_name(row.name) if entity.stamp else row.name
                components[name] = {**self._entity(meter, role, row, name), **self._state(meter, row, entity)}
        if not role and components:
            components |= extras(meter, self.topics, lambda name: f"{self._id(meter, '')}-{name}")
        return {
            "dev": self._about(reading, device),
            "o": {"name": "p1monitor", "sw": self.house.version},
            "avty": [{"t": self.topics.status}, {"t": self.topics.of(meter, "status")}],
            "avty_mode": "all",
            "pl_avail": ONLINE,
            "pl_not_avail": OFFLINE,
            "stat_t": self.topics.of(meter, role or "reading"),
            "cmps": components,
        }

    def _months(self, meter: str, names: Iterable[str]) -> Iterator[tuple[str, dict[str, object]]]:
        for row in filter(None, map(row_of, sorted(names))):
            entity = self._entity(meter, "", row, MONTH + row.name)
            state = {**self._state(meter, row, Entity("", row.name)), "stat_t": self.topics.of(meter, "month")}
            yield MONTH + row.name, {**entity, "name": f"{row.title} this month", **state}

    def _about(self, reading: Reading, device: Device | None) -> dict[str, object]:
        role = device.role if device else ""
        about: dict[str, object] = {"ids": [self._id(reading.meter, role)], "name": device_name(reading.meter, role)}
        if serial := clean(device.equipment_id if device else reading.equipment_id):
            about["sn"] = serial
        if device:
            about["via_device"] = self._id(reading.meter, "")
        elif model := clean(reading.telegram.identification):
            about["mdl"] = model
        if self.house.url:
            about["cu"] = self.house.url
        return about

    def _entity(self, meter: str, role: str, row: Row, name: str) -> dict[str, object]:
        own = name.removeprefix(re.sub(r"_\d+$", "", role) + "_") if role else name
        slug = re.sub(r"[^a-z0-9]+", "_", "_".join(filter(None, (meter, role, own)))).strip("_")
        entity: dict[str, object] = {
            "p": "sensor",
            "uniq_id": f"{self._id(meter, role)}-{name}",
            "name": row.title if name == row.name else f"{row.title}, time",
            "default_entity_id": f"sensor.p1_{slug}",
        }
        if row.diagnostic:
            entity["ent_cat"] = "diagnostic"
        if row.seldom:
            entity["en"] = False
        return entity

    def _state(self, meter: str, row: Row, entity: Entity) -> dict[str, object]:
        if row.name == "message_text":
            topic = self.topics.of(meter, "message")
            return {"stat_t": topic, "json_attr_t": topic, **_MESSAGE}
        shape = _STAMP if entity.stamp else shape_of(row)
        state = {
            "dev_cla": shape.device_class,
            "stat_cla": shape.state_class,
            "unit_of_meas": shape.unit,
            "sug_dsp_prc": shape.precision,
            "exp_aft": max(EXPIRE_LEAST_S, round(EXPIRE_INTERVALS * self.interval)) if shape.expires else None,
            "val_tpl": _template(shape, stamp_name(row.name) if entity.stamp else row.name, _ABSENT.get(row.kind, _UNKNOWN)),
        }
        return {key: value for key, value in state.items() if value is not None}

    def _id(self, meter: str, role: str) -> str:
        """An identity for ever. Roles and installations have no "-" of their own, a meter's is doubled."""
        return "-".join(filter(None, ("p1monitor", self.house.installation, meter.replace("-", "--"), role)))


def shape_of(row: Row) -> Shape:
    """The shape of a row's values: by the first words of its name, else by its kind and unit."""
    if row.kind == "register":
        for (words, unit), shape in NAMED.items():
            if row.unit == unit and row.name.startswith(words):
                return shape
    return KINDS.get(row.kind, {}).get(row.unit, _TEXT)


def entities(reading: Reading) -> frozenset[Entity]:
    """Those that have a value in this reading."""
    places = (("", reading.values), *((device.role, device.values) for device in reading.devices))
    return frozenset(
        Entity(role, name, stamp)
        for role, values in places
        for name, measurement in sent(values).items()
        if measurement.value is not None and name not in NOT_ENTITIES
        # A text's own time is an attribute of it
        for stamp in ((False, True) if measurement.at is not None and measurement.unit and not role else (False,))
    )


def recalled(role: str, announcement: str) -> tuple[frozenset[Entity], dict[str, str]]:
    """What an announcement of before was about: entities that there still can be, and the platforms of those that cannot."""
    try:
        told = json.loads(announcement)
    except (ValueError, RecursionError):
        return frozenset(), {}
    components = told.get("cmps") if isinstance(told, dict) else None
    known, gone = set[Entity](), dict[str, str]()
    for name, one in list(components.items())[:ANNOUNCED_MOST] if isinstance(components, dict) else ():
        platform = one.get("p") if isinstance(one, dict) else None
        value = _STAMPS.get(str(name), str(name))
        if row_of(value) and name not in NOT_ENTITIES:
            known.add(Entity(role, value, name in _STAMPS))
        elif not (not role and (name in EXTRAS or str(name).startswith(MONTH))) and isinstance(platform, str):
            gone[name] = platform
    return frozenset(known), gone


def device_name(meter: str, role: str) -> str:
    """What people read: "Home smart meter", "Home gas meter", "Home gas meter 2"."""
    stem, number = re.sub(r"_\d+$", "", role or "smart"), re.search(r"\d*$", role)
    words = re.sub(r"[-_]+", " ", f"{meter} {stem} meter {number[0] if number else ''}").strip()
    return words[:1].upper() + words[1:]


def _template(shape: Shape, name: str, absent: str) -> str:
    """A number that is left out of a payload stays as it was; a text is what stands for none."""
    if shape.state_class:
        return f"{{{{ value_json.{name} | default('') }}}}"
    return f"{{{{ (value_json.{name} | {absent} | string)[:{STATE_LENGTH}] }}}}"
