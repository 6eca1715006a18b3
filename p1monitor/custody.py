"""What the commands on a history do: take out, copy, put back, take over. Each trouble is one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from p1monitor.errands import FAILED, explained, fail, history_of, load_here, moment
from p1monitor.settings import HistorySettings, MeterSettings
from p1monitor.terms import Terms, terms

#: Characters of the bar.
BAR = 30


class Ways(NamedTuple):
    """How profiles are kept, and meters understood."""

    settings: HistorySettings
    terms_of: Callable[[str], Terms]


def ways(config: Path, history: Path | None) -> Ways:
    """As the configuration says, where there is one."""
    found = load_here(config) if history is None or config.exists() else None
    known = {meter.name: terms(meter) for meter in found.meters} if found else {}
    other = terms(MeterSettings())  # it may not be configured any more
    return Ways((found and found.history) or HistorySettings(), lambda meter: known.get(meter, other))


def export(
    config: Path,
    history: Path | None,
    output: BinaryIO,
    *,
    what: str | None,
    telegrams: bool,
    form: str,
    start: str | None,
    end: str | None,
    meter: str | None,
) -> None:
    """Write what was asked for."""
    from p1monitor.care import export as leaving  # noqa: PLC0415 - each command loads what it needs
    from p1monitor.recorder import blocks, reading_back  # noqa: PLC0415

    if telegrams == (what is not None):
        fail("say what: --telegrams, or one of load, daily, billing, minute, mbus, quality, readings")
    span = moment(start, reading_back.EVER[0]), moment(end, reading_back.EVER[1])
    path, terms_of = history_of(config, history), ways(config, history).terms_of

    def country_of(name: str) -> str:
        return terms_of(name).profile

    with explained(), _bar() as progress:
        try:
            if what is None:
                output.writelines(reading_back.telegrams(path, meter, *span, progress))
            else:
                output.writelines(leaving.export(path, what, form, meter, span, progress, country_of))
            output.flush()
        except BrokenPipeError:  # whoever reads has had enough
            _let_go(output)
        except blocks.BlockError as error:
            fail(str(error), FAILED)
        except BaseException as error:  # Ctrl-C too: half a file would be taken for a whole one
            if isinstance(error, OSError):
                _let_go(output)
            if (half := Path(output.name)).is_file():
                half.unlink()
            if isinstance(error, OSError) and error.filename is None:
                error.filename = "standard output" if output.name == "-" else output.name
            raise


def _let_go(output: BinaryIO) -> None:
    """What is buffered goes nowhere: to write it when the command ends would fail once more."""
    if output.name in {"-", "<stdout>"}:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        with suppress(OSError):
            output.close()


def backup(history: Path, target: Path, ways: Ways, *, force: bool) -> str:
    """Make a backup; what is in it comes back."""
    from p1monitor.care.backup import backup as make  # noqa: PLC0415

    with explained(), _bar() as progress:
        return str(make(history, target, progress, force=force, minutes=ways.settings.load_profile_minutes, terms_of=ways.terms_of))


def restore(source: Path, history: Path) -> str:
    """Put a backup back; what is in it comes back."""
    from p1monitor.care.backup import restore as put  # noqa: PLC0415

    with explained(), _bar() as progress:
        return f"{put(source, history, progress)}; p1monitor run goes on in it"


def take_in(
    history: Path, ways: Ways, *, files: Sequence[Path], meter: str | None, profile: str, statistics: Sequence[str]
) -> Iterator[str]:
    """Take over what the files have; the report, line by line."""
    from p1monitor.care import hass  # noqa: PLC0415
    from p1monitor.care.incoming import ImportProblem  # noqa: PLC0415
    from p1monitor.care.taking_in import Wishes, take_in  # noqa: PLC0415

    def billing_day_of(meter: str) -> int:
        return ways.terms_of(meter).rules.billing_day

    chosen = dict(one.partition("=")[::2] for one in statistics)
    for name in chosen.keys() - set(hass.NAMES):
        fail(f'"{name}" is no name of a statistic; choose one of {", ".join(hass.NAMES)}')
    with explained(), _bar() as progress:
        try:
            yield from take_in(history, files, Wishes(meter, profile, chosen, ways.settings, billing_day_of), progress)
        except ImportProblem as error:
            fail(str(error), FAILED)


def verify(config: Path, history: Path | None, *, rebuild: bool) -> Iterator[str]:
    """A line for each fault; with `rebuild` for each profile too that was not what the telegrams say."""
    from p1monitor.afresh import rated  # noqa: PLC0415
    from p1monitor.recorder import remaking  # noqa: PLC0415
    from p1monitor.recorder.verify import faults  # noqa: PLC0415

    with explained(), _bar() as progress:
        path = history_of(config, history)
        yield from faults(path, progress)
        if rebuild:
            kept, terms_of = ways(config, history)

            def how(meter: str) -> remaking.How:
                return remaking.How(terms_of(meter).profile, terms_of(meter).rules.billing_day)

            yield from remaking.rebuilt(path, kept.load_profile_minutes, how, rated, progress)


class _Bar:
    """How much is done: on a terminal's standard error only, and only when it moved."""

    def __init__(self) -> None:
        self._shown = -1

    def show(self, share: float) -> None:
        """Draw it, if it looks otherwise than before."""
        done = int(share * 100)
        if done != self._shown:
            self._shown = done
            filled = done * BAR // 100
            sys.stderr.write(f"\r[{'#' * filled}{' ' * (BAR - filled)}] {done:3} %")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave its line."""
        if self._shown >= 0:
            sys.stderr.write("\n")


@contextmanager
def _bar() -> Iterator[Callable[[float], object]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    bar = _Bar()
    try:
        yield bar.show
    finally:
        bar.end()
