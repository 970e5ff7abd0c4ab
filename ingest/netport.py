"""The network as a port, read and written like a serial device.

``tcp://HOST:PORT`` connects to whoever listens there. ``tcp-listen://HOST:PORT`` listens, and is
open while somebody is connected; one at a time, the next one waits. Opening is bounded; a terminal
that is off is missing, as an unplugged one is. A peer that closes is a hang-up.
"""

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING

from ingest.ports import READ_SIZE, PortError, lost, wait_for

if TYPE_CHECKING:
    from ingest.speeds import LineSetting

SCHEME = "tcp://"
LISTEN_SCHEME = "tcp-listen://"
CONNECT_SECONDS = 3.0
FIRST_ACCEPT_SECONDS, ACCEPT_SECONDS = 0.05, 30.0
"""How long one try of a listener waits for somebody: the first says soon that nobody is there yet."""
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""A peer that lost its power is gone after a minute, and the next one is let in."""
_MISSING = frozenset((errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ECONNRESET))


class Connection:
    """A connected socket as a port (`ingest.ports.Port`)."""

    def __init__(self, device: str, connected: socket.socket) -> None:
        self.device = device
        self._socket = connected

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def read_some(self) -> bytes:
        """As `Port.read_some`; a peer that closed is a hang-up."""
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as wrong:
            raise lost(self.device, wrong) from None
        if not data:
            raise lost(self.device, None)
        return data

    def write_some(self, data: bytes | bytearray | memoryview) -> int:
        """As `Port.write_some`."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as wrong:
            raise lost(self.device, wrong) from None

    def wait_readable(self, seconds: float) -> bool:
        """As `Port.wait_readable`."""
        return wait_for(self.fileno(), seconds)

    def wait_writable(self, seconds: float) -> bool:
        """As `Port.wait_writable`."""
        return wait_for(self.fileno(), seconds, writable=True)

    def tune(self, setting: "LineSetting") -> None:
        """A connection has no speed."""

    def identity(self) -> dict[str, str]:
        """Its address."""
        return {"device": self.device}

    def counters(self) -> dict[str, int]:
        """None: the network counts elsewhere."""
        return {}

    def close(self) -> None:
        """Let the connection go."""
        self._socket.close()


def open_connection(device: str) -> Connection:
    """Connect to a terminal.

    Raises:
        PortError: not of the shape ``tcp://HOST:PORT`` (unfit), or nobody answers (missing).
    """
    host, port = _address(device, SCHEME)
    try:
        connected = socket.create_connection((host, port), CONNECT_SECONDS)
    except (OSError, UnicodeError) as wrong:
        code = getattr(wrong, "errno", None)
        why = os.strerror(code) if code in _MISSING else "no answer"
        raise PortError(
            f"{device}: not there ({why})", reason="missing", hint="is the terminal on, and its till interface enabled?"
        ) from None
    return _port(device, connected)


class Listener:
    """A listening address; the socket is made at the first try and stays until ``close``.

    Args:
        device: ``tcp-listen://HOST:PORT``.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._socket: socket.socket | None = None
        self._patience = FIRST_ACCEPT_SECONDS

    def open(self) -> Connection:
        """Wait for somebody to connect.

        Raises:
            PortError: a bad address (unfit, denied), one that is taken (busy), or nobody came yet (missing).
        """
        if self._socket is None:
            self._socket = self._listen()
        self._socket.settimeout(self._patience)
        self._patience = ACCEPT_SECONDS
        try:
            connected, _ = self._socket.accept()
        except OSError:
            raise PortError(
                f"{self._device}: nobody has connected yet", reason="missing", hint="give the till this address"
            ) from None
        return _port(self._device, connected)

    def close(self) -> None:
        """Listen no more; a try that waits ends."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _listen(self) -> socket.socket:
        host, port = _address(self._device, LISTEN_SCHEME)
        try:
            return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except (OSError, UnicodeError, OverflowError) as wrong:
            code = getattr(wrong, "errno", None)
            if code == errno.EADDRINUSE:
                raise PortError(
                    f"{self._device}: busy, another program listens there",
                    reason="busy",
                    hint="stop that program, or take another port",
                ) from None
            if code == errno.EACCES:
                raise PortError(
                    f"{self._device}: no permission", reason="denied", hint="take a port above 1023"
                ) from None
            raise PortError(
                f"{self._device}: is no address of this machine", reason="unfit", hint="`ip addr` lists them"
            ) from None


def _address(device: str, scheme: str) -> tuple[str, int]:
    host, colon, port = device.removeprefix(scheme).rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise PortError(f"{device}: not {scheme}HOST:PORT", reason="unfit", hint=f"for example {scheme}192.0.2.7:20007")
    return host.strip("[]"), int(port)


def _port(device: str, connected: socket.socket) -> Connection:
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option, value in _KEEPALIVE:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
    connected.setblocking(False)
    return Connection(device, connected)
