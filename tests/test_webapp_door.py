"""Who may come in: guards, host names, the password and its limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from p1monitor import password
from p1monitor.settings import WebSettings
from p1monitor.webapp import WebError
from p1monitor.webapp.door import ADDRESSES, TRIES, TRIES_ALL, Gate
from tests.webhouse import House, Moment, client, clock, house

__all__ = ["client", "clock", "house"]  # fixtures

LOCAL = "http://localhost"


def test_every_answer_carries_its_guards(client: FlaskClient) -> None:
    for path in ("/", "/style.css", "/api/v1/live", "/api/v1/nothing"):
        headers = client.get(path, base_url=LOCAL).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    page = client.get("/", base_url=LOCAL).text
    assert "<script>" not in page
    assert "style=" not in page


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example"])
def test_a_foreign_name_for_loopback_is_refused(client: FlaskClient, name: str) -> None:
    assert client.get("/api/v1/live", headers={"Host": name}).status_code == 421


@pytest.mark.parametrize("name", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"])
def test_loopback_has_several_names(client: FlaskClient, name: str) -> None:
    assert client.get("/api/v1/live", headers={"Host": name}).status_code == 200


PASSWORD = "open the page"


@pytest.fixture
def locked(clock: Moment, tmp_path: Path) -> FlaskClient:
    file = tmp_path / "password"
    file.write_text(password.make_line(PASSWORD))
    return House(clock, WebSettings(listen="0.0.0.0:0", password_file=file)).app.test_client()


def test_the_network_wants_a_password_or_a_word(clock: Moment) -> None:
    with pytest.raises(WebError, match=r'password_file .* or auth = "off"'):
        House(clock, WebSettings(listen="0.0.0.0:8080"))
    assert House(clock, WebSettings(listen="0.0.0.0:8080", auth="off")).app.test_client().get("/").status_code == 200


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1:", ":8080", "127.0.0.1:http", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_one_sentence(clock: Moment, listen: str) -> None:
    with pytest.raises(WebError, match="listen"):
        House(clock, WebSettings(listen=listen))


def test_nothing_is_shown_before_the_password(locked: FlaskClient) -> None:
    page = locked.get("/")
    assert (page.status_code, page.headers["Location"]) == (303, "/login")
    for path in ("live", "live/stream", "status", "series", "meters", "catalogue", "today", "recent"):
        assert locked.get(f"/api/v1/{path}").status_code == 401
    assert locked.get("/login").status_code == 200
    assert locked.get("/style.css").status_code == 200


def test_the_password_opens_a_session(locked: FlaskClient) -> None:
    assert locked.post("/login", data={"password": "not this one"}).status_code == 401
    entered = locked.post("/login", data={"password": PASSWORD})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/")
    cookie = entered.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert locked.get("/api/v1/live").status_code == 200
    assert locked.get("/login").headers["Location"] == "/"
    locked.post("/logout")
    assert locked.get("/api/v1/live").status_code == 401


def test_a_cookie_that_another_key_signed_opens_nothing(locked: FlaskClient, clock: Moment, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(password.make_line("another password"))
    stranger = House(clock, WebSettings(listen="0.0.0.0:0", password_file=other)).app.test_client()
    stranger.post("/login", data={"password": "another password"})
    cookie = stranger.get_cookie("p1monitor")
    assert cookie is not None
    locked.set_cookie("p1monitor", cookie.value)
    assert locked.get("/api/v1/live").status_code == 401


def test_scripts_send_the_password_along(locked: FlaskClient) -> None:
    assert locked.get("/api/v1/live", auth=("anybody", PASSWORD)).status_code == 200
    assert locked.get("/api/v1/live", auth=("anybody", PASSWORD)).status_code == 200
    assert locked.get("/api/v1/live", auth=("anybody", "wrong one")).status_code == 401
    for odd in ("Basic", "Basic %%%", "Basic YWJj", "Bearer x", "Basic " + "A" * 9000):
        assert locked.get("/api/v1/live", headers={"Authorization": odd}).status_code == 401


def test_guessing_ends_after_some_tries(locked: FlaskClient, clock: Moment) -> None:
    for _ in range(TRIES):
        assert locked.post("/login", data={"password": "guess guess"}).status_code == 401
    refused = locked.post("/login", data={"password": PASSWORD})
    assert refused.status_code == 429
    assert refused.headers.get("Content-Type", "").startswith("text/html")
    clock.pass_by(61)
    assert locked.post("/login", data={"password": PASSWORD}).status_code == 303


def test_the_gate_is_bounded_over_all_addresses(clock: Moment) -> None:
    gate = Gate(clock)
    let_in = sum(gate.enter(f"10.0.{n // 250}.{n % 250}") for n in range(4 * ADDRESSES))
    assert let_in == TRIES_ALL
    assert len(gate._by_address) == ADDRESSES
