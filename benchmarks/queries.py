"""Ten simulated years in a history: how long the page's questions take, and whether they leave memory as it was.

The years are built at a coarser step, straight through the ledger; the last days by the minute, and the last one by the second,
as blocks. Hours and days of the archive's other numbers are written as their rows. Ends with 1 where a question takes longer
than the limit, or many of them leave something behind.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

from p1monitor.clock import SystemClock
from p1monitor.observer import Memory, observe
from p1monitor.p1.frames import Frame
from p1monitor.p1.meters import MODELS
from p1monitor.p1.reading import decode
from p1monitor.p1.records import Measurement, Reading, Received
from p1monitor.p1.telegram import Telegram, parse, render
from p1monitor.recorder import Queries, Store, blocks, build
from p1monitor.recorder.block_rows import begun, put
from p1monitor.recorder.kept import Kept, Verdict
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.levels import load_profile
from p1monitor.recorder.measured import GAUGES
from p1monitor.recorder.shapes import Shapes
from p1monitor.recorder.store import Segment
from p1monitor.recorder.summaries import RECORD
from p1monitor.settings import HistorySettings

METER = "home"
HOUR_S, DAY_S = 3600, 86_400
START = int(datetime(2016, 1, 1, tzinfo=UTC).timestamp())
#: Seconds between readings of older days, and of the newest, whose minutes are asked for.
COARSE_S, FINE_S, FINE_DAYS = 900, 60, 30
LIMIT_MS = 20.0
#: So many questions leave no more than this: pages of SQLite's cache may come and go.
ASKED, LEFT_MB = 200, 1.0
#: A number of each kind: from the profiles, from the archive's hours and days, a register, and another meter's.
NAMES = ("power_w", "voltage_l1_v", "current_l1_a", "energy_import_t1_kwh", "gas_m3")
ROUNDS = 20
SAVE_EVERY = 50_000
TELEGRAM = Telegram("TST5\\2P1MONITOR-1", (), "valid")


def readings(years: int) -> Iterator[tuple[Reading, Stamp]]:
    """A year after the other."""
    end = START + years * 365 * DAY_S
    at, seq, imported = START, 0, 1000
    while at < end:
        seq += 1
        imported += 30
        power = Decimal(seq * 37 % 3000)
        values = {
            "energy_import_kwh": Measurement(Decimal(imported).scaleb(-3), "kWh", ""),
            "energy_import_t1_kwh": Measurement(Decimal(imported).scaleb(-3), "kWh", ""),
            "energy_export_kwh": Measurement(Decimal(imported // 2).scaleb(-3), "kWh", ""),
            "power_w": Measurement(power, "W", ""),
            "voltage_l1_v": Measurement(Decimal("230.1"), "V", ""),
        }
        yield Reading(seq, None, None, values, (), (), TELEGRAM, b"", METER, "E1"), Stamp(at, 3600, 0)
        at += COARSE_S if at < end - FINE_DAYS * DAY_S else FINE_S


def built(path: Path, years: int) -> int:
    """Fill a history; the last moment comes back."""
    store = Store(path)
    ledger = Ledger(store, METER, load_profile(15))
    for number, (reading, stamp) in enumerate(readings(years), 1):
        ledger.enter(reading, stamp)
        if number % SAVE_EVERY == 0:
            saved(store, ledger)
    saved(store, ledger)
    store.close()
    return stamp.at


def summed(path: Path, years: int) -> None:
    """Hours and days of every number that the simulated meter prints, and of a gas meter, for all those years."""
    store, end = Store(path), START + years * 365 * DAY_S
    frame = render(MODELS["esmr5"].telegram(datetime.fromtimestamp(START, UTC), 0))
    names = sorted(name for name in decode(parse(Frame(frame))).values if name in GAUGES)
    gas = store.device(METER, "gas", "gas")
    with store.transaction():
        segment = Segment(store.next_segment, gas, "G1", 1, {})
        store.keep(segment)
        store.execute("INSERT INTO summary_layout VALUES (1, ?)", (json.dumps(names),))
        meter, last = store.meter(METER), end - DAY_S
        for seconds in (HOUR_S, DAY_S):
            for at in range(START + seconds, last + 1, seconds):
                packed = RECORD.pack(seconds, -at // HOUR_S % 1000, at // HOUR_S % 9999, at) * len(names)
                row = (meter, seconds, at, at - seconds, seconds, 1, packed)
                store.execute("INSERT INTO summary VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        sql = "INSERT INTO mbus_profile VALUES (?, 'gas_m3', ?, ?, ?, 0, 1, ?, ?)"
        for at in range(START + HOUR_S, end + 1, HOUR_S):
            store.execute(sql, (gas, at, segment.id, at - HOUR_S, at, (at - START) // 36))
    size = store.execute("SELECT sum(length(numbers)) FROM summary WHERE seconds = ?", (HOUR_S,)).fetchone()[0]
    print(f"{len(names)} numbers: {size / years / 365 / 24:.0f} bytes an hour, and as many a day")
    store.close()


def last_day(path: Path, end: int) -> None:
    """The day until then, by the second, in blocks."""
    store, shapes = Store(path), Shapes()
    verdict = Verdict("E1", (), ())
    began = time.process_time()
    for hour in range(end // HOUR_S - 24, end // HOUR_S):
        kept = []
        for at in range(hour * HOUR_S, (hour + 1) * HOUR_S):
            frame = render(MODELS["esmr5"].telegram(datetime.fromtimestamp(at, UTC), 0))
            kept.append(Kept(at, at, HOUR_S, 0, at, "valid", verdict, frame))
        span = begun(kept[0])
        for one in kept:
            span.add(one)
        block = blocks.made(kept, shapes)
        with store.transaction():
            put(store, METER, span, block, shapes)
    print(f"a day by the second built in {time.process_time() - began:.0f} s")
    store.close()


def last_hour(folder: Path) -> dict[str, Callable[[], object]]:
    """The last hour by second, of another history that is no older: half of it is sealed, half is not."""
    path, memory, clock = folder / "hour.sqlite", Memory(), Standing()
    recorder = build(HistorySettings(path=path), Store(path), clock=clock, trusted=lambda: True)
    begin = datetime(2026, 6, 1, 10, 15, tzinfo=UTC)
    for second in range(HOUR_S + 900):
        at = begin + timedelta(seconds=second)
        frame = render(MODELS["esmr5"].telegram(at, 0))
        received = Received(at.timestamp(), float(second))
        memory, reading = observe(memory, decode(parse(Frame(frame)), received, meter=METER, frame=frame))
        recorder.deliver([reading])
    queries = Queries(path, recorder.recent)
    end = int(begin.timestamp()) + HOUR_S + 899
    names = ["power_w", "voltage_l1_v", "voltage_l2_v", "voltage_l3_v"]
    found = queries.series(METER, names, end - HOUR_S, end, HOUR_S)
    if found["end"] != list(range(end - HOUR_S + 1, end + 1)):
        sys.exit("the last hour has not every second")
    return {
        "last hour by second": lambda: queries.series(METER, names, end - HOUR_S, end, HOUR_S),
        "… thinned out for a chart": lambda: queries.series(METER, names[:1], end - HOUR_S, end, 400),
    }


class Standing(SystemClock):
    """The host's clock, which stands still while an hour is made: so profiles are saved by the archive's needs alone."""

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return 0.0


def saved(store: Store, ledger: Ledger) -> None:
    """As the recorder does it."""
    with store.transaction():
        ledger.write()
    ledger.written()


def took(ask: Callable[[], object]) -> float:
    """Milliseconds of the processor, the median of some rounds after a first one: so others on the machine do not count."""
    ask()
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        ask()
        times.append((time.process_time() - begin) * 1000)
    return median(times)


def left(questions: Iterable[Callable[[], object]]) -> float:
    """Megabytes more that the process has after many questions than after the first of them."""
    some = list(questions)
    sizes = []
    for many in (len(some), ASKED, ASKED):
        for number in range(many):
            some[number % len(some)]()
        sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
    return (sizes[2] - sizes[1]) / 1e6


def asked(queries: Queries, end: int) -> dict[str, Callable[[], object]]:
    """The questions, by what they are called."""

    def series(span: int, points: int, *names: str) -> Callable[[], object]:
        return lambda: queries.series(METER, names, end - span, end, points)

    ever, year = end - START, 365 * DAY_S
    return {
        "year by day": lambda: queries.profile("daily", METER, end - year, end),
        "ten years by month": lambda: queries.profile("billing", METER, START, end),
        "used today": lambda: queries.used(METER, end - DAY_S, end),
        **{f"ten years at 1 000 points, {name}": series(ever, 1000, name) for name in NAMES},
        **{f"year at 400 points, {name}": series(year, 400, name) for name in NAMES},
        **{f"day by 5 minutes, {name}": series(DAY_S, 288, name) for name in NAMES},
        "year at 400 points, power and voltage": series(year, 400, "power_w", "voltage_l1_v"),
        "hour by minute": series(HOUR_S, 60, "power_w", "energy_import_kwh"),
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=10)
    years = parser.parse_args().years
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        begin = time.perf_counter()
        built(path, years)
        summed(path, years)
        end = START + years * 365 * DAY_S
        last_day(path, end)
        print(f"{years} years built in {time.perf_counter() - begin:.0f} s, {path.stat().st_size / 1e6:.0f} MB")
        queries = Queries(path)
        questions = {**asked(queries, end), **last_hour(Path(folder))}
        slow = []
        for name, ask in questions.items():
            milliseconds = took(ask)
            print(f"{name:50s} {milliseconds:8.2f} ms")
            if milliseconds > LIMIT_MS:
                slow.append(f"{name} takes longer than {LIMIT_MS:.0f} ms")
        more = left(questions.values())
        print(f"{ASKED} questions leave {more:.1f} MB")
        slow += ["questions leave something behind"] if more > LEFT_MB else []
        queries.close()
    print("; ".join(slow) or "well")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
