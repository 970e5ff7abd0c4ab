"""Who the pump waits for: every open port at once, and a word from another thread.

One epoll object, and for each port what is waited for on it now: bytes to read, room to
write, or neither. Lines that can wait are not read while the committer is behind, a relay's
side is not while the other side takes no more. Touched by the pump's thread alone, but for
``nudge``.
"""

import contextlib
import os
import select
from collections.abc import Iterator

from ingest.lines import Side
from ingest.ports import Port

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
GONE = select.EPOLLHUP | select.EPOLLERR


class Attention:
    """What is waited for, on any number of ports."""

    def __init__(self) -> None:
        self._by_fd: dict[int, Side] = {}
        self._masks: dict[int, int] = {}
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, READ)
        self._relays = 0
        self._nudged = False
        self.reading = True
        """Whether any port is read; written by whoever stops the pump."""
        self.paused = False
        """Whether lines that can wait are left unread."""

    def nudge(self) -> None:
        """Have ``wait`` return; any thread may call this."""
        if self._nudged:
            return
        self._nudged = True
        with contextlib.suppress(OSError):  # closed: nobody is left to wake
            os.eventfd_write(self._wake, 1)

    def wait(self, seconds: float) -> Iterator[tuple[Side | None, int]]:
        """What happened, relays first; ``(None, 0)`` is a nudge. A side that was dropped meanwhile is left out."""
        events = self._epoll.poll(seconds)
        if self._relays and len(events) > 1:
            events.sort(key=lambda event: self._can_wait(event[0]))
        for fd, mask in events:
            if fd == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
                self._nudged = False
                yield None, 0
            elif (side := self._by_fd.get(fd)) is not None:
                yield side, mask

    def begin(self, side: Side, port: Port) -> None:
        """Wait for a port that was opened.

        Raises:
            OSError: it went away again while it was on its way here.
        """
        fd = port.fileno()
        self._epoll.register(fd, READ)
        self._by_fd[fd], self._masks[fd] = side, READ
        self._relays += not side.pausable

    def end(self, side: Side, port: Port) -> None:
        """Wait for it no more."""
        fd = port.fileno()
        del self._by_fd[fd], self._masks[fd]
        self._relays -= not side.pausable
        with contextlib.suppress(OSError):
            self._epoll.unregister(fd)

    def update(self, side: Side) -> None:
        """Wait for what this side can do now."""
        if side.port is None:
            return
        blocked = (
            not self.reading or (side.other is not None and side.other.is_congested) or (side.pausable and self.paused)
        )
        mask = (0 if blocked else READ) | (WRITE if side.outgoing else 0)
        fd = side.port.fileno()
        if self._masks.get(fd) != mask:
            self._epoll.modify(fd, mask)
            self._masks[fd] = mask

    def update_all(self) -> None:
        """Wait for what every side can do now."""
        for side in list(self._by_fd.values()):
            self.update(side)

    def pause(self, *, paused: bool) -> None:
        """Leave lines that can wait unread, or read them again."""
        self.paused = paused
        self.update_all()

    def close(self) -> None:
        """Wait for nothing ever again."""
        with contextlib.suppress(OSError):
            self._epoll.close()
            os.close(self._wake)

    def _can_wait(self, fd: int) -> bool:
        side = self._by_fd.get(fd)
        return side is None or side.pausable
