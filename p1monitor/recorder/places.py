"""Devices and their segments: which physical meter a register belongs to, and how totals go on. Never stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from p1monitor.recorder import samples
from p1monitor.recorder.levels import HOUR_S
from p1monitor.recorder.profiles import Fold, Sample
from p1monitor.recorder.store import Segment


@dataclass(slots=True)
class Place:
    """One device: the electricity meter or a role on its M-Bus."""

    device: int
    segment: Segment | None
    folds: dict[str, Fold] = field(default_factory=dict)  #: by register; the electricity meter has one, ""
    known: dict[str, int] = field(default_factory=dict)  #: the newest registers of the segment
    carried: dict[str, int] = field(default_factory=dict)  #: totals of registers that the new meter has not told yet
    forgotten: int = 0  #: when old rows were dropped, by its own time

    @property
    def segment_id(self) -> int:
        """Number of the segment; there is one as soon as a reading was settled."""
        assert self.segment is not None
        return self.segment.id

    def remember(self) -> None:
        """Take the registers from the folds, after a restart."""
        for name, fold in self.folds.items():
            last = fold.last
            if last is not None and self.segment is not None and last.segment == self.segment.id:
                names = (name,) if name else samples.REGISTERS
                self.known.update({one: value for one, value in zip(names, last.registers, strict=True) if value is not None})

    def settled(self, new: int, equipment_id: str, seq: int, now: Mapping[str, int]) -> Segment:
        """The segment that these registers belong to: `new` is the number of another one, if one has to begin."""
        segment = self.segment
        if segment is None:
            segment = Segment(new, self.device, equipment_id, seq, {})
        elif segment.equipment_id and equipment_id and equipment_id != segment.equipment_id:
            self.carried = {**self.carried, **{name: segment.offset.get(name, 0) + value for name, value in self.known.items()}}
            begun = samples.offsets(self.carried, now)
            segment = Segment(new, self.device, equipment_id, seq, begun)
            self.carried = {name: total for name, total in self.carried.items() if name not in now}
            self.known = {}
        elif fallen := samples.fallen(self.known, now):
            offset = {name: segment.offset.get(name, 0) + more for name, more in fallen.items()}
            segment = Segment(new, self.device, segment.equipment_id, seq, {**segment.offset, **offset})
        if equipment_id and not segment.equipment_id:
            segment = segment._replace(equipment_id=equipment_id)
        if late := self.carried.keys() & now.keys():  # held back when the meter was replaced
            offset = samples.offsets(self.carried, {name: now[name] for name in late})
            segment = segment._replace(offset={**segment.offset, **offset})
            self.carried = {name: total for name, total in self.carried.items() if name not in late}
        self.known.update(now)
        self.segment = segment
        return segment


def again(last: Sample, sample: Sample, *, dated: bool) -> bool:
    """Tell whether this is the capture that came before; a value without a time of its own counts once an hour."""
    if (last.segment, last.registers) != (sample.segment, sample.registers):
        return False
    return sample.at == last.at or (not dated and sample.at // HOUR_S == last.at // HOUR_S)
