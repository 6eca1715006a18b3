"""The Flask application: routes, headers, refusals. Never decides what a value means."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from threading import BoundedSemaphore
from typing import Protocol

from flask import Flask, Response, abort, request, send_from_directory, session
from werkzeug.exceptions import HTTPException

from p1monitor import webfiles
from p1monitor.clock import SYSTEM, Clock
from p1monitor.live import Live, Subscription
from p1monitor.p1.records import Reading
from p1monitor.recorder.opening import StoreError
from p1monitor.settings import WebSettings
from p1monitor.webapp import payload, tables
from p1monitor.webapp.arguments import Refused
from p1monitor.webapp.ask import Answers
from p1monitor.webapp.door import Door
from p1monitor.webapp.history import Queries

#: Streams at once: each holds one of the server's 16 threads. The page polls where there is none left.
STREAMS = 10
#: A comment so often, so that a gone browser is noticed and nothing between us cuts a silent connection.
KEEP_ALIVE_S = 15.0
#: How soon a browser that lost the stream asks for it again.
RETRY_MS = 2000
LOGIN_DAYS = 30
#: What the page consists of. Everything else in web/ is for those who build it.
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
#: Open without a password: the login page, its looks, and whether telegrams flow.
OPEN_ENDPOINTS = frozenset({"login", "enter", "asset", "healthz"})
#: Icons are `data:` in the page itself. uPlot sets styles from script, which needs no exception.
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
CSV = ".csv"
LOG_OUT = '<form method="post" action="/logout"><button>Log out</button></form>'
WRONG = "That is not the password."
TOO_MANY = "Too many tries. Wait a minute, then try again."


class StatusLike(Protocol):
    """What the page wants of the daemon's status."""

    def snapshot(self) -> Mapping[str, object]:
        """Health and counters, JSON-able."""


def create_app(
    live: Live,
    queries: Queries | None,
    status: StatusLike,
    settings: WebSettings,
    clock: Clock = SYSTEM,
    *,
    door: Door | None = None,
    web: Path | None = None,
    append_crc: bool = False,
    sizes: Callable[[], Mapping[str, float]] = dict,
) -> Flask:
    """The application for these meters. `queries` is None where no history is kept; the door is that of the settings."""
    door = door or Door(settings, clock)
    app = Flask("p1monitor", static_folder=None)
    app.secret_key = door.secret
    app.config.update(
        SESSION_COOKIE_NAME="p1monitor",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=LOGIN_DAYS),
        MAX_CONTENT_LENGTH=8 * 1024,
    )
    _guard(app, door)
    _pages(app, door, web or webfiles.folder())
    answers = Answers(live, queries, status.snapshot, clock, append_crc=append_crc)
    _answers(app, answers)
    _tables(app, answers)
    _others(app, answers, status, sizes)
    _streams(app, live, answers, clock)
    return app


def _guard(app: Flask, door: Door) -> None:
    @app.before_request
    def check() -> Response | None:
        if not door.welcome_host(request.host):
            return _refusal(421, "host", "this address answers to localhost only; [web] listen opens it to the network")
        if not door.locked or request.endpoint in OPEN_ENDPOINTS or session.get("in"):
            return None
        header = request.headers.get("Authorization")
        if header is not None:
            known = door.try_basic(header, request.remote_addr or "")
            return None if known else _not_in(known)
        if request.path.startswith("/api/") or request.endpoint == "metrics":
            return _refusal(401, "login", "log in at /login, or send the password as Authorization: Basic")
        return _go("/login")

    app.after_request(_headers)
    _refusals(app)


def _headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.endpoint != "asset":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _refusals(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return _refusal(error.code or 500, error.name.lower().replace(" ", "_"), error.description or error.name)

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return _refusal(error.status, error.key, str(error))

    @app.errorhandler(sqlite3.Error)
    @app.errorhandler(StoreError)
    def store_error(error: Exception) -> Response:
        app.logger.warning("history cannot be read: %s", error)
        return _refusal(503, "store", "the history cannot be read at the moment; the log says more")


def _pages(app: Flask, door: Door, web: Path) -> None:
    @app.get("/")
    def index() -> Response:
        return _page(web / "index.html", LOG_OUT if door.locked else "")

    @app.get("/login")
    def login() -> Response:
        return _page(web / "login.html") if door.locked and not session.get("in") else _go("/")

    @app.post("/login")
    def enter() -> Response:
        right = door.try_password(request.form.get("password", ""), request.remote_addr or "")
        if right:
            session.permanent = True
            session["in"] = True
            return _go("/")
        page = _page(web / "login.html", TOO_MANY if right is None else WRONG)
        page.status_code = 429 if right is None else 401
        return page

    @app.post("/logout")
    def logout() -> Response:
        session.clear()
        return _go("/login")

    @app.get("/<path:name>")
    def asset(name: str) -> Response:
        kind = TYPES.get(Path(name).suffix)
        if kind is None:
            abort(404)
        return send_from_directory(web, name, mimetype=kind, max_age=None)


def _answers(app: Flask, answers: Answers) -> None:
    def answer(path: str, ask: Callable[[Mapping[str, str]], object]) -> None:
        app.add_url_rule(path, path, lambda: _json(ask(request.args)))

    for path, ask in answers.routes().items():
        answer(path, ask)

    @app.get("/api/v1/live")
    def live() -> Response:
        tag, told = answers.live(request.args)
        response = _json(told)
        # Weak: the same reading is the same answer, though its age goes on.
        response.set_etag(tag, weak=True)
        response.headers["Cache-Control"] = "no-cache"
        response.make_conditional(request)
        return response

    @app.get("/report/<month>")
    def report(month: str) -> Response:
        return Response(answers.report(month, request.args), mimetype="text/html")

    @app.get("/api/v1/periods/<period>")
    def period(period: str) -> Response:
        return _json(answers.period(period, request.args))

    @app.get("/healthz")
    def healthz() -> Response:
        flowing, told = answers.health()
        return _json(told, 200 if flowing else 503)


def _tables(app: Flask, answers: Answers) -> None:
    """What is CSV too."""

    def table(path: str, ask: Callable[[Mapping[str, str]], object]) -> None:
        for rule in (path, path + CSV):
            app.add_url_rule(rule, rule, lambda: _table(ask(request.args)))

    for path, ask in answers.tables().items():
        table(path, ask)

    @app.get("/api/v1/profiles/<name>")
    def profiles(name: str) -> Response:
        return _table(answers.profile(name.removesuffix(CSV), request.args))


def _others(app: Flask, answers: Answers, status: StatusLike, sizes: Callable[[], Mapping[str, float]]) -> None:
    """What is not JSON."""

    @app.get("/api/v1/telegram")
    def telegram() -> Response:
        return Response(answers.telegram(request.args), content_type="text/plain; charset=iso-8859-1")

    @app.get("/metrics")
    def metrics() -> Response:
        try:
            from p1monitor.sinks import prometheus  # noqa: PLC0415 - its library is loaded by the first who asks
        except ImportError:
            return _refusal(501, "prometheus", "prometheus-client is not installed: pip install 'p1monitor-daemon[prometheus]'")
        return Response(prometheus.page(answers.spoken(), status.snapshot(), sizes()), content_type=prometheus.CONTENT_TYPE)


def _streams(app: Flask, live: Live, answers: Answers, clock: Clock) -> None:
    seats = BoundedSemaphore(STREAMS)

    @app.get("/api/v1/live/stream")
    def stream() -> Response:
        meter = answers.meter(request.args)
        if not seats.acquire(blocking=False):
            return _refusal(503, "streams", f"all {STREAMS} streams are taken: ask /api/v1/live every 5 s")
        subscription = live.subscribe(meter)
        response = Response(_events(meter, live.latest(meter), subscription, clock), mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(subscription.close)
        response.call_on_close(seats.release)
        return response


def _events(meter: str, first: Reading | None, subscription: Subscription, clock: Clock) -> Iterator[str]:
    yield f"retry: {RETRY_MS}\n\n{_event(meter, first, clock)}"
    while True:
        reading = subscription.next(KEEP_ALIVE_S)
        if subscription.closed:
            return
        yield _event(meter, reading, clock) if reading else ": still here\n\n"


def _event(meter: str, reading: Reading | None, clock: Clock) -> str:
    return f"data: {payload.text_of(payload.live(meter, reading, clock.monotonic()))}\n\n"


def _json(answer: object, status: int = 200) -> Response:
    return Response(payload.text_of(answer), status, mimetype="application/json")


def _table(answer: object) -> Response:
    """As CSV where the path or the browser asks for it. The same answer has the same tag, so that nobody is sent it twice."""
    file = request.path.endswith(CSV)
    accepted = request.accept_mimetypes.best_match(("application/json", tables.MIMETYPE))
    response = _json(answer)
    if file or accepted == tables.MIMETYPE:
        response = Response(tables.of_answer(answer), mimetype=tables.MIMETYPE)
    if file:
        response.headers["Content-Disposition"] = f'attachment; filename="{request.path.rpartition("/")[2]}"'
    response.vary.add("Accept")
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def _not_in(known: bool | None) -> Response:
    return _refusal(429, "tries", TOO_MANY) if known is None else _refusal(401, "password", WRONG)


def _refusal(status: int, key: str, text: str) -> Response:
    response = _json(payload.error(key, text), status)
    if status == 429:
        response.headers["Retry-After"] = "60"
    return response


def _page(path: Path, here: str = "") -> Response:
    return Response(path.read_text("utf-8").replace("<!-- here -->", here), mimetype="text/html")


def _go(path: str) -> Response:
    return Response(status=303, headers={"Location": path})
