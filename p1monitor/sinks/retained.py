"""What the broker should hold for us at any moment, topic by topic. Pure; never sends, never asks for the time."""

from __future__ import annotations

from p1monitor.p1.records import Reading
from p1monitor.sinks import House
from p1monitor.sinks.homeassistant import Announcer, Entity, entities
from p1monitor.sinks.topics import OFFLINE, ONLINE, Topics, device_text, message_text, reading_text

#: Share of the interval that a retained reading may come early: a meter that sends every ten seconds is not exact.
EARLY = 0.05


class Retained:
    """The retained messages of one daemon. Each method gives back what has changed by it."""

    def __init__(self, house: House, topics: Topics, interval: float) -> None:
        self._house, self._topics, self._interval = house, topics, interval
        self._announcer = Announcer(house, topics, interval)
        self._held: dict[str, str] = {}
        self._announced: dict[str, str] = {}
        self._seen: dict[str, frozenset[Entity]] = {}
        self._basis: dict[str, object] = {}
        self._heard: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def take(self, reading: Reading, now: float) -> dict[str, str]:
        """A reading came. Announcements stand before the values they announce, and those before the status."""
        meter = reading.meter
        heard = min(now, reading.received.monotonic) if reading.received else now
        self._heard[meter] = max(heard, self._heard.get(meter, heard))
        changed = self._announce(reading)
        if now >= self._due.get(meter, now):
            self._due[meter] = now + self._interval * (1 - EARLY)
            changed |= self._hold(self._topics.of(meter, "reading"), reading_text(reading))
        for device in reading.devices:
            if (text := device_text(reading, device)) is not None:
                changed |= self._hold(self._topics.of(meter, device.role), text)
        if (message := message_text(reading)) is not None:
            changed |= self._hold(self._topics.of(meter, "message"), message)
        return changed

    def ages(self, now: float) -> dict[str, str]:
        """Time went by: each meter's status by the age of its newest telegram."""
        changed: dict[str, str] = {}
        for meter in self._house.meters:
            heard = self._heard.get(meter)
            fresh = heard is not None and now - heard < self._house.stale_after(meter)
            changed |= self._hold(self._topics.of(meter, "status"), ONLINE if fresh else OFFLINE)
        return changed

    def everything(self) -> dict[str, str]:
        """All of it, for a broker or a Home Assistant that may have lost it; our own status last."""
        return {**self._announced, **self._held, self._topics.status: ONLINE}

    def farewell(self) -> dict[str, str]:
        """Every status, at the end."""
        meters = {self._topics.of(meter, "status"): OFFLINE for meter in self._house.meters}
        return {**meters, self._topics.status: OFFLINE}

    def _announce(self, reading: Reading) -> dict[str, str]:
        if not self._topics.discovery:
            return {}
        seen = self._seen.get(reading.meter, frozenset()) | entities(reading)
        serials = tuple((device.role, device.equipment_id) for device in reading.devices)
        basis = (seen, reading.telegram.identification, reading.equipment_id, serials)
        if self._basis.get(reading.meter) == basis:  # what an announcement says changes a few times in a meter's life
            return {}
        self._seen[reading.meter], self._basis[reading.meter] = seen, basis
        payloads = self._announcer.payloads(reading, seen)
        changed = {topic: text for topic, text in payloads.items() if self._announced.get(topic) != text}
        self._announced |= changed
        return changed

    def _hold(self, topic: str, text: str) -> dict[str, str]:
        if self._held.get(topic) == text:
            return {}
        self._held[topic] = text
        return {topic: text}
