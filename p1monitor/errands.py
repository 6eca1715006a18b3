"""What every command needs: a configuration, an address, bytes; and, where they are wrong, one sentence and an exit status."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from p1monitor import config as config_file
from p1monitor import listen
from p1monitor.config import ConfigError
from p1monitor.rules import CHECKS
from p1monitor.settings import Settings, SourceSettings

#: Exit status where the configuration or the command's words are wrong; systemd does not try again (RestartPreventExitStatus).
WRONG = 2
#: … and where something stood in the way that may be gone the next time.
FAILED = 1
#: … and where it was Ctrl-C: as shells have it, 128 and the signal's number.
INTERRUPTED = 130


def address(text: str) -> tuple[str, int]:
    """Take "host:port" apart; a wrong one ends the command."""
    try:
        return listen.split(text)
    except ValueError as error:
        fail(f"{text}: {error}")


def load(config: Path) -> Settings:
    """Load a configuration; a wrong one ends the command."""
    try:
        return config_file.load(config)
    except ConfigError as error:
        fail(str(error))


def load_here(config: Path) -> Settings:
    """Load without systemd: what it gives to the service stands beside the configuration, under the same names."""
    if "CREDENTIALS_DIRECTORY" in os.environ:
        return load(config)
    os.environ["CREDENTIALS_DIRECTORY"] = str(config.absolute().parent)
    try:
        return load(config)
    finally:
        del os.environ["CREDENTIALS_DIRECTORY"]


def pace(speed: str) -> float | None:
    """Times real pace, within the limits of the configuration; None for as fast as it goes."""
    try:
        times = None if speed == "max" else float(speed)
    except ValueError:
        fail(f'--speed {speed}: a number, or "max"')
    wrong = None if times is None else CHECKS[SourceSettings, "speed"](times)
    if wrong:
        fail(f"--speed {speed}: {wrong}")
    return times


def history_of(config: Path, history: Path | None) -> Path:
    """The history that was named, else the configuration's."""
    if history is not None:
        return history
    settings = load_here(config).history
    assert settings is not None  # it is there without being written
    return settings.path


def moment(text: str | None, otherwise: int) -> int:
    """A time as people write it, local where it says nothing else."""
    if text is None:
        return otherwise
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp())
    except ValueError:
        fail(f'"{text}" is no time; write it as 2026-11-21, 2026-11-21T18:00 or 2026-11-21T18:00+01:00')


def decoded(
    files: Iterable[str],
    *,
    as_json: bool,
    crc: str,
    profile: str,
    decryption_key_file: Path | None,
    authentication_key_file: Path | None,
) -> Iterator[tuple[bool, str]]:
    """What telegrams in files say, piece by piece; whether it is of a good one."""
    from p1monitor import keys  # noqa: PLC0415 - loaded by the command that needs it
    from p1monitor.show import Stream  # noqa: PLC0415

    with explained():
        both = keys.read(decryption_key_file, authentication_key_file)
        keys.framer(crc, decryption_key_file, authentication_key_file)  # is the library there?
    for name in files:
        stream = Stream(name, read_bytes(name), crc, profile, both)
        yield from stream.lines() if as_json else stream.tables()


def read_bytes(name: str) -> bytes:
    """Read a file, or standard input (-); a *.hex file is a hex dump."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        fail(f"{name}: {error.strerror}")
    if not name.endswith(".hex"):
        return data
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        fail(f"{name}: no hex dump")


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Ctrl-C is an end like any other."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stdout.write("\n")


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a user can put right into one sentence."""
    from p1monitor.p1.gcm import CipherError  # noqa: PLC0415 - loaded by the commands that need them
    from p1monitor.password import PasswordError  # noqa: PLC0415
    from p1monitor.recorder.opening import StoreError  # noqa: PLC0415
    from p1monitor.sources import SourceError  # noqa: PLC0415
    from p1monitor.webapp import WebError  # noqa: PLC0415

    try:
        yield
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except (CipherError, ConfigError, PasswordError) as error:
        fail(str(error))
    except (StoreError, SourceError, WebError) as error:
        fail(str(error), FAILED)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        fail(f"{error.filename}: {reason}" if error.filename else reason, FAILED)


def begin_log() -> None:
    """From now on changes are told on standard error."""
    logging.basicConfig(level=logging.INFO, format=log_format(), stream=sys.stderr)


def log_format() -> str:
    """Under systemd the journal has its own clock, and `<N>` tells it the priority (sd-daemon(3))."""
    if "JOURNAL_STREAM" not in os.environ:
        return "%(asctime)s %(levelname)-7s %(message)s"
    for level, priority in ((logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)):
        logging.addLevelName(level, f"<{priority}>")
    return "%(levelname)s%(message)s"


def fail(sentence: str, status: int = WRONG) -> NoReturn:
    """Say what is wrong, and end the command."""
    sys.stderr.write(f"p1monitor: {sentence}\n")
    sys.exit(status)
