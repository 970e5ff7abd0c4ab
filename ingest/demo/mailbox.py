"""A real SMTP server on loopback that files every mail it accepts as one .eml in a folder."""

import asyncio
import itertools
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP

LOOPBACK = "127.0.0.1"
UNASSIGNED = range(20_000, 30_000)
"""Ports below those that Linux gives to connections by itself (ip_local_port_range), and Kubernetes to nodes."""


class Mailbox:
    """The server and its folder; a context manager. ``port`` is known once it is entered.

    A mail is accepted (250) only after its file has its final name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._numbers = itertools.count(1)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self._open.enter_context(served(lambda: SMTP(self, hostname="localhost", enable_SMTPUTF8=True)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        """File one mail; called by the server."""
        del server, session
        path = self.folder / f"{next(self._numbers):04d}.eml"
        half = path.with_suffix(".part")
        half.write_bytes(envelope.original_content)
        half.rename(path)
        return "250 filed as " + path.name

    def mails(self) -> list[tuple[Path, EmailMessage]]:
        """Every mail in the order of its arrival."""
        return [
            (path, message_from_bytes(path.read_bytes(), policy=policy.default))
            for path in sorted(self.folder.glob("*.eml"))
        ]


def html_of(mail: EmailMessage) -> str | None:
    """The HTML part of a mail."""
    part = mail.get_body(preferencelist=("html",))
    return None if part is None else str(part.get_content())


@contextmanager
def served(factory: Callable[[], asyncio.Protocol], *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port on loopback of a server of this protocol, which runs in a thread of its own until the block ends.

    The system gives the port, and calls wait in its queue from then on: nobody else can have it, however slow all is.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="served", daemon=True)
    thread.start()
    listening = socket.create_server((LOOPBACK, 0))
    try:  # all on the thread's loop: whoever asks may have a loop running
        server = asyncio.run_coroutine_threadsafe(loop.create_server(factory, sock=listening, ssl=tls), loop).result()
        try:
            yield int(listening.getsockname()[1])
        finally:
            asyncio.run_coroutine_threadsafe(_close(server), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        listening.close()


async def _close(server: asyncio.Server) -> None:
    """Take no further call, and end those under way."""
    server.close()
    mine = asyncio.current_task()
    under_way = [each for each in asyncio.all_tasks() if each is not mine]
    for each in under_way:
        each.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now, and that no connection is given meanwhile."""
    while True:
        port = random.choice(UNASSIGNED)  # noqa: S311  # no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
