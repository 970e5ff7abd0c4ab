"""A real SMTP server on loopback, with a mind of its own."""

import asyncio
import base64
import email
import email.policy
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from ingest.demo.mailbox import served


class Postbox:
    """Keeps what it accepts; answers with ``rcpt`` and ``data`` where those say something else.

    A mail whose Message-ID is in ``breaks`` gets no answer: the connection breaks.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[list[str]] = []
        self.rcpt: dict[str, str] = {}
        self.data = ""
        self.breaks: set[str] = set()
        self.pause = 0.0
        self.logins: list[str] = []
        self.tokens: list[str] = []
        self.opened = self.closed = 0

    async def handle_RCPT(self, _s: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        """Answer as the test says for whom it names."""
        answer = self.rcpt.get(address, "250 OK")
        if not answer.startswith("2"):
            return answer
        envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep the mail, or refuse it."""
        if self.pause:
            await asyncio.sleep(self.pause)
        if self.data:
            return self.data
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        if parsed["Message-ID"] in self.breaks:
            server.transport.abort()
            return "451 nobody hears this"
        self.mails.append(parsed)
        self.envelopes.append(list(envelope.rcpt_tos))
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        """Let in whoever says the password."""
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"geheim", handled=False)

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802  # aiosmtpd's name
        """Let in whoever brings the token of the day; refuse others as Google and Microsoft do."""
        user, bearer = base64.b64decode(args[1]).decode().rstrip("\x01").split("\x01")
        self.logins.append(user.removeprefix("user="))
        self.tokens.append(bearer.removeprefix("auth=Bearer "))
        if self.tokens[-1] == "token-of-the-day":
            return AuthResult(success=True)
        assert await server.challenge_auth('{"status":"401"}', encode_to_b64=True) == b""
        return AuthResult(success=False, handled=False)

    def all_gone(self) -> bool:
        """Whether nobody is connected any more."""
        return self.opened == self.closed

    def settle(self) -> None:
        """Wait until the server has seen the last of them go."""
        for _ in range(1000):
            if self.all_gone():
                return
            time.sleep(0.01)
        raise AssertionError("a connection stays open")


@contextmanager
def serving(postbox: Postbox, **options: Any) -> Iterator[int]:
    """The server's port while it runs; ``tls`` is a context for TLS from the first byte."""
    tls = options.pop("tls", None)

    class Counting(SMTP):  # type: ignore[misc]  # aiosmtpd ships no types
        """Counts who comes and goes."""

        def connection_made(self, transport: Any) -> None:
            """Somebody calls."""
            postbox.opened += self.session is None  # STARTTLS makes one connection twice
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            """They are gone."""
            super().connection_lost(error)
            postbox.closed += 1

    with served(lambda: Counting(postbox, hostname="postbox.test", **options), tls=tls) as port:
        yield port


@contextmanager
def scripted(*lines: bytes, every: float = 0.0, hang_up: bool = False) -> Iterator[int]:
    """A server that says these lines to whoever calls, ``every`` so often, and then nothing more.

    With ``hang_up`` it says one line for each that it hears (a mail's content is one), and then hangs up.
    """
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def talk() -> None:
            kept = []
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                if hang_up:
                    _converse(connection, lines)
                    continue
                kept.append(connection)
                for line in lines:
                    try:
                        connection.sendall(line)
                    except OSError:
                        break
                    if stop.wait(every):
                        break
            for connection in kept:
                connection.close()

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            stop.set()
            thread.join()


def _converse(connection: socket.socket, lines: tuple[bytes, ...]) -> None:
    """A line for each that is heard; the last one is not waited upon."""
    with connection, connection.makefile("rb") as heard:
        for line in lines:
            connection.sendall(line)
            if line.startswith(b"354"):
                while heard.readline() not in {b".\r\n", b""}:
                    continue
            elif line is not lines[-1]:
                heard.readline()


@contextmanager
def timed(at_most: float) -> Iterator[None]:
    """The block ends within this many seconds."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < at_most
