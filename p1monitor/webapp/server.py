"""The web server: waitress in a thread of its own, with a stop that ends. Knows nothing of meters."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from waitress import trigger, wasyncore
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server
from waitress.task import Task, ThreadedTaskDispatcher

from p1monitor import listen as addresses
from p1monitor.webapp.door import WebError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: A stream holds one thread; with ten streams at most, six stay for everything else.
THREADS = 16
#: A household's browsers with several tabs each; beyond it new connections wait in the kernel's queue.
CONNECTIONS = 100
#: A request is a line and some headers; the login form is the only body.
LARGEST_BODY = 8 * 1024
LARGEST_HEADER = 16 * 1024
#: Octets that may wait for one slow client before its thread waits too (the default is 16 MiB each).
WAITING_OCTETS = 256 * 1024
#: The longest that the loop sleeps: often enough for what waitress tidies. A stop wakes it, and so does whatever comes.
TICK_S = 30.0
#: How long `close` waits for the requests at hand.
CLOSE_S = 4


class _AsNeeded(ThreadedTaskDispatcher):
    """Starts a thread when all others are at work: each that ever worked keeps some 100 KiB, and waitress lets all take turns."""

    def add_task(self, task: Task) -> None:
        """Hand it to a thread; called by the loop's thread only."""
        if len(self.queue) + self.active_count >= len(self.threads) < THREADS:
            self.set_thread_count(len(self.threads) + 1)
        super().add_task(task)


class Server:
    """A running web server. `close` ends it within five seconds."""

    def __init__(self, app: WSGIApplication, listen: str, end_streams: Callable[[], object]) -> None:
        host, port = addresses.split(listen)
        self._end_streams = end_streams
        self._stop, self._woken = Event(), Event()
        self._sockets: dict[int, Any] = {}  # waitress's own table of channels; its types are not public
        try:
            self._server = create_server(
                app,
                map=self._sockets,
                host=host,
                port=port,
                _dispatcher=_AsNeeded(),
                connection_limit=CONNECTIONS,
                max_request_body_size=LARGEST_BODY,
                max_request_header_size=LARGEST_HEADER,
                outbuf_high_watermark=WAITING_OCTETS,
                log_socket_errors=False,  # a browser that is closed is no news
                ident="p1monitor",
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise WebError(f'[web] listen = "{listen}": cannot listen there: {reason}') from error
        self.port = _port(self._server)
        self._thread = Thread(target=self._loop, name="web", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the streams, answer what is at hand, stop listening."""
        self._end_streams()
        if not self._stop.is_set():
            self._stop.set()
            self._wake()
            self._woken.set()
        self._thread.join(CLOSE_S + 1.0)

    def _wake(self) -> None:
        for one in list(self._sockets.values()):
            if isinstance(one, trigger.trigger):  # each server has one, for its own threads
                one.pull_trigger()

    def _loop(self) -> None:
        # waitress's own run() has no stop but a signal in the main thread.
        while not self._stop.is_set():
            wasyncore.loop(timeout=TICK_S, map=self._sockets, count=1)
        self._woken.wait(CLOSE_S)  # it may have woken by itself; what wakes it is closed below
        self._server.task_dispatcher.shutdown(timeout=CLOSE_S)
        self._server.close()
        for channel in list(self._sockets.values()):
            channel.close()


def _port(server: MultiSocketServer | BaseWSGIServer) -> int:
    if isinstance(server, MultiSocketServer):  # "localhost" may be two addresses
        return int(server.effective_listen[0][1])
    return int(server.effective_port)  # type: ignore[attr-defined]  # the stubs leave it out


def serve(app: WSGIApplication, listen: str, end_streams: Callable[[], object]) -> Server:
    """Serve an application, whose streams end when they are told so. Raises WebError if the address cannot be had."""
    # A line per closed browser tab otherwise, and one per full queue; its real troubles are errors.
    logging.getLogger("waitress").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    return Server(app, listen, end_streams)
