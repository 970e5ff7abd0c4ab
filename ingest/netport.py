"""A terminal on the network as a port: ``tcp://HOST:PORT``, read and written like a serial device.

Opening is bounded; a terminal that is off is missing, as an unplugged one is. A peer that
closes is a hang-up.
"""

import contextlib
import errno
import os
import socket
from typing import Any

from ingest.ports import Port, PortError

SCHEME = "tcp://"
CONNECT_SECONDS = 3.0
_MISSING = frozenset((errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ECONNRESET))


class _Connection:
    """The part of a serial backend that a `Port` closes."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.fd = connected.fileno()

    def reset_output_buffer(self) -> None:
        """The network has what it took."""

    def apply_settings(self, words: dict[str, Any]) -> None:
        """A connection has no speed."""

    def close(self) -> None:
        """Let the connection go."""
        self._socket.close()


def open_connection(device: str) -> Port:
    """Connect to a terminal.

    Raises:
        PortError: not of the shape ``tcp://HOST:PORT`` (unfit), or nobody answers (missing).
    """
    host, colon, port = device.removeprefix(SCHEME).rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise PortError(f"{device}: not tcp://HOST:PORT", reason="unfit", hint="for example tcp://192.0.2.7:20007")
    try:
        connected = socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS)
    except (OSError, UnicodeError) as wrong:
        code = getattr(wrong, "errno", None)
        why = os.strerror(code) if code in _MISSING else "no answer"
        raise PortError(
            f"{device}: not there ({why})", reason="missing", hint="is the terminal on, and its till interface enabled?"
        ) from None
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setblocking(False)
    return Port(device, _Connection(connected), {"device": device})
