from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from p1monitor.p1.records import Reading, Received
from p1monitor.recorder.hostclock import LOOK_S, PATIENCE_S, HostClock
from p1monitor.recorder.pace import SAVE_S
from p1monitor.recorder.waiting import HELD_MOST
from tests.lines import FakeClock
from tests.readings import measurement, reading
from tests.recording import NOON, House, house, path

__all__ = ["house", "path"]


def unclocked(monotonic: float, wall: float, register: int = 0) -> Reading:
    return reading(None, received=Received(wall, monotonic, known=False), energy_import_kwh=f"{register / 1000:.3f}")


def test_readings_without_a_clock_wait_until_the_host_knows_the_time(path: Path) -> None:
    house = House(path, trusted=False)
    house.clock.now = 1000.0  # FakeClock's wall and monotonic are one: this is 1970
    house.recorder.deliver([house.see(unclocked(1000.0 + at, 5.0 + at, at)) for at in range(0, 600, 10)])
    house.clock.now = 1600.0
    house.recorder.deliver([])
    assert house.rows("load_profile") == []
    house.trusted = True
    began = house.clock.wall() - house.clock.monotonic()
    house.recorder.deliver([house.see(unclocked(1600.0, began + 1600.0, 600))])
    house.recorder.close()
    ((samples, at, energy),) = house.rows("daily_profile", "samples, registers_at, energy_import_wh")
    assert (samples, at, energy) == (61, int(began + 1600), 600)


def test_what_waits_is_bounded_and_counted(path: Path) -> None:
    house = House(path, trusted=False)
    for first in range(0, HELD_MOST + 60, 60):
        house.recorder.deliver([house.see(unclocked(float(at), 5.0)) for at in range(first, first + 60)])
    assert house.counted == {"held": 60}
    house.recorder.close()
    assert house.counted == {"held": 60}


def test_a_clock_that_is_days_ahead_of_the_host_is_invalid(house: House) -> None:
    late = NOON + timedelta(days=400)
    one = reading(late, received=Received(NOON.timestamp() + 10, 0.0), energy_import_kwh="1")
    house.recorder.deliver([house.see(one)])
    house.clock.now += SAVE_S
    house.recorder.deliver([])
    ((status, end),) = house.rows("load_profile", "status, end")
    assert (status, end) == (2 | 4, NOON.timestamp() + 900)


def test_an_invalid_clock_is_told_from_none(house: House) -> None:
    received = Received(NOON.timestamp() + 10, 0.0)
    broken = house.see(reading(None, received=received, values={"clock": None}))
    assert broken.values["clock"] == measurement("clock", None)
    house.recorder.deliver([broken])
    house.clock.now += SAVE_S
    house.recorder.deliver([])
    assert house.rows("load_profile", "status & 2") == [(2,)]


def test_a_reading_without_any_time_is_counted(house: House) -> None:
    house.recorder.deliver([house.see(reading(None))])
    assert house.counted == {"undated": 1}


def test_the_host_is_believed_when_it_says_so_or_after_ten_minutes_in_a_sane_year(tmp_path: Path) -> None:
    clock = FakeClock(NOON.timestamp())
    host = HostClock(clock, tmp_path / "synchronized")
    assert not host.trusted()
    (tmp_path / "synchronized").touch()
    clock.now += LOOK_S
    assert host.trusted()
    silent = HostClock(clock, tmp_path / "none")
    clock.now += PATIENCE_S - 1
    assert not silent.trusted()
    clock.now += 1
    assert silent.trusted()
    clock.now = datetime(2016, 1, 1, tzinfo=UTC).timestamp()
    assert not silent.trusted()  # it was, until somebody set it to a year that cannot be
    assert not HostClock(clock, tmp_path / "synchronized").trusted()
