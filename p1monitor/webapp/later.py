"""The page's application, made by the first who asks for anything. Knows nothing of what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Later:
    """A WSGI application that stands for one that is not made yet.

    Flask and all that it brings take 7 MiB, a sixth of the daemon, and in most houses nobody looks on most days.
    """

    def __init__(self, make: Callable[[], WSGIApplication]) -> None:
        self._make = make
        self._app: WSGIApplication | None = None
        self._lock = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer; where this is the first question, after a moment."""
        with self._lock:  # a page asks for a dozen things at once
            app = self._app = self._app or self._make()
        return app(environ, start_response)
