"""How far a sink has come with one meter's readings, by their numbers. Pure; never knows what a reading says.

Newest readings go first, so there may be holes behind them: what is owed. The cursor is the last number before the first hole.
"""

from __future__ import annotations

from typing import NamedTuple, Self

#: Holes that are remembered, one for each outage that is not made good yet; beyond that the nearest are filled in together, and
#: what lies between them is sent twice.
OWED_MOST = 16

Hole = tuple[int, int]  # first and last number of it


class Position(NamedTuple):
    """All up to `upto` was taken, but for the holes."""

    upto: int
    owed: tuple[Hole, ...] = ()

    @property
    def cursor(self) -> int:
        """Up to here nothing is missing."""
        return self.owed[0][0] - 1 if self.owed else self.upto

    @property
    def missing(self) -> int:
        """Numbers in holes."""
        return sum(last - first + 1 for first, last in self.owed)

    def took(self, seq: int) -> Self:
        """The sink has this reading; those between it and the one before are owed."""
        return self if seq <= self.upto else self._with(self.upto + 1, seq - 1, seq)

    def left(self, seq: int) -> Self:
        """This reading goes to the sink later, out of the archive."""
        return self if seq <= self.upto else self._with(self.upto + 1, seq, seq)

    def made_good(self, upto: int) -> Self:
        """Of the first hole, all up to this number is done with."""
        first, last = self.owed[0]
        rest = ((max(first, upto + 1), last),) if upto < last else ()
        return self._replace(owed=rest + self.owed[1:])

    def _with(self, first: int, last: int, upto: int) -> Self:
        holes = list(self.owed)
        if first <= last:
            if holes and holes[-1][1] == first - 1:
                first = holes.pop()[0]
            holes.append((first, last))
        if len(holes) > OWED_MOST:
            nearest = min(range(1, len(holes)), key=lambda one: holes[one][0] - holes[one - 1][1])
            holes[nearest - 1 : nearest + 1] = [(holes[nearest - 1][0], holes[nearest][1])]
        return self._replace(upto=upto, owed=tuple(holes))

    def __str__(self) -> str:
        """As it is noted: "6000", or with a hole "6000 101-5000"."""
        return " ".join((str(self.upto), *(f"{first}-{last}" for first, last in self.owed)))

    @classmethod
    def read(cls, text: str) -> Self:
        """Back; ValueError where somebody wrote something else."""
        upto, *holes = text.split(" ")
        pairs = [tuple(map(int, hole.split("-"))) for hole in holes]
        return cls(int(upto), tuple((first, last) for first, last in pairs))
