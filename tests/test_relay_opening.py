"""Where the relay listens, what it says when it cannot, and what it makes of a frame without CRC."""

from __future__ import annotations

import socket
import time
import urllib.request
from pathlib import Path

import pytest

from p1monitor.p1.framer import Framer, Rejected
from p1monitor.settings import RelaySettings
from p1monitor.sinks import SinkError
from p1monitor.sinks.relay import POLICY, build, complete
from tests.relaykit import HOUSE, SOON_S, read, reading, telegram, until
from tests.services import free_port
from tests.street import NOON, Street


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("192.0.2.1:2001", "this host does not have that address"),
        ("no-such-host.invalid:2001", "cannot listen on no-such-host.invalid:2001"),
        ("2001", "must be an address and a port"),
    ],
)
def test_an_address_that_cannot_be_is_one_sentence(address: str, words: str) -> None:
    relay = build(RelaySettings(address), HOUSE)
    with pytest.raises(SinkError, match=words):
        relay.open()
    relay.close()


def test_it_listens_on_ipv6_too() -> None:
    relay = build(RelaySettings("[::1]:0"), HOUSE)
    relay.open()
    relay.deliver([reading(telegram(1), time.monotonic())])
    with socket.create_connection(relay.address, SOON_S) as client:
        assert read(client, len(telegram(1))) == telegram(1)
    relay.close()


def test_a_meter_without_crc_gets_one_on_demand() -> None:
    bare = telegram(7, crc="absent")
    assert bare.endswith(b"!\r\n")
    assert complete(bare, append_crc=False) == bare
    (frame,) = Framer("arc").feed(complete(bare, append_crc=True))
    assert not isinstance(frame, Rejected)
    assert frame.crc == "valid"
    whole = telegram(8)
    assert complete(whole, append_crc=True) == whole


def test_whoever_listens_gets_it_with_its_crc_where_that_is_set(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    with Street(tmp_path, NOON, models=["dsmr22"], relay=RelaySettings(listen, append_crc=True), history=None) as street:
        street.round()
        until(lambda: street.daemon.status.snapshot()["sinks"]["relay"]["accepted"] == 1)
        whole = complete(street.sent["dsmr22"][-1].frame, append_crc=True)
        host, _, port = listen.partition(":")
        with socket.create_connection((host, int(port)), SOON_S) as client:
            assert read(client, len(whole)) == whole != street.sent["dsmr22"][-1].frame
        with urllib.request.urlopen(f"{street.url}/api/v1/telegram", timeout=SOON_S) as answer:
            assert answer.read() == whole


def test_a_line_end_is_added_where_the_meter_sends_none() -> None:
    whole = telegram(9)
    assert complete(whole.rstrip(), append_crc=False) == whole


def test_the_relay_is_live() -> None:
    assert POLICY.live
