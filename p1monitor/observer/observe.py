"""The stage between decode and fan-out: observe(memory, reading) -> (memory, reading). Pure; never drops a reading."""

from __future__ import annotations

from datetime import tzinfo

from p1monitor.observer.edges import changes
from p1monitor.observer.memory import Memory
from p1monitor.observer.messages import messages
from p1monitor.observer.roles import assign
from p1monitor.observer.totals import count, with_values
from p1monitor.p1.records import Reading


def observe(memory: Memory, reading: Reading, zone: tzinfo | None = None) -> tuple[Memory, Reading]:
    """Number the reading, give its devices their roles, add today's totals and what happened since the last one.

    `zone` is the host's, for the local date of meters without a clock.
    """
    seq = memory.seq + 1
    cast = assign(memory.roles, reading)
    totals, made, devices = count(memory.totals, reading, cast, zone)
    standing, news = messages(memory.messages, reading)
    states, happened = changes(memory.states, reading, devices, cast.replaced)
    observed = Reading(
        seq,
        reading.at,
        reading.received,
        with_values(reading.values, made) if made else reading.values,
        devices,
        (*reading.events, *cast.events, *news, *happened),
        reading.telegram,
        reading.frame,
        reading.meter,
        reading.equipment_id,
    )
    return Memory(seq, cast.roles, totals, standing, states), observed
