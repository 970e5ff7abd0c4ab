"""Handing a mail to an SMTP server, within a bounded time, and saying plainly when it was not taken.

``smtp[s]://[user@]host[:port][?starttls=yes]``; the password stands in a file of mode 0600
and never travels in clear except to this machine itself.
"""

import smtplib
import socket
import ssl
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from expectations.mail.message import POLICY
from ingest.alerting import Alerts
from ingest.errors import DeliveryError, KeyFileError, UsageError

ANSWER_SECONDS = 15.0
"""How long the server may take for one answer."""

MAIL_SECONDS = 60.0
"""How long one mail may take in all, however slowly the server trickles."""

FORM = "smtp[s]://[user@]host[:port][?starttls=yes]"
PORTS = {"smtp": 25, "smtps": 465}
SUBMISSION = 587


class ServerError(DeliveryError):
    """No mail can be handed over now: not reached, not trusted, or not let in."""


class RefusedError(DeliveryError):
    """The server is there and does not take this mail.

    Attributes:
        permanent: address -> what was said, of those refused for good (5xx); the others may be asked again.
    """

    def __init__(self, message: str, *, hint: str = "", permanent: Mapping[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.permanent = dict(permanent or {})


@dataclass(frozen=True, slots=True)
class Server:
    """Where mails are handed over."""

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str | None
    password: str | None

    @property
    def name(self) -> str:
        """host:port, for messages."""
        return f"{self.host}:{self.port}"


def server_of(alerts: Alerts) -> Server:
    """The server that the settings name.

    Raises:
        UsageError: the address is not of the form, holds a password, or would send one in clear.
        KeyFileError: the password file is missing, open to others, or empty.
    """
    try:
        parts = urlsplit(alerts.smtp)
        host, port = parts.hostname, parts.port
        query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        host, port, parts, query = None, None, urlsplit(""), {}
    choice = query.pop("starttls", ["no"])[-1]
    if not host or parts.scheme not in PORTS or query or choice not in {"yes", "no"} or parts.path not in {"", "/"}:
        raise UsageError("alerts.smtp: not an address of a mail server", hint=f"write it as {FORM}")
    if parts.password:
        raise UsageError(
            "alerts.smtp: holds a password",
            hint="put it into a file of mode 0600 and name that in alerts.password_file",
        )
    starttls = choice == "yes"
    user = unquote(parts.username) if parts.username else None
    password = read_password(alerts.password_file, "alerts.password_file") if user and alerts.password_file else None
    if password and not (starttls or parts.scheme == "smtps" or _is_here(host)):
        raise UsageError(
            f"alerts.smtp: the password would travel to {host} in clear", hint="use smtps:// or add ?starttls=yes"
        )
    return Server(
        host=host,
        port=port or (SUBMISSION if starttls else PORTS[parts.scheme]),
        tls=parts.scheme == "smtps",
        starttls=starttls,
        user=user,
        password=password,
    )


def deliver(message: EmailMessage, recipients: Sequence[str], server: Server) -> dict[str, str]:
    """Hand one mail over; who was refused, and why (nobody: an empty dict).

    Raises:
        ServerError: the server cannot be used at all now.
        RefusedError: it takes this mail for nobody, or not as it is.
    """
    sender = parseaddr(str(message["From"]))[1]
    content = message.as_bytes(policy=POLICY)
    hint = "the alert stays unsent; `tillwatch alert send` tries again"
    try:
        with _connected(server) as link:
            refused = link.sendmail(sender, list(recipients), content)
    except smtplib.SMTPRecipientsRefused as wrong:
        said = "; ".join(f"{who}: {_reply(*answer)}" for who, answer in wrong.recipients.items())
        raise RefusedError(
            f"{server.name}: takes mail for none of its recipients: {said}",
            hint="check the addresses in [[alerts.routes]]; " + hint,
            permanent={who: _reply(*answer) for who, answer in wrong.recipients.items() if is_permanent(answer[0])},
        ) from None
    except smtplib.SMTPSenderRefused as wrong:
        raise RefusedError(
            f"{server.name}: refuses the sender {sender}: {_reply(wrong.smtp_code, wrong.smtp_error)}",
            hint="set alerts.sender to an address this server lets you use; " + hint,
        ) from None
    except smtplib.SMTPDataError as wrong:
        raise RefusedError(
            f"{server.name}: refuses the mail: {_reply(wrong.smtp_code, wrong.smtp_error)}",
            hint=hint,
            permanent=dict.fromkeys(recipients, _reply(wrong.smtp_code, wrong.smtp_error))
            if is_permanent(wrong.smtp_code)
            else {},
        ) from None
    return {who: _reply(*answer) for who, answer in refused.items()}


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
            link.starttls(context=ssl.create_default_context())
            link.ehlo()
        if server.user and server.password:
            link.login(server.user, server.password)
        yield link
        link.quit()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError):
        raise
    except smtplib.SMTPAuthenticationError as wrong:
        raise ServerError(
            f"{server.name}: does not let {server.user} in: {_reply(wrong.smtp_code, wrong.smtp_error)}",
            hint="check the user in alerts.smtp and the password in alerts.password_file",
        ) from None
    except smtplib.SMTPNotSupportedError as wrong:
        raise ServerError(
            f"{server.name}: {_line(str(wrong))}", hint="check starttls and the user in alerts.smtp"
        ) from None
    except ssl.SSLError as wrong:
        raise ServerError(
            f"{server.name}: no trusted TLS: {wrong.reason or 'handshake failed'}",
            hint="smtps:// speaks TLS from the first byte, ?starttls=yes after a greeting; check which one it is",
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


def _open(server: Server) -> smtplib.SMTP:
    here = socket.gethostname() or "localhost"
    if server.tls:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, here, timeout=ANSWER_SECONDS, context=context)
    return smtplib.SMTP(server.host, server.port, here, timeout=ANSWER_SECONDS)


def _hang_up(sock: socket.socket | None) -> None:
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already


def read_password(file: Path, key: str) -> str:
    """The password in a file of mode 0600 that this key of the settings names.

    Raises:
        KeyFileError: the file is missing, open to others, or empty.
    """
    try:
        mode = file.stat().st_mode
        password = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as wrong:
        said = getattr(wrong, "strerror", None) or "not text"
        raise KeyFileError(f"{file}: {said.lower()}", hint=f"check {key}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(f"{file}: open to others", hint=f"chmod 600 {file}")
    if not password:
        raise KeyFileError(f"{file}: empty", hint="write the password into it, and nothing else")
    return password


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_permanent(code: int) -> bool:
    """Whether an answer is for good (RFC 5321, 4.2.1: 5yz)."""
    return 500 <= code <= 599


def _reply(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {_line(text)}"


def _line(text: str) -> str:
    return " ".join(text.split())[:160]
