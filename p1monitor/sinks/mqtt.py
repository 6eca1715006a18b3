"""The MQTT sink: live readings, retained states, Home Assistant's announcements. Never waits for a broker for long.

A thread of the line's connects, again and again, and reads (mqtt_line.py); all publishing is done by the thread that calls the
sink. Between the two stand a few flags and one sentence.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from random import SystemRandom
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from threading import Event

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.records import Reading
from p1monitor.settings import MqttSettings
from p1monitor.sinks import House, Policy, SinkError, tls
from p1monitor.sinks.dsmr_reader import Tree
from p1monitor.sinks.mqtt_line import Line
from p1monitor.sinks.mqtt_words import CHECK_PORT, DENIED, HANGS_UP, REFUSALS, SILENT, why, word_of
from p1monitor.sinks.retained import Retained
from p1monitor.sinks.topics import OFFLINE, ONLINE, Topics, event_text

log = logging.getLogger(__name__)

#: The heartbeat turns ages into statuses; a meter that sends each second is a little before it. Retrying costs nothing, for the
#: line does the connecting; so it is quick.
POLICY = Policy(live=True, queue=20, batch=20, heartbeat_s=1.1, retry_first_s=1.0, retry_most_s=1.0)

#: The broker tells the last will after one and a half of these, if the line is dead rather than closed.
KEEPALIVE_S = 30
#: How long open() waits for the broker's first answer; the line goes on trying behind it.
OPEN_WAIT_S = 3.0
#: Waits of close(): for the farewell to be acknowledged, and for the line's thread to end. Together less than five seconds.
FAREWELL_WAIT_S, THREAD_WAIT_S = 2.0, 2.0
#: Messages per meter that paho may hold for a slow broker: everything of a meter with five devices, twice over.
QUEUED_PER_METER = 30
#: And those of DSMR-reader's topics, twice over.
QUEUED_COMPAT = 200
#: Live readings (1 KB each) that may lie unsent in paho's buffer, and how long a fuller one is waited for.
UNSENT_MOST, UNSENT_WAIT_S = 100, 1.0
#: Home Assistant asks for a pause before everybody answers its birth message at once.
BIRTH_DELAY_S = (1.0, 10.0)
#: Announcements of an earlier life that are looked at: some devices per meter; and the longest, of some hundred entities.
ANNOUNCED_MOST, ANNOUNCEMENT_MOST = 100, 1 << 20
_uniform = SystemRandom().uniform

_PROTOCOLS = {"3.1.1": MQTTProtocolVersion.MQTTv311, "5": MQTTProtocolVersion.MQTTv5}


def build(settings: MqttSettings, house: House, clock: Clock = SYSTEM) -> MqttSink:
    """The sink that [mqtt] asks for."""
    return MqttSink(settings, house, clock)


class MqttSink:
    """One connection to one broker, for all meters of the house."""

    name = "mqtt"

    def __init__(
        self,
        settings: MqttSettings,
        house: House,
        clock: Clock = SYSTEM,
        delay: Callable[[float, float], float] = _uniform,
    ) -> None:
        self._settings, self._house, self._clock, self._delay = settings, house, clock, delay
        self._topics = Topics(settings.topic, settings.discovery)
        tree = Tree() if settings.compat else None
        self._retained = Retained(house, self._topics, settings.interval, tree)
        self._mine = f"/p1monitor-{house.installation}-"
        self._broker = f"the MQTT broker {settings.host}:{settings.port}"
        self._client: Client | None = None
        self._line: Line | None = None
        self._unsent: deque[MQTTMessageInfo] = deque()
        self._birth_due: float | None = None
        self._told = 0  # number of the connection on which the broker was told everything
        # Written by the line's thread:
        self._answered, self._connected, self._born = Event(), Event(), Event()
        self._connection = 0  # its number
        self._announced: deque[tuple[str, str]] = deque(maxlen=ANNOUNCED_MOST)
        self._trouble = f"{self._broker} does not answer yet"
        self._denied: str | None = None  # why a message was not accepted, until it is told

    def open(self) -> None:
        """Start the line once, and wait a moment for the broker. Raises why it is not connected; the line goes on trying."""
        client = self._client or self._made()
        self._sign_in(client)
        if self._line is None:
            client.connect_async(self._settings.host, self._settings.port, KEEPALIVE_S)
            self._client, self._line = client, Line(client, self._failed)
            self._line.start()
        self._answered.wait(OPEN_WAIT_S)
        self.deliver(())

    def deliver(self, readings: Sequence[Reading]) -> None:
        """Publish what is new; after a reconnect and after Home Assistant's birth, all that is retained."""
        now = self._clock.monotonic()
        connection = self._connection  # another may come while this lasts
        again = self._told != connection or not self._connected.is_set()
        self._told = 0  # what was not taken is sent again with all the rest
        try:
            if not again:  # live things first: whoever wants them waits for nothing else
                self._publish_live(readings)
        finally:
            changed = self._changed(readings, now)
        if not self._connected.is_set():
            raise SinkError(self._trouble)
        if self._denied:  # others may have been accepted, so all goes on
            log.warning("%s", self._denied)
            self._denied = ""
        self._publish(self._retained.everything() if again or self._birth(now) else changed)
        if again:
            self._publish_live(_newest(readings))
        self._told = connection

    def close(self) -> None:
        """Say goodbye and go. A broker that hangs is left alone; its last will says the same."""
        if self._line is None:
            return
        with suppress(SinkError, RuntimeError, ValueError):  # lost, or not taken: the last will says the same
            farewell = self._retained.farewell().items()
            sent = [self._given(topic, text, self._settings.qos, retain=True) for topic, text in farewell]
            sent[-1].wait_for_publish(FAREWELL_WAIT_S)
        self._line.close(THREAD_WAIT_S)

    # Publishing: the sink's own thread.

    def _changed(self, readings: Sequence[Reading], now: float) -> dict[str, str]:
        """What the broker should hold now, and did not before."""
        changed: dict[str, str] = {}
        while self._announced:
            self._retained.recall(*self._announced.popleft(), now)
        for reading in readings:
            changed |= self._retained.take(reading, now)
        return changed | self._retained.ages(now)

    def _publish(self, messages: Mapping[str, str]) -> None:
        for topic, text in messages.items():
            self._send(topic, text, self._settings.qos, retain=True)

    def _publish_live(self, readings: Iterable[Reading]) -> None:
        for reading in readings:
            self._send(self._topics.of(reading.meter, "live"), self._retained.text(reading), qos=0)
            for event in reading.events:
                self._send(self._topics.of(reading.meter, "event"), event_text(reading, event), self._settings.qos)

    def _send(self, topic: str, text: str, qos: int, *, retain: bool = False) -> None:
        """Hand one message to paho. It bounds only what is acknowledged; of the rest we count what is not on the line yet."""
        while self._unsent and not _waits(self._unsent[0]):
            self._unsent.popleft()
        if len(self._unsent) >= UNSENT_MOST and _waits(self._unsent[0], UNSENT_WAIT_S):
            raise SinkError(f"{self._broker} takes nothing at the moment")
        info = self._given(topic, text, qos, retain=retain)
        self._accepted(info)
        if not (qos or info.is_published()):
            self._unsent.append(info)

    def _accepted(self, info: MQTTMessageInfo) -> None:
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise SinkError(f"{self._broker} acknowledges nothing at the moment")
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise SinkError(self._trouble)

    def _given(self, topic: str, text: str, qos: int, *, retain: bool) -> MQTTMessageInfo:
        client, line = self._client, self._line
        info = line.use(partial(client.publish, topic, text, qos, retain)) if client and line else None
        if info is None:
            raise SinkError(self._trouble)
        return info

    def _birth(self, now: float) -> bool:
        """Whether Home Assistant started, and has had its pause. One pause is enough for several births."""
        if self._born.is_set() and self._birth_due is None:
            self._born.clear()
            self._birth_due = now + self._delay(*BIRTH_DELAY_S)
        if self._birth_due is None or now < self._birth_due:
            return False
        self._birth_due = None
        return True

    # Connecting.

    def _made(self) -> Client:
        """A client with its callbacks. Its name stays, so that the will of a dead session never comes after us."""
        settings = self._settings
        name, protocol = f"p1monitor-{self._house.installation}", _PROTOCOLS[settings.protocol]
        client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=protocol)
        client.will_set(self._topics.status, OFFLINE, qos=settings.qos, retain=True)
        client.max_queued_messages_set(QUEUED_PER_METER * (1 + len(self._house.meters)) + QUEUED_COMPAT)
        client.on_connect, client.on_disconnect, client.on_message = self._on_connect, self._on_disconnect, self._on_message
        client.on_socket_open, client.on_publish = _at_once, self._on_publish
        try:
            settings.host.encode("idna")  # else each attempt would fail with a fault
        except UnicodeError:
            raise SinkError(f'"{settings.host}" cannot be the name of an MQTT broker: check [mqtt] host') from None
        if settings.tls:
            client.tls_set_context(tls.context(settings))
        return client

    def _sign_in(self, client: Client) -> None:
        """Read the password again at each opening: it may have been put right since."""
        settings = self._settings
        if settings.username is None:
            return
        password = None
        if settings.password_file is not None:
            try:
                password = settings.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeError) as error:
                file = settings.password_file
                raise SinkError(f"[mqtt] password_file {file} cannot be read: {word_of(error)}") from None
        client.username_pw_set(settings.username, password)

    # Callbacks: the line's thread. They set flags and the sentence, nothing else.

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:
            self._trouble = f"{self._broker} {REFUSALS.get(str(reason), f'refuses the connection ({reason})')}"
        else:
            if self._topics.discovery:
                client.subscribe([(self._topics.birth, 0), (self._topics.announcements, 0)])
            self._trouble = f"the connection to {self._broker} was lost"
            self._denied = None
            self._connection += 1
            if self._line is not None:
                self._line.welcome()
            self._connected.set()
        self._answered.set()

    def _failed(self, error: Exception) -> None:
        self._connected.clear()
        self._trouble = f"{self._broker} {why(error)}"
        self._answered.set()

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        self._connected.clear()
        if not self._answered.is_set():
            self._trouble = f"{self._broker} {SILENT if 'alive' in str(reason).lower() else HANGS_UP}{CHECK_PORT}"
            self._answered.set()

    def _on_publish(self, _client: Client, _data: object, _mid: int, reason: ReasonCode, _props: Properties) -> None:
        if reason.is_failure and self._denied is None:  # told once per connection; MQTT 3.1.1 has no way to say so
            self._denied = f"{self._broker} {DENIED.format(reason)}"

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if message.topic == self._topics.birth:
            if message.payload == ONLINE.encode():
                self._born.set()
        elif message.retain and message.payload and self._mine in message.topic and len(message.payload) <= ANNOUNCEMENT_MOST:
            self._announced.append((message.topic, message.payload.decode(errors="replace")))


def _at_once(_client: Client, _data: object, link: object) -> None:
    """Else the kernel keeps what follows a message until the broker has acknowledged that."""
    if isinstance(link, socket):
        link.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


def _waits(info: MQTTMessageInfo, seconds: float = 0.0) -> bool:
    """Whether a message still is in our buffers, after a while; one that was lost with its connection is not."""
    try:
        info.wait_for_publish(seconds)
        return not info.is_published()
    except (RuntimeError, ValueError):
        return False


def _newest(readings: Sequence[Reading]) -> Iterable[Reading]:
    """One per meter: what came while the broker was away is skipped."""
    return {reading.meter: reading for reading in readings}.values()
