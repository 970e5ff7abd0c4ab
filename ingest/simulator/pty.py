"""Pseudo-terminals under stable names, and a folder that owns them.

The simulator keeps each device's own side open, so nothing hangs up while the
collector is away, and what it has not read yet waits in the tty.
"""

import contextlib
import fcntl
import os
import select
import struct
import termios
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from ingest.errors import DeviceError
from ingest.simulator.tcp import Caller, Listener

_READ_SIZE = 4096


class Pty:
    """One pseudo-terminal: the collector opens ``path``, the simulator speaks at the other end.

    Args:
        path: the stable name, a symbolic link to the tty.
        opening: said at once; when it has been read, somebody is there.
    """

    def __init__(self, path: Path, opening: bytes = b"") -> None:
        self.path = path
        try:
            self._master, self._slave = os.openpty()
        except OSError as wrong:
            raise DeviceError(
                f"no pseudo-terminal for {path.name}: {wrong.strerror}",
                hint="close other programs that hold pseudo-terminals; see /proc/sys/kernel/pty/max",
            ) from None
        tty.setraw(self._slave)
        self._poll = select.poll()
        self._poll.register(self._slave, select.POLLIN)
        os.set_blocking(self._master, False)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._slave))
        self.write(opening)

    @property
    def device(self) -> str:
        """What a collector is told to open."""
        return str(self.path)

    @property
    def is_there(self) -> bool:
        """Whether what was said first has been read."""
        return not self.unread

    def fileno(self) -> int:
        """The simulator's end, to wait on."""
        return self._master

    @property
    def unread(self) -> int:
        """Bytes that wait for the collector to read them.

        What was just written is on its way through a work queue of the kernel; polling the tty
        flushes that queue (n_tty_poll), so that 0 means read and not yet to come.
        """
        self._poll.poll(0)
        waiting = fcntl.ioctl(self._slave, termios.FIONREAD, b"\0\0\0\0")
        return int(struct.unpack("i", waiting)[0])

    def write(self, data: bytes) -> None:
        """Hand all of it to the tty; a frame fits, because the one before it was read first."""
        while data:
            taken = self.offer(data)
            data = data[taken:]
            if not taken:
                select.select((), (self._master,), (), 0.1)

    def offer(self, data: bytes) -> int:
        """Hand over what the tty takes now; the number of bytes taken."""
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        """What the collector wrote; empty when there is nothing."""
        try:
            return os.read(self._master, _READ_SIZE)
        except BlockingIOError:
            return b""

    def unclaim(self) -> None:
        """Take back the exclusive claim of a collector that was killed.

        The kernel drops TIOCEXCL at the last close of a tty, which pulling a cable is and a dead
        process with the simulator's own side still open is not.
        """
        fcntl.ioctl(self._slave, termios.TIOCNXCL)

    def close(self) -> None:
        """Let the tty and its name go."""
        self.path.unlink(missing_ok=True)
        for descriptor in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class DeviceFolder:
    """The folder of stable names, owned by one simulator at a time.

    Raises:
        DeviceError: another simulator owns it, or it cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ends: list[Pty | Listener | Caller] = []
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as wrong:
            raise DeviceError(f"{directory}: {wrong.strerror}", hint="name another folder with --devices") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise DeviceError(
                f"{directory}: another simulator has its devices there",
                hint="stop it, or name another folder with --devices",
            ) from None

    def make(self, name: str, opening: bytes = b"") -> Pty:
        """A pseudo-terminal under that name."""
        pty = Pty(self.directory / name, opening)
        self._ends.append(pty)
        return pty

    def listen(self) -> Listener:
        """A loopback address that a collector connects to."""
        listener = Listener()
        self._ends.append(listener)
        return listener

    def call(self) -> Caller:
        """An address that a collector listens on."""
        caller = Caller()
        self._ends.append(caller)
        return caller

    def close(self) -> None:
        """Let every device go."""
        for end in self._ends:
            end.close()
        self._ends.clear()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
