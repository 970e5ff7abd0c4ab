"""A real SMTP server on loopback that files every mail it accepts as one .eml in a folder."""

import itertools
import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller

LOOPBACK = "127.0.0.1"


class Mailbox:
    """The server and its folder; a context manager.

    A mail is accepted (250) only after its file has its final name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._numbers = itertools.count(1)
        self._controller = Controller(self, hostname=LOOPBACK, port=self.port)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop(no_assert=True)

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


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
