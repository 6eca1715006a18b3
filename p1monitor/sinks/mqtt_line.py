"""Drives paho's client: one thread connects, again and again, and reads; whoever publishes writes to the socket itself.

paho's own thread would have to be woken for each message, and would send it after those who woke beside it. Never publishes.
"""

from __future__ import annotations

import logging
import os
import select
import ssl
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessageInfo

log = logging.getLogger(__name__)

#: Pause between two attempts to connect, doubled from the first to the second. The first is longer than the sink's heartbeat, so
#: that a broker's restart is noticed and told; with the second one that is back has its states within five seconds, and asking a
#: host of the house so often costs nothing.
RECONNECT_FIRST_S, RECONNECT_MOST_S = 1.25, 3.0
#: How often the keepalive is looked at while nothing is to be read: far more often than it is due.
LOOK_S = 5.0


class Line:
    """One client's connection."""

    def __init__(self, client: Client, failed: Callable[[Exception], None]) -> None:
        """`failed` hears why there is no connection; it is called by the line's thread."""
        self._client, self._failed = client, failed
        self._using = Lock()  # the client: held for a moment only, never while something is waited for
        self._open = False  # guarded by it
        self._stop = Event()
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._pause = RECONNECT_FIRST_S
        self._fault = ""  # the last one that was told
        self._thread = Thread(target=self._run, name="mqtt line", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def welcome(self) -> None:
        """The broker has accepted us. Called by the line's thread, from paho's callback."""
        self._open, self._pause = True, RECONNECT_FIRST_S

    def use(self, send: Callable[[], MQTTMessageInfo]) -> MQTTMessageInfo | None:
        """Publish by `send`, in this thread; None if there is no connection."""
        with self._using:
            if not self._open:
                return None
            done = send()
            left = self._client.want_write() or self._client.socket() is None
        if left:  # the socket takes no more at the moment, or is lost: that is the thread's
            self._wake()
        return done

    def close(self, seconds: float) -> None:
        """End the connection. A thread that hangs in an attempt is left alone after so many seconds."""
        if self._stop.is_set() or self._thread.ident is None:
            return
        self._stop.set()
        self._wake()
        self._thread.join(seconds)
        if not self._thread.is_alive():
            os.close(self._woken)
            os.close(self._waker)

    def _wake(self) -> None:
        with suppress(OSError):  # it is awake already, or gone
            os.write(self._waker, b"!")

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._client.reconnect()
                while not self._stop.is_set() and self._turn():
                    pass
            except OSError as error:
                self._failed(error)
            except Exception as error:
                if repr(error) != self._fault:
                    self._fault = repr(error)
                    log.exception("a fault in what reads from the MQTT broker; it is connected to anew")
                self._failed(error)
            with self._using:
                self._open = False
            if not self._stop.wait(self._pause):
                self._pause = min(2 * self._pause, RECONNECT_MOST_S)
        with self._using:
            self._client.disconnect()

    def _turn(self) -> bool:
        """Wait for something, and do it; False if the connection is lost."""
        link = self._client.socket()
        if link is None:
            return False
        decoded = isinstance(link, ssl.SSLSocket) and link.pending() > 0  # select() does not see it
        number = link.fileno()
        try:
            writing = [number] if self._client.want_write() else []
            readable, _, _ = select.select([number, self._woken], writing, [], 0 if decoded else LOOK_S)
        except (OSError, ValueError):  # who published found the connection lost, and closed it
            return False
        with self._using:
            if self._woken in readable:
                os.read(self._woken, 4096)
            if decoded or number in readable:
                self._client.loop_read()
            if self._client.want_write():
                self._client.loop_write()
            self._client.loop_misc()
        return True
