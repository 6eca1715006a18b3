"""The MQTT sink at a real mosquitto: what stands where, who is said to be there, what Home Assistant is told."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from p1monitor.p1.records import Event, Measurement, Received
from p1monitor.settings import MqttSettings
from p1monitor.sinks import House
from p1monitor.sinks.mqtt import POLICY, MqttSink
from p1monitor.sinks.retained import Retained
from p1monitor.sinks.topics import Topics, clean, json_text, reading_text
from tests.clocks import Hands
from tests.meter_with_gas import NOON, reading, with_device_value, with_value
from tests.mqttkit import HOUSE, Subscriber, clock, retained, settings, sink, subscriber, until
from tests.services import Mosquitto

__all__ = ["clock", "settings", "sink", "subscriber"]  # fixtures


def test_every_reading_is_live_and_one_publish(sink: MqttSink, subscriber: Subscriber, clock: Hands) -> None:
    sink.open()
    for seq in range(1, 4):
        clock.now += 1
        sink.deliver([reading(seq, monotonic=clock.now)])
    until(lambda: len(subscriber.texts("p1monitor/home/live")) == 3)
    live = json.loads(subscriber.texts("p1monitor/home/live")[0], parse_float=Decimal)
    assert live["meter"] == "home"
    assert live["seq"] == 1
    assert live["at"] == "2026-01-10T13:00:01+01:00"
    assert live["received"] == "2026-01-10T12:00:01.000+00:00"
    assert live["power_w"] == 735
    assert live["energy_import_t1_kwh"] == Decimal("12345.678")
    assert len(subscriber.texts("p1monitor/home/reading")) == 1


def test_numbers_stand_as_the_meter_printed_them() -> None:
    text = reading_text(reading(import_t1="012345.670"))
    assert '"energy_import_t1_kwh":12345.670,' in text
    assert '"voltage_l1_v":230.1,' in text
    exact = {"x": Decimal("12345678901234567890.123"), "y": Decimal("1E+3"), "z": Decimal("NaN"), "n": None, "t": 'a"b'}
    assert json_text(exact) == '{"x":12345678901234567890.123,"y":1000,"z":null,"n":null,"t":"a\\"b"}'


def test_what_is_doubtful_unknown_or_a_list_is_left_out() -> None:
    source = reading(extra=(("1-0:0.2.99", "abc"), ("1-0:1.6.0", "260105184500W", "02.345*kW")))
    source = with_value(source, "power_w", source.values["power_w"]._replace(held=True))
    flat = json.loads(reading_text(source))
    assert not {"power_w", "1-0:0.2.99", "power_failure_log"} & set(flat)
    assert flat["monthly_power_peak_timestamp"] == "2026-01-05T18:45:00+01:00"
    assert all(not isinstance(value, list | dict) for value in flat.values())


def test_the_reading_is_retained_once_per_interval(sink: MqttSink, mosquitto: Mosquitto, clock: Hands) -> None:
    with closing(Subscriber(mosquitto)) as subscriber:
        sink.open()
        for seq in range(30):
            sink.deliver([reading(seq, monotonic=clock.now)])
            clock.now += 1.001 if seq % 2 else 0.999
        until(lambda: len(subscriber.texts("p1monitor/home/live")) == 30)
        seqs = [json.loads(text)["seq"] for text in subscriber.texts("p1monitor/home/reading")]
    assert seqs == [0, 10, 20]
    assert json.loads(retained(mosquitto)["p1monitor/home/reading"])["seq"] == 20
    assert "p1monitor/home/live" not in retained(mosquitto)


def test_a_meter_that_sends_every_ten_seconds_is_retained_every_time() -> None:
    kept = Retained(House("abc123", ("home",), "0.1.0"), Topics("p1monitor", ""), 10)
    moments = [0.0, 9.8, 20.1, 29.9, 40.0]
    assert all("p1monitor/home/reading" in kept.take(reading(n), moment) for n, moment in enumerate(moments))


def test_gas_is_retained_when_its_capture_time_changes(
    sink: MqttSink, subscriber: Subscriber, mosquitto: Mosquitto, clock: Hands
) -> None:
    sink.open()
    for seq, captured, gas in (
        (1, "260110115500W", "04321.123"),
        (2, "260110115500W", "04321.123"),
        (3, "260110120000W", "04321.200"),
    ):
        sink.deliver([reading(seq, monotonic=clock.now, captured=captured, gas=gas)])
    until(lambda: len(subscriber.texts("p1monitor/home/live")) == 3)
    assert len(subscriber.texts("p1monitor/home/gas")) == 2
    kept = json.loads(retained(mosquitto)["p1monitor/home/gas"], parse_float=Decimal)
    assert kept == {
        "meter": "home",
        "role": "gas",
        "medium": "gas",
        "at": "2026-01-10T12:00:00+01:00",
        "gas_m3": Decimal("4321.200"),
    }


def test_a_doubtful_register_leaves_the_retained_one_alone(
    sink: MqttSink, mosquitto: Mosquitto, subscriber: Subscriber, clock: Hands
) -> None:
    sink.open()
    sink.deliver([reading(1, monotonic=clock.now)])
    doubtful = Measurement(Decimal("9.999"), "m3", "0-1:24.2.1", held=True)
    sink.deliver([with_device_value(reading(2, monotonic=clock.now), "gas", "gas_m3", doubtful)])
    until(lambda: len(subscriber.texts("p1monitor/home/live")) == 2)
    assert '"gas_m3":4321.123' in retained(mosquitto)["p1monitor/home/gas"]


def test_a_damaged_line_does_not_clear_the_message() -> None:
    kept = Retained(HOUSE, Topics("p1monitor", ""), interval=10)
    said, damaged = reading(1, message="Work on the grid"), reading(2)
    assert kept.take(said, 0)["p1monitor/home/message"] == "Work on the grid"
    rest = {name: one for name, one in damaged.values.items() if name != "message_text"}
    assert "p1monitor/home/message" not in kept.take(
        damaged._replace(values=rest, telegram=damaged.telegram._replace(bad_lines=("0-0:96.13.0(4x",))), 10
    )
    assert kept.take(damaged._replace(values=rest), 20)["p1monitor/home/message"] == ""


def test_the_message_is_retained_in_full_and_cleared(
    sink: MqttSink, mosquitto: Mosquitto, subscriber: Subscriber, clock: Hands
) -> None:
    sink.open()
    long = "Onderhoud \u00e9n storing " * 50
    text = Measurement(long + "\x00\x07\r\nend", "", "0-0:96.13.0")
    sink.deliver([with_value(reading(1, monotonic=clock.now), "message_text", text)])
    until(lambda: subscriber.texts("p1monitor/home/message"))
    assert retained(mosquitto)["p1monitor/home/message"] == long + " end"
    sink.deliver([reading(2, monotonic=clock.now, message="")])
    until(lambda: subscriber.last("p1monitor/home/message") == "")
    assert "p1monitor/home/message" not in retained(mosquitto)


@pytest.mark.parametrize(("raw", "text"), [("a\x00b", "ab"), ("a\r\nb\tc", "a b c"), ("\x1b[0m\x85x", "[0mx"), ("\ud800x", "x")])
def test_texts_lose_what_breaks_a_line_or_a_database(raw: str, text: str) -> None:
    assert clean(raw) == text


def test_events_are_told_once(sink: MqttSink, subscriber: Subscriber, clock: Hands) -> None:
    sink.open()
    happened = Event(None, Received(NOON, clock.now), "message", 7, "a message came", None, 2, 61.0, Decimal("198.30"), "V")
    sink.deliver([reading(1, monotonic=clock.now)._replace(events=(happened,))])
    until(lambda: subscriber.texts("p1monitor/home/event"))
    (told,) = subscriber.texts("p1monitor/home/event")
    assert json.loads(told) == {
        "meter": "home",
        "kind": "message",
        "at": None,
        "received": "2026-01-10T12:00:00.000+00:00",
        "code": 7,
        "words": "a message came",
        "phase": None,
        "channel": 2,
        "since": None,
        "seconds": 61.0,
        "value": 198.3,
        "unit": "V",
    }


# Who is there.


def test_a_meter_is_online_by_the_age_of_its_telegram(sink: MqttSink, subscriber: Subscriber, clock: Hands) -> None:
    topic = "p1monitor/home/status"
    sink.open()
    until(lambda: subscriber.last("p1monitor/status") == "online")
    assert subscriber.last(topic) == "offline"
    sink.deliver([reading(1, monotonic=clock.now)])
    until(lambda: subscriber.last(topic) == "online")
    clock.now += 9.9
    sink.deliver(())
    clock.now += 0.2
    sink.deliver(())
    until(lambda: subscriber.last(topic) == "offline")
    sink.deliver([reading(2, monotonic=clock.now)])
    until(lambda: subscriber.last(topic) == "online")
    assert subscriber.texts(topic) == ["offline", "online", "offline", "online"]
    assert POLICY.heartbeat_s is not None


def test_a_reading_that_waited_in_the_queue_is_as_old_as_it_is(sink: MqttSink, subscriber: Subscriber, clock: Hands) -> None:
    sink.open()
    sink.deliver([reading(1, monotonic=clock.now - 60)])
    until(lambda: subscriber.texts("p1monitor/home/live"))
    assert subscriber.texts("p1monitor/home/status") == ["offline"]


def test_two_meters_have_topics_of_their_own(settings: MqttSettings, subscriber: Subscriber, clock: Hands) -> None:
    sink = MqttSink(settings, House("abc123", ("home", "barn"), "0.1.0", stale_after=lambda _: 10.0), clock)
    try:
        sink.open()
        sink.deliver([reading(1, monotonic=clock.now), reading(1, meter="barn", monotonic=clock.now, power="01.000")])
        until(lambda: subscriber.last("p1monitor/barn/status") == "online")
        until(lambda: subscriber.texts("p1monitor/barn/live"))
        assert '"power_w":1000' in (subscriber.last("p1monitor/barn/live") or "")
        assert '"power_w":735' in (subscriber.last("p1monitor/home/live") or "")
        assert "homeassistant/device/p1monitor-abc123-barn-gas/config" in {topic for topic, _, _ in subscriber.heard}
    finally:
        sink.close()


# Home Assistant.


def test_announcements_are_retained_and_grow(sink: MqttSink, mosquitto: Mosquitto, subscriber: Subscriber, clock: Hands) -> None:
    topic = "homeassistant/device/p1monitor-abc123-home/config"
    sink.open()
    for seq, message in ((1, ""), (2, ""), (3, "hello"), (4, "")):
        sink.deliver([reading(seq, monotonic=clock.now, message=message)])
    until(lambda: len(subscriber.texts("p1monitor/home/live")) == 4)
    without, with_message = (json.loads(text)["cmps"] for text in subscriber.texts(topic))
    assert set(with_message) - set(without) == {"message_text"}
    assert json.loads(retained(mosquitto)[topic])["cmps"] == with_message


def test_nothing_is_announced_without_a_prefix(settings: MqttSettings, subscriber: Subscriber, clock: Hands) -> None:
    sink = MqttSink(replace(settings, discovery=""), HOUSE, clock)
    try:
        sink.open()
        sink.deliver([reading(1, monotonic=clock.now)])
        until(lambda: subscriber.texts("p1monitor/home/live"))
        assert all(topic.startswith("p1monitor/") for topic, _, _ in subscriber.heard)
    finally:
        sink.close()


def test_everything_again_after_home_assistants_birth_and_a_pause(sink: MqttSink, subscriber: Subscriber, clock: Hands) -> None:
    topic = "homeassistant/device/p1monitor-abc123-home-gas/config"
    sink.open()
    sink.deliver([reading(1, monotonic=clock.now)])
    until(lambda: len(subscriber.texts(topic)) == 1)
    subscriber.client.publish("homeassistant/status", "offline")
    subscriber.client.publish("homeassistant/status", "online")

    def noticed() -> bool:
        sink.deliver(())
        return sink._birth_due is not None

    until(noticed)
    assert sink._birth_due == clock.now + 1.0
    assert len(subscriber.texts(topic)) == 1
    clock.now += 1.0
    sink.deliver(())
    until(lambda: len(subscriber.texts(topic)) == 2)
    until(lambda: len(subscriber.texts("p1monitor/home/reading")) == 2)
    until(lambda: len(subscriber.texts("p1monitor/home/gas")) == 2)
    assert sink._birth_due is None
