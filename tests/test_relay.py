"""The relay with real sockets: what clients get, and what one of them can do to the others."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.clients.socket_ import SocketReader

from p1monitor.p1.framer import Framer, Rejected
from p1monitor.settings import RelaySettings
from p1monitor.sinks import SinkError
from p1monitor.sinks.relay import BLOCKED_S, CLIENTS_MAX, WAITING_MAX, Relay, build
from tests.clocks import Hands
from tests.relaykit import HOUSE, SOON_S, read, reading, silent, telegram, until


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def relay(clock: Hands) -> Iterator[Relay]:
    relay = build(RelaySettings("127.0.0.1:0"), HOUSE, clock)
    relay.open()
    yield relay
    relay.close()


@pytest.fixture
def connect(relay: Relay) -> Iterator[Callable[..., socket.socket]]:
    """Connections that are closed in the end. Each has been accepted when it is handed out."""
    made: list[socket.socket] = []

    def one(receive_buffer: int = 0) -> socket.socket:
        client = socket.socket()
        made.append(client)
        client.settimeout(SOON_S)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        before = connected(relay)
        client.connect(relay.address)
        until(lambda: connected(relay) == min(before + 1, CLIENTS_MAX))
        return client

    yield one
    for client in made:
        client.close()


def connected(relay: Relay) -> int:
    assert relay._switchboard is not None
    return len(relay._switchboard._clients)


def test_whole_telegrams_verbatim_and_nothing_else(relay: Relay, connect: Callable[..., socket.socket]) -> None:
    one, two = telegram(1), telegram(2)
    client = connect()
    assert silent(client)  # no banner
    relay.deliver([reading(one), reading(two)])
    assert read(client, len(one + two)) == one + two
    assert silent(client)


def test_the_last_telegram_comes_at_once_and_only_once(relay: Relay, connect: Callable[..., socket.socket]) -> None:
    relay.deliver([reading(telegram(1)), reading(telegram(2))])
    until(lambda: relay._switchboard is not None and relay._switchboard._latest is not None)
    until(lambda: relay._switchboard is not None and not relay._switchboard._inbox)
    client = connect()
    assert read(client, len(telegram(2))) == telegram(2)
    relay.deliver([reading(telegram(3))])
    assert read(client, len(telegram(3))) == telegram(3)
    assert silent(client)


def test_a_stale_telegram_is_not_sent_on_connect(relay: Relay, clock: Hands, connect: Callable[..., socket.socket]) -> None:
    relay.deliver([reading(telegram(1), clock.now)])
    clock.now += 31
    client = connect()
    assert silent(client)
    relay.deliver([reading(telegram(2), clock.now)])
    assert read(client, len(telegram(2))) == telegram(2)


def test_telegrams_of_another_meter_are_never_mixed_in(relay: Relay, connect: Callable[..., socket.socket]) -> None:
    client = connect()
    relay.deliver([reading(telegram(1), meter="shed"), reading(telegram(2)), reading(telegram(3), meter="shed")])
    assert read(client, len(telegram(2))) == telegram(2)
    assert silent(client)


def test_another_meter_can_be_chosen(clock: Hands) -> None:
    chosen = build(RelaySettings("127.0.0.1:0", meter="shed"), HOUSE, clock)
    chosen.open()
    try:
        with socket.create_connection(chosen.address, SOON_S) as client:
            until(lambda: connected(chosen) == 1)
            chosen.deliver([reading(telegram(1)), reading(telegram(2), meter="shed"), reading(telegram(3))])
            assert read(client, len(telegram(2))) == telegram(2)
            assert silent(client)
    finally:
        chosen.close()


@pytest.mark.parametrize("decrypted", [False, True])
def test_what_was_encrypted_is_relayed_only_where_that_is_wanted(clock: Hands, decrypted: bool) -> None:
    chosen = build(RelaySettings("127.0.0.1:0", decrypted=decrypted), HOUSE, clock)
    chosen.open()
    try:
        with socket.create_connection(chosen.address, SOON_S) as client:
            until(lambda: connected(chosen) == 1)
            plain = reading(telegram(1))
            chosen.deliver([plain._replace(telegram=plain.telegram._replace(crc="gcm")), reading(telegram(2))])
            wanted = telegram(1) + telegram(2) if decrypted else telegram(2)
            assert read(client, len(wanted)) == wanted
            assert silent(client)
    finally:
        chosen.close()


def test_dsmr_parsers_own_socket_reader_reads_the_relay(relay: Relay, clock: Hands) -> None:
    relay.deliver([reading(telegram(41))])
    host, port = relay.address
    stream = SocketReader(host, port, telegram_specifications.V5).read()
    first = next(stream)
    assert first.ELECTRICITY_USED_TARIFF_1.value == Decimal(41)
    relay.deliver([reading(telegram(42))])
    second = next(stream)
    assert second.ELECTRICITY_USED_TARIFF_1.value == Decimal(42)
    assert second.MBUS_DEVICES[0].MBUS_METER_READING.value == Decimal("26.713")
    stream.close()


def test_thirty_clients_get_every_telegram(relay: Relay, connect: Callable[..., socket.socket]) -> None:
    clients = [connect() for _ in range(30)]
    stream = b""
    for number in range(20):
        frame = telegram(number)
        stream += frame
        relay.deliver([reading(frame)])
        assert all(read(client, len(frame)) == frame for client in clients)


def test_one_more_than_the_limit_is_turned_away_and_the_others_stay(
    relay: Relay, connect: Callable[..., socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    clients = [connect() for _ in range(CLIENTS_MAX)]
    for _ in range(2):
        late = connect()
        assert late.recv(1) == b""
    assert caplog.text.count("was turned away") == 1
    clients[0].shutdown(socket.SHUT_WR)
    until(lambda: any(client.deaf for client in relay._switchboard._clients) if relay._switchboard else False)
    instead = connect()
    relay.deliver([reading(telegram(1))])
    for client in (*clients[1:], instead):
        assert read(client, len(telegram(1))) == telegram(1)


def test_a_client_that_reads_nothing_delays_nobody_and_finds_whole_telegrams(
    relay: Relay, connect: Callable[..., socket.socket]
) -> None:
    sleeper, reader = connect(receive_buffer=4096), connect()
    for number in range(400):
        frame = telegram(number, filler=500)
        relay.deliver([reading(frame)])
        assert read(reader, len(frame)) == frame
    assert relay._switchboard is not None
    asleep = relay._switchboard._clients[0]
    assert len(asleep.waiting) == WAITING_MAX
    got = b""
    last = telegram(399, filler=500)
    while not got.endswith(last):
        got += sleeper.recv(4096)
    events = list(Framer().feed(got))
    assert not [event for event in events if isinstance(event, Rejected)]
    assert len(events) < 100  # most were dropped, each of them whole
    assert b"".join(event.data for event in events if not isinstance(event, Rejected)) == got


def test_a_client_that_is_blocked_too_long_is_disconnected(
    relay: Relay, clock: Hands, connect: Callable[..., socket.socket]
) -> None:
    connect(receive_buffer=4096)
    reader = connect()
    for number in range(300):
        relay.deliver([reading(telegram(number, filler=500), clock.now)])
        read(reader, len(telegram(number, filler=500)))
    clock.now += BLOCKED_S - 1
    relay.deliver([reading(telegram(1), clock.now)])
    read(reader, len(telegram(1)))
    assert connected(relay) == 2

    def gone_after_another_while() -> bool:  # the kernel may still take a few bytes at first
        clock.now += BLOCKED_S + 1
        time.sleep(0.05)
        return connected(relay) == 1

    until(gone_after_another_while)  # by the patrol: no telegram is needed
    relay.deliver([reading(telegram(2), clock.now)])
    assert read(reader, len(telegram(2))) == telegram(2)


def test_a_client_that_closed_its_side_still_reads(relay: Relay, connect: Callable[..., socket.socket]) -> None:
    client = connect()
    client.shutdown(socket.SHUT_WR)
    for number in range(3):
        relay.deliver([reading(telegram(number))])
        assert read(client, len(telegram(number))) == telegram(number)


def test_a_client_that_went_is_noticed(relay: Relay, connect: Callable[..., socket.socket]) -> None:
    stays = connect()
    gone = connect()
    gone.close()
    for number in range(3):
        relay.deliver([reading(telegram(number))])
        read(stays, len(telegram(number)))
    until(lambda: connected(relay) == 1)


def test_what_a_client_sends_is_ignored(relay: Relay, connect: Callable[..., socket.socket]) -> None:
    client = connect()
    client.sendall(b"\xff\xfb\x01GET / HTTP/1.1\r\n\r\n" * 500)
    relay.deliver([reading(telegram(1))])
    assert read(client, len(telegram(1))) == telegram(1)


def test_out_of_descriptors_it_rests_and_then_goes_on(
    relay: Relay, connect: Callable[..., socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    client = connect()
    late = socket.socket()
    late.settimeout(SOON_S)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (late.fileno() + 1, hard))
    try:
        late.connect(relay.address)
        until(lambda: "cannot take another client" in caplog.text)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    relay.deliver([reading(telegram(1))])
    assert read(client, len(telegram(1))) == telegram(1)
    assert read(late, len(telegram(1))) == telegram(1)
    late.close()
    assert caplog.text.count("cannot take another client") == 1


def test_an_address_in_use_is_one_sentence(relay: Relay) -> None:
    host, port = relay.address
    second = build(RelaySettings(f"{host}:{port}"), HOUSE)
    with pytest.raises(SinkError, match=rf"cannot listen on {host}:{port}: another program listens there already"):
        second.open()
    second.close()


def test_closing_is_quick_and_opening_again_works(relay: Relay, connect: Callable[..., socket.socket]) -> None:
    client = connect(receive_buffer=4096)
    for number in range(300):
        relay.deliver([reading(telegram(number, filler=500))])
    address = relay.address
    began = time.monotonic()
    relay.close()
    relay.close()
    assert time.monotonic() - began < 2
    client.close()
    again = build(RelaySettings("{}:{}".format(*address)), HOUSE)
    again.open()
    assert again.address == address
    again.close()
