"""The TCP source on real sockets, and what it does to telnet negotiation."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from p1monitor.sources import SourceError
from p1monitor.sources.tcp import TcpSource, Telnet
from tests.lines import dsmr5, gather

DO_ECHO, WILL_SGA = b"\xff\xfd\x01", b"\xff\xfb\x03"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def source_of(server: socket.socket) -> TcpSource:
    return TcpSource("127.0.0.1", server.getsockname()[1])


def test_bytes_that_come_with_the_connect_are_not_lost(server: socket.socket) -> None:
    def greet() -> None:
        link, _ = server.accept()
        link.sendall(dsmr5(1))
        link.close()

    thread = threading.Thread(target=greet)
    thread.start()
    source = source_of(server)
    source.open()
    thread.join()  # everything was sent before the first read
    assert gather(source.chunks(), len(dsmr5(1))) == dsmr5(1)
    source.close()


def test_a_closed_connection_is_told(server: socket.socket) -> None:
    source = source_of(server)
    source.open()
    server.accept()[0].close()
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:\d+ closed the connection"):
        gather(source.chunks(), 1)
    source.close()


def test_a_reset_connection_is_told(server: socket.socket) -> None:
    source = source_of(server)
    source.open()
    link, _ = server.accept()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    link.close()
    with pytest.raises(SourceError, match=r"the connection to 127\.0\.0\.1:\d+ broke: Connection reset by peer"):
        gather(source.chunks(), 1)
    source.close()


def test_silence_is_an_empty_chunk_within_a_second_or_so(server: socket.socket) -> None:
    source = source_of(server)
    source.open()
    began = time.monotonic()
    assert next(source.chunks()) == b""
    assert time.monotonic() - began < 2
    source.close()


def test_the_connection_is_kept_alive_beyond_the_slowest_period(server: socket.socket) -> None:
    source = source_of(server)
    source.open()
    link = source._socket
    assert link is not None
    assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) > 60
    source.close()


def test_closing_from_another_thread_ends_the_reading_at_once(server: socket.socket) -> None:
    source = source_of(server)
    source.open()
    thread = threading.Thread(target=lambda: [None for _ in source.chunks()])
    thread.start()
    time.sleep(0.05)  # into the read
    began = time.monotonic()
    source.close()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - began < 0.5
    source.close()


def test_closing_from_another_thread_ends_the_connecting_at_once() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(3)]  # a full backlog: the next connect hangs
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        source = TcpSource(*address)
        failed: list[SourceError] = []

        def connect() -> None:
            try:
                source.open()
            except SourceError as trouble:
                failed.append(trouble)

        thread = threading.Thread(target=connect)
        thread.start()
        time.sleep(0.1)  # into the connect
        began = time.monotonic()
        source.close()
        thread.join(5)
        assert time.monotonic() - began < 0.5
        assert failed
        for filler in fillers:
            filler.close()


def test_a_refused_connection_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceError, match=rf"127\.0\.0\.1:{port} cannot be reached: Connection refused"):
        TcpSource("127.0.0.1", port).open()


@pytest.mark.parametrize("host", ["meter.invalid", "x" * 70])
def test_a_name_that_nobody_knows_is_told(host: str) -> None:
    with pytest.raises(SourceError, match=f"the name {host} cannot be resolved: "):
        TcpSource(host, 23).open()


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert TcpSource("fe80::1", 23).name == "tcp [fe80::1]:23"


TELEGRAM = dsmr5()
ODD = b"/X\r\n\r\n1-0:1.0.0(\xff\xfd\x01!\xff\xff)\r\n!0000"  # what looks like negotiation inside a telegram is data


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param(TELEGRAM, TELEGRAM, id="nothing to drop"),
        pytest.param(DO_ECHO + WILL_SGA + TELEGRAM, TELEGRAM, id="at connect"),
        pytest.param(TELEGRAM + b"\xff\xfe\x2f" + TELEGRAM, TELEGRAM * 2, id="the option is a slash"),
        pytest.param(TELEGRAM + DO_ECHO * 3 + TELEGRAM, TELEGRAM * 2, id="between"),
        pytest.param(b"\xff\xff" + TELEGRAM, b"\xff" + TELEGRAM, id="a doubled one is one"),
        pytest.param(b"\xff\xf1" + TELEGRAM, b"\xff\xf1" + TELEGRAM, id="other commands stay"),
        pytest.param(ODD + b"\r\n" + DO_ECHO + TELEGRAM, ODD + b"\r\n" + TELEGRAM, id="inside a telegram"),
        pytest.param(b"\xdb\x08ABCDEFGH\xff\xfd\x01\xff\xff", b"\xdb\x08ABCDEFGH\xff\xfd\x01\xff\xff", id="encrypted"),
        pytest.param(b"\xdb" + DO_ECHO + TELEGRAM, b"\xdb" + TELEGRAM, id="a stray DB"),
    ],
)
def test_negotiation_is_dropped_between_telegrams_only(sent: bytes, kept: bytes) -> None:
    assert Telnet().strip(sent) == kept
    for size in (1, 2, 3, 7):
        telnet = Telnet()
        assert b"".join(telnet.strip(sent[at : at + size]) for at in range(0, len(sent), size)) == kept


def test_a_telegram_ends_at_a_line_not_at_any_exclamation_mark() -> None:
    telnet = Telnet()
    assert telnet.strip(b"/KFM5!\r\n\r\n1-0:1.0.0(\xff\xfd\x01)") == b"/KFM5!\r\n\r\n1-0:1.0.0(\xff\xfd\x01)"
