"""A real Home Assistant's Energy dashboard and long-term statistics: all is accepted, and a new meter is no jump.

Takes six minutes at most, for Home Assistant makes its statistics at the clock's full five minutes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from p1monitor.p1.records import Reading
from p1monitor.sinks import House, Spent
from p1monitor.sinks.retained import Retained
from p1monitor.sinks.topics import Topics
from tests.hass import HomeAssistant, until
from tests.meter_with_gas import reading
from tests.services import Mosquitto

pytestmark = [pytest.mark.homeassistant, pytest.mark.patient]

MAIN = "p1monitor-abc123-home-"
#: It makes them ten seconds later, of the five minutes that are over; all that is told is to lie in one of them.
PERIOD_S, MADE_S, NEEDED_S = 300, 10, 60
#: Unique id -> how far it went, by the story below.
WENT = {
    MAIN + "energy_import_t1_kwh": 1.5,
    MAIN + "energy_import_t2_kwh": 0.0,
    MAIN + "energy_export_t1_kwh": 0.0,
    MAIN + "gas-gas_m3": 0.3,
    MAIN + "water-water_m3": 0.0,
    MAIN + "month_energy_import_kwh": 1.5,
}


def spent(one: Reading) -> Mapping[str, Spent]:
    return {"month": {"energy_import_kwh": USED[one.seq]}}


#: Registers of the old meter twice, and of the new one twice; what was used this month by then.
STORY = (("000100.000", "00200.000"), ("000101.000", "00200.100"), ("000000.000", "00000.000"), ("000000.500", "00000.200"))
USED = {seq: Decimal(text) for seq, text in enumerate(("30.000", "31.000", "31.000", "31.500"), 1)}


@pytest.fixture
def homeassistant(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[HomeAssistant]:
    made = HomeAssistant(os.environ["P1MONITOR_HASS"], tmp_path)
    configuration = tmp_path / "configuration.yaml"
    configuration.write_text(f"{configuration.read_text()}recorder:\nenergy:\nsensor:\n")
    try:
        made.start()
        made.add_broker(mosquitto)
        yield made
    finally:
        made.stop()


def test_energy_accepts_all_and_a_new_meter_is_no_jump(homeassistant: HomeAssistant, mosquitto: Mosquitto) -> None:
    retained = Retained(
        House("abc123", ("home",), "0.1.0", spent=spent, stale_after=lambda _: 3600.0), Topics("p1monitor", "homeassistant"), 0
    )
    left = PERIOD_S - time.time() % PERIOD_S
    if left < NEEDED_S:
        time.sleep(left + 1)
    began = datetime.fromtimestamp(time.time() // PERIOD_S * PERIOD_S, UTC)
    for seq, (energy, gas) in enumerate(STORY, 1):
        serials = {"serial": "E-NEW", "gas_serial": "G-NEW"} if seq > 2 else {}
        one = reading(seq, import_t1=energy, gas=gas, captured=f"26011012{seq:02}00W", **serials)  # type: ignore[arg-type]
        messages = {**retained.take(one, float(seq)), **retained.ages(float(seq)), "p1monitor/status": "online"}
        outgoing: publish.MessagesList = [(topic, text, 1, True) for topic, text in messages.items()]
        publish.multiple(outgoing, hostname=mosquitto.host, port=mosquitto.port)
        until(lambda: shows(homeassistant, MAIN + "energy_import_t1_kwh", energy))  # noqa: B023 - at once
        until(lambda: shows(homeassistant, MAIN + "gas-gas_m3", gas))  # noqa: B023
    assert datetime.now(UTC) < began + timedelta(seconds=PERIOD_S), "the story lies in one period"

    ids = {unique: str(state["entity_id"]) for unique, state in homeassistant.states().items()}
    tariffs = [{"stat_energy_from": ids[MAIN + f"energy_import_t{n}_kwh"], "number_energy_price": None} for n in (1, 2)]
    returned = [{"stat_energy_to": ids[MAIN + f"energy_export_t{n}_kwh"], "number_energy_price": None} for n in (1, 2)]
    prices = dict.fromkeys(("stat_cost", "entity_energy_price", "stat_compensation"))
    grid = {
        "type": "grid",
        "flow_from": [{**one, **{key: prices[key] for key in ("stat_cost", "entity_energy_price")}} for one in tariffs],
        "flow_to": [{**one, **{key: prices[key] for key in ("stat_compensation", "entity_energy_price")}} for one in returned],
        "cost_adjustment_day": 0,
    }
    others = [{"type": kind, "stat_energy_from": ids[MAIN + f"{kind}-{kind}_m3"]} for kind in ("gas", "water")]
    homeassistant.ask("energy/save_prefs", energy_sources=[grid, *others])

    until(lambda: statistics(homeassistant, ids, began).keys() == WENT.keys(), PERIOD_S + 3 * MADE_S)
    assert statistics(homeassistant, ids, began) == pytest.approx(WENT)
    issues = homeassistant.ask("energy/validate")
    assert issues == {"energy_sources": [[]] * (1 + len(others)), "device_consumption": []}
    assert homeassistant.ask("recorder/validate_statistics") == {}
    assert homeassistant.complaints() == []


def shows(homeassistant: HomeAssistant, unique: str, text: str) -> bool:
    state = homeassistant.states().get(unique, {}).get("state", "unknown")
    return state not in {"unknown", "unavailable"} and Decimal(state) == Decimal(text)


def statistics(homeassistant: HomeAssistant, ids: Mapping[str, str], began: datetime) -> dict[str, float]:
    """How far each went, where Home Assistant has made statistics of it."""
    wanted = {ids[unique]: unique for unique in WENT if unique in ids}
    found: dict[str, Any] = homeassistant.ask(
        "recorder/statistics_during_period",
        start_time=began.isoformat(),
        statistic_ids=list(wanted),
        period="5minute",
        types=["sum"],
    )
    return {wanted[entity]: rows[-1]["sum"] for entity, rows in found.items() if rows}
