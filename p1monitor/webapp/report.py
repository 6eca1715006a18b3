"""One month's voltage quality as a page to print: ten-minute means against EN 50160. Pure; never asks a store.

EN 50160 §4.2.2 (low voltage): of each week's ten-minute means 95 % within the nominal voltage ±10 %, and all within +10/−15 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from itertools import pairwise
from typing import NamedTuple

from p1monitor.days import Edge
from p1monitor.observer.nominal import BASE_V, DELTA_V, LIVE_V
from p1monitor.recorder.profiles import Bit
from p1monitor.recorder.quality_rows import GAP_S
from p1monitor.recorder.samples import VOLTAGES

#: Shares of the nominal voltage.
LEAST, MOST, LEAST_EVER = 0.9, 1.1, 0.85
#: … of the ten-minute means of a week within the first two.
SHARE = 0.95
#: Of fewer of a week's rows nobody can say whether 95 % were within.
KNOWN_LEAST = 0.9
#: Of a phase from a star point that the meter makes of three phases of 230 V: not above what 230 V may fall to.
_DELTA_MOST = 160.0
#: Ten minutes in which the power failed or the clock was wrong are no normal operation.
_NOT_NORMAL = Bit.PDN | Bit.CIV
_ROW_S = 600

CAVEAT = (
    "These are the voltages that the meter tells through its P1 port: one value a second at most, some meters one in ten seconds. "
    "EN 50160 is about ten-minute means of the effective value, taken without a gap by an instrument of class A (IEC 61000-4-30); "
    "the means here are of the seconds that were told. They show what an instrument should look for; they are no proof of it."
)


class Week(NamedTuple):
    """What is told of seven days of one phase, or of what is left of the month."""

    first: date
    last: date  #: the day
    rows: int
    expected: int
    within: int  #: of the rows
    lowest: float | None
    highest: float | None
    ever: bool  #: all within the wider limits
    gaps: int  #: rows in which telegrams were missing

    @property
    def kept(self) -> bool | None:
        """Whether both rules hold; None where too little is known. One mean beyond the wider limits is enough for a no."""
        if not self.ever:
            return False
        return self.within >= SHARE * self.rows if self.rows >= KNOWN_LEAST * self.expected else None


class PhaseMonth(NamedTuple):
    """One phase in the month."""

    name: str
    nominal: float
    lowest_second: float
    highest_second: float
    weeks: tuple[Week, ...]


class About(NamedTuple):
    """Whose report it is, and of what."""

    month: str
    meter: str
    equipment_ids: Sequence[str]
    first: date
    last: date  #: the day
    made: date

    def rows(self) -> Iterable[tuple[str, str]]:
        """What stands at its head; what is empty is written by hand."""
        yield from (("Customer", ""), ("Address, connection (EAN)", ""))
        yield "Meter", ", ".join(self.equipment_ids) or self.meter
        yield "Period", f"{self.first} – {self.last}, local time of the meter"
        yield "Made", f"{self.made}, by p1monitor, of the telegrams of the meter's P1 port"


def equipment(profile: Mapping[str, object]) -> list[str]:
    """The meters that measured it, in their order."""
    columns, rows = profile["columns"], profile["rows"]
    assert isinstance(columns, list)
    assert isinstance(rows, list)
    if not rows:  # then columns that are always empty are not told
        return []
    place = columns.index("equipment_id")
    return [one for one in dict.fromkeys(row[place] for row in rows) if one]


def phases(profile: Mapping[str, object], edges: Sequence[Edge]) -> list[PhaseMonth]:
    """Of each phase that is connected; `edges` are those of the weeks."""
    columns, rows = profile["columns"], profile["rows"]
    assert isinstance(columns, list)
    assert isinstance(rows, list)
    every = [dict(zip(columns, row, strict=True)) for row in rows]
    normal = [row for row in every if not int(row["status"]) & _NOT_NORMAL]
    found = []
    for name in VOLTAGES:
        known = [(row["end"], row[name], bool(row["status"] & Bit.DNV)) for row in normal if row.get(name) is not None]
        middle = sorted(mean for _, mean, _ in known)[len(known) // 2] if known else 0.0
        if middle < LIVE_V:
            continue
        nominal = float(DELTA_V if middle <= _DELTA_MOST else BASE_V)
        stem = name.removesuffix("_v")
        seconds = [row[f"{stem}_{part}_v"] for row in normal for part in ("min", "max") if row.get(f"{stem}_{part}_v") is not None]
        weeks = tuple(_week(known, nominal, *pair) for pair in pairwise(edges))
        label = stem.rpartition("_")[2].upper()
        found.append(PhaseMonth(label, nominal, min(seconds), max(seconds), weeks))
    return found


def page(about: About, told: Sequence[PhaseMonth], events: Iterable[Mapping[str, object]]) -> str:
    """The whole page."""
    parts = [_phase(one) for one in told] or ["<p>No voltages were kept in this month.</p>"]
    happened = [
        f"<tr><td>{_cell(one['at']).replace('T', ' ')}</td><td>{_cell(one['words'])}</td><td>{_far(one)}</td></tr>"
        for one in events
    ]
    table = f"<table><tr><th>when</th><th>what</th><th></th></tr>{''.join(happened)}</table>" if happened else "<p>None.</p>"
    rows = "".join(f"<tr><th>{name}</th><td>{_cell(value)}</td></tr>" for name, value in about.rows())
    summary = "".join(f"<p>{_summary(one)}</p>" for one in told)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Voltage quality {escape(about.month)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/report.css">
</head>
<body>
<h1>Voltage quality, {escape(about.month)}</h1>
<table class="about">{rows}</table>
{summary}
{"".join(parts)}
<h2>What happened</h2>
{table}
<h2>How it was measured</h2>
<p>EN 50160, low voltage: in each week {SHARE:.0%} of the ten-minute means of the voltage within the nominal voltage ±10 %, and all
within +10/−15 %. Weeks are counted from the first of the month; the last stretch is shorter. Ten minutes in which the power failed
or the meter's clock was wrong are not counted; "with a gap": telegrams were missing for more than {GAP_S} seconds. "–" in the last
column: less than {KNOWN_LEAST:.0%} of the stretch is known.</p>
<p>{CAVEAT}</p>
</body>
</html>
"""


def _summary(one: PhaseMonth) -> str:
    """The result, in a sentence."""
    broken, known = sum(week.kept is False for week in one.weeks), sum(week.kept is not None for week in one.weeks)
    if broken:
        return f"<strong>{one.name}: in {broken} of {len(one.weeks)} weeks the voltage was not as EN 50160 says.</strong>"
    if known < len(one.weeks):
        return f"{one.name}: of {len(one.weeks)} weeks {known} are as EN 50160 says; too little is known of the others."
    return f"{one.name}: all weeks are as EN 50160 says."


def _week(known: Sequence[tuple[float, float, bool]], nominal: float, begin: Edge, end: Edge) -> Week:
    rows = [(mean, gap) for stamp, mean, gap in known if begin.at < stamp <= end.at]
    means = [mean for mean, _ in rows]
    within = sum(LEAST * nominal <= mean <= MOST * nominal for mean in means)
    ever = all(LEAST_EVER * nominal <= mean <= MOST * nominal for mean in means)
    expected = round((end.at - begin.at) / _ROW_S)
    return Week(
        begin.date,
        end.date - timedelta(days=1),
        len(means),
        expected,
        within,
        min(means, default=None),
        max(means, default=None),
        ever,
        sum(gap for _, gap in rows),
    )


def _phase(one: PhaseMonth) -> str:
    rows = "".join(
        f"<tr><td>{week.first:%d-%m} – {week.last:%d-%m}</td><td>{_known(week)}</td><td>{_volts(week.lowest)}</td>"
        f"<td>{_volts(week.highest)}</td><td>{f'{week.within / week.rows:.1%}' if week.rows else '–'}</td>"
        f"<td>{'yes' if week.ever and week.rows else 'no' if week.rows else '–'}</td><td>{_verdict(week.kept)}</td></tr>"
        for week in one.weeks
    )
    return f"""<h2>{one.name}, nominal {one.nominal:g} V</h2>
<table><tr><th>from – to</th><th>ten minutes known</th><th>lowest mean</th><th>highest mean</th><th>within ±10&nbsp;%</th>
<th>all within +10/−15&nbsp;%</th><th>as EN 50160 says</th></tr>{rows}</table>
<p>Lowest single value {_volts(one.lowest_second)}, highest {_volts(one.highest_second)}.</p>
"""


def _known(week: Week) -> str:
    return f"{week.rows} of {week.expected}" + (f"<br>{week.gaps} with a gap" if week.gaps else "")


def _verdict(kept: bool | None) -> str:
    return {True: "yes", False: "<strong>no</strong>", None: "–"}[kept]


def _volts(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} V"


def _cell(value: object) -> str:
    return escape("" if value is None else str(value))


def _far(event: Mapping[str, object]) -> str:
    seconds, value = event.get("seconds"), event.get("value")
    parts = [f"for {seconds:.0f} s" if isinstance(seconds, (int, float)) else "", f"to {value} {event['unit']}" if value else ""]
    return _cell(", ".join(part for part in parts if part))
