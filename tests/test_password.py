"""The page's password: lines, checks, refusals."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from p1monitor import password

RIGHT = "correct horse battery"


@pytest.fixture(scope="module")
def line() -> str:
    return password.make_line(RIGHT)


def test_the_right_password_and_no_other(line: str) -> None:
    assert password.verify(line, RIGHT)
    for wrong in ("", RIGHT + " ", RIGHT.upper(), "x" * 5000):
        assert not password.verify(line, wrong)


def test_a_line_says_how_it_was_made_and_never_the_password(line: str) -> None:
    scheme, cost, block, passes, _salt, _digest = line.split("$")
    assert (scheme, cost, block, passes) == ("scrypt", "16384", "8", "5")
    assert RIGHT not in line
    assert line.isascii()
    assert password.make_line(RIGHT) != line, "every line has its own salt"


def test_one_word_typed_on_two_keyboards_is_one_word() -> None:
    composed = "wéégschaal"
    made = password.make_line(unicodedata.normalize("NFD", composed))
    assert password.verify(made, composed)


@pytest.mark.parametrize("poor", ["", "short", "x" * 1025])
def test_a_password_has_a_length(poor: str) -> None:
    with pytest.raises(password.PasswordError, match="8 to 1024 characters"):
        password.make_line(poor)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "hunter22",
        "bcrypt$16384$8$5$c2FsdHNhbHQ=$" + "A" * 43 + "=",
        "scrypt$16385$8$5$c2FsdHNhbHQ=$" + "A" * 43 + "=",
        "scrypt$1073741824$8$1$c2FsdHNhbHQ=$" + "A" * 43 + "=",
        "scrypt$16384$8$1000000$c2FsdHNhbHQ=$" + "A" * 43 + "=",
        "scrypt$-16384$-8$5$c2FsdHNhbHQ=$" + "A" * 43 + "=",
        "scrypt$16384$8$5$salt!$" + "A" * 43 + "=",
        "scrypt$16384$8$5$c2FsdHNhbHQ=$AAAA",
    ],
)
def test_a_line_that_is_none_or_asks_too_much_is_refused(bad: str, tmp_path: Path) -> None:
    with pytest.raises(password.PasswordError):
        password.verify(bad, RIGHT)
    file = tmp_path / "password"
    file.write_text(bad)
    with pytest.raises(password.PasswordError, match="p1monitor passwd") as refusal:
        password.read_line(file)
    assert not bad or bad not in str(refusal.value)


def test_a_file_is_read_with_its_line_end(line: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(line + "\n")
    assert password.read_line(file) == line
    with pytest.raises(password.PasswordError, match="No such file"):
        password.read_line(tmp_path / "absent")


def test_a_new_password_signs_with_another_key(line: str) -> None:
    assert password.session_secret(line) == password.session_secret(line)
    assert password.session_secret(line) != password.session_secret(password.make_line(RIGHT))
