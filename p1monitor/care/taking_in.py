"""History from elsewhere: which kind of file it is, who reads it, and what came of it. Never runs beside a daemon."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from p1monitor.care import dsmrreader, hass, own
from p1monitor.care.incoming import ImportProblem, Incoming, beside
from p1monitor.care.local import day_of
from p1monitor.care.logs import Logs, Told
from p1monitor.care.merging import Taken, merge
from p1monitor.care.watched import Progress, of, text, unseen
from p1monitor.recorder import Store, StoreError
from p1monitor.recorder.levels import load_profile
from p1monitor.recorder.opening import DAMAGE, opened_for_reading, sentence
from p1monitor.recorder.queries import PROFILES
from p1monitor.recorder.reading_back import Past
from p1monitor.settings import HistorySettings

#: Enough to see what a file is.
LOOK = 4096
SQLITE = b"SQLite format 3\0"
DEFAULT_METER = "home"
DAY_S = 86_400
_NAMES = {table: name for name, table in PROFILES.items()}


class Wishes(NamedTuple):
    """What was said besides the files."""

    meter: str | None = None
    profile: str = "auto"  #: country, as decode() takes it
    statistics: Mapping[str, str] = {}  #: ours -> Home Assistant's
    settings: HistorySettings = HistorySettings()
    billing_day_of: Callable[[str], int] = lambda _meter: 1


def take_in(history: Path, files: Sequence[Path], wishes: Wishes, progress: Progress = unseen) -> Iterator[str]:
    """Take over what the files have; the report, line by line. StoreError or ImportProblem says why not."""
    kinds = {path: kind_of(path) for path in files}
    waiting = _waiting(history) if history.exists() else {}
    store = Store(history)
    try:
        store.installation()
        logs = [path for path, kind in kinds.items() if kind == "telegrams"]
        if logs:
            with beside(history) as incoming:
                yield from _telegrams(store, incoming, logs, wishes, waiting, progress)
        for paths in _together(kinds):
            with beside(history) as incoming:
                for number, path in enumerate(paths):
                    _READERS[kinds[path]](path, store, incoming, wishes, of(progress, number, len(paths)))
                yield from _report(str(paths[0]) if len(paths) == 1 else "", merge(store, incoming), incoming.notes)
    except DAMAGE as error:
        raise StoreError(sentence(history, error)) from error
    finally:
        store.close()


def _together(kinds: Mapping[Path, str]) -> Iterator[list[Path]]:
    """Our own exports are one history in several files; all others stand alone."""
    if ours := [path for path, kind in kinds.items() if kind == "own"]:
        yield ours
    yield from ([path] for path, kind in kinds.items() if kind not in {"own", "telegrams"})


def kind_of(path: Path) -> str:
    """`telegrams`, or a name of `_READERS`."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            look = file.read(LOOK)
    except (OSError, EOFError) as error:
        raise ImportProblem(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if look.startswith(SQLITE):
        return "hass"
    if look.startswith((b"{", own.BEGIN.encode())):
        return "own"
    if path.suffix == ".hex" or look.startswith(b"/") or b"\n/" in look or b"\r/" in look:
        return "telegrams"
    if b"," in look.partition(b"\n")[0]:
        return "dsmrreader"
    raise ImportProblem(f"{path}: neither telegrams, nor an export that p1monitor knows, nor Home Assistant's database")


def _telegrams(
    store: Store,
    incoming: Incoming,
    paths: Sequence[Path],
    wishes: Wishes,
    waiting: Mapping[str, frozenset[tuple[int, bytes]]],
    progress: Progress,
) -> Iterator[str]:
    meter = wishes.meter or _only(store)
    levels = load_profile(wishes.settings.load_profile_minutes), wishes.billing_day_of(meter)
    logs = Logs(store, incoming, meter, wishes.profile, levels, waiting)
    try:
        logs.read(paths, progress)
        taken = merge(store, incoming, logs.sum_up)
    except BaseException:  # Ctrl-C too
        logs.undo()
        raise
    told = logs.told
    if not told.telegrams:
        raise ImportProblem(
            f"{paths[0]}: no good telegram with a time of its own ({told.rejected} refused, {told.undated} undated)"
        )
    yield _of_telegrams(meter, told)
    yield from _report("", taken, incoming.notes)


def _own(path: Path, _store: Store, incoming: Incoming, _wishes: Wishes, progress: Progress) -> None:
    with text(path, progress) as file:
        own.read(file, str(path), incoming)


def _dsmrreader(path: Path, store: Store, incoming: Incoming, wishes: Wishes, progress: Progress) -> None:
    meter, gas = _joined(store, path, wishes)
    with text(path, progress) as file:
        dsmrreader.read(file, str(path), incoming, meter, gas)


def _hass(path: Path, store: Store, incoming: Incoming, wishes: Wishes, _progress: Progress) -> None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'statistics_meta'").fetchone():
            raise ImportProblem(f"{path}: no database of Home Assistant; a backup of p1monitor's is for p1monitor restore")
    meter, gas = _joined(store, path, wishes)
    hass.read(path, incoming, meter, gas, wishes.statistics)


_Reader = Callable[[Path, Store, Incoming, Wishes, Progress], None]
_READERS: Mapping[str, _Reader] = {"own": _own, "dsmrreader": _dsmrreader, "hass": _hass}


def _joined(store: Store, path: Path, wishes: Wishes) -> tuple[str, str | None]:
    """The meter that theirs joins, and the role of its gas meter. It has to be there, so that totals can go on from theirs."""
    meter = wishes.meter or _only(store)
    sql = """SELECT d.role FROM device d JOIN meter m ON m.id = d.meter WHERE m.name = ? AND d.medium = ?
        AND EXISTS (SELECT 1 FROM segment WHERE device = d.id) ORDER BY d.id LIMIT 1"""
    if not store.execute(sql, (meter, "electricity")).fetchone():
        raise ImportProblem(f"{path}: let p1monitor read the meter {meter} first, so that its registers can go on from these")
    gas = store.execute(sql, (meter, "gas")).fetchone()
    return meter, None if gas is None else str(gas[0])


def _only(store: Store) -> str:
    names = [str(name) for (name,) in store.execute("SELECT name FROM meter ORDER BY id").fetchall()]
    if len(names) > 1:
        raise ImportProblem(f"which meter is it? Say --meter, one of {', '.join(names)}")
    return names[0] if names else DEFAULT_METER


def _waiting(history: Path) -> dict[str, frozenset[tuple[int, bytes]]]:
    """What only the journal has."""
    try:
        with closing(opened_for_reading(history)) as db:
            if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'archive'").fetchone():
                return {}  # of a version that had no journal
    except DAMAGE as error:
        raise StoreError(sentence(history, error)) from error
    found: dict[str, set[tuple[int, bytes]]] = {}
    with closing(Past(history)) as past:
        for meter, kept in past.journal(past.archived()):
            found.setdefault(meter, set()).add((kept.at, kept.frame))
    return {meter: frozenset(some) for meter, some in found.items()}


def _of_telegrams(meter: str, told: Told) -> str:
    words = f"{meter}: {told.telegrams} telegrams, {_days(told.start or 0, told.end)}; {told.kept} kept"
    words += f", {told.telegrams - told.kept} were there already" if told.kept < told.telegrams else ""
    words += _gaps(told.gaps, told.missing)
    words += f"; {told.undated} without a time left out" if told.undated else ""
    return words + (f"; {told.rejected} refused" if told.rejected else "")


def _report(name: str, taken: Sequence[Taken], notes: Sequence[str]) -> Iterator[str]:
    before = f"{name}: " if name else ""
    yield from (f"{before}{note}" for note in notes)
    for one in taken:
        words = f"{before}{one.meter}/{one.role}, {_NAMES[one.table]}: {one.rows} rows put in, {_days(one.start, one.end)}"
        words += f"; {one.there} were there already" if one.there else ""
        sums = ", ".join(f"{register} {value / 1000:.3f}" for register, value in one.sums.items())
        yield words + _gaps(one.gaps, one.missing) + (f"; in all of them {sums}" if sums else "")


def _gaps(gaps: int, missing: int) -> str:
    return f"; {gaps} gaps, {missing / DAY_S:.1f} days" if gaps else "; no gap"


def _days(start: int, end: int) -> str:
    return f"{day_of(start)} to {day_of(end - 1)}"
