"""A source that asks a meter for its readout through an optical head or RS485 (IEC 62056-21 mode C), again and again.

Each readout comes as one chunk, a telegram. What is said to the meter is p1monitor.p1.modec's affair; nothing else is ever sent.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from threading import Event, Lock

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.modec import Action, Baud, Dialogue, Pause, Ready, Refused, Send, Wait
from p1monitor.sources import SourceError
from p1monitor.sources.line import Line, parse_line
from p1monitor.sources.serial import OpenLine, open_line

log = logging.getLogger(__name__)

SIGN_ON = Line(300, 7, "E")  #: where every meter begins (IEC 62056-21 §6.2)
READ_S = 0.25  #: one read waits so long; a stop ends it no later
TRIES = 3  #: sign-ons in a row before the port is let go: a head that slipped, a lamp that flickers
AGAIN_S = 2.0  #: between them: what a meter takes to give up a dialogue (IEC 62056-21 §6.3.15)
SLICE_S = 1.0  #: a wait is told as silence so often
BITS = 10  #: of one character on the line
FIXED = ("socket://",)  #: the speed is set at the other end, and stays


class OpticalSource:
    """A meter that has to be asked. `settings` is the line of the sign-on: "auto" is 300 7E1."""

    def __init__(self, device: str, settings: str, address: str, interval: float, clock: Clock = SYSTEM) -> None:
        line = SIGN_ON if settings == "auto" else parse_line(settings)
        if line is None:
            raise SourceError(f'settings = "{settings}" is no serial line: write "auto", "300 7E1" or the speed of the RS485 bus')
        self._device, self._line, self._address, self._clock = device, line, address, clock
        self._interval = interval
        self._faster = not device.startswith(FIXED)
        self._port: OpenLine | None = None
        self._by_hand = False
        self._dialogue: Dialogue | None = None
        self._closed = Event()
        self._using = Lock()  # held while the port is in use, so that nobody closes it under a read
        self.name = f"optical {device} ({line})"

    def open(self) -> None:
        """Open the port; nothing is sent yet."""
        self.close()
        self._closed.clear()
        self._port, self._by_hand = open_line(self._device, self._line, READ_S)

    def chunks(self) -> Iterator[bytes]:
        """A readout per interval, the first at once; b"" in between."""
        failed = 0
        while not self._closed.is_set():
            began = self._clock.monotonic()
            refused: Refused | None = None
            for answer in self._readout():
                if isinstance(answer, Refused):
                    refused = answer
                yield answer if isinstance(answer, bytes) else b""
            failed = failed + 1 if refused else 0
            if refused:
                log.debug("%s: %s", self._device, refused.words)
                if failed >= TRIES:
                    raise SourceError(f"{self._device}: {refused.words}")
                if failed == TRIES - 1:
                    self._learn(refused)
            yield from self._until(self._clock.monotonic() + AGAIN_S if refused else began + self._interval)

    def proven(self) -> None:
        """Nothing to learn: the line is known, and the speed is the meter's to offer."""

    def close(self) -> None:
        """Let go of the port; a meter in the middle of its readout is told to stop."""
        self._closed.set()
        with self._using:
            port, self._port = self._port, None
            if port is None:
                return
            try:
                for action in self._dialogue.abandon() if self._dialogue else ():
                    if isinstance(action, Send):
                        port.write(action.data)
                        port.flush()
                port.close()
            except (OSError, ValueError) as trouble:  # the cable is out
                log.debug("%s: %s", self._device, trouble)

    def port_errors(self) -> Mapping[str, int] | None:
        """None: what the line breaks is refused with its check character, and asked for again."""
        return None

    def _readout(self) -> Iterator[bytes | Refused]:
        """One dialogue: the telegram, or why there is none; b"" while it goes on."""
        dialogue = self._dialogue = Dialogue(self._address, start=self._line.baud, faster=self._faster, parity=self._by_hand)
        todo = deque(dialogue.begin())
        while todo:
            action = todo.popleft()
            if isinstance(action, Wait):
                quiet = 0.0
                while not todo:
                    came = self._use(_read)
                    if came is None:
                        return
                    quiet = 0.0 if came else quiet + READ_S
                    todo.extend(dialogue.feed(came) if quiet < action.seconds else dialogue.timeout())
                    yield b""
            elif isinstance(action, Ready):
                yield action.frame
            elif isinstance(action, Refused):
                yield action
            elif self._use(partial(self._act, action)) is None:
                return

    def _learn(self, refused: Refused) -> None:
        """A speed at which nothing right comes is not used again: this head may be too slow for it."""
        if refused.reason in ("no-data", "bcc", "cut") and self._faster:
            self._faster = False
            log.info("%s: no good readout at the speed that the meter offers; staying at %d baud", self._device, self._line.baud)

    def _use(self, act: Callable[[OpenLine], bytes]) -> bytes | None:
        """Do something with the port; None if it was closed."""
        with self._using:
            port = self._port
            if port is None or self._closed.is_set():
                return None
            try:
                return act(port)
            except OSError as trouble:  # SerialException is one
                raise SourceError(f"{self._device} is gone: {trouble}") from trouble

    def _act(self, action: Action, port: OpenLine) -> bytes:
        """What is neither waited for nor an end."""
        match action:
            case Send(data):
                port.reset_input_buffer()
                port.write(data)
                port.flush()
                # Some adapters say that they are done when the bytes have only left the computer
                self._clock.wait(self._closed, len(data) * BITS / port.baudrate)
            case Baud(rate) if not self._device.startswith(FIXED):
                self._turn(port, rate)
            case Pause(seconds):
                self._clock.wait(self._closed, seconds)
        return b""

    def _turn(self, port: OpenLine, rate: int) -> None:
        try:
            port.baudrate = rate
        except ValueError as trouble:
            raise SourceError(f"{self._device} cannot be set to {rate} baud") from trouble

    def _until(self, due: float) -> Iterator[bytes]:
        while (left := due - self._clock.monotonic()) > 0:
            if self._clock.wait(self._closed, min(left, SLICE_S)):
                return
            yield b""


def _read(port: OpenLine) -> bytes:
    return bytes(port.read(port.in_waiting or 1))
