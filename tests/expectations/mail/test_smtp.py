"""Real servers: TLS, log-ins by password and by token, and connections that break at the worst moment."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from expectations.mail.decide import decide
from expectations.mail.deliver import DoubtError, ServerError, deliver
from expectations.mail.message import build_message
from expectations.mail.server import Server, server_of
from ingest.alerting import Alerts, Route
from ingest.errors import UsageError
from ingest.settings import Settings
from tests.expectations.mail.certificate import certify
from tests.expectations.mail.conftest import NOW, example
from tests.expectations.mail.postbox import Postbox, scripted, serving

READERS = ("a@example.com", "b@example.com")


@pytest.fixture
def mail(settings: Settings) -> EmailMessage:
    """The example's mail to two readers."""
    (alert,) = decide(example(), [Route(to=list(READERS))], NOW).alerts
    return build_message(alert, settings)


def private(file: Path, secret: str) -> Path:
    """A file with a secret, its owner's alone."""
    file.write_text(f"{secret}\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("way", ["smtps", "starttls"])
def test_tls_with_a_certificate_that_is_trusted_and_with_one_that_is_not(mail: EmailMessage, tmp_path: Path, way: str):
    """With alerts.ca_file the mail arrives, with TLS at once or after the greeting; without it nothing does."""
    public, context = certify(tmp_path)
    postbox = Postbox()
    options = {"tls": context} if way == "smtps" else {"tls_context": context, "require_starttls": True}
    with serving(postbox, **options) as port:
        url = f"smtps://127.0.0.1:{port}" if way == "smtps" else f"smtp://127.0.0.1:{port}?starttls=yes"
        assert deliver(mail, READERS, server_of(Alerts(smtp=url, ca_file=public))) == {}
        with pytest.raises(ServerError, match="no trusted TLS: CERTIFICATE_VERIFY_FAILED"):
            deliver(mail, READERS, server_of(Alerts(smtp=url)))
    assert postbox.envelopes == [list(READERS)]


def test_a_log_in_within_tls(mail: EmailMessage, tmp_path: Path):
    """A server that lets nobody in before TLS and log-in takes the mail."""
    public, context = certify(tmp_path)
    postbox = Postbox()
    options = {"tls_context": context, "require_starttls": True, "auth_required": True}
    with serving(postbox, authenticator=postbox.authenticate, **options) as port:
        alerts = Alerts(
            smtp=f"smtp://shop%40example.com@127.0.0.1:{port}?starttls=yes",
            ca_file=public,
            password_file=private(tmp_path / "password", "geheim"),
        )
        assert deliver(mail, READERS, server_of(alerts)) == {}
    assert postbox.logins == ["shop@example.com"]


# -- OAuth 2.0 --------------------------------------------------------------------------------------


class TokenServer:
    """A token endpoint: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.elsewhere = ""
        self.answer: dict[str, Any] = {
            "access_token": "token-of-the-day", "token_type": "Bearer", "expires_in": 3599,
        }  # fmt: skip

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address while it runs."""
        mine = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self) -> None:  # the library's name
                """Give out a token."""
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                mine.asked.append({name: values[0] for name, values in parse_qs(form).items()})
                body = json.dumps(mine.answer).encode()
                self.send_response(mine.status)
                if mine.elsewhere:
                    self.send_header("Location", mine.elsewhere)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/token"
            finally:
                server.shutdown()
                thread.join()


@pytest.fixture
def tokens() -> TokenServer:
    """Gives out the token of the day."""
    return TokenServer()


@contextmanager
def by_token(
    folder: Path, postbox: Postbox, tokens: TokenServer, *, starttls: bool = False, **oauth: Any
) -> Iterator[Server]:
    """A mail server that wants a token, and the settings that get one."""
    options: dict[str, Any] = {"auth_require_tls": starttls, "auth_required": True}
    public = None
    if starttls:
        public, context = certify(folder)
        options |= {"tls_context": context, "require_starttls": True}
    with serving(postbox, **options) as port, tokens.serving() as url:
        yield server_of(
            Alerts.model_validate(
                {
                    "smtp": f"smtp://shop%40example.com@127.0.0.1:{port}" + ("?starttls=yes" if starttls else ""),
                    "ca_file": public,
                    "oauth": {
                        "token_url": url,
                        "client_id": "tillwatch",
                        "client_secret_file": private(folder / "secret", "client-geheim"),
                        "refresh_token_file": private(folder / "refresh", "refresh-1"),
                    }
                    | oauth,
                }
            )
        )


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_log_in_by_token(mail: EmailMessage, tmp_path: Path, postbox_and_tokens: tuple[Postbox, TokenServer]):
    """The refresh token buys an access token (RFC 6749, 6), once for two mails, and XOAUTH2 carries it."""
    postbox, tokens = postbox_and_tokens
    with by_token(tmp_path, postbox, tokens, scope="https://outlook.office.com/SMTP.Send offline_access") as there:
        assert deliver(mail, READERS, there) == {}
        assert deliver(mail, READERS, there) == {}
    assert tokens.asked == [
        {
            "grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": "tillwatch",
            "client_secret": "client-geheim", "scope": "https://outlook.office.com/SMTP.Send offline_access",
        }
    ]  # fmt: skip
    assert set(postbox.logins) == {"shop@example.com"}
    assert set(postbox.tokens) == {"token-of-the-day"}
    assert len(postbox.mails) == 2


def test_a_log_in_by_token_within_tls(
    mail: EmailMessage, tmp_path: Path, postbox_and_tokens: tuple[Postbox, TokenServer]
):
    """As at Gmail and Outlook on port 587: STARTTLS first, XOAUTH2 only within it, a public client without a secret."""
    postbox, tokens = postbox_and_tokens
    with by_token(tmp_path, postbox, tokens, starttls=True, client_secret_file=None) as there:
        assert deliver(mail, READERS, there) == {}
    assert tokens.asked == [{"grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": "tillwatch"}]
    assert (postbox.logins, postbox.tokens) == (["shop@example.com"], ["token-of-the-day"])
    assert postbox.envelopes == [list(READERS)]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_token_that_the_mail_server_refuses_is_not_used_again(
    mail: EmailMessage, tmp_path: Path, postbox_and_tokens: tuple[Postbox, TokenServer]
):
    """Though it should hold for an hour: the next mail asks for another, and leaves with that."""
    postbox, tokens = postbox_and_tokens
    good, tokens.answer = tokens.answer, tokens.answer | {"access_token": "revoked"}
    with by_token(tmp_path, postbox, tokens) as there:
        with pytest.raises(ServerError, match="does not let"):
            deliver(mail, READERS, there)
        tokens.answer = good
        assert deliver(mail, READERS, there) == {}
    assert postbox.tokens == ["revoked", "token-of-the-day"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_new_refresh_token_is_kept(
    mail: EmailMessage, tmp_path: Path, postbox_and_tokens: tuple[Postbox, TokenServer]
):
    """The old one may be dead from then on: the file has the new one at once, and is still its owner's alone."""
    postbox, tokens = postbox_and_tokens
    tokens.answer |= {"refresh_token": "refresh-2", "expires_in": 0}
    with by_token(tmp_path, postbox, tokens) as there:
        deliver(mail, READERS, there)
        deliver(mail, READERS, there)
    assert [each["refresh_token"] for each in tokens.asked] == ["refresh-1", "refresh-2"]
    assert (tmp_path / "refresh").read_text() == "refresh-2\n"
    assert (tmp_path / "refresh").stat().st_mode & 0o777 == 0o600


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (400, {"error": "invalid_grant", "error_description": "refresh-1 is revoked"}, "gives no token: invalid_grant"),
        (200, {"token_type": "Bearer"}, "gives no token"),
        (503, {}, "gives no token"),
        (400, {"error": "no refresh-1 here"}, "gives no token: an unknown error"),
        (400, {"error": "a" * 40}, "gives no token: an unknown error"),
        (200, {"access_token": "token-of-the-däy", "token_type": "Bearer", "expires_in": 9}, "the answer holds none"),
        (200, {"access_token": "another", "token_type": "Bearer", "expires_in": 9}, "does not let shop@example.com in"),
    ],
)
def test_a_log_in_by_token_that_fails_says_why_and_no_secret(
    mail: EmailMessage, tmp_path: Path, postbox_and_tokens: tuple[Postbox, TokenServer],
    status: int, answer: dict[str, Any], said: str,
):  # fmt: skip
    """Revoked, empty, broken, or not taken by the mail server: one line, what to do, and no token or secret."""
    postbox, tokens = postbox_and_tokens
    tokens.status, tokens.answer = status, answer
    with by_token(tmp_path, postbox, tokens) as there, pytest.raises(ServerError) as raised:
        deliver(mail, READERS, there)
    assert said in raised.value.message
    text = raised.value.message + raised.value.hint + repr(there)
    assert "oauth" in raised.value.hint
    for secret in ("refresh-1", "client-geheim", "another", "token-of-the-day"):
        assert secret not in text
    assert postbox.mails == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(("holds", "asked"), [(60, 2), (3600, 1)])
def test_a_token_that_ends_within_a_minute_is_not_used_again(
    mail: EmailMessage, tmp_path: Path, postbox_and_tokens: tuple[Postbox, TokenServer], holds: int, asked: int
):
    """It could end between the log-in's begin and its end."""
    postbox, tokens = postbox_and_tokens
    tokens.answer |= {"expires_in": holds}
    with by_token(tmp_path, postbox, tokens) as there:
        deliver(mail, READERS, there)
        deliver(mail, READERS, there)
    assert len(tokens.asked) == asked
    assert len(postbox.mails) == 2


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_refresh_token_does_not_follow_to_another_address(
    mail: EmailMessage, tmp_path: Path, postbox_and_tokens: tuple[Postbox, TokenServer]
):
    """A token endpoint that points elsewhere gets no second request there: the secret would be the other one's."""
    postbox, tokens = postbox_and_tokens
    other = TokenServer()
    with other.serving() as elsewhere, by_token(tmp_path, postbox, tokens) as there:
        tokens.status, tokens.elsewhere = 307, elsewhere
        tokens.answer = {}
        with pytest.raises(ServerError, match="gives no token"):
            deliver(mail, READERS, there)
    assert (len(tokens.asked), other.asked, postbox.mails) == (1, [], [])


def test_a_token_does_not_travel_in_clear_and_needs_a_user(tmp_path: Path):
    """To another machine only under TLS; without a user in alerts.smtp it is nobody's; one way to log in."""
    oauth = {
        "token_url": "https://oauth2.example.com/token",
        "client_id": "tillwatch",
        "refresh_token_file": str(private(tmp_path / "refresh", "refresh-1")),
    }
    for url, said in (("smtp://shop@mail.example.com", "in clear"), ("smtps://mail.example.com", "who logs in")):
        with pytest.raises(UsageError, match=said):
            server_of(Alerts.model_validate({"smtp": url, "oauth": oauth}))
    with pytest.raises(ValueError, match="two ways"):
        Alerts.model_validate({"oauth": oauth, "password_file": "x"})
    with pytest.raises(ValueError, match="token_url"):
        Alerts.model_validate({"oauth": oauth | {"token_url": "http://oauth2.example.com/token"}})


@pytest.fixture
def postbox_and_tokens(tokens: TokenServer) -> tuple[Postbox, TokenServer]:
    """A mail server and a token endpoint."""
    return Postbox(), tokens


# -- connections that break -------------------------------------------------------------------------

READY = (b"220 here\r\n", b"250 me\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")


def test_a_connection_that_breaks_after_the_content_leaves_a_doubt(mail: EmailMessage):
    """No answer to the last dot: nobody can know, and the error says so."""
    with scripted(*READY, hang_up=True) as port, pytest.raises(DoubtError, match="may have arrived, or not"):
        deliver(mail, READERS, server_of(Alerts(smtp=f"smtp://127.0.0.1:{port}")))


def test_a_connection_that_breaks_before_the_content_leaves_none(mail: EmailMessage):
    """Before the content there is no doubt: it was not sent."""
    with scripted(*READY[:4], hang_up=True) as port, pytest.raises(ServerError) as raised:
        deliver(mail, READERS, server_of(Alerts(smtp=f"smtp://127.0.0.1:{port}")))
    assert not isinstance(raised.value, DoubtError)


def test_a_connection_that_breaks_after_the_answer_is_no_failure(mail: EmailMessage):
    """The mail was taken; that the server does not part politely costs nothing, and sends nothing twice."""
    with scripted(*READY, b"250 taken\r\n", hang_up=True) as port:
        assert deliver(mail, READERS, server_of(Alerts(smtp=f"smtp://127.0.0.1:{port}"))) == {}
