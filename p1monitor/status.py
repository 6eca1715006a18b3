"""Health and counters of the daemon, and one snapshot() of them for page, commands and watchdog. Never decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from p1monitor.clock import SYSTEM, Clock

#: A meter is stale when so many periods passed without a valid telegram …
STALE_PERIODS = 3
#: … and at least so many seconds: a second's meter may miss a few.
STALE_LEAST_S = 10.0
#: The period of a meter that has not shown its own yet: the slowest there is (DSMR 2.2 to 4.2).
PERIOD_UNKNOWN_S = 10.0

_METER: Mapping[str, Any] = {
    "source": "",
    "connected": False,
    "telegrams": 0,
    "period_s": None,
    "refused": {},
    "bad_lines": 0,
    "held": 0,
    "reconnects": 0,
    "port_errors": None,
    "crc": None,
    "identification": None,
    "equipment_id": None,
    "roles_unseen": [],
    "last_trouble": None,
}
_SINK: Mapping[str, Any] = {
    "state": "starting",
    "accepted": 0,
    "dropped": 0,
    "set_aside": 0,
    "retries": 0,
    "queued": 0,
    "behind": 0,
    "waiting_since": None,
    "owed_since": None,
    "last_error": None,
    "last_set_aside": None,
    "since": None,
}


class Status:
    """Counters by meter and by sink. Every method may be called from any thread and returns at once."""

    def __init__(self, version: str, clock: Clock = SYSTEM) -> None:
        self._lock = Lock()
        self._clock = clock
        self._version = version
        self._started = clock.monotonic()
        self._meters: dict[str, dict[str, Any]] = {}
        self._sinks: dict[str, dict[str, Any]] = {}
        self._last: dict[str, float] = {}

    def count(self, key: str, n: int = 1, *, meter: str = "", sink: str = "") -> int:
        """Add n to a counter and return it; `refused:crc` counts `crc` inside `refused`."""
        with self._lock:
            table, last = self._place(key, meter, sink)
            table[last] = int(table.get(last) or 0) + n
            return int(table[last])

    def set(self, key: str, value: object, *, meter: str = "", sink: str = "") -> None:
        """Set one value; it must be able to become JSON."""
        with self._lock:
            table, last = self._place(key, meter, sink)
            table[last] = value

    def telegram(self, meter: str) -> None:
        """A valid telegram of this meter has just come."""
        now = self._clock.monotonic()
        with self._lock:
            table, _ = self._place("telegrams", meter, "")
            table["telegrams"] += 1
            self._last[meter] = now

    def age(self, meter: str) -> float | None:
        """Seconds since the last valid telegram; None before the first."""
        with self._lock:
            last = self._last.get(meter)
        return None if last is None else self._clock.monotonic() - last

    def stale_after(self, meter: str) -> float:
        """Seconds without a valid telegram after which what the meter said last is no longer true."""
        with self._lock:
            period = self._meters.get(meter, _METER)["period_s"]
        return max(STALE_PERIODS * (PERIOD_UNKNOWN_S if period is None else period), STALE_LEAST_S)

    def frames(self, meter: str) -> tuple[int, int]:
        """Valid telegrams of a meter so far, and what was refused."""
        with self._lock:
            table = self._meters.get(meter, _METER)
            return int(table["telegrams"]), sum(table["refused"].values())

    def stale(self, meter: str) -> bool:
        """Tell whether the meter has been silent for too long, or has not spoken yet."""
        age = self.age(meter)
        return age is None or age > self.stale_after(meter)

    def snapshot(self) -> dict[str, Any]:
        """Return everything, as JSON has it."""
        began = self._clock.wall() - self._clock.monotonic()  # anew each time: a clock that was set since tells when it was
        with self._lock:
            meters = {name: {**table, "refused": dict(table["refused"])} for name, table in self._meters.items()}
            sinks = {name: dict(table) for name, table in self._sinks.items()}
        for name, table in meters.items():
            age = self.age(name)
            table["age_s"] = None if age is None else round(age, 3)
            table["stale"] = self.stale(name)
            table["stale_after_s"] = self.stale_after(name)
        for table in sinks.values():
            since, owed = table.pop("waiting_since"), table.pop("owed_since")
            lags = (0.0 if since is None else self._clock.monotonic() - since, 0.0 if owed is None else self._clock.wall() - owed)
            table["lag_s"] = round(max(lags), 3)
            table["since"] = None if table["since"] is None else began + table["since"]
        return {
            "version": self._version,
            "started": began + self._started,
            "uptime_s": round(self._clock.monotonic() - self._started, 3),
            "meters": meters,
            "sinks": sinks,
        }

    def words(self) -> str:
        """One line on how it goes, for `systemctl status`."""
        snapshot = self.snapshot()
        meters = (f"{name}: {_meter_words(told)}" for name, told in snapshot["meters"].items())
        ill = (f"{name}: {told['last_error']}" for name, told in snapshot["sinks"].items() if told["state"] == "retrying")
        resting = (f"{name}: {told['archive']}" for name, told in snapshot["sinks"].items() if told.get("archive", "ok") != "ok")
        return "; ".join((*meters, *ill, *resting))

    def _place(self, key: str, meter: str, sink: str) -> tuple[dict[str, Any], str]:
        table = self._sinks.setdefault(sink, dict(_SINK)) if sink else self._meters.setdefault(meter, {**_METER, "refused": {}})
        outer, _, inner = key.rpartition(":")
        return (table.setdefault(outer, {}), inner) if outer else (table, key)


def _meter_words(told: dict[str, object]) -> str:
    if told["age_s"] is None:
        return str(told["last_trouble"] or "waiting for the first telegram")
    refused = sum(told["refused"].values()) if isinstance(told["refused"], dict) else 0
    state = "silent" if told["stale"] else "live"
    return f"{state}, {told['telegrams']} telegrams, {refused} refused"
