"""Simulated meters: (moment, seed) to Telegram, always the same for the same. Never asks a clock, never remembers.

A model is a household, and a function that writes what its meter knows (State) as a telegram: a table of lines, each a
catalogue row with the model's number format. Scenes befall the state, so that every model can be staged alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from p1monitor.p1 import belgian, corinex, dutch, iskra, totalling
from p1monitor.p1.household import NORMAL_UNTIL, Household
from p1monitor.p1.scenes import Scene, stage
from p1monitor.p1.state import State, begin
from p1monitor.p1.telegram import Telegram, render


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of simulated meter."""

    name: str
    title: str  #: for people
    period_s: float  #: between telegrams
    settings: str  #: of its serial port
    write: Callable[[State], Telegram]
    panels_w: int = 0  #: of the home's solar panels
    normal_until: int = NORMAL_UNTIL  #: the hour in which the normal tariff ends
    seal: Callable[[bytes, int], bytes] | None = None  #: encrypts what is sent in a second, POSIX

    def telegram(self, moment: datetime, seed: int) -> Telegram:
        """Return what it sends at a moment (aware; whole seconds count)."""
        return self.write(begin(self._home(seed), moment))

    def staged(self, moment: datetime, seed: int, scenes: Iterable[Scene]) -> Telegram | None:
        """Return what it sends when scenes befall it; None while it has no power."""
        state = stage(begin(self._home(seed), moment), scenes)
        return None if state.silent else self.write(state)

    def sent(self, telegram: Telegram, moment: datetime) -> bytes:
        """Return the bytes on its port."""
        text = render(telegram)
        return text if self.seal is None else self.seal(text, int(moment.timestamp()))

    def _home(self, seed: int) -> Household:
        return Household(seed, self.panels_w, self.normal_until)


_PANELS_W = 4000
_BELGIAN_UNTIL = 22
#: Every simulated meter, by name.
MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            Model("esmr5", "Dutch three-phase meter (ESMR 5) with gas and solar panels", 1.0, "115200 8N1", dutch.esmr5, _PANELS_W),
            Model("me381", "Iskraemeco ME381, single-phase, with gas and messages", 10.0, "9600 7E1", iskra.me381),
            Model("mt381", "Iskraemeco MT381, three-phase, with gas and solar panels", 10.0, "9600 7E1", iskra.mt381, _PANELS_W),
            Model("kwhiq", "KWHIQ IQ0102065BNEM, single-phase (DSMR 5.0.2)", 1.0, "115200 8N1", dutch.kwhiq),
            Model(
                "emucs3",
                "Belgian three-phase meter (e-MUCS-P1) with gas, water and solar panels",
                1.0,
                "115200 8N1",
                belgian.emucs3,
                _PANELS_W,
                _BELGIAN_UNTIL,
            ),
            Model("dsmr22", "Dutch single-phase meter of DSMR 2.2 with gas", 10.0, "9600 7E1", dutch.dsmr22),
            Model("lux", "Luxembourgish meter, encrypted", 10.0, "115200 8N1", totalling.lux, seal=totalling.sealed),
            Model(
                "sweden",
                "Swedish three-phase meter with solar panels",
                10.0,
                "115200 8N1",
                totalling.sweden,
                _PANELS_W,
            ),
            Model("clms100", "Corinex CLMS100, single-phase, six tariffs, for its optical port", 10.0, "300 7E1", corinex.clms100),
            Model(
                "delta", "Belgian meter in a delta net of 3 × 230 V, with gas", 1.0, "115200 8N1", belgian.delta, 0, _BELGIAN_UNTIL
            ),
        )
    }
)
