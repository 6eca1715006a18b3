"""What may be published, and what is held back until it is confirmed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p1monitor.observer import Memory, limits, observe
from p1monitor.observer.judge import FALL_AGREED, FALL_CAPTURES, STEADY
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Device, Measurement, Reading, Received
from p1monitor.p1.telegram import Telegram, data_object, render
from p1monitor.recorder import samples
from p1monitor.sinks import topics
from p1monitor.sinks.influxdb import Encoder
from p1monitor.sinks.influxdb import Memory as InfluxMemory
from p1monitor.sources import SourceError
from p1monitor.webapp import payload
from tests.flips import run as flip
from tests.lines import FakeClock
from tests.readerkit import Script, Setup, Step
from tests.readings import WINTER, device, reading

NOON = datetime(2026, 1, 15, 12, tzinfo=WINTER)
NAME = "energy_import_kwh"
WITHOUT_CRC = Telegram("TST4", (), "absent")
HELD = None


def came(seconds: float) -> Received:
    return Received(NOON.timestamp() + seconds, 1000 + seconds)


def run(readings: Iterable[Reading]) -> tuple[Memory, list[Reading]]:
    """Observe one after the other; what is remembered goes through JSON each time."""
    memory, seen = Memory(), []
    for one in readings:
        memory, observed = observe(memory, one, WINTER)
        again = Memory.from_json(json.loads(json.dumps(memory.to_json())))
        assert again == memory
        seen.append(observed)
    return memory, seen


def shown(values: Mapping[str, Measurement], name: str) -> str | None:
    measurement = values.get(name)
    return None if measurement is None or measurement.held else str(measurement.value)


@dataclass
class Case:
    """Readings, a number of seconds apart, and what of them is published; None is held."""

    registers: Sequence[str]
    published: Sequence[str | None]
    every: float = 10.0
    crc: bool = True
    told: Sequence[str] = ()  #: kinds of events

    def readings(self) -> list[Reading]:
        telegram = Telegram("TST5", (), "valid" if self.crc else "absent")
        return [
            reading(
                NOON + timedelta(seconds=index * self.every) if self.crc else None,
                received=came(index * self.every),
                telegram=telegram,
                energy_import_kwh=value,
            )
            for index, value in enumerate(self.registers)
        ]


FALLEN = ["40.000", *(f"40.{n:03}" for n in range(1, FALL_AGREED))]
RISING = [str(1000 * n) for n in range(1, STEADY + 1)]
FAULTS = {
    "nothing wrong": Case(["1.000", "1.010", "1.010", "1.100"], ["1.000", "1.010", "1.010", "1.100"]),
    "a week's silence": Case(["1.000", "901.000"], ["1.000", "901.000"], every=7 * 86_400),
    "more than the fuse carries": Case(["1.000", "2.000", "1.010"], ["1.000", HELD, "1.010"]),
    "a jump that the next reading confirms": Case(["1.000", "99.000", "99.010"], ["1.000", HELD, "99.010"], told=["register"]),
    "two jumps that do not agree": Case(["1.000", "99.000", "77.000", "1.020"], ["1.000", HELD, HELD, "1.020"]),
    "a fuse that is larger than we think": Case(["1", *RISING], ["1", *[HELD] * (STEADY - 1), RISING[-1]], told=["register"]),
    "a falling register": Case(["500.000", "40.000", "500.010"], ["500.000", HELD, "500.010"]),
    "a register that fell for good": Case(
        ["500.000", *FALLEN, "40.010"], ["500.000", *[HELD] * (FALL_AGREED - 1), FALLEN[-1], "40.010"], told=["register"]
    ),
    "a zero is nothing, however often": Case(["500.000", *["0.000"] * 40, "500.010"], ["500.000", *[HELD] * 40, "500.010"]),
    "flipped digits without CRC: the first must be told twice": Case(
        ["7.00", "1.00", "1.00", "1.01"], [HELD, HELD, "1.00", "1.01"], crc=False
    ),
    "flipped digits without CRC: a jump": Case(["1.00", "1.00", "8.01", "1.01"], [HELD, "1.00", HELD, "1.01"], crc=False),
    "flipped digits without CRC: two jumps": Case(
        ["1.00", "1.00", "8.01", "4.01", "1.02"], [HELD, "1.00", HELD, HELD, "1.02"], crc=False
    ),
    "flipped digits without CRC: a fall": Case(["5.00", "5.00", "1.00", "5.01"], [HELD, "5.00", HELD, "5.01"], crc=False),
    "flipped digits without CRC: a little too high is put right": Case(
        ["1.00", "1.00", "1.05", "1.01", "1.02", "1.06"], [HELD, "1.00", "1.05", HELD, HELD, "1.06"], crc=False
    ),
    "flipped digits without CRC: a little too low comes back": Case(
        ["1.50", "1.50", "1.10", "1.51"], [HELD, "1.50", HELD, "1.51"], crc=False
    ),
    "a week's silence without CRC: the next reading agrees": Case(
        ["1.00", "1.00", "901.00", "901.00"], [HELD, "1.00", HELD, "901.00"], crc=False, every=7 * 86_400
    ),
    "roll-over at 99 999 999": Case(
        ["99999998", "99999999", "00000000"], ["99999998", "99999999", "0"], every=600, told=["register"]
    ),
    "roll-over at 999 999.99": Case(["999999.98", "999999.99", "0.01"], ["999999.98", "999999.99", "0.01"], told=["register"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_exactly_the_right_values_are_published(name: str) -> None:
    case = FAULTS[name]
    _, seen = run(case.readings())
    assert [shown(one.values, NAME) for one in seen] == list(case.published)
    assert [event.kind for one in seen for event in one.events] == list(case.told)


# M-Bus


def gas(
    *captures: tuple[int, str], at: Callable[[int], datetime] = lambda minute: NOON + timedelta(minutes=minute)
) -> list[str | None]:
    """Published registers of a gas meter that is captured at these minutes; a telegram comes with each."""
    story = [
        reading(NOON + timedelta(minutes=minute), received=came(minute * 60), devices=[device(value=value, at=at(minute))])
        for minute, value in captures
    ]
    _, seen = run(story)
    return [shown(one.devices[0].values, "gas_m3") for one in seen]


def test_gas_at_zero_after_radio_loss_is_never_published() -> None:
    zeros = [(5 * n, "0.000") for n in range(1, 30)]
    assert gas((0, "812.100"), *zeros, (150, "812.400")) == ["812.100", *[HELD] * 29, "812.400"]


def test_gas_after_days_without_radio_is_no_fault() -> None:
    assert gas((0, "812.100"), (3 * 1440, "830.000")) == ["812.100", "830.000"]


def test_gas_that_jumps_is_believed_with_the_next_capture_and_not_before() -> None:
    assert gas((0, "1.0"), (5, "900.0"), (10, "900.1")) == ["1.0", HELD, "900.1"]


def test_gas_that_fell_for_good_is_believed_after_some_captures() -> None:
    fallen = [(5 * n, f"2.{n}") for n in range(1, FALL_CAPTURES + 1)]
    assert gas((0, "812.1"), *fallen) == ["812.1", *[HELD] * (FALL_CAPTURES - 1), f"2.{FALL_CAPTURES}"]


def test_the_same_capture_again_confirms_nothing() -> None:
    def still(_: int) -> datetime:
        return NOON

    assert gas((0, "1.0"), (1, "900.0"), (2, "900.0"), (3, "900.0"), at=still) == ["1.0", HELD, HELD, HELD]


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


# Another meter


def test_a_new_meter_in_the_same_telegram_is_not_held() -> None:
    story = [
        reading(NOON, received=came(0), equipment_id="E1", energy_import_kwh="500.000", devices=[device(value="80.0", at=NOON)]),
        reading(
            NOON, received=came(10), equipment_id="E2", energy_import_kwh="0.000",
            devices=[device(value="0.1", at=NOON, equipment_id="G2")],
        ),
    ]  # fmt: skip
    _, seen = run(story)
    assert shown(seen[1].values, NAME) == "0.000"
    assert shown(seen[1].devices[0].values, "gas_m3") == "0.1"
    assert [event.kind for event in seen[1].events] == ["swap", "swap"]


def test_without_crc_a_new_meter_must_be_told_twice() -> None:
    meters = [("E1", "500.00"), ("E1", "500.00"), ("X1", "500.00"), ("E1", "500.00"), ("E2", "0.01"), ("E2", "0.01")]
    story = [
        reading(None, received=came(10 * n), equipment_id=name, telegram=WITHOUT_CRC, energy_import_kwh=value)
        for n, (name, value) in enumerate(meters)
    ]
    _, seen = run(story)
    assert [one.equipment_id for one in seen] == ["", "E1", "E1", "E1", "E1", "E2"]
    assert [shown(one.values, NAME) for one in seen] == [HELD, "500.00", "500.00", "500.00", HELD, "0.01"]
    assert [event.words for one in seen for event in one.events] == ["electricity: meter E1 was replaced by E2"]


# Clocks


def at_times(*moments: tuple[float, datetime]) -> tuple[list[datetime | None], list[str]]:
    _, seen = run(reading(at, received=came(seconds), energy_import_kwh="1.000") for seconds, at in moments)
    assert [shown(one.values, NAME) for one in seen] == ["1.000"] * len(seen)
    return [one.at for one in seen], [event.words for one in seen for event in one.events]


def test_a_date_in_the_future_is_not_believed() -> None:
    ahead = NOON + timedelta(days=365)
    seen, told = at_times((0, NOON), (10, ahead), (20, ahead), (30, NOON + timedelta(seconds=30)))
    assert seen == [NOON, None, None, NOON + timedelta(seconds=30)]
    assert told == [
        "the meter's clock is not believed, ahead: it shows 2027-01-15 11:00 UTC",
        "the meter's clock is believed again",
    ]


def test_a_clock_that_stands_still_is_not_believed() -> None:
    seen, told = at_times((0, NOON), (60, NOON), (600, NOON), (610, NOON + timedelta(seconds=610)))
    assert seen == [NOON, NOON, None, NOON + timedelta(seconds=610)]
    assert len(told) == 2


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


def test_a_line_that_flips_bytes() -> None:
    result = flip(3000)
    assert result.faults == []
    assert result.damaged > 200
    assert result.days_exact == result.days == 6
    assert result.held > 20
    assert set(result.events) == {"message"}


def test_a_reading_without_doubt_costs_little() -> None:
    one = rates(0, "5.000", "7.000")
    memory, _ = observe(Memory(), one)
    began = time.process_time()
    for _ in range(2000):
        memory, _ = observe(memory, one)
    assert (time.process_time() - began) / 2000 < 250e-6  # some 20 µs; the limit is for machines under load
