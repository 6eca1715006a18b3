"""What a sink is, and what it may expect of the one that runs it. Never starts a thread, never retries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from p1monitor.p1.records import Reading


class SinkError(Exception):
    """Expected trouble, told in one sentence that says what to do. Never carries a secret."""

    def __init__(
        self,
        sentence: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        too_many: bool = False,
        proven: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.permanent = permanent  #: offering the same readings again makes no sense: fewer of them, or one less
        self.retry_after = retry_after  #: seconds the other side asked us to wait
        self.too_many = too_many  #: fewer readings at once may come through
        self.proven = proven  #: others were taken: that this is refused is no fault of the configuration


class Sink(Protocol):
    """A place readings go to. All three are called from one thread, the sink's own."""

    name: str

    def open(self) -> None:
        """Connect or bind. Raising means: not ready; it is tried again with backoff."""

    def deliver(self, readings: Sequence[Reading]) -> bool | None:
        """Take the readings, oldest first. Returning means accepted, all of them; raising means none need be.

        False: nothing of them was to be sent, so that this tells nothing of the other side.

        An empty sequence is the heartbeat: nothing came for `Policy.heartbeat` seconds.
        """

    def close(self) -> None:
        """Let go of everything, within five seconds whatever the other side does; also after a failed open."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a sink is run. Live sinks want the newest and may skip; the others get everything, in order.

    A durable one gets what it missed out of the archive, where there is one; the newest go first, each meter's rest in order.
    Its readings have a moment of their own (apart.py), the same one whenever they are sent.
    """

    live: bool
    queue: int  #: readings that may wait, of a live sink for each meter; beyond it the oldest go, counted
    batch: int = 1  #: readings per deliver, at most
    gather_s: float = 0.0  #: how long to wait for a batch to fill
    heartbeat_s: float | None = None  #: deliver() of nothing after so long without a reading
    retry_first_s: float = 1.0
    retry_most_s: float = 60.0
    durable: bool = False
    resolution_s: int = 0  #: of a durable one: of each interval the first reading only has its values; 0: all have
    place: str = ""  #: where a durable one puts things: another place is another cursor
    backfill: bool = False  #: a place that is new gets all that is in the archive, not only what comes


#: Name of a register -> how far it went in a period. What is not known is left out.
Spent = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class House:
    """What every sink may know of the daemon it is in."""

    installation: str  #: made at first start, never changes: the root of all outward identities
    meters: tuple[str, ...]
    version: str
    url: str | None = None  #: of the page, where it can be reached from elsewhere
    stale_after: Callable[[str], float] = lambda _: 30.0  #: seconds without a telegram after which a meter is offline
    knows_time: Callable[[], bool] = lambda: True  #: whether the host's clock can be believed, now
    frames: Callable[[str], tuple[int, int]] = lambda _: (0, 0)  #: of a meter: valid telegrams so far, and refused ones
    #: What was used up to a reading in its "day", "month" and "year", as far as the history reaches back.
    spent: Callable[[Reading], Mapping[str, Spent]] = lambda _: {}
    profiles: Mapping[str, str] = field(default_factory=dict)  #: of meters, as configured: how their tariffs are called
