"""A durable sink that was away has every reading when it is back, once, where it should stand: in a real VictoriaMetrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from p1monitor.p1.catalogue import row_of
from tests.archiving import folder, path
from tests.owingkit import Home, archived, influx, stored, until
from tests.services import Victoria

__all__ = ["folder", "path"]

#: An hour is more than one block and a journal.
STEP_S, HOUR = 8, 450


def same(victoria: Victoria, path: Path) -> None:
    """The server has exactly the archive's points; and of what p1monitor makes itself nothing at any other moment."""
    victoria.flush()
    has, should = stored(victoria.export('{__name__=~"p1_.*"}')), archived(path)
    moments = {role: {at for (whose, _), points in should.items() if whose == role for at in points} for role, _ in should}
    ours = has.keys() - should.keys()
    for role, name in ours:
        assert row_of(name) is not None
        assert set(has[role, name]) <= moments[role], name
    assert has.keys() >= should.keys()
    for series, points in should.items():
        assert has[series] == points, series


def test_an_outage_of_an_hour_is_made_good(victoria: Victoria, path: Path) -> None:
    home = Home(path, *influx(victoria.url), step=STEP_S).start()
    home.live(100)
    until(lambda: home.told()["accepted"] >= 100)
    victoria.stop()
    home.live(HOUR + 150)
    until(lambda: home.told()["state"] == "retrying")
    assert home.told()["behind"] == HOUR + 150
    assert home.told()["lag_s"] > 0
    victoria.start()
    home.live(20)
    home.caught_up()
    assert (home.told()["state"], home.told()["dropped"], home.told()["set_aside"]) == ("ok", 0, 0)
    home.close()
    same(victoria, path)


def test_it_goes_on_after_a_stop_and_after_a_kill(victoria: Victoria, path: Path) -> None:
    victoria.stop()
    begin = 0
    for end in (Home.killed, Home.close, Home.killed):
        home = Home(path, *influx(victoria.url), begin=begin, step=STEP_S).start()
        home.live(HOUR // 2)
        begin = home.life.now + 60
        end(home)
    victoria.start()
    home = Home(path, *influx(victoria.url), begin=begin, step=STEP_S).start()
    home.caught_up()  # before the meter says anything
    home.live(10)
    home.caught_up()
    home.close()
    same(victoria, path)
    assert len(archived(path)["electricity", "power_w"]) == 3 * (HOUR // 2) + 10


@pytest.mark.parametrize("backfill", [False, True])
def test_a_new_bucket_begins_now_or_with_all_there_is(victoria: Victoria, path: Path, *, backfill: bool) -> None:
    home = Home(path, *influx(victoria.url), step=STEP_S)  # never started: its sink took nothing
    home.life.second()
    home.life.recorder.close()
    begin = home.life.now
    elsewhere, policy = influx(victoria.url, backfill=backfill)
    home = Home(path, elsewhere, replace(policy, place="elsewhere"), begin=begin, step=STEP_S).start()
    home.live(3)
    home.caught_up()
    home.close()
    victoria.flush()
    assert len(stored(victoria.export('{__name__="p1_power_w"}'))["electricity", "power_w"]) == (4 if backfill else 3)


def test_a_coarser_resolution_has_the_first_of_each_interval_and_every_capture_of_gas(victoria: Victoria, path: Path) -> None:
    sink, policy = influx(victoria.url, resolution=60)
    home = Home(path, sink, policy, step=STEP_S).start()
    home.live(50)
    home.caught_up()
    victoria.stop()
    home.live(200)
    home.killed()
    victoria.start()
    home = Home(path, *influx(victoria.url, resolution=60), begin=home.life.now, step=STEP_S).start()
    home.live(20)
    home.caught_up()
    home.close()
    victoria.flush()
    has, should = stored(victoria.export('{__name__=~"p1_.*"}')), archived(path)
    firsts = {at // 60_000: at for at in sorted(should["electricity", "power_w"], reverse=True)}
    assert set(has["electricity", "power_w"]) == set(firsts.values())
    assert has["gas", "gas_m3"] == should["gas", "gas_m3"]
