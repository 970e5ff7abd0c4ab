"""Waiting on many ports at once: what the pump stands on.

`Waiting` is the interface. Under Linux one thread waits on every descriptor (`EpollWaiting`); where
the system cannot do that, each port has threads of its own (`ingest.threads.ThreadWaiting`). Both
report what is so, not what has changed: a port that was not read empty is reported again.
"""

import contextlib
import os
import select
import sys
from typing import Generic, Protocol, TypeVar

from ingest.ports import Port

READ, WRITE, GONE = 0x001, 0x004, 0x018
"""What is waited for and found, as poll(2) has it: POLLIN, POLLOUT, POLLERR and POLLHUP."""

Tag = TypeVar("Tag")


class Waiting(Protocol[Tag]):
    """Any number of ports, each under a tag of the caller's, waited for by one thread.

    Only ``nudge`` may be called from another thread.
    """

    def adopt(self, tag: Tag, port: Port) -> Port:
        """Take a port in, to be read; the port to use from now on.

        Raises:
            OSError: it went away meanwhile, or there is no room for it. It is still the caller's to close.
        """

    def watch(self, port: Port, mask: int) -> None:
        """What of an adopted port matters now: `READ`, `WRITE`, both or neither. That it is gone always does."""

    def forget(self, port: Port) -> None:
        """Wait for a port no more; to be said before it is closed. One that was forgotten is fine."""

    def wait(self, seconds: float) -> list[tuple[Tag | None, int]]:
        """What is ready, waiting for at most so long. The tag None says that somebody nudged."""

    def nudge(self) -> None:
        """Wake the thread that waits, from any other."""

    def close(self) -> None:
        """Give everything back; the ports must have been closed."""


def waiting_here() -> "Waiting[Tag]":
    """What this system can do best."""
    if sys.platform == "linux":
        return EpollWaiting()
    from ingest.threads import ThreadWaiting

    return ThreadWaiting()


if sys.platform == "linux":

    class EpollWaiting(Generic[Tag]):
        """epoll over the ports' descriptors, and an eventfd to be woken by."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._epoll.register(self._wake, READ)
            self._tags: dict[int, Tag] = {}
            self._masks: dict[int, int] = {}

        def adopt(self, tag: Tag, port: Port) -> Port:
            """As `Waiting.adopt`; the port stays what it is."""
            fd = port.fileno()
            self._epoll.register(fd, READ)
            self._tags[fd], self._masks[fd] = tag, READ
            return port

        def watch(self, port: Port, mask: int) -> None:
            """As `Waiting.watch`."""
            fd = port.fileno()
            if self._masks.get(fd) != mask:
                self._epoll.modify(fd, mask)
                self._masks[fd] = mask

        def forget(self, port: Port) -> None:
            """As `Waiting.forget`."""
            fd = port.fileno()
            if self._tags.pop(fd, None) is not None:
                del self._masks[fd]
                with contextlib.suppress(OSError):
                    self._epoll.unregister(fd)

        def wait(self, seconds: float) -> list[tuple[Tag | None, int]]:
            """As `Waiting.wait`."""
            events = self._epoll.poll(seconds)
            found: list[tuple[Tag | None, int]] = [(self._tags[fd], mask) for fd, mask in events if fd in self._tags]
            if len(found) < len(events):
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
                found.append((None, READ))
            return found

        def nudge(self) -> None:
            """As `Waiting.nudge`."""
            with contextlib.suppress(OSError):  # closed: nobody is left to wake
                os.eventfd_write(self._wake, 1)

        def close(self) -> None:
            """As `Waiting.close`."""
            with contextlib.suppress(OSError):
                self._epoll.close()
                os.close(self._wake)
