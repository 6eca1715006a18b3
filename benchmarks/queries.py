"""Ten simulated years in a history: how long the page's questions take.

The years are built at a coarser step, straight through the ledger; the last days by the minute. Ends with 1 where a
question takes longer than the limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
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
from p1monitor.recorder import Queries, Store, build
from p1monitor.recorder.ledger import Ledger, Stamp
from p1monitor.recorder.levels import load_profile
from p1monitor.settings import HistorySettings

METER = "home"
HOUR_S, DAY_S = 3600, 86_400
START = int(datetime(2016, 1, 1, tzinfo=UTC).timestamp())
#: Seconds between readings of older days, and of the newest, whose minutes are asked for.
COARSE_S, FINE_S, FINE_DAYS = 900, 60, 30
LIMIT_MS = 20.0
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
    """Milliseconds, the median of some rounds after a first one."""
    ask()
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        ask()
        times.append((time.perf_counter() - begin) * 1000)
    return median(times)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=10)
    years = parser.parse_args().years
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        begin = time.perf_counter()
        end = built(path, years)
        print(f"{years} years built in {time.perf_counter() - begin:.0f} s, {path.stat().st_size / 1e6:.0f} MB")
        queries = Queries(path)
        names = ["power_w", "voltage_l1_v"]
        questions: dict[str, Callable[[], object]] = {
            "year by day": lambda: queries.profile("daily", METER, end - 365 * DAY_S, end),
            "year by day, as a chart": lambda: queries.series(METER, names, end - 365 * DAY_S, end, 400),
            "day by 5 minutes": lambda: queries.series(METER, names, end - DAY_S, end, 288),
            "hour by minute": lambda: queries.series(METER, names, end - 3600, end, 300),
            "ten years by month": lambda: queries.profile("billing", METER, START, end),
            **last_hour(Path(folder)),
            "used today": lambda: queries.used(METER, end - DAY_S, end),
        }
        slow = []
        for name, ask in questions.items():
            milliseconds = took(ask)
            print(f"{name:28s} {milliseconds:8.2f} ms")
            if milliseconds > LIMIT_MS:
                slow.append(name)
        queries.close()
    print("; ".join(f"{name} takes longer than {LIMIT_MS:.0f} ms" for name in slow) or "well")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
