"""The reader's rules for what takes minutes, on a scripted source with a clock of its own."""

from __future__ import annotations

import logging

import pytest

from p1monitor.news import SUMMARY_S
from p1monitor.p1.crc import crc16_x25
from p1monitor.p1.records import Reading
from p1monitor.reader import RETRY_MOST_S, SILENT_LEAST_S
from p1monitor.settings import MeterSettings
from p1monitor.sources import SourceError
from tests.lines import FakeClock, dsmr2, dsmr5
from tests.readerkit import Script, Setup, Step, watts

BROKEN = dsmr5(1).replace(b"kWh", b"kWk", 1)


def test_silence_closes_and_opens_again_after_a_minute() -> None:
    clock = FakeClock()
    script = Script(clock, [dsmr5(0), 1.0, dsmr5(1), 1.0, dsmr5(2), 1.0, dsmr5(3), 500.0], [dsmr5(4), 500.0])
    setup = Setup(script, clock)
    setup.play(script)
    first, second, third = script.opened[:3]
    assert second - first == pytest.approx(3 + SILENT_LEAST_S + 1)
    assert third - second == pytest.approx(SILENT_LEAST_S + 1)
    assert len(setup.readings) == 5
    assert setup.told["reconnects"] == 1
    assert setup.told["period_s"] == 1.0


def test_a_slow_meter_is_given_three_periods() -> None:
    clock = FakeClock()
    life: list[Step] = []
    for count in range(5):
        life += [dsmr5(count), 40.0]
    script = Script(clock, [*life, 500.0])
    Setup(script, clock).play(script)
    assert script.opened[1] - script.opened[0] == pytest.approx(4 * 40 + 3 * 40 + 1)


def test_bytes_without_a_valid_telegram_are_silence() -> None:
    clock = FakeClock()
    life: list[Step] = []
    for _ in range(100):
        life += [BROKEN, 1.0]
    script = Script(clock, life)
    setup = Setup(script, clock)
    setup.play(script)
    assert script.opened[1] - script.opened[0] == pytest.approx(SILENT_LEAST_S + 1)
    assert setup.readings == []


def test_the_reason_is_told_when_every_telegram_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    life: list[Step] = []
    for _ in range(200):
        life += [BROKEN, 1.0]
    script = Script(clock, life, life)
    setup = Setup(script, clock)
    setup.play(script)
    assert 'crc = "off"' in caplog.text
    assert caplog.text.count("only refused ones: the checksum is wrong") == 1  # the second time with another number


def test_nothing_at_all_is_told_with_what_to_look_at(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    script = Script(clock, [100.0])
    setup = Setup(script, clock)
    setup.play(script)
    assert caplog.text.count("nothing comes at all: is the cable in the meter") == 1


def test_noise_that_never_ends_is_told(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    life: list[Step] = []
    for _ in range(100):
        life += [b"\x00\x01\x02\x83" * 20, 1.0]
    script = Script(clock, life)
    setup = Setup(script, clock)
    setup.play(script)
    assert caplog.text.count("script: bytes that are no telegram") == 1
    assert setup.told["refused"] == {"noise": 1}


def test_what_the_configuration_says_of_demand_reaches_the_readings() -> None:
    clock = FakeClock()
    script = Script(clock, [dsmr5(0), 30.0, dsmr5(30), 30.0, dsmr5(60), 500.0])
    setup = Setup(script, clock, meter=MeterSettings("home", demand_minutes=1, demand_periods=2, power_limit_w=2500))
    setup.play(script)
    values = setup.readings[-1].values
    assert "power_left_w" not in setup.readings[0].values  # nothing is known of the two minutes that ran
    assert values["average_power_2m_w"].value == 0
    assert values["power_left_w"].value == 5000


def test_the_pause_doubles_up_to_a_minute_and_begins_anew_after_a_telegram() -> None:
    clock = FakeClock()
    gone = SourceError("no such port")
    script = Script(clock, *[gone] * 9, [dsmr5(0), SourceError("lost")], gone, gone)
    Setup(script, clock).play(script)
    pauses = [round(after - before) for before, after in zip(script.opened, script.opened[1:], strict=False)]
    assert pauses[:12] == [1, 2, 4, 8, 16, 32, RETRY_MOST_S, RETRY_MOST_S, RETRY_MOST_S, 1, 2, 4]


def test_trouble_is_told_once_however_long_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "p1monitor")
    clock = FakeClock()
    gone, held = SourceError("no such port"), SourceError("held by another")
    script = Script(clock, *[gone, held] * 20, [dsmr5(0), SourceError("lost")], gone)
    Setup(script, clock).play(script)
    assert caplog.text.count("held by another") == 1
    assert caplog.text.count("no such port") == 2  # again after it had been good
    assert caplog.text.count("script is open") == 1
    assert caplog.text.count("telegrams of TST5\\2P1MONITOR-1 come from script") == 1


def test_an_unfinished_telegram_is_dropped_at_a_reconnect() -> None:
    clock = FakeClock()
    half = dsmr5(1)
    script = Script(clock, [half[:100], SourceError("lost")], [half[100:], dsmr5(2, 502), SourceError("lost")])
    setup = Setup(script, clock)
    setup.play(script)
    assert watts(setup.readings) == [502]
    assert setup.told["refused"] == {}
    assert script.proofs == 1


def test_what_a_source_has_proven_outlives_a_reconnect() -> None:
    clock = FakeClock()
    script = Script(clock, [dsmr5(1), SourceError("lost")], [b"\r\n", dsmr2(), SourceError("lost")])
    setup = Setup(script, clock)
    setup.play(script)
    assert len(setup.readings) == 1  # no telegram without a CRC from a meter that sends one
    assert setup.told["refused"] == {"no-crc": 1}


def test_refusals_are_told_first_and_then_by_the_hour(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    life: list[Step] = []
    seconds = int(2 * SUMMARY_S) + 10
    for second in range(seconds):
        life += [BROKEN, dsmr5(second % 60), 1.0]
    script = Script(clock, [*life, SourceError("lost")])
    setup = Setup(script, clock)
    setup.play(script)
    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(lines) == 3
    assert lines[0].endswith("the checksum is wrong; from here on counted")
    assert lines[1].startswith("home: refused in the last hour: crc 35")
    assert setup.told["refused"] == {"crc": seconds}


def test_a_fault_of_our_own_is_told_once_and_the_reading_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    readings: list[Reading] = []

    def publish(reading: Reading) -> None:
        readings.append(reading)
        if len(readings) < 4:
            raise ZeroDivisionError("our own")

    lives: list[list[Step]] = [[dsmr5(count), SourceError("lost")] for count in range(5)]
    script = Script(clock, *lives)
    setup = Setup(script, clock, publish)
    setup.play(script)
    assert len(readings) == 5
    assert setup.told["crashes"] == 3
    assert caplog.text.count("Traceback") == 1
    assert caplog.text.count("ZeroDivisionError: our own") == 1
    assert setup.told["last_trouble"] == "the script is over"


def test_the_ports_own_counters_are_shown() -> None:
    clock = FakeClock()
    script = Script(clock, [dsmr5(0), 30.0, SourceError("lost")])
    setup = Setup(script, clock)
    setup.play(script)
    assert setup.told["port_errors"] == {"frame": 1}


def test_the_loop_is_seen_to_turn_in_a_long_pause() -> None:
    clock = FakeClock()
    script = Script(clock, *[SourceError("no such port")] * 9)
    setup = Setup(script, clock)
    setup.play(script)
    assert max(clock.waits) <= 1.0
    assert clock.now - setup.reader.turned() <= 1.0


def test_a_meter_with_another_checksum_is_told_which_and_nothing_of_it_is_published(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    body = b"/TST5X25\r\n\r\n1-0:1.8.0(000001.000*kWh)\r\n!"
    sent = body + b"%04X\r\n" % crc16_x25(body)
    script = Script(clock, [step for _ in range(70) for step in (sent, 1.0)])
    setup = Setup(script, clock)
    setup.play(script)
    assert setup.readings == []
    assert set(setup.told["refused"]) == {"crc"}  # type: ignore[call-overload]
    assert caplog.text.count('right as another one: crc = "x25"') == 2  # the first refusal, and the silence after it
    assert 'crc = "off"' not in caplog.text
