"""Handing over, and every way in which a server does not take a mail."""

import contextlib
import threading
from email.message import EmailMessage
from pathlib import Path

import pytest

from expectations.mail import deliver as module
from expectations.mail.decide import decide
from expectations.mail.deliver import RefusedError, ServerError, deliver
from expectations.mail.message import build_message
from expectations.mail.server import Server, server_of
from ingest.alerting import Alerts, Route
from ingest.demo.mailbox import free_port
from ingest.errors import KeyFileError, UsageError
from ingest.settings import Settings
from tests.expectations.mail.conftest import NOW, example
from tests.expectations.mail.postbox import Postbox, scripted, serving, timed

READERS = ("a@example.com", "b@example.com")


@pytest.fixture
def mail(settings: Settings) -> EmailMessage:
    """The example's mail to two readers."""
    (alert,) = decide(example(), [Route(to=list(READERS))], NOW).alerts
    return build_message(alert, settings)


def server(port: int, query: str = "", **more: object) -> Server:
    """The server at this port of this machine."""
    return server_of(Alerts.model_validate({"smtp": f"smtp://127.0.0.1:{port}{query}"} | more))


def test_a_mail_arrives_whole(mail: EmailMessage):
    """What a real server received is what was written: subject, text, HTML, attachments, both readers."""
    postbox = Postbox()
    with serving(postbox) as port:
        assert deliver(mail, READERS, server(port)) == {}
    (got,) = postbox.mails
    assert postbox.envelopes == [list(READERS)]
    for name in ("Subject", "Message-ID", "To", "Date", "Auto-Submitted"):
        assert str(got[name]) == str(mail[name])
    for kind in ("plain", "html"):
        there, here = got.get_body(preferencelist=(kind,)), mail.get_body(preferencelist=(kind,))
        assert there is not None
        assert here is not None
        assert there.get_content() == here.get_content()
    assert len(list(got.iter_attachments())) == 2


def test_nobody_answering_is_said_in_one_line(mail: EmailMessage):
    """A server that is down: its address, what is wrong, what to do."""
    port = free_port()
    with pytest.raises(ServerError) as raised:
        deliver(mail, READERS, server(port))
    assert raised.value.message == f"127.0.0.1:{port}: connection refused"
    assert "alerts.smtp" in raised.value.hint
    assert "unsent" in raised.value.hint


def test_one_refused_reader_does_not_cost_the_others_their_mail(mail: EmailMessage):
    """Who was refused is returned with the server's reason; the mail arrives for the rest."""
    postbox = Postbox()
    postbox.rcpt = {"b@example.com": "550 5.1.1 no such mailbox"}
    with serving(postbox) as port:
        assert deliver(mail, READERS, server(port)) == {"b@example.com": "550 5.1.1 no such mailbox"}
    assert postbox.envelopes == [["a@example.com"]]


@pytest.mark.parametrize("answer", ["450 4.2.1 mailbox busy", "550 5.1.1 no such mailbox"])
def test_all_readers_refused(mail: EmailMessage, answer: str):
    """For now (4xx) or for good (5xx): the mail is not taken, and each reason is said."""
    postbox = Postbox()
    postbox.rcpt = dict.fromkeys(READERS, answer)
    with serving(postbox) as port, pytest.raises(RefusedError, match="none of its recipients") as raised:
        deliver(mail, READERS, server(port))
    assert answer in raised.value.message
    assert postbox.mails == []


@pytest.mark.parametrize("answer", ["451 4.3.0 try again later", "554 5.7.1 looks like spam"])
def test_the_content_refused(mail: EmailMessage, answer: str):
    """A refusal after the last byte counts as not sent."""
    postbox = Postbox()
    postbox.data = answer
    with serving(postbox) as port, pytest.raises(RefusedError, match=r"refuses the mail: (451|554)"):
        deliver(mail, READERS, server(port))


def test_of_readers_refused_only_those_with_5xx_are_refused_for_good(mail: EmailMessage):
    """All refused, one for now and one for good: the first may be asked again (RFC 5321, 4.2.1)."""
    postbox = Postbox()
    postbox.rcpt = {"a@example.com": "450 4.2.1 mailbox busy", "b@example.com": "550 5.1.1 no such mailbox"}
    with serving(postbox) as port, pytest.raises(RefusedError, match="none of its recipients") as raised:
        deliver(mail, READERS, server(port))
    assert raised.value.permanent == {"b@example.com": "550 5.1.1 no such mailbox"}


@pytest.mark.parametrize(
    ("content", "permanent"),
    [
        ("451 4.3.0 try again later", {"b@example.com": "550 5.1.1 no such mailbox"}),
        ("554 5.7.1 spam", {"a@example.com": "554 5.7.1 spam", "b@example.com": "550 5.1.1 no such mailbox"}),
    ],
)
def test_a_content_that_is_put_off_does_not_bring_a_refused_reader_back(
    mail: EmailMessage, content: str, permanent: dict[str, str]
):
    """Whose mailbox is not there is not asked again; the others are, unless the content is refused for good."""
    postbox = Postbox()
    postbox.rcpt, postbox.data = {"b@example.com": "550 5.1.1 no such mailbox"}, content
    with serving(postbox) as port, pytest.raises(RefusedError) as raised:
        deliver(mail, READERS, server(port))
    assert raised.value.permanent == permanent


@pytest.mark.parametrize(("code", "permanent"), [(499, False), (500, True), (599, True), (600, False)])
def test_for_good_are_the_answers_from_500_to_599(code: int, permanent: bool):
    """RFC 5321, 4.2.1: 5yz; whatever a broken server says beyond is not believed."""
    assert module.is_permanent(code) is permanent


def test_a_long_answer_is_told_in_a_line(mail: EmailMessage):
    """However much a server says, of it 160 characters stand in the message."""
    postbox = Postbox()
    postbox.data = "554 " + "spam " * 90
    with serving(postbox) as port, pytest.raises(RefusedError) as raised:
        deliver(mail, READERS, server(port))
    assert raised.value.message == f"127.0.0.1:{port}: refuses the mail: 554 {'spam ' * 32}"


def test_a_server_that_wants_no_content_is_heard(mail: EmailMessage):
    """554 in the place of 354: the mail is refused for good, and it is no doubt and no broken connection."""
    answers = (b"220 here\r\n", b"250 me\r\n", *[b"250 ok\r\n"] * 3, b"554 5.7.1 no\r\n")
    with scripted(*answers, hang_up=True) as port, pytest.raises(RefusedError) as raised:
        deliver(mail, READERS, server(port))
    assert raised.value.permanent == dict.fromkeys(READERS, "554 5.7.1 no")


@pytest.mark.parametrize("content", ["", "554 5.7.1 spam"], ids=["taken", "refused"])
def test_nothing_is_left_behind(mail: EmailMessage, content: str):
    """Taken or refused: the connection is closed, and no watch runs on."""
    postbox = Postbox()
    postbox.data = content
    with serving(postbox) as port:
        with contextlib.suppress(RefusedError):
            deliver(mail, READERS, server(port))
        watches = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
        for each in watches:
            each.join(10)
        assert not any(each.is_alive() for each in watches)
        postbox.settle()


def test_a_reader_whose_mail_is_forwarded_is_no_refused_one(mail: EmailMessage):
    """251 is a yes (RFC 5321, 4.2.3)."""
    postbox = Postbox()
    postbox.rcpt = {"b@example.com": "251 2.1.5 user not local, will forward"}
    with serving(postbox) as port:
        assert deliver(mail, READERS, server(port)) == {}
    assert postbox.envelopes == [list(READERS)]


def test_a_sender_that_the_server_does_not_know_is_named(mail: EmailMessage):
    """Refused at MAIL FROM: nothing of the mail is sent, and the setting to change is said."""
    answers = (b"220 here\r\n", b"250 me\r\n", b"553 5.7.1 not your address\r\n")
    with scripted(*answers, hang_up=True) as port, pytest.raises(RefusedError) as raised:
        deliver(mail, READERS, server(port))
    assert (
        raised.value.message
        == f"127.0.0.1:{port}: refuses the sender tillwatch@example.com: 553 5.7.1 not your address"
    )
    assert "alerts.sender" in raised.value.hint


@pytest.mark.parametrize(
    "lines", [(), (b"220 here\r\n",), (b"2", b"2", b"0")], ids=["silent", "after-greeting", "half-a-word"]
)
def test_a_hanging_server_is_left_in_time(
    mail: EmailMessage, lines: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
):
    """No answer is waited for longer than ANSWER_SECONDS."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    with scripted(*lines) as port, timed(30), pytest.raises(ServerError, match="does not answer in time"):
        deliver(mail, READERS, server(port))


def test_a_trickling_server_is_left_in_time(mail: EmailMessage, monkeypatch: pytest.MonkeyPatch):
    """A byte now and then keeps no mail waiting for longer than MAIL_SECONDS."""
    monkeypatch.setattr(module, "MAIL_SECONDS", 0.5)
    greeting = (b"220 here\r\n", *(b"250-more\r\n" for _ in range(1000)))
    with scripted(*greeting, every=0.05) as port, timed(25), pytest.raises(ServerError):
        deliver(mail, READERS, server(port))


def test_the_answer_to_the_content_is_waited_for_longer(mail: EmailMessage, monkeypatch: pytest.MonkeyPatch):
    """A server that examines what it got takes its time: that is no doubt yet. Most of a mail's time is for it."""
    assert module.MAIL_SECONDS / 2 < module.CONTENT_SECONDS < module.MAIL_SECONDS
    monkeypatch.setattr(module, "ANSWER_SECONDS", 3.0)
    postbox = Postbox()
    postbox.pause = 4.0
    with serving(postbox) as port:
        assert deliver(mail, READERS, server(port)) == {}
    assert len(postbox.mails) == 1


def test_a_server_that_hangs_up_is_an_error_and_no_crash(mail: EmailMessage):
    """A greeting that is no SMTP."""
    with scripted(b"554 go away\r\n") as port, pytest.raises(ServerError, match="554 go away"):
        deliver(mail, READERS, server(port))


def test_tls_where_there_is_none_is_said(mail: EmailMessage):
    """smtps:// to a plain server, and starttls to one that offers none."""
    with serving(Postbox()) as port:
        tls = server_of(Alerts(smtp=f"smtps://127.0.0.1:{port}"))
        with pytest.raises(ServerError, match="no trusted TLS"):
            deliver(mail, READERS, tls)
        with pytest.raises(ServerError, match="STARTTLS"):
            deliver(mail, READERS, server(port, "?starttls=yes"))


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("password", ["geheim", "wrong"])
def test_a_login_uses_the_password_file(mail: EmailMessage, tmp_path: Path, password: str):
    """The right password lets in; a wrong one is said to be so, without repeating it."""
    file = tmp_path / "password"
    file.write_text(password + "\n")
    file.chmod(0o600)
    postbox = Postbox()
    options = {"authenticator": postbox.authenticate, "auth_require_tls": False, "auth_required": True}
    with serving(postbox, **options) as port:
        there = server_of(Alerts(smtp=f"smtp://shop%40example.com@127.0.0.1:{port}", password_file=file))
        if password == "geheim":
            deliver(mail, READERS, there)
            assert postbox.logins[0] == "shop@example.com"
        else:
            with pytest.raises(ServerError, match=r"does not let shop@example\.com in: 535") as raised:
                deliver(mail, READERS, there)
            assert password not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:25", "not an address"),
        ("http://mail.example.com", "not an address"),
        ("smtp://", "not an address"),
        ("smtp://mail.example.com:port", "not an address"),
        ("smtp://mail.example.com:99999", "not an address"),
        ("smtp://mail.example.com?starttls=maybe", "not an address"),
        ("smtp://mail.example.com?tls=yes", "not an address"),
        ("smtp://mail.example.com/folder", "not an address"),
        ("smtp://shop:secret@mail.example.com", "holds a password"),
    ],
)
def test_a_wrong_address_is_a_usage_error(url: str, said: str):
    """Each mistake is one line with the form; a password in it is not repeated."""
    with pytest.raises(UsageError, match=said) as raised:
        server_of(Alerts(smtp=url))
    assert "secret" not in str(raised.value) + raised.value.hint
    assert raised.value.exit_status == 2


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("smtp://mail.example.com", "mail.example.com", 25),
        ("smtp://mail.example.com?starttls=yes", "mail.example.com", 587),
        ("smtps://mail.example.com", "mail.example.com", 465),
        ("smtp://[::1]:2525", "::1", 2525),
        ("smtp://mail.example.com:26?starttls=no", "mail.example.com", 26),
    ],
)
def test_addresses(url: str, host: str, port: int):
    """Ports by custom where none is given."""
    there = server_of(Alerts(smtp=url))
    assert (there.host, there.port) == (host, port)


def test_a_password_does_not_travel_in_clear(tmp_path: Path):
    """To another machine only under TLS."""
    file = tmp_path / "password"
    file.write_text("geheim")
    file.chmod(0o600)
    with pytest.raises(UsageError, match="in clear"):
        server_of(Alerts(smtp="smtp://shop@mail.example.com", password_file=file))
    assert server_of(Alerts(smtp="smtps://shop@mail.example.com", password_file=file)).password == "geheim"


@pytest.mark.parametrize("fault", ["missing", "open", "empty"])
def test_a_password_file_must_be_private(tmp_path: Path, fault: str):
    """Missing, readable by others or empty: named, with what to do."""
    file = tmp_path / "password"
    if fault != "missing":
        file.write_text("" if fault == "empty" else "geheim")
        file.chmod(0o644 if fault == "open" else 0o600)
    with pytest.raises(KeyFileError) as raised:
        server_of(Alerts(smtp="smtps://shop@mail.example.com", password_file=file))
    assert raised.value.hint
