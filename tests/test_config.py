"""The configuration file: what it says is what the daemon gets, and each fault is one sentence that says where."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from p1monitor import listen, rules
from p1monitor.config import ConfigError, load
from p1monitor.password import make_line
from p1monitor.settings import HistorySettings, MeterSettings, Settings, SourceSettings, WebSettings

METER = '[[meter]]\n[meter.source]\ndevice = "/dev/ttyUSB0"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text))
    sentence = str(caught.value)
    assert sentence.startswith(str(folder / "config.toml")), "names the file"
    assert "\n" not in sentence
    return sentence.removeprefix(f"{folder / 'config.toml'}: ")


def test_one_meter_is_enough_and_the_rest_has_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, METER)) == Settings(
        meters=(MeterSettings(source=SourceSettings(device="/dev/ttyUSB0")),), history=HistorySettings(), web=WebSettings()
    )
    assert load(write(tmp_path, "\ufeff" + METER)) == load(write(tmp_path, METER))  # a byte order mark is nothing


def test_everything_can_be_said(tmp_path: Path) -> None:
    for name in ("token", "secret", "ca.pem"):
        (tmp_path / name).write_text("not for others\n")
    (tmp_path / "page").write_text(make_line("correct horse"))
    (tmp_path / "telegrams.txt").write_text("/")
    settings = load(
        write(
            tmp_path,
            """
            [[meter]]
            name = "home"
            profile = "nl"
            crc = "arc"
            demand_minutes = 5
            demand_periods = 3
            billing_day = 28
            power_limit_w = 2500
            [meter.source]
            type = "tcp"
            host = "slimmelezer.local"
            port = 23
            [[meter]]
            name = "garage_2"
            [meter.source]
            type = "replay"
            path = "telegrams.txt"
            speed = "max"
            loop = true
            [[meter]]
            name = "fake"
            [meter.source]
            type = "simulated"
            model = "me381"
            seed = 4
            [history]
            path = "store/history.sqlite"
            keep = "forever"
            load_profile_minutes = 60
            [web]
            listen = "[::]:80"
            password_file = "page"
            [mqtt]
            host = "2001:db8::1"
            port = 8883
            username = "me"
            password_file = "secret"
            tls = true
            protocol = "5"
            ca_file = "ca.pem"
            certificate_file = "ca.pem"
            key_file = "ca.pem"
            qos = 2
            compat = "dsmr-reader"
            topic = "house/energy"
            discovery = ""
            interval = 1.5
            [influxdb]
            url = "https://influx:8086/"
            org = "home"
            bucket = "p1/autogen"
            token_file = "token"
            [relay]
            listen = "0.0.0.0:2001"
            meter = "garage_2"
            append_crc = true
            """,
        )
    )
    home, garage, fake = settings.meters
    assert (home.source.host, home.source.port, home.crc) == ("slimmelezer.local", 23, "arc")
    assert (home.demand_minutes, home.demand_periods, home.billing_day, home.power_limit_w) == (5, 3, 28, 2500)
    assert garage.source == SourceSettings(type="replay", path=tmp_path / "telegrams.txt", speed=None, loop=True)
    assert fake.source.seed == 4
    assert settings.history
    assert settings.history.path == tmp_path / "store/history.sqlite"
    assert settings.mqtt
    assert (settings.mqtt.discovery, settings.mqtt.interval) == ("", 1.5)
    assert (settings.mqtt.protocol, settings.mqtt.qos, settings.mqtt.compat) == ("5", 2, "dsmr-reader")
    assert settings.influxdb
    assert settings.influxdb.token_file == tmp_path / "token"
    assert settings.relay
    assert settings.relay.append_crc is True


FAULTS = {
    "unknown key": ('[mqtt]\nhost = "a"\nhots = 1', "[mqtt] hots: unknown key, did you mean host?"),
    "unknown key of a meter": (
        '[[meter]]\nnmae = "a"\nsource = {}',
        "[[meter]] no. 2 nmae: unknown key, did you mean name?",
    ),
    "unknown key of a source": ("sttings = 1", "[meter.source] sttings: unknown key, did you mean settings?"),
    "a password in the file": (
        '[mqtt]\nhost = "a"\npassword = "x"',
        "[mqtt] password: unknown key, did you mean password_file?",
    ),
    "nothing like it": ('[relay]\nzzz = "a"', "[relay] zzz: unknown key, there are listen, meter, append_crc"),
    "unknown table": ("[mqqt]", "mqqt: unknown table, did you mean mqtt?"),
    "value for a table": ("[mqtt]\nhost = 1", '[mqtt] host: must be a text in quotes, such as "…"'),
    "number as text": ('[mqtt]\nhost = "a"\nport = "1883"', "[mqtt] port: must be a whole number"),
    "true is no number": ('[mqtt]\nhost = "a"\nport = true', "[mqtt] port: must be a whole number"),
    "text for yes": ('[relay]\nappend_crc = "yes"', "[relay] append_crc: must be true or false"),
    "port out of range": ('[mqtt]\nhost = "a"\nport = 70000', "[mqtt] port: must be between 1 and 65535"),
    "broker as URL": ('[mqtt]\nhost = "mqtt://a"', "[mqtt] host: must be a host name or an address"),
    "interval": ('[mqtt]\nhost = "a"\ninterval = 0', "[mqtt] interval: must be between 1 and 3600"),
    "not a number": ('[mqtt]\nhost = "a"\ninterval = nan', "[mqtt] interval: must be between 1 and 3600"),
    "protocol": ('[mqtt]\nhost = "a"\nprotocol = "3.1"', '[mqtt] protocol: must be one of "3.1.1", "5"'),
    "qos": ('[mqtt]\nhost = "a"\nqos = 3', "[mqtt] qos: must be one of 0, 1, 2"),
    "compat": ('[mqtt]\nhost = "a"\ncompat = "dsmr"', '[mqtt] compat: must be one of "", "dsmr-reader"'),
    "wildcard topic": ('[mqtt]\nhost = "a"\ntopic = "p1/#"', "[mqtt] topic: must be an MQTT topic"),
    "relay of nobody": ('[relay]\nmeter = "hom"', '[relay] meter: there is no meter "hom", did you mean home?'),
    "no broker": ("[mqtt]", "[mqtt] host: is missing"),
    "no bucket": ('[influxdb]\nurl = "http://a"', "[influxdb] bucket: is missing"),
    "password in a URL": (
        '[influxdb]\nbucket = "b"\nurl = "http://me:pw@a"',
        "[influxdb] url: must be a URL without user",
    ),
    "a url's port": ('[influxdb]\nbucket = "b"\nurl = "http://a:99999"', "[influxdb] url: must be a URL"),
    "a url without host": ('[influxdb]\nbucket = "b"\nurl = "http://:80"', "[influxdb] url: must be a URL"),
    "listen without port": ('[web]\nlisten = "127.0.0.1"', "[web] listen: must be an address and a port"),
    "listen on nothing": ('[relay]\nlisten = ":2001"', "[relay] listen: must be an address and a port"),
    "open page": (
        '[web]\nlisten = "0.0.0.0:80"',
        "[web] listen: 0.0.0.0:80 can be reached from other hosts: set password_file",
    ),
    "unknown auth": ('[web]\nauth = "none"', '[web] auth: must be one of "password", "off"'),
    "keep": ('[history]\nkeep = "a while"', '[history] keep: must be "forever", or a time or size, such as "90 days"'),
    "sync": ("[history]\nsync = 5", "[history] sync: must be one of 10, 60"),
    "sliding over more than an hour": (
        '[[meter]]\nname = "b"\ndemand_periods = 5\nsource = {}',
        "[[meter]] no. 2 demand_periods: 5 periods of 15 minutes are more than an hour",
    ),
    "demand minutes": (
        '[[meter]]\nname = "b"\ndemand_minutes = 7\nsource = {}',
        "[[meter]] no. 2 demand_minutes: must be one of 1, 5, 10, 15, 30, 60",
    ),
    "profile minutes": (
        "[history]\nload_profile_minutes = 7",
        "[history] load_profile_minutes: must be one of 5, 10, 15",
    ),
    "secret that is not there": (
        '[influxdb]\nurl = "http://a"\nbucket = "b"\ntoken_file = "nowhere"',
        "[influxdb] token_file: cannot read",
    ),
    "secret that is a folder": ('[web]\npassword_file = "."', "is not a file"),
    "credentials outside systemd": (
        '[mqtt]\nhost = "a"\nusername = "u"\npassword_file = "$CREDENTIALS_DIRECTORY/mqtt"',
        "[mqtt] password_file: $CREDENTIALS_DIRECTORY is not set",
    ),
    "other variable": ('[mqtt]\nhost = "a"\nca_file = "$HOME/ca"', '[mqtt] ca_file: must be a path; "$" is for'),
    "same name twice": (METER, '[[meter]] no. 2 name: "home" is the name of another meter too'),
    "not built yet": (
        '[homewizard]\nlisten = "0.0.0.0:80"',
        "[homewizard]: the HomeWizard interface is not supported yet",
    ),
}


@pytest.mark.parametrize(("text", "expected"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert expected in complaint(tmp_path, f"{METER}{text}\n")


METER_FAULTS = {
    "no meter": ("", "[[meter]]: is missing, and without a meter there is nothing to read"),
    "one bracket": ('[meter]\nname = "a"', "[meter]: write it as [[meter]], with two brackets"),
    "no source": ('[[meter]]\nname = "a"', "[[meter]] source: is missing: a [meter.source] table says"),
    "source that is none": ("[[meter]]\nsource = 1", "meter.source: must be a table, written [meter.source]"),
    "meters that are none": ("meter = [1]", "[[meter]]: must be a table"),
    "name for a file": ('[[meter]]\nname = "../home"\nsource = {}', "[[meter]] name: must be made of a-z, 0-9"),
    "name for a topic": ('[[meter]]\nname = "status"\nsource = {}', "[[meter]] name: must be made of a-z, 0-9"),
    "encrypted, without the key's file": (
        '[[meter]]\ndecryption_key_file = "k"\nsource = {}',
        "[[meter]] decryption_key_file: cannot read",
    ),
    "encrypted, with another file": (
        '[[meter]]\ndecryption_key_file = "config.toml"\nsource = {}',
        "config.toml: a key is 32 hex digits, and this is not",
    ),
    "encrypted, with the second key only": (
        '[[meter]]\nauthentication_key_file = "config.toml"\nsource = {}',
        "is of no use without the decryption key",
    ),
    "no device": ("[[meter]]\nsource = {}", '[meter.source] device: is missing: a source of type "serial" needs it'),
    "device without path": ('[[meter]]\nsource = {device="ttyUSB0"}', "[meter.source] device: must be a path"),
    "settings": (
        '[[meter]]\nsource = {device="/dev/a", settings="9600"}',
        '[meter.source] settings: must be "auto", or as "115200 8N1" or "9600 7E1"',
    ),
    "host of a serial port": (
        '[[meter]]\nsource = {device="/dev/a", host="b"}',
        '[meter.source] host: has no meaning for a source of type "serial"',
    ),
    "unknown simulated meter": (
        '[[meter]]\nsource = {type="simulated", model="me382"}',
        '[meter.source] model: must be one of "esmr5", "me381", "mt381"',
    ),
    "unknown source": ('[[meter]]\nsource = {type="serail"}', 'there is no source "serail", did you mean serial?'),
    "optical head without a port": ('[[meter]]\nsource = {type="optical"}', 'a source of type "optical" needs it'),
    "optical head, address": (
        '[[meter]]\nsource = {type="optical", device="/dev/a", address="1!"}',
        "[meter.source] address: must be the address on the meter",
    ),
    "optical head, interval": (
        '[[meter]]\nsource = {type="optical", device="/dev/a", interval=1}',
        "[meter.source] interval: must be between 5 and 3600",
    ),
    "nothing to replay": ('[[meter]]\nsource = {type="replay", path="x"}', "[meter.source] path: cannot read"),
    "speed": ('[[meter]]\nsource = {type="replay", speed="fast"}', '[meter.source] speed: must be a number, or "max"'),
    "two meters on one cable": (
        METER + METER.replace("]]\n", ']]\nname = "b"\n'),
        '[[meter]] no. 2 device: /dev/ttyUSB0 is the source of meter "home" already',
    ),
    "outside": ('name = "a"', "name: unknown key outside any table"),
    "not TOML": ("[[meter]", "is not TOML: "),
}


@pytest.mark.parametrize(("text", "expected"), METER_FAULTS.values(), ids=METER_FAULTS)
def test_each_fault_of_a_meter_is_one_sentence(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in complaint(tmp_path, text)


def test_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(tmp_path / "binary.toml")


def test_secrets_come_from_systemds_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mqtt").write_text("hunter2")
    text = '[mqtt]\nhost = "a"\nusername = "u"\npassword_file = "$CREDENTIALS_DIRECTORY/mqtt"'
    mqtt = load(write(tmp_path, METER + text)).mqtt
    assert mqtt
    assert mqtt.password_file == tmp_path / "mqtt"
    assert "hunter2" not in repr(mqtt)


def test_empty_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    text = METER + '[influxdb]\nurl = "http://a"\nbucket = "b"\ntoken_file = "token"'
    assert complaint(tmp_path, text).endswith("token is empty")


def test_a_page_password_that_is_no_password_line_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("my password\n")
    sentence = complaint(tmp_path, METER + '[web]\nlisten = "0.0.0.0:80"\npassword_file = "page"')
    assert sentence.startswith("[web] password_file: ")
    assert "my password" not in sentence


def test_page_may_be_opened_to_all_on_purpose(tmp_path: Path) -> None:
    web = load(write(tmp_path, METER + '[web]\nlisten = "0.0.0.0:8080"\nauth = "off"')).web
    assert web == WebSettings(listen="0.0.0.0:8080", auth="off")


def test_password_without_user_and_certificate_without_tls_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    text = METER + '[mqtt]\nhost = "a"\n'
    assert complaint(tmp_path, text + 'password_file = "x"') == "[mqtt] password_file: needs username beside it"
    assert complaint(tmp_path, text + 'ca_file = "x"') == "[mqtt] ca_file: has no meaning without tls = true"
    for key in ("certificate_file", "key_file"):
        assert complaint(tmp_path, f'{text}{key} = "x"') == f"[mqtt] {key}: has no meaning without tls = true"
    assert complaint(tmp_path, text + 'tls = true\nkey_file = "x"') == "[mqtt] key_file: needs certificate_file beside it"
    assert complaint(tmp_path, text + 'topic = "house"\ndiscovery = "house"').startswith("[mqtt] discovery: is the same as topic")


def test_two_listeners_want_two_addresses(tmp_path: Path) -> None:
    text = METER + '[relay]\nlisten = "127.0.0.1:8080"\n'
    assert complaint(tmp_path, text) == "[relay] listen: 127.0.0.1:8080 is the address of the page already, see [web]"


def test_every_rule_is_about_a_field_that_exists_and_every_default_obeys_it() -> None:
    for (kind, key), check in rules.CHECKS.items():
        field = {field.name: field for field in dataclasses.fields(kind)}[key]
        required = key in rules.REQUIRED.get(kind, ())
        if not required and field.default not in (None, dataclasses.MISSING):
            assert check(field.default) is None, (kind, key)
    source_keys = {key for kind in rules.SOURCES.values() for key in (*kind.must, *kind.may)}
    assert source_keys | {"type"} == {field.name for field in dataclasses.fields(SourceSettings)}
    assert {field.name for field in dataclasses.fields(Settings)} == {"meters", *rules.TABLES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("localhost:8080", ("localhost", 8080))],
)
def test_listen_address_is_taken_apart(text: str, expected: tuple[str, int]) -> None:
    assert listen.split(text) == expected
    assert listen.is_loopback(expected[0])


@pytest.mark.parametrize("text", ["", "80", ":80", "::1:80", "a:", "a:b", "a:65536", "a b:1", "http://a:80", "[::1]"])
def test_listen_address_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be an address|is not a port"):
        listen.split(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "p1.local", "2001:db8::1"])
def test_address_that_others_can_reach(host: str) -> None:
    assert not listen.is_loopback(host)
