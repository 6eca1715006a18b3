"""What may be published, and what is held back until it is confirmed."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.observer import Memory, limits, observe
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Device, Reading, Received
from p1monitor.p1.telegram import Telegram, data_object, render
from p1monitor.recorder import samples
from p1monitor.sinks import topics
from p1monitor.sinks.influxdb import Encoder
from p1monitor.sinks.influxdb import Memory as InfluxMemory
from p1monitor.sources import SourceError
from p1monitor.webapp import payload
from tests.lines import FakeClock
from tests.observing import HELD, NOON, WITHOUT_CRC, came, run, shown
from tests.readerkit import Script, Setup, Step
from tests.readings import WINTER, device, reading

NAME = "energy_import_kwh"


def test_a_capture_in_the_future_loses_its_time_and_keeps_its_value() -> None:
    story = [
        reading(NOON, received=came(0), devices=[device(value="1.0", at=NOON)]),
        reading(NOON, received=came(10), devices=[device(value="1.1", at=NOON + timedelta(days=365))]),
    ]
    _, seen = run(story)
    found = seen[1].devices[0]
    assert (shown(found.values, "gas_m3"), found.at, found.values["gas_m3"].at) == ("1.1", None, None)


def test_without_crc_a_capture_must_be_told_twice() -> None:
    def told(value: str, minute: int) -> Device:
        return device(value=value, at=NOON + timedelta(minutes=minute))

    captures = [("1.0", 0), ("1.0", 0), ("1.0", 0), ("1.4", 60), ("1.4", 60), ("1.0", 50), ("1.4", 60)]
    story = [
        reading(None, received=came(3600 + 10 * n), telegram=WITHOUT_CRC, devices=[told(*capture)])
        for n, capture in enumerate(captures)
    ]
    _, seen = run(story)
    found = [shown(one.devices[0].values, "gas_m3") if one.devices else HELD for one in seen]
    assert found == [HELD, HELD, "1.0", HELD, "1.4", HELD, "1.4"]
    assert seen[5].devices[0].at == NOON + timedelta(minutes=60)  # what is held does not tell its time either


# Clocks


def test_a_clock_that_is_not_believed_is_told_with_what_it_shows() -> None:
    times = {0: NOON, 10: NOON + timedelta(days=365), 20: NOON + timedelta(seconds=20), 400: NOON + timedelta(seconds=20)}
    _, seen = run(reading(at, received=came(seconds), energy_import_kwh="1.000") for seconds, at in times.items())
    assert [event.words for one in seen for event in one.events] == [
        "the meter's clock is not believed, ahead: it shows 2027-01-15 11:00 UTC",
        "the meter's clock is believed again",
        "the meter's clock is not believed, it stands still at 2026-01-15 11:00:20 UTC",
    ]


def test_a_host_that_boots_in_the_past_is_no_witness() -> None:
    later = NOON + timedelta(days=7)
    story = [
        reading(NOON, received=came(0), energy_import_kwh="1.000"),
        reading(later, received=Received(NOON.timestamp() + 60, 5.0), energy_import_kwh="90.000"),
    ]
    _, seen = run(story)
    assert seen[1].at == later
    assert shown(seen[1].values, NAME) == "90.000"


def test_a_telegram_that_a_flipped_bit_dates_tomorrow_is_not_dated() -> None:
    wrong = NOON + timedelta(days=1)
    times = [NOON, wrong, NOON + timedelta(seconds=20)]
    story = [reading(at, received=came(10 * n), telegram=WITHOUT_CRC, energy_import_kwh="1.00") for n, at in enumerate(times)]
    _, seen = run(story)
    assert [one.at for one in seen] == [NOON, None, times[2]]


# What follows from what is held


def rates(index: int, first: str, second: str, power: str = "01.000") -> Reading:
    lines = (("1-0:1.8.1", f"{first}*kWh"), ("1-0:1.8.2", f"{second}*kWh"), ("1-0:1.7.0", f"{power}*kW"))
    telegram = Telegram("TST5", tuple(data_object(*line) for line in lines), "valid")
    return decode(telegram, came(10 * index))


def test_a_total_is_held_with_one_of_its_rates_and_so_is_the_day() -> None:
    memory, seen = run([rates(0, "5.000", "7.000"), rates(1, "2.000", "7.001", "99.999")])
    held = {name for name, measurement in seen[1].values.items() if measurement.held}
    assert held == {"energy_import_t1_kwh", "energy_import_kwh", "energy_import_today_kwh"}
    assert shown(seen[1].values, "power_w") == "99999"  # never held
    assert memory.held == 2
    assert memory.doubts == ("energy_import_t1_kwh fell from 5.000 to 2.000: held back until it is confirmed",)


def test_a_doubt_is_told_once_while_it_lasts() -> None:
    memory, told = Memory(), list[str]()
    for index, value in enumerate(["5.000", "2.000", "2.001", "2.002", "5.010", "1.000"]):
        memory, _ = observe(memory, rates(index, value, "7.000"))
        told += memory.doubts
    assert [words.partition(":")[0] for words in told] == [
        "energy_import_t1_kwh fell from 5.000 to 2.000",
        "energy_import_t1_kwh fell from 5.010 to 1.000",
    ]


def test_a_rate_that_rolls_over_takes_its_total_along() -> None:
    _, seen = run([rates(0, "999999.999", "000007.000"), rates(1, "000000.001", "000007.000")])
    assert (shown(seen[1].values, "energy_import_t1_kwh"), shown(seen[1].values, NAME)) == ("0.001", "7.001")


def test_a_register_of_three_places_that_was_not_printed_full_does_not_roll_over() -> None:
    _, seen = run([rates(0, "000999.999", "000007.000"), rates(1, "000000.001", "000007.000")])
    assert shown(seen[1].values, "energy_import_t1_kwh") is HELD


def test_a_limit_that_the_meter_sends_makes_the_fuse() -> None:
    def limited(**sent: int) -> limits.Fuse:
        return limits.fuse(reading(NOON, values=sent).values)

    assert limited() == limits.HOME
    assert limited(current_limit_l1_a=40).imports == pytest.approx(40 * 690 * limits.FUSE_TIMES / 1000)
    assert limited(current_limit_l1_a=40).others == limits.HOME.others
    assert (
        limited(current_limit_l1_a=999) == limited(limiter_threshold_w=999_900) == limited(limiter_threshold_w=2000) == limits.HOME
    )
    assert limited(limiter_threshold_w=173_000).imports == 173


def test_memory_without_marks_still_loads() -> None:
    old = {"seq": 3, "roles": [["electricity", "electricity", 0, "E1"]], "totals": [], "messages": {}}
    memory = Memory.from_json(old)
    _, seen = observe(memory, reading(NOON, received=came(0), energy_import_kwh="5.000"))
    assert shown(seen.values, NAME) == "5.000"


def frame(value: str) -> bytes:
    lines = (("1-3:0.2.8", "50"), ("1-0:1.8.1", f"{value}*kWh"), ("1-0:1.8.2", "000007.000*kWh"), ("1-0:1.7.0", "00.500*kW"))
    return render(Telegram("TST5", tuple(data_object(*line) for line in lines), "valid"))


def test_the_reader_counts_what_is_held_and_tells_it_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    story: list[Step] = [frame("000005.000"), 1.0, frame("000002.000"), 1.0, frame("000002.001"), 1.0, frame("000005.001"), 1.0]
    script = Script(clock, [*story, SourceError("lost")])
    setup = Setup(script, clock)
    setup.play(script)
    assert setup.told["held"] == 4  # the rate and the total, twice
    assert caplog.text.count("held back until it is confirmed") == 1


def test_no_sink_sends_what_is_held() -> None:
    story = [
        rates(0, "5.000", "7.000")._replace(devices=(device(value="80.0", at=NOON),)),
        rates(1, "2.000", "7.001")._replace(devices=(device(value="0.0", at=NOON + timedelta(minutes=5)),)),
    ]
    _, (good, doubtful) = run(story)
    flat = json.loads(topics.reading_text(doubtful))
    assert flat["energy_import_t2_kwh"] == 7.001
    assert not {NAME, "energy_import_t1_kwh", "energy_import_today_kwh"} & set(flat)
    assert topics.device_text(good, good.devices[0]) is not None
    assert topics.device_text(doubtful, doubtful.devices[0]) is None
    fields = b"".join(Encoder("p1", InfluxMemory(), None).lines(doubtful))
    assert b"energy_import_t2_kwh=7.001" in fields
    assert not any(name in fields for name in (b"energy_import_kwh", b"energy_import_t1_kwh", b"_today_", b"gas_m3"))
    assert [samples.registers(doubtful)[samples.REGISTERS.index(name)] for name in (NAME, "energy_import_t1_kwh")] == [None, None]
    assert list(samples.captures(doubtful.devices[0])) == []
    told = payload.live("home", doubtful, 0.0)
    assert told["held"] == ["energy_import_t1_kwh", NAME, "energy_import_today_kwh"]


# Whatever comes


STEPS = st.tuples(
    st.integers(1, 4000),  # seconds
    st.integers(0, 60),  # Wh per second and more than the fuse
    st.sampled_from(["good"] * 12 + ["zero", "flip", "lost", "swap"]),
    st.integers(0, 10**9),
)


@given(st.lists(STEPS, max_size=60), st.booleans())
def test_no_register_goes_back_or_jumps_within_one_segment(steps: list[tuple[int, int, str, int]], crc: bool) -> None:
    telegram = Telegram("TST5", (), "valid" if crc else "absent")
    memory, now, register, meter = Memory(), 0, 5_000_000, 1
    last: tuple[Decimal, int] | None = None
    for seconds, load, what, noise in steps:
        now += seconds
        register += seconds * min(load, 15)
        if what == "swap":
            meter, register = meter + 1, noise % 10_000
        printed = {"zero": 0, "flip": noise}.get(what, register)
        if what == "lost":
            continue
        at = NOON + timedelta(seconds=now) if crc else None
        value = f"{Decimal(printed) / 1000:.3f}"
        memory, seen = observe(
            memory, reading(at, received=came(now), equipment_id=f"E{meter}", telegram=telegram, energy_import_kwh=value), WINTER
        )
        if any(event.kind in {"swap", "register"} for event in seen.events):
            last = None
        found = seen.values[NAME]
        if found.held:
            continue
        assert isinstance(found.value, Decimal)
        if last is not None:
            assert found.value >= last[0]
            assert float(found.value - last[0]) <= limits.FUSE_W / 1000 * (now - last[1]) / 3600 + 0.0011
        last = found.value, now


def test_a_reading_without_doubt_costs_little() -> None:
    one = rates(0, "5.000", "7.000")
    memory, _ = observe(Memory(), one)
    began = time.process_time()
    for _ in range(2000):
        memory, _ = observe(memory, one)
    assert (time.process_time() - began) / 2000 < 250e-6  # some 20 µs; the limit is for machines under load
