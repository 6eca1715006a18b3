"""Readings as points of an InfluxDB (2, 3, or what takes its writes). Never queues, never retries, never splits: the runner does.

One point per reading and one per new capture of an M-Bus device, tags `meter` and `role` always and nothing else, every
number a float: a field that once was an integer, or a tag that came later, could not be changed without losing history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from p1monitor.clock import SYSTEM, Clock
from p1monitor.p1.catalogue import row_of
from p1monitor.p1.records import Device, Measurement, Reading, Received
from p1monitor.settings import InfluxSettings
from p1monitor.sinks import House, Policy, SinkError
from p1monitor.sinks.certificates import by_date

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient
    from influxdb_client.client.write_api import WriteApi
    from influxdb_client.rest import ApiException

#: Without a history nothing is lost within the queue: an hour of a fast meter, ten of a slow one. A batch is about 400 kB.
POLICY = Policy(live=False, durable=True, queue=3600, batch=500, gather_s=1.0)

#: All a request may take, so that the daemon can stop within five seconds whatever the server does.
TIMEOUT_S = 4.0
#: As much of a server's own words as fits a sentence.
SAID_MAX = 200

ELECTRICITY = "electricity"

_IN_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ ", "\n": r"\ ", "\r": r"\ "})
_IN_TAG = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ "})

#: Status -> what to say, and whether the same readings could ever be taken.
_REFUSALS: Mapping[int, tuple[str, bool]] = {
    400: ("refuses the points as malformed (400)", True),
    401: ("refuses the token (401): does {token} hold one that may write to bucket {bucket}?", False),
    403: ("does not let this token write to bucket {bucket} (403): {token} needs another, or none is set", False),
    404: ('knows no bucket {bucket} in organisation "{org}" (404)', False),
    413: ("takes no point of this size (413)", True),
    422: ("refuses the points (422): another type than stored before, or older than the bucket keeps", True),
    429: ("asks for fewer writes (429)", False),
    503: ("is not ready (503)", False),
}
#: Of these, a new token is the cure.
_TOKEN = frozenset({401, 403})
#: The name of an error -> what to say. The innermost cause that is listed counts.
_FAILURES: Mapping[str, str] = {
    "NameResolutionError": "cannot be found: the name of its host is unknown",
    "gaierror": "cannot be found: the name of its host is unknown",
    "ConnectionRefusedError": "refuses connections: nothing listens there",
    "ConnectTimeoutError": f"does not answer within {TIMEOUT_S:.0f} s",
    "ReadTimeoutError": f"took the points, but did not confirm within {TIMEOUT_S:.0f} s",
    "SSLError": "has no certificate that this host trusts, or does not speak TLS",
    "ConnectionResetError": "closed the connection",
    "ProtocolError": "closed the connection, or does not speak HTTP",
    "UnicodeDecodeError": "does not answer like an InfluxDB",
}


def policy(settings: InfluxSettings) -> Policy:
    """How it is run: another bucket is another place, another address of the same one is not."""
    place = f"influxdb/{settings.org}/{settings.bucket}"
    return replace(POLICY, resolution_s=settings.resolution or 0, place=place, backfill=settings.backfill)


def build(settings: InfluxSettings, house: House, clock: Clock = SYSTEM) -> InfluxDB:
    """Make the sink. The client library is loaded when it opens: it costs 31 MB."""
    return InfluxDB(settings, house, clock)


@dataclass(frozen=True)
class Memory:
    """What the points of the next reading depend on. Grows by copying, so that a batch that failed leaves no trace."""

    #: (meter, role) -> number of a reading, and the capture that was written up to it. Two: of what comes, and of a backlog.
    captures: Mapping[tuple[str, str], tuple[tuple[int, object], ...]] = field(default_factory=dict)


class InfluxDB:
    """Synchronous writes through influxdb-client."""

    name = "influxdb"

    def __init__(self, settings: InfluxSettings, house: House, clock: Clock = SYSTEM) -> None:
        self._settings, self._house = settings, house
        self._clock = clock
        self._memory = Memory()
        self._known = False  # the server has taken something: what it refuses now is no fault of the configuration
        self._began: float | None = None  # the wall clock at monotonic zero; kept, so that a batch sent twice has the same stamps
        self._client: InfluxDBClient | None = None
        self._writer: WriteApi | None = None

    def open(self) -> None:
        """Read the token and load the client. The first write tells whether the server is there."""
        from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415  31 MB, for those who use it
        from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415

        self.close()
        wait_ms = int(TIMEOUT_S * 1000)
        self._client = InfluxDBClient(self._settings.url, self._token(), org=self._settings.org, timeout=wait_ms)
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    def deliver(self, readings: Sequence[Reading]) -> bool:
        """Write their points; False if they have none. Written twice is stored once: the stamps are the same.

        Readings that no clock could date yet wait in the runner's queue, and what comes after them too: order stays. Of a
        reading that is refused, what else it brought is written all the same.
        """
        if not self._house.knows_time():
            self._began = None
        elif self._began is None:
            self._began = self._clock.wall() - self._clock.monotonic()
        encoder = Encoder(self._settings.measurement, self._memory, self._began)
        lines = [line for reading in readings for line in encoder.lines(reading)]
        try:
            if lines:
                self._write(lines)
        except SinkError as error:
            if not error.permanent or len(readings) > 1:
                raise
            refused = self._each(lines) if len(lines) > 1 else error
            if self._known:
                self._memory = encoder.memory()  # else what was refused would be tried again with each reading
            if refused is not None:
                refused.proven = self._known
                raise refused from None
        self._memory = encoder.memory()
        return bool(lines)

    def close(self) -> None:
        """Close the connections that are kept; nothing is written any more."""
        client, self._client, self._writer = self._client, None, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]  # theirs has no types

    def _token(self) -> str:
        path = self._settings.token_file
        if path is None:
            return ""
        try:
            token = path.read_text().strip()
        except OSError as error:
            raise SinkError(f"cannot read the token file {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            token = ""
        if not token or not token.isascii() or not token.isprintable():
            raise SinkError(f"the token file {path} does not hold a token")
        return token

    def _write(self, lines: Sequence[bytes]) -> None:
        from influxdb_client.domain.write_precision import WritePrecision  # noqa: PLC0415  loaded by open() already
        from influxdb_client.rest import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        if self._writer is None:  # the last token was refused: there may be another now
            self.open()
        assert self._writer is not None
        try:
            self._writer.write(self._settings.bucket, record=b"\n".join(lines), write_precision=WritePrecision.MS)  # type: ignore[arg-type]  # theirs is a str
        except ApiException as error:
            raise self._refused(error) from None
        except (HTTPError, OSError, UnicodeDecodeError) as error:
            words = by_date(error) or _failure(error)
            raise SinkError(f"{self._settings.url} {words}", too_many=words == _FAILURES["ReadTimeoutError"]) from None
        self._known = True

    def _each(self, lines: Sequence[bytes]) -> SinkError | None:
        """Gas is not to suffer for electricity: one line after the other; what was refused of them."""
        refused: SinkError | None = None
        for line in lines:
            try:
                self._write([line])
            except SinkError as error:
                if not error.permanent:
                    raise
                refused = error
        return refused

    def _refused(self, error: ApiException) -> SinkError:
        if not error.status:  # how influxdb-client tells that TLS failed
            return SinkError(f"{self._settings.url} {by_date(error) or _FAILURES['SSLError']}")
        other = "has trouble of its own" if error.status >= 500 else "answers as no InfluxDB does"
        words, permanent = _REFUSALS.get(error.status, (f"{other} ({error.status})", False))
        if error.status in _TOKEN:
            self.close()
        token = self._settings.token_file or "token_file, which is not set,"
        sentence = words.format(token=token, bucket=self._settings.bucket, org=self._settings.org)
        said = _said(error) if permanent else ""
        wait = _retry_after(error.headers.get("Retry-After") if error.headers else None, self._clock.wall())
        return SinkError(f"{self._settings.url} {sentence}{said}", permanent=permanent, retry_after=wait)


class Encoder:
    """Readings to lines, in order, on from a memory."""

    def __init__(self, measurement: str, memory: Memory, began: float | None) -> None:
        """`began` is the wall clock at monotonic zero, None while the host does not know the time."""
        self._measurement = measurement.translate(_IN_MEASUREMENT)
        self._captures = dict(memory.captures)
        self._began = began

    def memory(self) -> Memory:
        """What the next encoder goes on from."""
        return Memory(self._captures)

    def lines(self, reading: Reading) -> Iterator[bytes]:
        """Lines of one reading: electricity, then each device that has something new."""
        stamp = self._stamp(reading)
        if fields := _fields(reading.values):
            yield self._line(reading.meter, ELECTRICITY, fields, stamp)
        for device in reading.devices:
            fields = _fields(device.values)
            if fields and self._is_new(reading, device, fields):
                yield self._line(reading.meter, device.role, fields, _milliseconds(device.at) if device.at else stamp)

    def _stamp(self, reading: Reading) -> int:
        """The meter's time, or ours where it has none. That it is the only reading with it, is the runner's business."""
        return round((reading.at.timestamp() if reading.at else self._wall(reading.received)) * 1000)

    def _wall(self, received: Received | None) -> float:
        """When it came. Where the host did not know the time then, its clock of now says what it was."""
        if received is not None and received.known:
            return received.wall
        if self._began is None or received is None:  # the reader gives every reading one
            raise SinkError("the clock of this host is not set yet: readings of a meter without a clock wait for it")
        return self._began + received.monotonic

    def _is_new(self, reading: Reading, device: Device, fields: Mapping[str, float]) -> bool:
        """A device has something new when it was captured anew; without a capture time, when a value changed.

        A field that was held back and is confirmed now is new too. What counts is the reading before it, by its number.
        """
        capture: object = (device.at, tuple(fields)) if device.at else tuple(fields.items())
        key = reading.meter, device.role
        known = self._captures.get(key, ())
        before = max((one for one in known if one[0] <= reading.seq), default=None, key=lambda one: one[0])
        others = sorted((one for one in known if one is not before), key=lambda one: one[0])[-1:]
        self._captures[key] = (*others, (reading.seq, capture))
        return before is None or before[1] != capture

    def _line(self, meter: str, role: str, fields: Mapping[str, float], stamp: int) -> bytes:
        values = ",".join(f"{name}={value!r}" for name, value in fields.items())
        return f"{self._measurement},meter={_tag(meter)},role={_tag(role)} {values} {stamp}".encode()


def _fields(values: Mapping[str, Measurement]) -> dict[str, float]:
    """Return the numbers that have a name of ours, are there, and are not held back. Our names need no escaping."""
    return {
        name: float(measurement.value)
        for name, measurement in values.items()
        if isinstance(measurement.value, Decimal) and not measurement.held and row_of(name) is not None
    }


def _tag(value: str) -> str:
    """Escape a tag's value. A backslash at its end would escape the comma behind it, and cannot be escaped itself."""
    return value.rstrip("\\").translate(_IN_TAG) or "-"


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _said(error: ApiException) -> str:
    """Give the server's own reason: what is wrong with the points, only it knows."""
    text = " ".join(str(error.message or "").split())
    return f": {text[:SAID_MAX]}" if text else ""


def _failure(error: BaseException) -> str:
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        chain.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return next((_FAILURES[name] for name in reversed(chain) if name in _FAILURES), f"cannot be reached ({chain[-1]})")


def _retry_after(text: str | None, now: float) -> float | None:
    """Seconds to wait, of a header that gives seconds or a date (RFC 9110 §10.2.3); None if it gives neither."""
    if text is None:
        return None
    try:
        wait = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - now
    except ValueError:
        return None
    return max(wait, 0.0)
