"""What each side's port is waited for now: bytes to read, room to write, or neither.

Lines that can wait are not read while the committer is behind; a relay's side is not while
the other side takes no more (the wire's own flow control). Touched by the pump's thread
alone.
"""

from collections.abc import Sequence

from ingest.lines import Side
from ingest.waiting import READ, WRITE, Waiting


class Flow:
    """Which sides are read.

    Args:
        sides: all of them.
        waiting: told what matters of each open port.
    """

    def __init__(self, sides: Sequence[Side], waiting: Waiting[Side]) -> None:
        self._sides = sides
        self._waiting = waiting
        self.reading = True
        """Whether any port is read; written by whoever stops the pump."""
        self.paused = False
        """Whether lines that can wait are left unread."""

    def update(self, side: Side) -> None:
        """Wait for what this side can do now."""
        if side.port is None:
            return
        blocked = (
            not self.reading or (side.other is not None and side.other.is_congested) or (side.pausable and self.paused)
        )
        self._waiting.watch(side.port, (0 if blocked else READ) | (WRITE if side.outgoing else 0))

    def update_all(self) -> None:
        """Wait for what every side can do now."""
        for side in self._sides:
            self.update(side)

    def pause(self, *, paused: bool) -> None:
        """Leave lines that can wait unread, or read them again."""
        self.paused = paused
        self.update_all()
