"""The mail server that the settings name, and how one logs in there.

``smtp[s]://[user@]host[:port][?starttls=yes]``; passwords and tokens stand in files of mode 0600 and
never travel in clear except to this machine itself.
"""

import stat
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from expectations.mail.oauth import Tokens
from ingest.alerting import Alerts
from ingest.errors import KeyFileError, UsageError

FORM = "smtp[s]://[user@]host[:port][?starttls=yes]"
PORTS = {"smtp": 25, "smtps": 465}
SUBMISSION = 587


@dataclass(frozen=True, slots=True)
class Server:
    """Where mails are handed over.

    Attributes:
        host: its name or address.
        port: where it listens.
        tls: whether TLS begins with the first byte.
        starttls: whether it begins after the greeting.
        user: who logs in; None: nobody.
        password: with this,
        tokens: or with a token of these.
        ca_file: certificates to trust; None: the system's.
    """

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str | None
    password: str | None
    tokens: Tokens | None = None
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """host:port, for messages."""
        return f"{self.host}:{self.port}"


def server_of(alerts: Alerts) -> Server:
    """The server that the settings name.

    Raises:
        UsageError: the address is not of the form, holds a password, or would send one in clear.
        KeyFileError: a file with a secret is missing, open to others, or empty; the certificates are missing.
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
    if alerts.oauth is not None and user is None:
        raise UsageError(
            "alerts.smtp: alerts.oauth needs to know who logs in", hint="write smtp://user%40example.com@…"
        )
    password = read_secret(alerts.password_file, "alerts.password_file") if user and alerts.password_file else None
    secret = password or (user and alerts.oauth)
    if secret and not (starttls or parts.scheme == "smtps" or _is_here(host)):
        raise UsageError(
            f"alerts.smtp: the password would travel to {host} in clear", hint="use smtps:// or add ?starttls=yes"
        )
    if alerts.ca_file is not None and not alerts.ca_file.is_file():
        raise KeyFileError(f"{alerts.ca_file}: no such file", hint="check alerts.ca_file")
    return Server(
        host=host,
        port=port or (SUBMISSION if starttls else PORTS[parts.scheme]),
        tls=parts.scheme == "smtps",
        starttls=starttls,
        user=user,
        password=password,
        tokens=_tokens(alerts),
        ca_file=alerts.ca_file,
    )


def _tokens(alerts: Alerts) -> Tokens | None:
    if alerts.oauth is None:
        return None
    secret_file = alerts.oauth.client_secret_file
    return Tokens(
        alerts.oauth,
        refresh_token=read_secret(alerts.oauth.refresh_token_file, "alerts.oauth.refresh_token_file"),
        client_secret=read_secret(secret_file, "alerts.oauth.client_secret_file") if secret_file else None,
    )


def read_secret(file: Path, key: str) -> str:
    """The secret in a file of mode 0600 that this key of the settings names.

    Raises:
        KeyFileError: the file is missing, open to others, or empty.
    """
    try:
        mode = file.stat().st_mode
        secret = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as wrong:
        said = getattr(wrong, "strerror", None) or "not text"
        raise KeyFileError(f"{file}: {said.lower()}", hint=f"check {key}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(f"{file}: open to others", hint=f"chmod 600 {file}")
    if not secret:
        raise KeyFileError(f"{file}: empty", hint="write the secret into it, and nothing else")
    return secret


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
