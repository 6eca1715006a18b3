"""How the configuration wants a meter to be understood: by its reader, and when its journal is read again. Never observes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from p1monitor.observer import Rules
from p1monitor.settings import MeterSettings


class Terms(NamedTuple):
    """What decode() and observe() are told of one meter besides its telegrams."""

    profile: str  #: the country
    configured: Mapping[str, str]  #: equipment identifier -> role
    rules: Rules


def terms(meter: MeterSettings) -> Terms:
    """The terms of one `[[meter]]`."""
    limit = None if meter.power_limit_w is None else Decimal(str(meter.power_limit_w))
    rules = Rules(meter.demand_minutes, meter.demand_periods, meter.billing_day, limit, meter.quality)
    return Terms(meter.profile, {identifier: role for role, identifier in meter.roles.items()}, rules)
