"""What the commands on a history do: take out, copy, put back, take over. Each trouble is one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from p1monitor.errands import FAILED, explained, fail, history_of, load_here, moment
from p1monitor.settings import HistorySettings

#: Characters of the bar.
BAR = 30


def settings_of(config: Path, history: Path | None) -> HistorySettings:
    """How profiles are kept: as the configuration says, where there is one."""
    found = load_here(config).history if history is None or config.exists() else None
    return found or HistorySettings()


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
        fail("say what: --telegrams, or one of load, daily, billing, minute, mbus, readings")
    span = moment(start, reading_back.EVER[0]), moment(end, reading_back.EVER[1])
    path, bar = history_of(config, history), _Bar()
    with explained():
        try:
            if what is None:
                output.writelines(reading_back.telegrams(path, meter, *span))
            else:
                output.writelines(leaving.export(path, what, form, meter, span, bar.show))
            output.flush()
        except BrokenPipeError:  # whoever reads has had enough; what is buffered goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except blocks.BlockError as error:
            fail(f"a block of the archive is damaged ({error}); p1monitor verify names it", FAILED)
        finally:
            bar.end()


def backup(history: Path, target: Path, settings: HistorySettings, *, force: bool) -> str:
    """Make a backup; what is in it comes back."""
    from p1monitor.care.backup import backup as make  # noqa: PLC0415

    with explained():
        return str(make(history, target, force=force, minutes=settings.load_profile_minutes, billing_day=settings.billing_day))


def restore(source: Path, history: Path) -> str:
    """Put a backup back; what is in it comes back."""
    from p1monitor.care.backup import restore as put  # noqa: PLC0415

    with explained():
        return f"{put(source, history)}; p1monitor run goes on in it"


def take_in(
    history: Path, settings: HistorySettings, *, files: Sequence[Path], meter: str | None, profile: str, statistics: Sequence[str]
) -> Iterator[str]:
    """Take over what the files have; the report, line by line."""
    from p1monitor.care import hass  # noqa: PLC0415
    from p1monitor.care.incoming import ImportProblem  # noqa: PLC0415
    from p1monitor.care.taking_in import Wishes, take_in  # noqa: PLC0415

    chosen = dict(one.partition("=")[::2] for one in statistics)
    for name in chosen.keys() - set(hass.NAMES):
        fail(f'"{name}" is no name of a statistic; choose one of {", ".join(hass.NAMES)}')
    with explained():
        try:
            yield from take_in(history, files, Wishes(meter, profile, chosen, settings))
        except ImportProblem as error:
            fail(str(error), FAILED)


class _Bar:
    """How much is done: on a terminal's standard error only, and only when it moved."""

    def __init__(self) -> None:
        self._shown = -1
        self._on = sys.stderr.isatty()

    def show(self, share: float) -> None:
        """Draw it, if it looks otherwise than before."""
        done = int(share * 100)
        if self._on and done != self._shown:
            self._shown = done
            filled = done * BAR // 100
            sys.stderr.write(f"\r[{'#' * filled}{' ' * (BAR - filled)}] {done:3} %")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave its line."""
        if self._shown >= 0:
            sys.stderr.write("\n")
