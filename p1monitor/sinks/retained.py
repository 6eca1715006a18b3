"""What the broker should hold for us at any moment, topic by topic. Pure; never sends, never asks for the time."""

from __future__ import annotations

import re
from collections.abc import Mapping

from p1monitor.p1.catalogue import row_of
from p1monitor.p1.records import Device, Reading, Received
from p1monitor.sinks import House, Spent
from p1monitor.sinks.dsmr_reader import Tree, periods
from p1monitor.sinks.health import EVERY_S, Health, health_text
from p1monitor.sinks.homeassistant import Announcer, Entity, entities, recalled
from p1monitor.sinks.topics import OFFLINE, ONLINE, Topics, Worded, device_text, json_text, message_text, reading_text

#: Share of the interval that a retained reading may come early: a meter that sends every ten seconds is not exact.
EARLY = 0.05
#: A submeter that no telegram has named for so long is gone; one that is replaced has its place by then.
GONE_S = 86_400.0
#: A rate's register.
_RATE = re.compile(r"_t\d+_")


class Retained:
    """The retained messages of one daemon. Each method gives back what has changed by it."""

    def __init__(self, house: House, topics: Topics, interval: float, tree: Tree | None = None) -> None:
        self._house, self._topics, self._interval = house, topics, interval
        self._announcer = Announcer(house, topics, interval)
        self._held: dict[str, str] = {}
        self._announced: dict[str, str] = {}
        self._seen: dict[str, frozenset[Entity]] = {}
        self._basis: dict[str, object] = {}
        self._glance: dict[str, object] = {}  # what of a reading could announce something
        self._devices: dict[str, tuple[Device, ...]] = {}  # as they were told last
        self._worded: dict[str, Worded] = {meter: {} for meter in house.meters}
        self._heard: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._there: dict[str, dict[str, float]] = {}  # meter -> role -> when a telegram last named it
        self._gone: dict[str, dict[str, dict[str, str]]] = {}  # meter -> role -> name -> platform: to be let go of
        self._tree = tree  # of the first meter: its topics do not say whose they are
        self._months: dict[str, tuple[str, ...]] = {}  # meter -> registers whose use of a month was known once
        self._recalled: set[str] = set()
        self._health = {meter: Health() for meter in house.meters}
        self._looked: dict[str, tuple[float, bool]] = {}  # meter -> when its line was looked at, and whether it spoke
        self._came: dict[str, Received] = {}

    def take(self, reading: Reading, now: float) -> dict[str, str]:
        """A reading came. Announcements stand before the values they announce, and those before the status."""
        meter = reading.meter
        heard = min(now, reading.received.monotonic) if reading.received else now
        self._heard[meter] = max(heard, self._heard.get(meter, heard))
        if reading.received:
            self._came[meter] = reading.received
        due = now >= self._due.get(meter, now)
        used = self._house.spent(reading) if due else {}
        if month := _month(used):
            self._months[meter] = tuple(dict.fromkeys((*self._months.get(meter, ()), *month)))
        changed = self._announce(reading, now)
        if due:
            self._due[meter] = now + self._interval * (1 - EARLY)
            changed |= self._hold(self._topics.of(meter, "reading"), self.text(reading))
            if month:
                changed |= self._hold(self._topics.of(meter, "month"), json_text({"meter": meter, **month}))
            if self._tree and meter == self._house.meters[0]:
                changed |= self._grown(self._tree, reading, used)
        for device in reading.devices if reading.devices is not self._devices.get(meter) else ():
            if (text := device_text(reading, device)) is not None:
                changed |= self._hold(self._topics.of(meter, device.role), text)
        self._devices[meter] = reading.devices
        if (message := message_text(reading)) is not None:
            changed |= self._hold(self._topics.of(meter, "message"), message)
        return changed

    def text(self, reading: Reading) -> str:
        """The reading, as it is live and retained."""
        return reading_text(reading, self._worded[reading.meter])

    def ages(self, now: float) -> dict[str, str]:
        """Time went by: each meter's status by the age of its newest telegram."""
        changed: dict[str, str] = {}
        for meter in self._house.meters:
            heard = self._heard.get(meter)
            fresh = heard is not None and now - heard < self._house.stale_after(meter)
            changed |= self._look(meter, now, fresh) if heard is not None else {}
            changed |= self._hold(self._topics.of(meter, "status"), ONLINE if fresh else OFFLINE)
        return changed

    def _grown(self, tree: Tree, reading: Reading, used: Mapping[str, Spent]) -> dict[str, str]:
        """What has changed of the topics of DSMR-reader."""
        told = tree.topics(reading, self._house.frames(reading.meter)[1]) | periods(used)
        changed: dict[str, str] = {}
        for topic, text in told.items():
            changed |= self._hold(topic, text)
        return changed

    def _look(self, meter: str, now: float, fresh: bool) -> dict[str, str]:
        """How the line does: now and then, and when the meter comes or falls silent."""
        last, state = self._looked.get(meter, (-EVERY_S, False))
        if state == fresh and now - last < EVERY_S:
            return {}
        self._looked[meter] = now, fresh
        quality = self._health[meter].look(*self._house.frames(meter))
        return self._hold(self._topics.of(meter, "health"), health_text(meter, quality, self._came.get(meter)))

    def everything(self) -> dict[str, str]:
        """All of it, for a broker or a Home Assistant that may have lost it; our own status last."""
        return {**self._announced, **self._held, self._topics.status: ONLINE}

    def farewell(self) -> dict[str, str]:
        """Every status, at the end."""
        meters = {self._topics.of(meter, "status"): OFFLINE for meter in self._house.meters}
        return {**meters, self._topics.status: OFFLINE}

    def recall(self, topic: str, announcement: str, now: float) -> None:
        """Something that was announced before we started: what it was about is there still, or must be taken back."""
        for meter in self._house.meters:
            role = self._announcer.role_of(topic, meter)
            if role is None or topic in self._recalled or announcement == self._announced.get(topic):
                continue
            self._recalled.add(topic)
            known, gone = recalled(role, announcement)
            self._seen[meter] = self._seen.get(meter, frozenset()) | known
            self._gone.setdefault(meter, {})[role] = gone
            if role:
                self._there.setdefault(meter, {}).setdefault(role, now)
            self._again(meter)

    def _announce(self, reading: Reading, now: float) -> dict[str, str]:
        if not self._topics.discovery:
            return {}
        meter, changed = reading.meter, self._vanish(reading, now)
        months = self._months.get(meter, ())
        if self._glance.get(meter) == (glance := (_glance(reading), months)):
            return changed
        self._glance[meter] = glance
        seen = self._seen.get(meter, frozenset()) | entities(reading)
        serials = tuple((device.role, device.equipment_id) for device in reading.devices)
        basis = (seen, months, reading.telegram.identification, reading.equipment_id, serials)
        if self._basis.get(meter) == basis:  # what an announcement says changes a few times in a meter's life
            return changed
        self._seen[meter], self._basis[meter] = seen, basis
        gone = self._gone.pop(meter, {})
        if any(gone.values()):
            self._again(meter)  # the next reading announces it all again, without what is gone
        payloads = self._announcer.payloads(reading, seen, gone, months)
        changed |= {topic: text for topic, text in payloads.items() if self._announced.get(topic) != text}
        self._announced |= payloads
        return changed

    def _vanish(self, reading: Reading, now: float) -> dict[str, str]:
        """Take back devices that no telegram names any more: what stood for them at the broker goes too."""
        meter, there = reading.meter, self._there.setdefault(reading.meter, {})
        there |= {device.role: now for device in reading.devices}
        changed: dict[str, str] = {}
        for role in [role for role, last in there.items() if now - last >= GONE_S]:
            del there[role]
            self._again(meter)
            self._seen[meter] = frozenset(entity for entity in self._seen.get(meter, ()) if entity.role != role)
            for topic in (self._announcer.topic(meter, role), self._topics.of(meter, role)):
                self._announced.pop(topic, None)
                self._held.pop(topic, None)
                changed[topic] = ""
        return changed

    def _again(self, meter: str) -> None:
        """What is announced of a meter is made anew with its next reading."""
        self._basis.pop(meter, None)
        self._glance.pop(meter, None)

    def _hold(self, topic: str, text: str) -> dict[str, str]:
        if self._held.get(topic) == text:
            return {}
        self._held[topic] = text
        return {topic: text}


def _month(used: Mapping[str, Spent]) -> Spent:
    """What was used this month, register by register; rates are left to the registers."""
    return {name: one for name, one in used.get("month", {}).items() if row_of(name) and not _RATE.search(name)}


def _glance(reading: Reading) -> tuple[object, ...]:
    """What the entities of a reading, and what is said of them, are made of: while it is the same, so are they."""
    values = reading.values
    there = tuple([name for name, one in values.items() if one.value is not None and not one.held])
    stamped = tuple([name for name, one in values.items() if one.at is not None])
    return there, stamped, reading.devices, reading.telegram.identification, reading.equipment_id
