"""/metrics: names that promtool accepts, numbers that are the meter's, nothing of a meter that is silent."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from p1monitor import password
from p1monitor.p1.catalogue import ROWS, device_value, row_of
from p1monitor.p1.codes import MEDIA
from p1monitor.p1.records import Device, Measurement, Reading
from p1monitor.settings import WebSettings
from p1monitor.sinks.metric_names import UNITS, metric_of
from p1monitor.sinks.prometheus import page
from p1monitor.sizes import sizes
from p1monitor.status import Status
from tests.clocks import Hands
from tests.meter_with_gas import reading
from tests.services import program
from tests.webhouse import House, Moment, client, clock, house, reading_of

__all__ = ["client", "clock", "house"]  # fixtures

LOCAL = "http://localhost"
AT = datetime(2026, 1, 10, 11, 55, tzinfo=UTC)

#: Kinds whose values are texts, times or lists, which are no metrics.
WORDS = {
    "text",
    "plain",
    "message",
    "version",
    "ean",
    "state",
    "status",
    "stamp",
    "time",
    "failures",
    "history",
    "billing",
    "snapshot",
}

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def everything() -> Reading:
    """As if one meter sent all there is, and had a submeter of every medium."""
    rows = [row for row in ROWS if row_of(row.name) and not row.kind.startswith(("mbus", "nta")) and row.kind not in WORDS]
    values = {row.name: Measurement(Decimal("1.5"), row.unit, row.pattern) for row in rows}
    devices = []
    for channel, medium in enumerate(sorted({*MEDIA.values(), "unknown"}), 1):
        names = [device_value(stem, unit) for stem in (medium, f"{medium}_today") for unit in ("m3", "GJ", "kWh")]
        numbers = {name: Measurement(Decimal("1.5"), "", "") for name in names if row_of(name)}
        devices.append(Device(channel, medium, medium, "serial", AT, numbers))
    return reading()._replace(values=values, devices=tuple(devices))


def health() -> Status:
    status = Status("0.1.0", Hands())
    status.telegram("home")
    status.count("refused:crc", 3, meter="home")
    for sink in ("mqtt", "recorder"):
        status.count("accepted", 7, sink=sink)
    return status


def samples(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_promtool_finds_nothing_in_all_there_can_be() -> None:
    text = page([everything(), everything()._replace(meter="shed")], health().snapshot(), {"store": 10, "written": 20})
    found = subprocess.run([program("promtool", "prometheus"), "check", "metrics"], input=text, capture_output=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
    bad = subprocess.run(
        [program("promtool", "prometheus"), "check", "metrics"], input=b"# TYPE x counter\nx 1\n", capture_output=True, check=False
    )
    assert bad.returncode != 0, "it can find something"


def test_a_family_has_one_type_and_one_set_of_labels_and_no_two_values_are_one_sample() -> None:
    shapes = defaultdict(set)
    places = defaultdict(set)
    for name in {row.name for row in ROWS if row_of(row.name)}:
        metric = metric_of(name)
        assert metric is not None
        shapes[metric.name].add((metric.counter, tuple(label for label, _ in metric.labels)))
        places[metric.name, metric.labels].add(name)
    assert {name: found for name, found in shapes.items() if len(found) > 1} == {}
    assert {place: names for place, names in places.items() if len(names) > 1} == {}
    assert {row.unit for row in ROWS} <= UNITS.keys()


@pytest.mark.parametrize(
    ("name", "metric", "labels", "counter"),
    [
        ("energy_import_kwh", "p1_energy_joules", {"direction": "import"}, True),
        ("energy_export_t2_kwh", "p1_tariff_energy_joules", {"direction": "export", "tariff": "2"}, True),
        ("energy_net_kwh", "p1_energy_net_joules", {}, False),
        ("energy_import_today_kwh", "p1_energy_today_joules", {"direction": "import"}, False),
        ("energy_reactive_q1_kvarh", "p1_energy_reactive_q1_varseconds", {}, True),
        ("power_w", "p1_power_watts", {"direction": "net"}, False),
        ("power_export_l2_w", "p1_phase_power_watts", {"direction": "export", "phase": "2"}, False),
        ("average_power_15m_w", "p1_average_power_15m_watts", {"direction": "import"}, False),
        ("monthly_power_peak_export_w", "p1_monthly_power_peak_watts", {"direction": "export"}, False),
        ("voltage_l1_v", "p1_phase_voltage_volts", {"phase": "1"}, False),
        ("voltage_sag_l3_count", "p1_phase_voltage_sag", {"phase": "3"}, True),
        ("any_power_fail_count", "p1_any_power_fail", {}, True),
        ("gas_m3", "p1_gas_cubic_meters", {}, True),
        ("heat_gj", "p1_heat_joules", {}, True),
    ],
)
def test_names_in_base_units(name: str, metric: str, labels: dict[str, str], counter: bool) -> None:
    found = metric_of(name)
    assert found is not None
    assert (found.name, dict(found.labels), found.counter) == (metric, labels, counter)


def test_numbers_are_the_meters_in_base_units() -> None:
    told = samples(page([reading()], health().snapshot(), {}))
    home = ("meter", "home")
    assert told["p1_tariff_energy_joules_total", (("direction", "import"), home, ("tariff", "1"))] == 12345.678 * 3.6e6
    assert told["p1_power_watts", (("direction", "net"), home)] == 735
    assert told["p1_gas_cubic_meters_total", (("channel", "1"), home, ("role", "gas"))] == 4321.123
    assert told["p1_water_cubic_meters_total", (("channel", "2"), home, ("role", "water"))] == 987.654
    assert told["p1monitor_telegrams_total", (home, ("result", "valid"))] == 1
    assert told["p1monitor_telegrams_total", (home, ("result", "crc"))] == 3
    assert told["p1monitor_sink_accepted_total", (("sink", "mqtt"),)] == 7
    assert told["p1monitor_telegram_age_seconds", (home,)] == 0
    serials = ("E0099", "G0099", "W0099")
    assert not [labels for _, labels in told if any(serial in value for _, value in labels for serial in serials)]


def test_what_is_doubtful_or_no_number_is_not_there() -> None:
    one = reading()
    values = {**one.values, "power_w": one.values["power_w"]._replace(held=True), "1-0:0.2.99": Measurement(Decimal(1), "", "")}
    names = {name for name, _ in samples(page([one._replace(values=values)], health().snapshot(), {}))}
    assert not {"p1_dsmr_version", "p1_message_text", "p1_1-0:0.2.99"} & names
    told = samples(page([one._replace(values=values)], health().snapshot(), {}))
    assert ("p1_power_watts", (("direction", "net"), ("meter", "home"))) not in told


def test_a_silent_meter_has_an_age_and_no_values(house: House, client: FlaskClient, clock: Moment) -> None:
    house.come(reading_of())
    first = samples(client.get("/metrics", base_url=LOCAL).data)
    assert first["p1_phase_voltage_volts", (("meter", "home"), ("phase", "1"))] == 231.4
    clock.pass_by(60)
    then = samples(client.get("/metrics", base_url=LOCAL).data)
    assert not [name for name, _ in then if name.startswith("p1_")]
    assert then["p1monitor_telegram_age_seconds", (("meter", "home"),)] == 60
    assert ("process_resident_memory_bytes", ()) in then


def test_a_scraper_needs_the_password_and_is_told_so(clock: Moment, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(password.make_line("open the page"))
    locked = House(clock, WebSettings(password_file=file)).app.test_client()
    assert locked.get("/metrics", base_url=LOCAL).status_code == 401
    assert locked.get("/metrics", base_url=LOCAL, auth=("prometheus", "open the page")).status_code == 200


def test_without_its_library_it_says_what_to_install(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "p1monitor.sinks.prometheus")
    monkeypatch.setattr("p1monitor.sinks.prometheus", None, raising=False)
    monkeypatch.delattr("p1monitor.sinks.prometheus")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    answer = client.get("/metrics", base_url=LOCAL)
    assert answer.status_code == 501
    assert "prometheus" in answer.text


def test_the_library_is_loaded_by_the_first_who_asks() -> None:
    code = "import sys, p1monitor.daemon, p1monitor.webapp; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_lag_of_a_sink_is_the_age_of_what_waits() -> None:
    clock = Hands()
    status = Status("0.1.0", clock)
    status.set("waiting_since", clock.now, sink="influxdb")
    clock.now += 12.5
    assert status.snapshot()["sinks"]["influxdb"]["lag_s"] == 12.5
    status.set("waiting_since", None, sink="influxdb")
    assert status.snapshot()["sinks"]["influxdb"]["lag_s"] == 0


def test_sizes_are_of_the_history_and_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"1" * 100)
    (tmp_path / "history.sqlite.journal").write_bytes(b"1" * 20)
    (tmp_path / "other").write_bytes(b"1" * 3)
    (tmp_path / "io").write_text("rchar: 5\nwrite_bytes: 4096\ncancelled_write_bytes: 1\n")
    assert sizes(tmp_path / "history.sqlite", tmp_path / "io") == {"store": 120, "written": 4096}
    assert sizes(None, tmp_path / "none") == {}


def test_the_telegram_is_the_meters_own_bytes(house: House, client: FlaskClient, clock: Moment) -> None:
    path = "/api/v1/telegram"
    assert client.get(path, base_url=LOCAL).status_code == 503
    one = reading_of()
    house.come(one)
    answer = client.get(path, base_url=LOCAL)
    assert (answer.status_code, answer.data) == (200, one.frame)
    assert answer.headers["Content-Type"] == "text/plain; charset=iso-8859-1"
    assert client.get(path + "?meter=none", base_url=LOCAL).status_code == 404
    clock.pass_by(60)
    answer = client.get(path, base_url=LOCAL)
    assert answer.status_code == 503
    assert '"key":"telegram"' in answer.text


def test_a_checksum_is_added_where_the_meter_has_none(house: House, client: FlaskClient, clock: Moment) -> None:
    bare = reading_of()
    bare = bare._replace(frame=bare.frame[: bare.frame.rindex(b"!") + 1] + b"\r\n")
    house.come(bare)
    assert client.get("/api/v1/telegram", base_url=LOCAL).data == bare.frame
    assert client.get("/api/v1/telegram?append_crc=1", base_url=LOCAL).data == reading_of().frame
