"""A port: what the pump needs of a device, whichever it is, and what can go wrong with one.

`Port` is the interface. A serial device is one (`ingest.tty`, and `ingest.windows.comport` where
the system is Windows; nothing else knows which), a connection is one (`ingest.netport`). A port
does not reconnect (`ingest.lines`), does not frame (`protocols.deframe`), and never looks into
what it carries. Many are waited for at once by `ingest.waiting`.
"""

import os
import select
import sys
from typing import TYPE_CHECKING, Literal, Protocol

from ingest.errors import DeviceError

if TYPE_CHECKING:
    from ingest.speeds import LineSetting

READ_SIZE = 65536
REOPEN_SECONDS = 1.5 if sys.platform == "win32" else 0.2
"""The first pause before a device that went away is opened again; Windows refuses one that just went."""

Reason = Literal["missing", "busy", "denied", "unfit", "lost"]


class PortError(DeviceError):
    """A port that cannot be opened or went away.

    Args:
        message: the device and what is wrong with it.
        reason: ``missing`` (may be plugged in later), ``busy`` (somebody else has it), ``denied``
            (no permission), ``unfit`` (not a serial device, or not with these settings),
            ``lost`` (it was open and went away).
        hint: one thing to do next.
    """

    def __init__(self, message: str, *, reason: Reason, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason: Reason = reason


class Port(Protocol):
    """An open device, ours alone, that never makes anybody wait.

    Every failure of an open port is a `PortError` with reason ``lost``.
    """

    device: str

    def fileno(self) -> int:
        """The descriptor to wait on, where the system has such a thing for this device; else -1."""

    def read_some(self) -> bytes:
        """What is there now, at most 64 KiB; empty when there is nothing, or another process took it first.

        Raises:
            PortError: the device went away.
        """

    def write_some(self, data: bytes | bytearray | memoryview) -> int:
        """Hand over what the device takes now; the number of bytes taken, 0 when it is full.

        Raises:
            PortError: the device went away.
        """

    def wait_readable(self, seconds: float) -> bool:
        """Wait until there is something to read, or the device is gone; False when the time is over.

        For a thread of its own; the pump waits on all ports at once.

        Raises:
            PortError: the device went away.
        """

    def wait_writable(self, seconds: float) -> bool:
        """Wait until the device takes bytes, or is gone; False when the time is over.

        Raises:
            PortError: the device went away.
        """

    def tune(self, setting: "LineSetting") -> None:
        """Set the line otherwise, at once; what was read and written before keeps its old speed.

        Raises:
            PortError: the device went away, or cannot be set so.
        """

    def identity(self) -> dict[str, str]:
        """Which piece of hardware this is, for the session record: a swapped terminal is provable later."""

    def counters(self) -> dict[str, int]:
        """The driver's error counters; empty where the driver keeps none."""

    def close(self) -> None:
        """Let the device go. Output that it never took is discarded, so that closing does not wait for it."""


def open_port(device: str, *, baud: int = 9600, bytesize: int = 8, parity: str = "N", stopbits: float = 1) -> Port:
    """Open a serial device for us alone and set its line.

    Args:
        device: path; a name under /dev/serial/by-id or by-path survives replugging. On Windows ``COM7``.
        baud: bits a second.
        bytesize: data bits, 5 to 8.
        parity: ``N``, ``E`` or ``O``.
        stopbits: 1, 1.5 or 2.

    Raises:
        PortError: missing, busy, denied or unfit.
    """
    if sys.platform == "win32":
        from ingest.windows.comport import open_com as open_here
    else:
        from ingest.tty import open_tty as open_here
    return open_here(device, baud=baud, bytesize=bytesize, parity=parity, stopbits=stopbits)


def lost(device: str, wrong: BaseException | None) -> PortError:
    """The error of a port that went away; None stands for a hang-up that the system has no number for."""
    code = getattr(wrong, "errno", None)
    why = os.strerror(code) if code else "hang-up"
    return PortError(f"{device}: went away ({why})", reason="lost", hint="check the cable")


def wait_for(fd: int, seconds: float, *, writable: bool = False) -> bool:
    """Wait on one descriptor; on Windows a socket's alone."""
    if sys.platform == "win32":
        asked = ([], [fd]) if writable else ([fd], [])
        return any(select.select(*asked, (), seconds))
    poll = select.poll()  # select(2) takes no descriptor above 1023
    poll.register(fd, select.POLLOUT if writable else select.POLLIN)
    return bool(poll.poll(seconds * 1000))
