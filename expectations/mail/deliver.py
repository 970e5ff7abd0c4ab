"""Handing a mail to an SMTP server, within a bounded time, and saying plainly what became of it.

Taken, refused for now or for good, not reached, or in doubt: when the connection breaks after the
content was sent and before the answer came, nobody can know.
"""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import parseaddr

from expectations.mail.message import POLICY
from expectations.mail.oauth import TokenError, xoauth2
from expectations.mail.server import Server
from ingest.errors import DeliveryError

ANSWER_SECONDS = 15.0
"""How long the server may take for one answer."""

CONTENT_SECONDS = 45.0
"""How long for the answer to the content: giving up earlier leaves a doubt (RFC 5321, 4.5.3.2.6)."""

MAIL_SECONDS = 60.0
"""How long one mail may take in all, however slowly the server trickles."""

ACCEPTED = 250
FORWARDED = 251


class ServerError(DeliveryError):
    """No mail can be handed over now: not reached, not trusted, or not let in."""


class DoubtError(ServerError):
    """The content was sent and no answer came: the mail may have arrived, or not."""


class RefusedError(DeliveryError):
    """The server is there and does not take this mail.

    Attributes:
        permanent: address -> what was said, of those refused for good (5xx); the others may be asked again.
    """

    def __init__(self, message: str, *, hint: str = "", permanent: Mapping[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.permanent = dict(permanent or {})


def deliver(message: EmailMessage, recipients: Sequence[str], server: Server) -> dict[str, str]:
    """Hand one mail over; who was refused, and why (nobody: an empty dict).

    Raises:
        ServerError: the server cannot be used at all now.
        DoubtError: the connection broke after the content was sent.
        RefusedError: it takes this mail for nobody, or not as it is.
    """
    sender = parseaddr(str(message["From"]))[1]
    content = message.as_bytes(policy=POLICY)
    hint = "the alert stays unsent; `tillwatch alert send` tries again"
    with _connected(server) as link:
        code, said = link.mail(sender)
        if code != ACCEPTED:
            raise RefusedError(
                f"{server.name}: refuses the sender {sender}: {_reply(code, said)}",
                hint="set alerts.sender to an address this server lets you use; " + hint,
            )
        answers = {who: link.rcpt(who) for who in recipients}
        refused = {who: each for who, each in answers.items() if each[0] not in {ACCEPTED, FORWARDED}}
        permanent = {who: _reply(*answer) for who, answer in refused.items() if is_permanent(answer[0])}
        if len(refused) == len(answers):
            reasons = "; ".join(f"{who}: {_reply(*answer)}" for who, answer in refused.items())
            raise RefusedError(
                f"{server.name}: takes mail for none of its recipients: {reasons}",
                hint="check the addresses in [[alerts.routes]]; " + hint,
                permanent=permanent,
            )
        code, said = _content(link, content, server)
        if code != ACCEPTED:
            known = _reply(code, said)
            raise RefusedError(
                f"{server.name}: refuses the mail: {known}",
                hint=hint,
                permanent=(dict.fromkeys(recipients, known) if is_permanent(code) else {}) | permanent,
            )
    return {who: _reply(*answer) for who, answer in refused.items()}


def _content(link: smtplib.SMTP, content: bytes, server: Server) -> tuple[int, bytes]:
    """Send the content; the server's answer to it."""
    try:
        if link.sock is not None:
            link.sock.settimeout(CONTENT_SECONDS)
        return link.data(content)
    except smtplib.SMTPDataError as wrong:  # it does not want to hear any
        said = wrong.smtp_error
        return wrong.smtp_code, said if isinstance(said, bytes) else said.encode()
    except (OSError, smtplib.SMTPServerDisconnected):
        raise DoubtError(
            f"{server.name}: the connection broke before the answer: the mail may have arrived, or not",
            hint="it is sent again under the same Message-ID; mailboxes show it once",
        ) from None


@contextmanager
def _connected(server: Server) -> Iterator[smtplib.SMTP]:
    """A session that ends after MAIL_SECONDS whatever the server does."""
    hint = f"check alerts.smtp and that a mail server answers at {server.name}; the alert stays unsent, send it again"
    link: smtplib.SMTP | None = None
    watch: threading.Timer | None = None
    try:
        link = _open(server)
        watch = threading.Timer(MAIL_SECONDS, _hang_up, (link.sock,))
        watch.daemon = True
        watch.start()
        link.ehlo()
        if server.starttls:
            link.starttls(context=_trust(server))
            link.ehlo()
        _log_in(link, server)
        yield link
        with contextlib.suppress(OSError, smtplib.SMTPException):  # the mail is taken; how one parts does not matter
            link.quit()
    except DeliveryError:
        raise
    except smtplib.SMTPAuthenticationError as wrong:
        file = "the refresh token of alerts.oauth" if server.tokens else "the password in alerts.password_file"
        raise ServerError(
            f"{server.name}: does not let {server.user} in: {_reply(wrong.smtp_code, wrong.smtp_error)}",
            hint=f"check the user in alerts.smtp and {file}",
        ) from None
    except smtplib.SMTPNotSupportedError as wrong:
        raise ServerError(
            f"{server.name}: {_line(str(wrong))}", hint="check starttls and the user in alerts.smtp"
        ) from None
    except ssl.SSLError as wrong:
        raise ServerError(
            f"{server.name}: no trusted TLS: {wrong.reason or 'handshake failed'}",
            hint="smtps:// speaks TLS from the first byte, ?starttls=yes after a greeting; check which one it is, and "
            "alerts.ca_file where the server's certificate is your own",
        ) from None
    except TimeoutError:
        raise ServerError(f"{server.name}: does not answer in time", hint=hint) from None
    except smtplib.SMTPResponseException as wrong:
        raise ServerError(f"{server.name}: {_reply(wrong.smtp_code, wrong.smtp_error)}", hint=hint) from None
    except (OSError, smtplib.SMTPException) as wrong:
        if isinstance(wrong.__context__, TimeoutError):  # smtplib makes a disconnection of it
            raise ServerError(f"{server.name}: does not answer in time", hint=hint) from None
        said = getattr(wrong, "strerror", None) or str(wrong) or "the connection broke"
        raise ServerError(f"{server.name}: {_line(said).lower()}", hint=hint) from None
    finally:
        if watch:
            watch.cancel()
        if link:
            link.close()


def _log_in(link: smtplib.SMTP, server: Server) -> None:
    if server.user and server.password:
        link.login(server.user, server.password)
    elif server.user and server.tokens:
        try:
            said = xoauth2(server.user, server.tokens.access())
        except TokenError as wrong:
            raise ServerError(wrong.message, hint=wrong.hint) from None
        try:
            # A refused token is told in a challenge, which an empty line ends.
            link.auth("XOAUTH2", lambda challenge=None: said if challenge is None else "")
        except smtplib.SMTPAuthenticationError:
            server.tokens.forget()
            raise


def _trust(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)


def _open(server: Server) -> smtplib.SMTP:
    here = socket.gethostname() or "localhost"
    if server.tls:
        return smtplib.SMTP_SSL(server.host, server.port, here, timeout=ANSWER_SECONDS, context=_trust(server))
    return smtplib.SMTP(server.host, server.port, here, timeout=ANSWER_SECONDS)


def _hang_up(sock: socket.socket | None) -> None:
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already


def is_permanent(code: int) -> bool:
    """Whether an answer is for good (RFC 5321, 4.2.1: 5yz)."""
    return 500 <= code <= 599


def _reply(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {_line(text)}"


def _line(text: str) -> str:
    return " ".join(text.split())[:160]
