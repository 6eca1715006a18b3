"""What `decode` prints, for programs and for people."""

from __future__ import annotations

import json

from p1monitor.p1.telegram import Telegram, data_object, render
from p1monitor.show import Stream

OBJECTS = (
    data_object("0-0:1.0.0", "190320181403W"),
    data_object("1-0:1.8.1", "056123.444*kWh"),
    data_object("1-0:1.7.0", "01.193*kW"),
    data_object("1-0:99.97.0", "1", "0-0:96.7.19", "190201235231W", "0000000228*s"),
    data_object("0-0:98.1.0", "1", "1-0:1.6.0", "1-0:1.6.0", "190301000000W", "190203181500W", "02.100*kW"),
    data_object("0-0:96.13.0", ""),
    data_object("0-1:24.1.0", "003"),
    data_object("0-1:24.2.1", "190320181004W", "00026.713*m3"),
    data_object("0-2:24.2.1", "632525252525S", "00000.000"),
    data_object("1-0:0.2.99", "abc"),
)
GOOD = render(Telegram("TST5\\2P1", OBJECTS, "valid"))


def test_json() -> None:
    ((good, line),) = Stream("a.txt", GOOD).lines()
    assert good
    assert json.loads(line) == {
        "type": "telegram",
        "file": "a.txt",
        "identification": "TST5\\2P1",
        "crc": "valid",
        "at": "2019-03-20T18:14:03+01:00",
        "objects": [
            {"obis": "0-0:1.0.0", "name": "clock", "value": "2019-03-20T18:14:03+01:00"},
            {"obis": "1-0:1.8.1", "name": "energy_import_t1_kwh", "value": 56123.444, "unit": "kWh"},
            {"obis": "1-0:1.7.0", "name": "power_import_w", "value": 1193, "unit": "W"},
            {
                "obis": "1-0:99.97.0",
                "name": "power_failure_log",
                "value": [{"at": "2019-02-01T23:52:31+01:00", "seconds": 228}],
            },
            {
                "obis": "0-0:98.1.0",
                "name": "monthly_power_peak_history",
                "value": [["2019-03-01T00:00:00+01:00", "2019-02-03T18:15:00+01:00", 2100]],
            },
            {"obis": "0-0:96.13.0", "name": "message_text", "value": None},
            {"obis": "0-1:24.1.0", "name": "device_type", "channel": 1, "value": 3},
            {
                "obis": "0-1:24.2.1",
                "name": "gas_m3",
                "channel": 1,
                "value": 26.713,
                "unit": "m3",
                "at": "2019-03-20T18:10:04+01:00",
            },
            {"obis": "0-2:24.2.1", "name": "register", "channel": 2, "value": None},
            {"obis": "1-0:0.2.99", "name": None, "raw": "(abc)"},
        ],
    }
    assert '"value":56123.444' in line
    assert '"value":1193,' in line


def test_json_of_what_was_refused_and_of_bad_lines() -> None:
    lines = [json.loads(line) for _, line in Stream("a.txt", GOOD.replace(b"01.193", b"01.194") + GOOD).lines()]
    assert lines[0] == {"type": "rejected", "file": "a.txt", "reason": "crc", "offset": 0, "length": len(GOOD)}
    assert lines[1]["type"] == "telegram"
    ((_, line),) = Stream("b", b"/TST5\r\n\r\n1-0:1.7.0(01.193*kW)\r\nwhat\r\n!\r\n").lines()
    assert json.loads(line)["bad_lines"] == ["what"]
    assert json.loads(line)["at"] is None
    assert json.loads(line)["crc"] == "absent"


def test_table() -> None:
    ((good, text),) = Stream("a.txt", GOOD).tables()
    assert good
    lines = text.splitlines()
    assert lines[0] == "a.txt: /TST5\\2P1  CRC valid  2019-03-20 18:14:03+0100"
    assert [part.strip() for part in lines[3].split("  ") if part] == ["1-0:1.7.0", "Power import", "1193 W"]
    assert "Gas (channel 1)" in text
    assert "26.713 m3  at 2019-03-20 18:10:04+0100" in text
    assert "unknown object" in lines[-1]
    assert lines[-1].endswith("(abc)")
    ((good, text),) = Stream("a.txt", GOOD[:-6] + b"0000\r\n").tables()
    assert not good
    assert text == f"a.txt: refused at byte 0 ({len(GOOD)} bytes): the checksum is wrong"


def test_long_texts_are_cut_in_the_table_only() -> None:
    message = data_object("0-0:96.13.0", ("long text " * 100).encode().hex())
    stream = Stream("a", render(Telegram("T", (message,), "absent")))
    ((_, text),) = stream.tables()
    assert max(map(len, text.splitlines())) < 140
    ((_, line),) = stream.lines()
    assert len(json.loads(line)["objects"][0]["value"]) == 999
