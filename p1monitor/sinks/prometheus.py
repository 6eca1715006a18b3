"""All meters and the daemon itself as Prometheus metrics, when somebody asks. Never keeps one: a silent meter has no values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from p1monitor.p1.records import Measurement, Reading
from p1monitor.sinks.metric_names import metric_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Key of a meter's health -> metric.
METER_COUNTERS: Mapping[str, tuple[str, str]] = {
    "held": ("p1monitor_values_held", "Values that were held back because they were doubtful"),
    "bad_lines": ("p1monitor_bad_lines", "Lines of valid telegrams that were no data object"),
    "reconnects": ("p1monitor_reconnects", "Times that the source was connected again"),
}
#: Key of a sink's health -> metric.
SINK_COUNTERS: Mapping[str, tuple[str, str]] = {
    "accepted": ("p1monitor_sink_accepted", "Readings that a sink took"),
    "dropped": ("p1monitor_sink_dropped", "Readings that a sink never got"),
    "set_aside": ("p1monitor_sink_set_aside", "Readings that a sink refused for good"),
    "retries": ("p1monitor_sink_retries", "Failed attempts of a sink"),
}
SINK_GAUGES: Mapping[str, tuple[str, str]] = {
    "queued": ("p1monitor_sink_queued_readings", "Readings that wait for a sink"),
    "behind": ("p1monitor_sink_behind_readings", "Readings of the history that a sink has not taken yet"),
    "lag_s": ("p1monitor_sink_lag_seconds", "Age of the oldest reading that waits for a sink, or that it is owed"),
}


def page(readings: Iterable[Reading], snapshot: Mapping[str, Any], sizes: Mapping[str, float]) -> bytes:
    """The exposition: newest readings of meters that are not silent, the daemon's health, the store's size."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once([*_values(readings), *_health(snapshot), *_sizes(sizes)]))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Once(Collector):
    """Families that were made for one answer."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class _Families:
    """Families by name, each made when the first sample comes."""

    def __init__(self) -> None:
        self.made: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}

    def add(self, name: str, words: str, value: float, labels: Mapping[str, str], *, counter: bool = False) -> None:
        family = self.made.get(name)
        if family is None:
            kind = CounterMetricFamily if counter else GaugeMetricFamily
            family = self.made[name] = kind(name, words, labels=list(labels))
        family.add_metric(list(labels.values()), value)


def _values(readings: Iterable[Reading]) -> Iterable[Metric]:
    families = _Families()
    for reading in readings:
        meter = {"meter": reading.meter}
        words = "What the meter says it is"
        families.add("p1_meter_info", words, 1, {**meter, "identification": reading.telegram.identification})
        for name, measurement in reading.values.items():
            _add(families, name, measurement, meter)
        for device in reading.devices:
            for name, measurement in device.values.items():
                _add(families, name, measurement, {**meter, "role": device.role, "channel": str(device.channel)})
    return families.made.values()


def _add(families: _Families, name: str, measurement: Measurement, place: Mapping[str, str]) -> None:
    value, metric = measurement.value, metric_of(name)
    if metric is None or measurement.held or not isinstance(value, Decimal) or not value.is_finite():
        return
    amount = float(value * Decimal(str(metric.factor)))
    families.add(metric.name, metric.help, amount, {**place, **dict(metric.labels)}, counter=metric.counter)


def _health(snapshot: Mapping[str, Any]) -> Iterable[Metric]:
    families = _Families()
    for meter, told in snapshot["meters"].items():
        place = {"meter": meter}
        results = {"valid": told["telegrams"], **told["refused"]}
        for result, number in results.items():
            families.add(
                "p1monitor_telegrams", "Telegrams by what became of them", number, {**place, "result": result}, counter=True
            )
        for key, (name, words) in METER_COUNTERS.items():
            families.add(name, words, told[key], place, counter=True)
        if told["age_s"] is not None:
            families.add("p1monitor_telegram_age_seconds", "Age of the newest valid telegram", told["age_s"], place)
    for sink, told in snapshot["sinks"].items():
        place = {"sink": sink}
        families.add("p1monitor_sink_up", "Whether a sink works", float(told["state"] == "ok"), place)
        for key, (name, words) in SINK_COUNTERS.items():
            families.add(name, words, told[key], place, counter=True)
        for key, (name, words) in SINK_GAUGES.items():
            families.add(name, words, told[key], place)
    families.add("p1monitor_info", "The daemon", 1, {"version": snapshot["version"]})
    return families.made.values()


def _sizes(sizes: Mapping[str, float]) -> Iterable[Metric]:
    families = _Families()
    if "store" in sizes:
        families.add("p1monitor_store_bytes", "Size of the history's files", sizes["store"], {})
    if "written" in sizes:
        families.add("p1monitor_disk_written_bytes", "What this process had written to disks", sizes["written"], {}, counter=True)
    return families.made.values()
