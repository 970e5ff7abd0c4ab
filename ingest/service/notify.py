"""What a service says to systemd (sd_notify(3)): ready, alive, stopping. Without systemd nobody is told."""

import contextlib
import os
import socket
import sys


class ServiceManager:
    """The socket that systemd named in ``NOTIFY_SOCKET``, if it did."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]

    def say(self, *states: str) -> None:
        """``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``, ``STATUS=…``; a manager that does not listen is no error."""
        if sys.platform == "win32" or not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(states).encode(), self._address)
