"""What `p1monitor status` says: asks the running daemon for its status, and puts it into plain lines. Never changes anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from p1monitor.listen import local_url
from p1monitor.settings import WebSettings

#: A daemon on the same host answers in milliseconds; on a small Pi a password takes a second.
TIMEOUT_S = 10.0
#: A status is some kilobytes, more with many meters.
ANSWER_MAX = 1 << 20
#: States of a sink that works.
_WORKING = frozenset({"ok"})


class AskError(Exception):
    """The daemon could not be asked, told in one sentence."""


def address(web: WebSettings | None) -> str:
    """The page's address as this host reaches it."""
    return local_url((web or WebSettings()).listen)


def ask(url: str, password: str | None = None) -> dict[str, Any] | None:
    """The daemon's status; None where it wants a (better) password."""
    if not url.startswith(("http://", "https://")):
        raise AskError(f"{url}: an address such as http://127.0.0.1:8080")
    headers = {}
    if password is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"p1monitor:{password}".encode()).decode()
    try:
        with urlopen(Request(f"{url.rstrip('/')}/api/v1/status", headers=headers), timeout=TIMEOUT_S) as answer:  # noqa: S310 -- checked above
            told = json.loads(answer.read(ANSWER_MAX))
    except HTTPError as error:
        if error.code == 401:
            return None
        why = "too many tries: wait a minute" if error.code == 429 else error.reason
        raise AskError(f"{url} answers {error.code} ({why})") from error
    except (URLError, OSError) as error:
        raise AskError(f"{url} does not answer ({_reason(error)}): is the daemon running? systemctl status p1monitor") from error
    except ValueError as error:
        raise AskError(f"{url} is not p1monitor's page") from error
    if not isinstance(told, dict) or "meters" not in told:
        raise AskError(f"{url} is not p1monitor's page")
    return told


def report(url: str, password_file: Path | None, prompt: Callable[[], str]) -> tuple[bool, list[str]]:
    """Ask, with the password of the file or of a person where one is wanted; what words() says of the answer."""
    try:
        given = password_file.read_text().strip() if password_file else None
    except (OSError, UnicodeDecodeError) as error:
        raise AskError(f"{password_file}: {getattr(error, 'strerror', 'no text')}") from error
    told = ask(url, given)
    if told is None and given is None:
        told = ask(url, prompt())
    if told is None:
        raise AskError("that is not the page's password")
    return words(told)


def _reason(error: OSError) -> str:
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner)


def words(told: Mapping[str, Any]) -> tuple[bool, list[str]]:
    """Whether all is well, and a line for each thing: what works and what does not."""
    lines = [f"p1monitor {told.get('version', '?')}, running for {_span(told.get('uptime_s') or 0)}"]
    parts = [*_meters(told.get("meters", {})), *_sinks(told.get("sinks", {}))]
    lines += [f"{'ok ' if good else 'NOT'}  {text}" for good, text in parts]
    return all(good for good, _ in parts), lines


def _meters(meters: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[bool, str]]:
    for name, meter in meters.items():
        good = not meter.get("stale", True)
        text = f"meter {name}: "
        if meter.get("age_s") is None:
            text += "no telegram yet"
        else:
            text += f"{meter.get('identification') or 'a meter'}, the last telegram {_span(meter['age_s'])} ago"
        text += f", {meter.get('telegrams', 0)} in all, from {meter.get('source') or 'nowhere'}"
        refused = sum((meter.get("refused") or {}).values())
        text += f", {refused} refused" if refused else ""
        unseen = meter.get("roles_unseen")
        text += f", not seen yet as configured: {', '.join(unseen)}" if unseen else ""
        text += f", {meter['power_quality']}" if meter.get("power_quality") else ""
        if not good and meter.get("last_trouble"):
            text += f": {meter['last_trouble']}"
        yield good, text


def _sinks(sinks: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[bool, str]]:
    for name, sink in sinks.items():
        state = str(sink.get("state"))
        good = state in _WORKING
        text = f"{name}: {state}, {sink.get('accepted', 0)} readings taken"
        for key, word in (("queued", "waiting"), ("dropped", "skipped")):
            text += f", {sink[key]} {word}" if sink.get(key) else ""
        text += f", {sink['behind']} behind ({_span(sink.get('lag_s') or 0)})" if sink.get("behind") else ""
        text += f", {sink['set_aside']} set aside, the last: {sink.get('last_set_aside')}" if sink.get("set_aside") else ""
        if not good and sink.get("last_error"):
            text += f": {sink['last_error']}"
        if sink.get("archive", "ok") != "ok":
            good, text = False, f"{text}; {sink['archive']}"
        yield good, text


def _span(seconds: float) -> str:
    for size, word in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
