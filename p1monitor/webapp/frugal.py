"""The page's application in little memory: made by the first who asks, and one large answer at a time. Knows no answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TYPE_CHECKING

from p1monitor.recorder import heap

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Answers of up to some megabytes, while they are put together. Python does that for one after the other anyway; four at once
#: only take four times as much, and what they took stays in pieces.
LARGE = ("/api/v1/series", "/api/v1/profiles/", "/api/v1/events", "/api/v1/catalogue", "/api/v1/openapi.json", "/report/")
#: So long one waits for another, then goes ahead: a card that stalls must not make a queue of those who look.
TURN_S = 2.0


class Frugal:
    """A WSGI application that stands for one that is made when it is needed.

    Flask and all that it brings take 7 MiB, a sixth of the daemon, and in most houses nobody looks on most days.
    """

    def __init__(self, make: Callable[[], WSGIApplication]) -> None:
        self._make = make
        self._app: WSGIApplication | None = None
        self._making, self._turn = Lock(), Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer; where this is the first question, after a moment."""
        app = self._app or self._made()
        if not environ["PATH_INFO"].startswith(LARGE):
            return app(environ, start_response)
        mine = self._turn.acquire(timeout=TURN_S)
        try:
            return app(environ, start_response)  # what comes back is whole; to send it takes no turn
        finally:
            if mine:
                self._turn.release()

    def _made(self) -> WSGIApplication:
        with self._making:  # a page asks for a dozen things at once
            if self._app is None:
                self._app = self._make()
                heap.give_back()  # reading so many modules needs 2.6 MiB more than they take
            return self._app
