"""The commands. Each says in one sentence what is wrong, and never shows a traceback for something that a user can put right."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import click

from p1monitor import __version__, custody, errands
from p1monitor.errands import FAILED, WRONG, address, begin_log, explained, fail, history_of, load, load_here, pace
from p1monitor.rules import PROFILES
from p1monitor.settings import HistorySettings, MeterSettings, Settings, SourceSettings, WebSettings

CONFIG = Path("/etc/p1monitor/config.toml")

config_option = click.option("-c", "--config", type=click.Path(path_type=Path), default=CONFIG, show_default=True, help="The file.")

history_option = click.option("--history", type=click.Path(path_type=Path), help="The history, in place of the configuration's.")
existing = click.Path(path_type=Path, exists=True, dir_okay=False)


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
    import tempfile  # noqa: PLC0415 - each command loads what it needs

    from p1monitor import past  # noqa: PLC0415
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
        click.echo(f"{past.fill(path, 'home', model, 0, days)} telegrams. The page: http://{listen}/   (Ctrl-C stops)")
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
@click.option("--profile", type=click.Choice(PROFILES), default="auto", help="Country: its clock (fi, lt), its tariffs' names.")
@click.option("--decryption-key-file", type=click.Path(path_type=Path), help="For encrypted telegrams: 32 hex digits.")
@click.option("--authentication-key-file", type=click.Path(path_type=Path), help="The same, where it is not Luxembourg's.")
def decode(files: tuple[str, ...], as_json: bool, **how: Any) -> None:
    """Decode telegrams from FILES, or from standard input (-). A *.hex file is a hex dump of bytes."""
    good = 0
    for fine, text in errands.decoded(files or ("-",), as_json=as_json, **how):
        good += fine
        click.echo(text)
    click.echo("" if good else "no good telegram\n", err=True, nl=False)
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
@click.option("--optical", is_flag=True, help="With --pty or --tcp: answer as its optical port does, when asked (mode C).")
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
    if sum((pty, tcp is not None, path is not None)) != 1 or (optical and path):
        fail("say where to: one of --pty, --tcp, --file; --optical needs --pty or --tcp")
    try:
        play = meter.play(model, seed, start, scenes, pace(speed), past_days=days if path else 0)
    except meter.SimulateError as error:
        fail(str(error))
    with explained(), errands.until_interrupted():
        if path is not None:
            click.echo(f"{meter.to_file(play, path, days)} telegrams")
        else:
            listen = None if tcp is None else address(tcp if ":" in tcp else f"127.0.0.1:{tcp}")
            meter.serve(play, listen, own_address if optical else None, click.echo)


@main.command()
@click.argument("file", type=existing)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Send to its sinks; its history stays as it is.")
@click.option("--speed", default="1", show_default=True, help='Times real pace, or "max".')
@click.option("--loop", is_flag=True, help="Begin again at the end.")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Address of the page, without --config.")
def replay(file: Path, config: Path | None, speed: str, loop: bool, listen: str) -> None:
    """Run the daemon on a file of telegrams, with a temporary history."""
    import tempfile  # noqa: PLC0415

    speed_up = pace(speed)
    address(listen)
    settings = load(config) if config else Settings(meters=(MeterSettings(),), history=None, web=WebSettings(listen=listen))
    source = SourceSettings(type="replay", path=file.absolute(), speed=speed_up, loop=loop)
    with tempfile.TemporaryDirectory(prefix="p1monitor-replay-") as folder:
        first = replace(settings.meters[0], source=source)
        if not _run(replace(settings, meters=(first,), history=HistorySettings(path=Path(folder) / "history.sqlite"))):
            fail(f"{file}: no good telegram", FAILED)


@main.command()
@config_option
@history_option
@click.argument("what", required=False, type=click.Choice(("load", "daily", "billing", "minute", "mbus", "quality", "readings")))
@click.option("--telegrams", is_flag=True, help="The telegrams themselves, byte for byte as they came.")
@click.option(
    "--format", "form", type=click.Choice(("csv", "jsonl", "influx")), default="csv", show_default=True, help="Of the lines."
)
@click.option("--from", "start", metavar="TIME", help="From here on; ISO 8601.")
@click.option("--to", "end", metavar="TIME", help="Until here.")
@click.option("--meter", help="Only this meter.")
@click.option("-o", "--output", type=click.File("wb", lazy=True), default="-", help="Write it there.")
def export(config: Path, history: Path | None, output: BinaryIO, **wanted: Any) -> None:
    """Write a profile, or every reading, or the telegrams, beside a daemon that may be running."""
    custody.export(config, history, output, **wanted)


@main.command()
@config_option
@history_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def backup(config: Path, history: Path | None, file: Path, force: bool) -> None:
    """Copy the history, and what only its journal has, into one FILE, beside a daemon that may be running."""
    click.echo(custody.backup(history_of(config, history), file, custody.ways(config, history), force=force))


@main.command()
@config_option
@history_option
@click.argument("file", type=existing)
def restore(config: Path, history: Path | None, file: Path) -> None:
    """Put a backup in the place of the history, which is kept as *.old; while the daemon is stopped."""
    click.echo(custody.restore(file, history_of(config, history)))


@main.command("import")
@config_option
@history_option
@click.argument("files", nargs=-1, required=True, type=existing)
@click.option("--meter", help="Whose it is, where there are several.")
@click.option("--profile", type=click.Choice(PROFILES), default="auto", help="Country, of telegrams.")
@click.option("--statistic", "statistics", multiple=True, metavar="NAME=ID", help="Which one it is, of Home Assistant's.")
def take_in(config: Path, history: Path | None, **wanted: Any) -> None:
    """Take over exports of p1monitor's, telegrams, DSMR-reader's CSV, Home Assistant's database; while the daemon is stopped."""
    for line in custody.take_in(history_of(config, history), custody.ways(config, history), **wanted):
        click.echo(line)


@main.command()
@config_option
@history_option
@click.option("--rebuild", is_flag=True, help="Make all profiles again of the telegrams; the daemon must not run.")
def verify(config: Path, history: Path | None, rebuild: bool) -> None:
    """Look whether the history is whole: a line for each fault."""
    good = True
    for words in custody.verify(config, history, rebuild=rebuild):
        good = False
        click.echo(words)
    sys.exit(0 if good else 1)


@main.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, for its owner only.")
def passwd(output: Path | None) -> None:
    """Make the line of a password file for the page."""
    from p1monitor.password import PasswordError, make_line, write  # noqa: PLC0415

    if sys.stdin.isatty():
        given = click.prompt("Password for the page", hide_input=True, confirmation_prompt=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    try:
        line = make_line(given)
        click.echo(line if output is None else write(output, line))
    except PasswordError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{output}: {error.strerror}")


def _run(settings: Settings) -> int:
    """Run the daemon; how many telegrams it read."""
    from p1monitor.daemon import Daemon  # noqa: PLC0415

    begin_log()
    with explained():
        daemon = Daemon(settings)
        daemon.run()
        return sum(int(told["telegrams"]) for told in daemon.status.snapshot()["meters"].values())


def _detect(path: str, where: str | None = None, *, only_toml: bool = False) -> bool:
    from p1monitor import detect as looking  # noqa: PLC0415

    try:
        if only_toml:
            return looking.tell(where, lambda words: click.echo(words, err=True), path, click.echo)
        return looking.tell(where, click.echo, path)
    except ValueError as error:
        fail(f"{where}: {error}")
