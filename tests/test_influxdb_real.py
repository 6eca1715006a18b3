"""A real InfluxDB refuses the token, refuses a type, goes away and comes back: what it has in the end is the archive's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.archiving import folder, path
from tests.cutting import NOON
from tests.influxserver import PASSWORD, USER, Influx, influx_server
from tests.owingkit import Home, archived, influx, until

__all__ = ["folder", "influx_server", "path"]

STEP_S = 8
#: A field's type is that of its first point of the week.
EARLIER = round(NOON.timestamp() * 1000) - 1


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{USER}:{PASSWORD}\n")
    return file


def has(server: Influx, field: str, role: str) -> dict[int, float]:
    return {int(at): value for at, value in server.ask(f"SELECT {field} FROM p1 WHERE role = '{role}'")}


def same(server: Influx, path: Path, *, but: str = "") -> None:
    for (role, name), points in archived(path).items():
        if role != but:
            assert has(server, name, role) == points, name


def test_a_token_that_was_refused_is_read_again_when_it_was_put_right(
    influx_server: Influx, path: Path, token: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token.write_text("nobody:wrong\n")
    home = Home(path, *influx(influx_server.url, token_file=token), step=STEP_S).start()
    home.live(150)
    until(lambda: home.told()["retries"] > 2)
    assert re.search(rf"refuses the token \(401\): does {token} hold one that may write to bucket energy\?", caplog.text)
    assert caplog.text.count("(401)") == 1
    token.write_text(f"{USER}:{PASSWORD}\n")
    home.caught_up()
    assert (home.told()["state"], home.told()["dropped"], home.told()["set_aside"]) == ("ok", 0, 0)
    home.close()
    same(influx_server, path)


def test_a_type_conflict_costs_nothing_but_the_points_that_have_it(influx_server: Influx, path: Path, token: Path) -> None:
    sink, policy = influx(influx_server.url, token_file=token)
    sink.open()
    sink._writer.write("energy", record=f"p1,meter=home,role=gas gas_m3=1i {EARLIER}", write_precision="ms")  # type: ignore[attr-defined]
    influx_server.stop()
    home = Home(path, sink, policy, step=STEP_S).start()
    home.live(200)
    until(lambda: home.told()["retries"])
    influx_server.start()
    home.live(20)
    home.caught_up()
    home.close()
    gas = archived(path)["gas", "gas_m3"]
    assert len(gas) > 4
    assert home.told()["set_aside"] >= len(gas)
    assert home.told()["state"] == "stopped"
    assert "(422)" in str(home.told()["last_set_aside"])
    assert "conflict" in str(home.told()["last_set_aside"])
    assert has(influx_server, "gas_m3", "gas") == {EARLIER: 1}
    same(influx_server, path, but="gas")
