"""Who gets in, and what keeps others out: log-in, cookie, frames, hosts, forms of other sites."""

import pytest
from fastapi.testclient import TestClient

from expectations.app.desk import make_desk
from expectations.app.login import safe_path
from expectations.app.server import create_app
from expectations.cases.book import case_book
from ingest.settings import Settings
from tests.expectations.app.conftest import URL, csrf
from tests.expectations.app.scene import CASE, NOW, PATHS, with_app
from tests.expectations.evidence.evidenceshop import SHOP


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_a_log_in(stranger: TestClient, path: str):
    """Every page leads to the log-in, which leads back."""
    answer = stranger.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")


@pytest.mark.parametrize("token", ["", "a" * 32, "x"])
def test_a_wrong_token_lets_nobody_in(stranger: TestClient, token: str):
    """401, and the pages stay closed."""
    answer = stranger.post("/login", data={"csrf": csrf(stranger), "token": token or " "})
    assert answer.status_code == 401
    assert stranger.get("/cases").status_code == 303


def test_a_log_in_ends_by_itself(settings: Settings):
    """After session_hours the cookie is worth nothing, however the browser keeps it."""
    clock = [NOW]
    with TestClient(create_app(settings, now=lambda: clock[0]), base_url=URL, follow_redirects=False) as client:
        client.post("/login", data={"csrf": csrf(client), "token": make_desk(settings).token})
        assert client.get("/cases").status_code == 200
        clock[0] = NOW.replace(day=22, hour=11)
        assert client.get("/cases").status_code == 303


def test_a_forged_cookie_lets_nobody_in(stranger: TestClient):
    """The session is signed: one made with another key is none."""
    import base64
    import json

    from itsdangerous import TimestampSigner

    body = base64.b64encode(json.dumps({"who": "owner", "since": NOW.timestamp()}).encode())
    stranger.cookies.set("tillwatch", TimestampSigner("guess").sign(body).decode())
    assert stranger.get("/cases").status_code == 303


def test_the_cookie_stays_with_the_browser(stranger: TestClient):
    """HttpOnly, Secure behind https, SameSite."""
    said = stranger.get("/login").headers["set-cookie"].lower()
    assert "httponly" in said
    assert "secure" in said
    assert "samesite=lax" in said


def test_every_answer_closes_what_browsers_leave_open(owner: TestClient):
    """No script, nothing from elsewhere, no frame, no cache, no address told to others, no search engine."""
    for path in ("/cases", f"/cases/{CASE}", "/nowhere", "/login"):
        headers = owner.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert "noindex" in headers["x-robots-tag"]


def test_only_who_is_named_may_frame_it(settings: Settings):
    """Airflow's origin, when the settings say so."""
    framed = with_app(settings, framed_by=["https://airflow.example.com"])
    with TestClient(create_app(framed, now=lambda: NOW), base_url=URL) as client:
        assert "frame-ancestors https://airflow.example.com" in client.get("/login").headers["content-security-policy"]


def test_another_host_is_refused(stranger: TestClient):
    """A page that has its name resolve to loopback gets nothing."""
    assert stranger.get("/login", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "", "/a\r\nb"])
def test_the_log_in_leads_nowhere_else(stranger: TestClient, settings: Settings, wanted: str):
    """Whatever the address asks for, one goes on to a page of ours."""
    assert safe_path(wanted) == "/cases"
    words = {"csrf": csrf(stranger), "token": make_desk(settings).token, "next": wanted or "//x"}
    assert stranger.post("/login", data=words).headers["location"] == "/cases"


def strange(client: TestClient, path: str, data: dict[str, str], **headers: str) -> int:
    """The status of a form that comes from somewhere else."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status: int = client.post(path, data=data, headers=named).status_code
    return status


@pytest.mark.parametrize("path", [f"/cases/{CASE}/answer", f"/cases/{CASE}/close", "/learned/forget", "/logout"])
def test_another_sites_form_is_refused(owner: TestClient, settings: Settings, path: str):
    """Without the session's word, with another's, or from another origin: 403 and nothing changed."""
    before = case_book(settings).cases(review=True, whole=True)
    said = {"answer": "done", "text": "x", "merchant": SHOP, "amount_fen": "1"}
    word = csrf(owner, "/cases")
    assert strange(owner, path, said) == 403
    assert strange(owner, path, said | {"csrf": "guess"}) == 403
    assert strange(owner, path, said | {"csrf": word}, origin="https://evil.example") == 403
    assert strange(owner, path, said | {"csrf": word}, origin="null") == 403
    assert strange(owner, path, said | {"csrf": word}, sec_fetch_site="cross-site") == 403
    assert case_book(settings).cases(review=True, whole=True) == before
    assert owner.get("/cases").status_code == 200
