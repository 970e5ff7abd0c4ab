"""Logging in at a log-in server: the whole round over loopback, and everything that must not let one in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from expectations.app.server import create_app
from ingest.app_settings import App, Person
from ingest.errors import KeyFileError
from ingest.settings import Settings
from tests.expectations.app.conftest import URL, csrf
from tests.expectations.app.loginserver import CLIENT, SECRET, LoginServer, log_in_server
from tests.expectations.app.scene import CASE, NOW, with_app
from tests.expectations.evidence.evidenceshop import SHOP

pytestmark = pytest.mark.thorough

PEOPLE = [
    Person(who=["finance@example.com"], role="finance", merchants=[SHOP]),
    Person(who=["operations"], role="operations"),
]


@pytest.fixture
def server() -> Iterator[LoginServer]:
    with log_in_server() as running:
        yield running


@pytest.fixture
def client(settings: Settings, server: LoginServer, tmp_path: Path) -> Iterator[TestClient]:
    """The page, which sends people to that server."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET, "utf-8")
    secret.chmod(0o600)
    asked: dict[str, Any] = {"oidc_issuer": server.issuer, "oidc_client": CLIENT, "oidc_secret_file": secret}
    app = create_app(with_app(settings, people=PEOPLE, **asked), now=lambda: NOW)
    with TestClient(app, base_url=URL, follow_redirects=False) as opened:
        yield opened


def log_in(client: TestClient, onward: str = "/cases") -> Any:
    """There and back: the answer to coming back."""
    there = client.get(f"/login/server?next={onward}")
    assert there.status_code == 302, there.text
    back = httpx.get(there.headers["location"], follow_redirects=False)
    return client.get(back.headers["location"].removeprefix(URL))


def test_whoever_is_named_gets_in(client: TestClient, server: LoginServer):
    """By address: one shop's cases as finance, and on to the page that was wanted."""
    server.claims = {"email": "Finance@example.com", "email_verified": True}
    answer = log_in(client, f"/cases/{CASE}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{CASE}")
    html = client.get("/cases").text
    assert CASE in html
    assert "C-1121-0006" not in html
    assert client.get("/cases/C-1121-0006").status_code == 404
    assert client.get("/merchants").status_code == 403


def test_a_group_gets_in(client: TestClient, server: LoginServer):
    """By group: operations see everything, and stand in the log by their address."""
    server.claims = {"email": "wang@example.com", "groups": ["staff", "operations"]}
    assert log_in(client).status_code == 303
    assert client.get("/merchants").status_code == 200
    client.post(f"/cases/{CASE}/note", data={"csrf": csrf(client, "/cases"), "text": "seen"})
    assert "wang@example.com" in client.get(f"/cases/{CASE}").text


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "stranger@example.com"},
        {"email": "finance@example.com", "email_verified": False},
        {"email": "finance@example.com", "email_verified": "false"},
        {"groups": "operations"},
        {},
    ],
)
def test_whoever_is_not_named_stays_out(client: TestClient, server: LoginServer, claims: dict[str, Any]):
    """Unknown, an address that nobody verified, a claim that is no list: 403 in words, no session."""
    server.claims = claims
    assert log_in(client).status_code == 403
    assert client.get("/cases").status_code == 303


@pytest.mark.parametrize("spoil", ["signature", "audience", "expired", "nonce"])
def test_a_wrong_id_token_lets_nobody_in(client: TestClient, server: LoginServer, spoil: str):
    """Signed by another key, for another client, of yesterday, for another log-in."""
    server.claims, server.spoil = {"email": "finance@example.com"}, spoil
    assert log_in(client).status_code in {401, 502}
    assert client.get("/cases").status_code == 303


def test_a_way_back_that_we_did_not_send_lets_nobody_in(client: TestClient, server: LoginServer):
    """Another's state or code: 401. No state at all: the same."""
    server.claims = {"email": "finance@example.com"}
    client.get("/login/server")
    assert client.get("/login/callback?code=x&state=y").status_code == 401
    assert client.get("/login/callback").status_code in {401, 502}
    assert client.get("/cases").status_code == 303


def test_the_token_of_one_user_is_of_no_use_there(client: TestClient, settings: Settings):
    """With a log-in server configured, its word alone counts."""
    from expectations.app.desk import make_desk

    words = {"csrf": csrf(client), "token": make_desk(settings).token}
    assert client.post("/login", data=words | {"csrf": csrf(client, "/nowhere")}).status_code in {401, 403}
    assert client.get("/cases").status_code == 303


def test_a_server_that_is_down_is_said_so(client: TestClient, server: LoginServer):
    """502 and a sentence."""
    server.shutdown()
    server.server_close()
    answer = client.get("/login/server")
    assert answer.status_code == 502
    assert 'role="alert"' in answer.text


def test_a_secret_open_to_others_is_refused(settings: Settings, tmp_path: Path):
    """As every other secret's file."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET, "utf-8")
    secret.chmod(0o644)
    asked: dict[str, Any] = {"oidc_issuer": "https://id.example.com", "oidc_client": CLIENT}
    with pytest.raises(KeyFileError):
        create_app(with_app(settings, people=PEOPLE, oidc_secret_file=secret, **asked))


def test_half_a_log_in_server_is_a_usage_error():
    """What is missing is named."""
    with pytest.raises(ValueError, match="oidc_issuer needs oidc_client"):
        App(oidc_issuer="https://id.example.com", url=URL)
