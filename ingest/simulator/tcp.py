"""A simulated terminal on the network: listens on a loopback port, and has one visitor at a time."""

import contextlib
import socket

from ingest.errors import DeviceError
from ingest.netport import SCHEME

HOST = "127.0.0.1"
_READ_SIZE = 4096


class Listener:
    """One listening terminal; what is said while nobody is connected is lost, as it is with a real one.

    Raises:
        DeviceError: no port can be had.
    """

    def __init__(self) -> None:
        try:
            self._listening = socket.create_server((HOST, 0), backlog=4)
        except OSError as wrong:
            raise DeviceError(f"no port on {HOST}: {wrong.strerror}", hint="is the loopback interface up?") from None
        self._listening.setblocking(False)
        self._visitor: socket.socket | None = None

    @property
    def device(self) -> str:
        """What a collector is told to open."""
        return f"{SCHEME}{HOST}:{self._listening.getsockname()[1]}"

    def fileno(self) -> int:
        """What to wait on: the visitor, else who comes next."""
        return (self._visitor or self._listening).fileno()

    def read(self) -> bytes:
        """What the visitor said; empty when there is nothing, or nobody."""
        if self._visitor is None:
            with contextlib.suppress(OSError):
                self._visitor, _ = self._listening.accept()
                self._visitor.setblocking(False)
            return b""
        try:
            data = self._visitor.recv(_READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._leave()
        return data

    def offer(self, data: bytes) -> int:
        """Hand over what the connection takes now; all of it is lost when nobody is there."""
        if self._visitor is None:
            return len(data)
        try:
            return self._visitor.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._leave()
            return len(data)

    def unclaim(self) -> None:
        """A connection is nobody's but the visitor's."""

    def close(self) -> None:
        """Stop listening."""
        self._leave()
        self._listening.close()

    def _leave(self) -> None:
        if self._visitor is not None:
            self._visitor.close()
            self._visitor = None
