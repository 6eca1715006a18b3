"""The commands. Each says in one sentence what is wrong, and never shows a traceback for something that a user can put right."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from p1monitor import __version__
from p1monitor.errands import FAILED, WRONG, address, explained, fail, load, load_here, pace, read_bytes, until_interrupted
from p1monitor.rules import PROFILES
from p1monitor.settings import HistorySettings, MeterSettings, Settings, SourceSettings, WebSettings

CONFIG = Path("/etc/p1monitor/config.toml")

config_option = click.option("-c", "--config", type=click.Path(path_type=Path), default=CONFIG, show_default=True, help="The file.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="p1monitor")
def main() -> None:
    """Read the P1 port of a smart meter, prove every telegram, and hand it on."""


@main.command()
@config_option
def run(config: Path) -> None:
    """Run the daemon."""
    if not config.exists():
        click.echo(f"{config} is not there.\n", err=True)
        _detect(str(config))
        sys.exit(WRONG)
    _run(load(config))


@main.command()
@click.option("--model", default="esmr5", show_default=True, help="The simulated meter.")
@click.option("--days", default=31, show_default=True, type=click.IntRange(0, 400), help="How long it has been running.")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Address of the page; on loopback only.")
def demo(model: str, days: int, listen: str) -> None:
    """Run on a simulated meter with a past of its own. The history is temporary and goes when the demo ends."""
    from p1monitor import past  # noqa: PLC0415 - each command loads what it needs
    from p1monitor.listen import is_loopback  # noqa: PLC0415
    from p1monitor.p1.meters import MODELS  # noqa: PLC0415

    if model not in MODELS:
        fail(f'there is no simulated meter "{model}": choose one of {", ".join(MODELS)}')
    if not is_loopback(address(listen)[0]):
        fail(f"{listen} is not a loopback address, and the demo has no password")
    with explained():
        socket.create_server(address(listen)).close()  # before a month is simulated for nothing
    with tempfile.TemporaryDirectory(prefix="p1monitor-demo-") as folder, explained():
        path = Path(folder) / "history.sqlite"
        click.echo(f"{MODELS[model].title}: simulating the last {days} days …")
        count = past.fill(path, "home", model, 0, days)
        click.echo(f"{count} telegrams. The page: http://{listen}/   (Ctrl-C stops)")
        source = SourceSettings(type="simulated", model=model)
        _run(
            Settings(
                meters=(MeterSettings(source=source),),
                history=HistorySettings(path=path),
                web=WebSettings(listen=listen),
            )
        )


@main.command()
@click.argument("files", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object per event.")
@click.option("--crc", type=click.Choice(["auto", "arc", "x25", "off"]), default="auto", show_default=True, help="The checksum.")
@click.option(
    "--profile", type=click.Choice(PROFILES), default="auto", help="Country, where its clock is not Central European (fi, lt)."
)
@click.option("--decryption-key-file", type=click.Path(path_type=Path), help="For encrypted telegrams: 32 hex digits.")
@click.option("--authentication-key-file", type=click.Path(path_type=Path), help="The same, where it is not Luxembourg's.")
def decode(
    files: tuple[str, ...],
    as_json: bool,
    crc: str,
    profile: str,
    decryption_key_file: Path | None,
    authentication_key_file: Path | None,
) -> None:
    """Decode telegrams from FILES, or from standard input (-). A *.hex file is a hex dump of bytes."""
    from p1monitor import keys  # noqa: PLC0415
    from p1monitor.show import Stream  # noqa: PLC0415

    with explained():
        both = keys.read(decryption_key_file, authentication_key_file)
        keys.framer(crc, decryption_key_file, authentication_key_file)  # is the library there?
    good = 0
    for name in files or ("-",):
        stream = Stream(name, read_bytes(name), crc, profile, both)
        for fine, text in stream.lines() if as_json else stream.tables():
            good += fine
            click.echo(text)
    if not good:
        click.echo("no good telegram", err=True)
    sys.exit(0 if good else 1)


@main.command()
@config_option
def check(config: Path) -> None:
    """Look whether everything that the configuration names can be reached from here."""
    from p1monitor.check import look  # noqa: PLC0415

    settings = load_here(config)
    click.echo(f"{config}: good")
    answers = list(look(settings))
    for answer in answers:
        click.echo(f"{'ok ' if answer.good else 'NOT'}  {answer.what}: {answer.words}")
    sys.exit(0 if all(answer.good for answer in answers) else 1)


@main.command()
@click.argument("where", required=False, metavar="[DEVICE | HOST:PORT]")
@click.option("--toml", is_flag=True, help="On standard output nothing but the configuration; the rest on standard error.")
def detect(where: str | None, toml: bool) -> None:
    """Look for a meter, on every serial port or in one place, and print the configuration for it."""
    sys.exit(0 if _detect(str(CONFIG), where, only_toml=toml) else 1)


@main.command()
@config_option
@click.option("--url", help="The page of the daemon, in place of the configuration's.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file with the page's password itself.")
def status(config: Path, url: str | None, password_file: Path | None) -> None:
    """Ask the daemon that runs what works."""
    from p1monitor import asking  # noqa: PLC0415

    try:
        where = url or asking.address(load_here(config).web)
        good, lines = asking.report(where, password_file, lambda: click.prompt("Password of the page", hide_input=True, err=True))
    except asking.AskError as error:
        fail(str(error), FAILED)
    click.echo("\n".join(lines))
    sys.exit(0 if good else 1)


@main.command()
@click.option("--model", default="esmr5", show_default=True, help="The meter.")
@click.option("--seed", default=0, show_default=True, help="Another household.")
@click.option("--pty", "pty", is_flag=True, help="Send on a new pseudo-terminal, whose name is printed.")
@click.option("--tcp", metavar="[HOST:]PORT", help="Send to whoever connects.")
@click.option("--optical", is_flag=True, help="With --pty: answer as its optical port does, when it is asked (mode C).")
@click.option("--address", "own_address", default="", help="With --optical: answer to no other.")
@click.option("--file", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write a past into a file.")
@click.option("--days", default=1.0, show_default=True, type=click.FloatRange(0, 400), help="How much of it, with --file.")
@click.option("--start", metavar="TIME", help="When it is there; ISO 8601. With --file the past begins then.")
@click.option("--scene", "scenes", multiple=True, metavar="NAME@TIME[/SECONDS]", help="What befalls it; TIME may be +SECONDS.")
@click.option("--speed", default="1", show_default=True, help='With --pty and --tcp: times real pace, or "max".')
@click.option("--list", "listing", is_flag=True, help="Tell which meters and scenes there are.")
def simulate(
    model: str,
    seed: int,
    pty: bool,
    tcp: str | None,
    optical: bool,
    own_address: str,
    path: Path | None,
    days: float,
    start: str | None,
    scenes: tuple[str, ...],
    speed: str,
    listing: bool,
) -> None:
    """Be a simulated meter."""
    from p1monitor import simulate as meter  # noqa: PLC0415

    if listing:
        click.echo("\n".join(meter.listing()))
        return
    if sum((pty, tcp is not None, path is not None)) != 1:
        fail("say where to: one of --pty, --tcp, --file")
    if optical and not pty:
        fail("--optical needs --pty")
    try:
        play = meter.play(model, seed, start, scenes, pace(speed), past_days=days if path else 0)
    except meter.SimulateError as error:
        fail(str(error))
    with explained(), until_interrupted():
        if pty and optical:
            meter.to_head(play, own_address, click.echo)
        elif pty:
            meter.to_pty(play, click.echo)
        elif tcp is not None:
            meter.to_tcp(play, address(tcp if ":" in tcp else f"127.0.0.1:{tcp}"), click.echo)
        elif path is not None:
            click.echo(f"{meter.to_file(play, path, days)} telegrams")


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Send to its sinks; its history stays as it is.")
@click.option("--speed", default="1", show_default=True, help='Times real pace, or "max".')
@click.option("--loop", is_flag=True, help="Begin again at the end.")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Address of the page, without --config.")
def replay(file: Path, config: Path | None, speed: str, loop: bool, listen: str) -> None:
    """Run the daemon on a file of telegrams, with a temporary history."""
    speed_up = pace(speed)
    address(listen)
    settings = load(config) if config else Settings(meters=(MeterSettings(),), history=None, web=WebSettings(listen=listen))
    source = SourceSettings(type="replay", path=file.absolute(), speed=speed_up, loop=loop)
    with tempfile.TemporaryDirectory(prefix="p1monitor-replay-") as folder:
        first = replace(settings.meters[0], source=source)
        if not _run(replace(settings, meters=(first,), history=HistorySettings(path=Path(folder) / "history.sqlite"))):
            fail(f"{file}: no good telegram", FAILED)


@main.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, for its owner only.")
def passwd(output: Path | None) -> None:
    """Make the line of a password file for the page."""
    from p1monitor.password import PasswordError, make_line  # noqa: PLC0415

    if sys.stdin.isatty():
        given = click.prompt("Password for the page", hide_input=True, confirmation_prompt=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    try:
        line = make_line(given)
        if output is None:
            click.echo(line)
        else:
            output.touch(mode=0o600)
            output.chmod(0o600)
            output.write_text(line + "\n")
            click.echo(f"{output}: written. In [web]: password_file = {str(output.absolute())!r}")
    except PasswordError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{output}: {error.strerror}")


def _run(settings: Settings) -> int:
    """Run the daemon; how many telegrams it read."""
    from p1monitor.daemon import Daemon  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format=_log_format(), stream=sys.stderr)
    with explained():
        daemon = Daemon(settings)
        daemon.run()
        return sum(int(told["telegrams"]) for told in daemon.status.snapshot()["meters"].values())


def _log_format() -> str:
    """Under systemd the journal has its own clock, and `<N>` tells it the priority (sd-daemon(3))."""
    if "JOURNAL_STREAM" not in os.environ:
        return "%(asctime)s %(levelname)-7s %(message)s"
    for level, priority in ((logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)):
        logging.addLevelName(level, f"<{priority}>")
    return "%(levelname)s%(message)s"


def _detect(path: str, where: str | None = None, *, only_toml: bool = False) -> bool:
    from p1monitor import detect as looking  # noqa: PLC0415

    try:
        if only_toml:
            return looking.tell(where, lambda words: click.echo(words, err=True), path, click.echo)
        return looking.tell(where, click.echo, path)
    except ValueError as error:
        fail(f"{where}: {error}")
