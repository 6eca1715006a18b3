"""What the web asks of a history. Words without work: recorder/queries.py answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Queries(Protocol):
    """What is asked of the store, from any thread."""

    def series(self, meter: str, names: Sequence[str], start: float, end: float, points: int) -> Mapping[str, object]:
        """Columns of values between two moments, in at most so many rows."""

    def profile(self, name: str, meter: str, start: float, end: float) -> Mapping[str, object]:
        """Rows of one profile between two moments."""

    def devices(self, meter: str) -> Sequence[Mapping[str, object]]:
        """The devices that a meter has had, each with its role."""

    def used(self, meter: str, start: float, end: float) -> Mapping[str, object]:
        """How far each register went between two moments, by role."""

    def steps(self, meter: str, edges: Sequence[float]) -> Mapping[str, Mapping[str, Sequence[float | None]]]:
        """How far each register went from each moment to the next, by role."""

    def powers(self, meter: str, start: float, end: float) -> Mapping[str, object]:
        """Mean, highest and lowest power between two moments."""

    def first(self, meter: str) -> float | None:
        """When the meter's history begins."""

    def events(
        self, meter: str, limit: int, *, kinds: Sequence[str], start: float | None, end: float | None, phase: str | None
    ) -> Sequence[Mapping[str, object]]:
        """The newest events of these kinds, this time and this phase."""
