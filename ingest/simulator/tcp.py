"""Simulated machines on the network: one that listens on a loopback port, and one that calls a collector's."""

import contextlib
import socket

from ingest.errors import DeviceError
from ingest.netport import LISTEN_SCHEME, SCHEME

HOST = "127.0.0.1"
_READ_SIZE = 4096


class _Connected:
    """A connection that may be there or not; what is said without one is lost, as it is in a shop."""

    def __init__(self) -> None:
        self._peer: socket.socket | None = None

    @property
    def is_there(self) -> bool:
        """Whether somebody is connected."""
        return self._peer is not None

    def read(self) -> bytes:
        """What came; empty when there is nothing, or nobody."""
        if self._peer is None:
            return b""
        try:
            data = self._peer.recv(_READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._leave()
        return data

    def offer(self, data: bytes) -> int:
        """Hand over what the connection takes now; all of it is lost when nobody is there."""
        if self._peer is None:
            return len(data)
        try:
            return self._peer.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._leave()
            return len(data)

    def unclaim(self) -> None:
        """Nobody can claim a connection."""

    def _leave(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None


class Listener(_Connected):
    """A listening terminal, with one visitor at a time.

    Raises:
        DeviceError: no port can be had.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            self._listening = socket.create_server((HOST, 0), backlog=4)
        except OSError as wrong:
            raise DeviceError(f"no port on {HOST}: {wrong.strerror}", hint="is the loopback interface up?") from None
        self._listening.setblocking(False)

    @property
    def device(self) -> str:
        """What a collector is told to open."""
        return f"{SCHEME}{HOST}:{self._listening.getsockname()[1]}"

    @property
    def is_there(self) -> bool:
        """Whether somebody is connected; who waits is let in."""
        if self._peer is None:
            with contextlib.suppress(OSError):
                self._peer, _ = self._listening.accept()
                self._peer.setblocking(False)
        return self._peer is not None

    def read(self) -> bytes:
        """What the visitor said."""
        return super().read() if self.is_there else b""

    def fileno(self) -> int:
        """What to wait on: the visitor, else who comes next."""
        return (self._peer or self._listening).fileno()

    def close(self) -> None:
        """Stop listening."""
        self._leave()
        self._listening.close()


class Caller(_Connected):
    """A till that calls an address which a collector is to listen on.

    Raises:
        DeviceError: no port can be had.
    """

    def __init__(self) -> None:
        super().__init__()
        with contextlib.closing(Listener()) as taken:  # a port that nobody has
            self._port = int(taken.device.rpartition(":")[2])

    @property
    def device(self) -> str:
        """What a collector is told to open."""
        return f"{LISTEN_SCHEME}{HOST}:{self._port}"

    @property
    def is_there(self) -> bool:
        """Whether somebody took the call; else it calls again."""
        if self._peer is None:
            calling = socket.socket()
            found = calling.connect_ex((HOST, self._port)) == 0
            if found and calling.getsockname()[1] != self._port:  # else it has found itself, as TCP allows
                calling.setblocking(False)
                self._peer = calling
            else:
                calling.close()
        return self._peer is not None

    def fileno(self) -> int:
        """What to wait on; -1 for nothing."""
        return self._peer.fileno() if self._peer is not None else -1

    def close(self) -> None:
        """Hang up."""
        self._leave()
