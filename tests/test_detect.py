"""What is said about ports and addresses with and without a meter; pseudo-terminals and sockets are real, the clock is not."""

from __future__ import annotations

import contextlib
import socket
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from threading import Thread

import pytest

from p1monitor.detect import LOOK_S, Found, detect, look_at, target, tell
from p1monitor.diagnosis import configuration, how_to_go_on
from p1monitor.p1.crc import ALGORITHMS, crc16_arc
from p1monitor.p1.meters import MODELS
from p1monitor.p1.telegram import render
from p1monitor.settings import SourceSettings
from p1monitor.sources.ports import consoles
from tests.lines import FakeClock, Wire, dsmr2, dsmr5, until, wire, with_parity
from tests.moments import NOON

__all__ = ["wire"]


class Hurry(FakeClock):
    """Each look at it lets five seconds pass."""

    def monotonic(self) -> float:
        self.now += 5.0
        return self.now


def words(found: Found) -> str:
    return "\n".join(found.lines)


def hear(place: SourceSettings, send: Callable[[], object], clock: FakeClock, pause: float) -> Found:
    """Listen there while `send` sends once in `pause` seconds of the fake clock; it begins when the other side listens."""
    found: list[Found] = []
    began = clock.now
    thread = Thread(target=lambda: found.append(look_at(place, clock)), daemon=True)
    thread.start()

    def step() -> list[Found]:
        send()
        clock.now += pause
        return found

    until(step, "a finding")
    thread.join()
    # A sender that does not wait may be ahead by many steps; one that does, by one
    assert pause or clock.now - began <= LOOK_S + 10
    return found[0]


class Meter:
    """Telegrams of a model, one per call."""

    def __init__(self, model: str) -> None:
        self.model, self.at = MODELS[model], NOON

    def next(self) -> bytes:
        self.at += timedelta(seconds=self.model.period_s)
        return render(self.model.telegram(self.at.astimezone(UTC), 0))


#: Model -> what is to be said of it.
GAS = "M-Bus channel 1: gas meter G0061"
FAST, SLOW = ("every second", "with a valid checksum"), ("every 10 s", "without a checksum")
DUTCH = "In the Netherlands tariff 1 is low"
BELGIUM = ("grid company Fluvius, e-MUCS-P1 1.7", "In Belgium tariff 1 is normal", "permission for the port")
SAID = {
    "esmr5": ("Iskraemeco, DSMR/ESMR 5.0", *FAST, DUTCH, GAS),
    "me381": ("Iskraemeco, DSMR 2.2 or 3.0", "ME381-1007", *SLOW, DUTCH, GAS),
    "mt381": ("Iskraemeco, DSMR 2.2 or 3.0", "MT381-1003", *SLOW, DUTCH, GAS),
    "kwhiq": ("an unknown maker, DSMR/ESMR 5.0", "IQ0102065BNEM", *FAST, DUTCH, "no M-Bus devices"),
    "emucs3": (*BELGIUM, *FAST, GAS, "M-Bus channel 2: water meter 8SEN"),
    "dsmr22": ("Kamstrup, DSMR 2.2 or 3.0", *SLOW, DUTCH, GAS),
    "delta": (*BELGIUM, *FAST, GAS),
    "sweden": ("LGF5E360", "no M-Bus devices"),
}


@pytest.fixture(params=["pty", "tcp"])
def line(request: pytest.FixtureRequest, wire: Wire) -> Iterator[tuple[SourceSettings, Callable[[bytes], object]]]:
    """A way from a meter to us: (where to listen, how to send)."""
    if request.param == "pty":
        yield SourceSettings(device=wire.device), wire.write
        return
    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def send(chunk: bytes) -> None:
            with contextlib.suppress(BlockingIOError):
                clients.append(server.accept()[0])
            for client in clients:
                try:
                    client.sendall(chunk)
                except OSError:
                    clients.remove(client)

        yield SourceSettings(type="tcp", host="127.0.0.1", port=server.getsockname()[1]), send
        for client in clients:
            client.close()


@pytest.mark.parametrize("model", SAID)
def test_each_simulated_meter_is_found(line: tuple[SourceSettings, Callable[[bytes], object]], model: str) -> None:
    where, send = line
    meter, clock = Meter(model), Steady(MODELS[model].period_s)
    found = hear(where, lambda: clock.tick(lambda: send(meter.next())), clock, 0.0)
    assert found.good
    assert found.heard
    told = words(found)
    for said in SAID[model]:
        assert said in told
    [source] = [one["source"] for one in tomllib.loads(configuration(found.source, found.heard))["meter"]]
    assert source["type"] == where.type
    assert (source.get("device"), source.get("host"), source.get("port")) == (where.device, where.host, where.port)
    if where.type == "serial":
        assert "115200 8N1" in told


def test_only_who_speaks_when_asked_or_in_secret_is_not_found_so() -> None:
    assert MODELS.keys() - SAID.keys() == {"clms100", "lux"}


class Steady(FakeClock):
    """Goes on by a period once what was sent has been read: time is looked at once per chunk, also an empty one."""

    def __init__(self, period: float) -> None:
        super().__init__()
        self._period, self._looks = period, 0

    def monotonic(self) -> float:
        self._looks += 1
        return self.now

    def tick(self, send: Callable[[], object]) -> None:
        before = seen = self._looks
        send()
        for _ in range(50):  # until it was read, and nothing more of it comes
            time.sleep(0.01)
            if self._looks > before and self._looks == seen:
                self.now += self._period
                return
            seen = self._looks


def test_a_meter_is_found_with_what_to_paste(wire: Wire) -> None:
    clock = FakeClock()
    found = hear(SourceSettings(device=wire.device), lambda: wire.write(dsmr5(0)[-30:] + dsmr5(1)), clock, 1.0)
    assert words(found).startswith(f"{wire.device}: found a meter of an unknown maker, DSMR/ESMR 5.0 (TST5\\2P1MONITOR-1)")
    assert "no M-Bus devices" in words(found)
    assert found.heard
    source = tomllib.loads(configuration(found.source, found.heard))["meter"][0]["source"]
    assert source == {"type": "serial", "device": wire.device, "settings": "auto"}


def test_an_old_meter_is_found_by_its_parity(wire: Wire) -> None:
    found = hear(SourceSettings(device=wire.device), lambda: wire.write(with_parity(dsmr2())), FakeClock(), 1.0)
    assert "at 115200 7E1, without a checksum" in words(found)


def test_a_meter_with_another_checksum_is_found(wire: Wire) -> None:
    body = dsmr5()[: dsmr5().index(b"!") + 1]
    telegram = body + b"%04X\r\n" % ALGORITHMS["x25"](body)
    found = hear(SourceSettings(device=wire.device), lambda: wire.write(telegram), FakeClock(), 1.0)
    assert found.heard
    assert 'crc = "x25"' in configuration(found.source, found.heard)


BELGIAN = (
    b"/FLU5\\253770234_A\r\n\r\n0-0:96.1.4(50217)\r\n0-0:1.0.0(261101120000W)\r\n1-0:1.8.1(000123.456*kWh)\r\n"
    b"0-1:24.1.0(003)\r\n0-1:96.1.1(37464C4F)\r\n0-2:24.1.0(007)\r\n0-2:96.1.1(57415445)\r\n!"
)


def test_a_belgian_meter_has_its_own_hints(wire: Wire) -> None:
    telegram = BELGIAN + b"%04X\r\n" % crc16_arc(BELGIAN)
    told = words(hear(SourceSettings(device=wire.device), lambda: wire.write(telegram), FakeClock(), 1.0))
    assert "a meter of the grid company Fluvius, e-MUCS-P1 1.7" in told
    assert "tariff 1 is normal (day)" in told
    assert "permission for the port" in told
    assert "channel 2: water meter WATE" in told


def test_silence_is_told_with_what_to_look_at(wire: Wire) -> None:
    found = look_at(SourceSettings(device=wire.device), Hurry())
    assert not found.good
    for word in ("nothing came in 28 s", "grid company", "request line", "Belgium", "the Netherlands it is open"):
        assert word in words(found)
    assert LOOK_S < 30


def test_silence_over_the_network_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = look_at(SourceSettings(type="tcp", host="127.0.0.1", port=server.getsockname()[1]), Hurry())
    assert "connected, but nothing came in 28 s" in words(found)


def test_what_cannot_be_opened_is_told() -> None:
    assert words(look_at(SourceSettings(device="/dev/ttyNONE"))).startswith("there is no /dev/ttyNONE")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "cannot be reached" in words(look_at(SourceSettings(type="tcp", host="127.0.0.1", port=port)))


def _lost(telegram: bytes) -> bytes:
    return telegram.replace(b"000123.456", b"000123.457")


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        (b"\x7e\xa0\x8b\xce\xff\x03" + bytes(60), "7E A0"),
        (b"\x7e\xa2\x43\x41\x08\x83" + bytes(60), "not P1 text"),
        (b"\xdb\x08SAGtestX\x82\x01\x58\x30" + bytes(range(200)), "DB 08"),
        (bytes((97 * n * n + 31) % 251 | 0x80 for n in range(300)), "bytes of noise"),
        (_lost(dsmr5()), "no checksum is right"),
        (dsmr5()[:200], "each is cut short"),
    ],
    ids=["hdlc-a0", "hdlc-a2", "encrypted", "noise", "bit-errors", "cut"],
)
def test_what_comes_is_named(line: tuple[SourceSettings, Callable[[bytes], object]], foreign: bytes, said: str) -> None:
    where, send = line
    found = hear(where, lambda: send(foreign), FakeClock(), 1.0)
    assert not found.good
    assert said in words(found)
    # Over the network no settings were tried here, and no signal can be turned round
    assert ("at 115200 8N1 and at" in words(found)) == (said == "bytes of noise" and where.type == "serial")


def test_a_console_is_named_and_not_touched(tmp_path: Path) -> None:
    dev, proc = tmp_path / "dev", tmp_path / "proc"
    (proc / "17").mkdir(parents=True)
    dev.mkdir()
    for name in ("ttyAMA0", "ttyS0"):
        (dev / name).touch()
    (proc / "cmdline").write_text("console=ttyAMA0,115200 console=tty1 root=/dev/mmcblk0p2 console=ttyS9\n")
    (proc / "17" / "cmdline").write_bytes(b"/sbin/agetty\0-o\0-p -- \\u\0--keep-baud\x00115200,9600\0ttyS0\0vt220\0")
    busy = consoles(dev, proc)
    assert {Path(device).name: "getty" in why for device, why in busy.items()} == {"ttyAMA0": False, "ttyS0": True}
    [found] = detect([SourceSettings(device=str(dev / "ttyAMA0"))], busy=busy)
    assert "console=ttyAMA0 in the kernel's command line" in words(found)
    assert "raspi-config" in words(found)
    assert "raspi-config" in how_to_go_on([], looked=False, busy=busy, path="x")


def test_all_ports_are_listened_to_at_once(wire: Wire) -> None:
    clock = Hurry()
    found = list(detect([SourceSettings(device=wire.device), SourceSettings(device="/dev/ttyNONE")], clock, {}))
    assert [each.where for each in found] == ["/dev/ttyNONE", wire.device]


def test_what_to_do_next_is_said(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Plug the P1 cable" in how_to_go_on([], looked=False, busy={}, path="x")
    assert "`p1monitor demo`" in how_to_go_on([], looked=True, busy={}, path="x")
    found = hear(SourceSettings(device=wire.device), lambda: wire.write(dsmr5()), FakeClock(), 1.0)
    assert found.heard
    one = (found.source, found.heard)
    told = how_to_go_on([one, one], looked=True, busy={}, path="/etc/p1monitor/config.toml")
    assert "/etc/p1monitor/config.toml, then start `p1monitor run`" in told
    assert [meter["name"] for meter in tomllib.loads(told.partition("\n\n")[2])["meter"]] == ["home", "home_2"]
    pasted: list[str] = []
    assert how_to_go_on([one], looked=True, busy={}, path="x", paste=pasted.append) == ""
    assert tomllib.loads(pasted[0])


def test_words_of_the_command_line() -> None:
    assert target("/dev/serial/by-path/pci-0:1:2").device == "/dev/serial/by-path/pci-0:1:2"
    assert target("ttyUSB0").device == "/dev/ttyUSB0"
    assert target("slimmelezer.local:23") == SourceSettings(type="tcp", host="slimmelezer.local", port=23)
    with pytest.raises(ValueError, match="not a port"):
        target("host:x")
    with pytest.raises(ValueError, match="HOST:PORT"):
        target("192.168.1.7")
    said: list[str] = []
    assert not tell("/dev/ttyNONE", said.append, "x")
    assert "there is no /dev/ttyNONE" in "\n".join(said)
    assert "?." not in "\n".join(said)
