"""Moments and seeds at which simulated meters are asked. Never part of the product."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st

from p1monitor.p1.records import Reading

NOON = datetime(2026, 6, 17, 10, tzinfo=UTC)  # a Wednesday, 12:00 on the wall
#: The nights on which the clock is changed, from the midnight before.
SPRING, AUTUMN = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)
JOULES = 3_600_000

#: Few, because each home has to add up its years once.
SEEDS = st.sampled_from((0, 7))
MOMENTS = st.one_of(
    st.integers(int(datetime(2023, 10, 1, tzinfo=UTC).timestamp()), int(datetime(2028, 3, 1, tzinfo=UTC).timestamp())),
    st.integers(int(SPRING.timestamp()), int(SPRING.timestamp()) + 90_000),
    st.integers(int(AUTUMN.timestamp()), int(AUTUMN.timestamp()) + 90_000),
    st.integers(int(datetime(2025, 12, 31, 22, tzinfo=UTC).timestamp()), int(datetime(2026, 1, 1, 1, tzinfo=UTC).timestamp())),
).map(lambda second: datetime.fromtimestamp(second, UTC))
LOOSE = settings(deadline=None, max_examples=60)


#: Model -> the numbers of its normal and its low tariff, where they are not the Dutch ones; nothing where it tells of none.
TARIFFS: dict[str, tuple[int, ...]] = {"emucs3": (1, 2), "delta": (1, 2), "clms100": (2, 3), "lux": (), "sweden": ()}
DUTCH = (2, 1)


def number(reading: Reading, name: str) -> Decimal:
    """The value of a name, which is a number."""
    measured = reading.values[name].value
    assert isinstance(measured, Decimal)
    return measured
