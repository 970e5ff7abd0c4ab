"""Asking a terminal on a pulled line: when, with which session, and what is told of it. Touched by the committer alone.

The session is the dialect's (`protocols.dialect.Session`) and knows nothing of ports; this
knows when to begin one. What the terminal says is on the disk before it is answered, and
what we say is on the disk before it is said.
"""

from collections.abc import Callable

from ingest.handover import Tell
from ingest.lines import Stream
from protocols.dialect import Session


class Asker:
    """Asks one question of one terminal, at intervals or once.

    Args:
        question: its name, for the log.
        every: seconds between the starts of two sessions; 0 asks once.
        begin: makes a fresh session.
        own: the stream that records what we say.
        tell: where events go.
    """

    def __init__(self, question: str, *, every: float, begin: Callable[[], Session], own: Stream, tell: Tell) -> None:
        self.own = own
        self._question = question
        self._every = every
        self._begin = begin
        self._tell = tell
        self._session: Session | None = None
        self._next: float | None = None
        self._asked = False

    @property
    def due(self) -> float | None:
        """Monotonic seconds at which ``tick`` has something to do; None: not before the port opens."""
        return self._session.due if self._session is not None else self._next

    def opened(self, now: float) -> None:
        """The terminal's port is open: ask now, unless once was enough."""
        if self._session is None and (self._every or not self._asked):
            self._next = now

    def lost(self) -> None:
        """The port went away; the next opening asks again."""
        if self._session is not None:
            self._end("unplugged")
        self._next = None

    def broken(self) -> None:
        """The session failed by a bug of its own: it is over; the next one begins when it is due."""
        if self._session is not None:
            self._end("bug")

    def tick(self, now: float) -> list[bytes]:
        """What to send because time went by."""
        if self._session is not None:
            return self._after(self._session.tick(now))
        if self._next is None or now < self._next:
            return []
        self._asked = True
        self._next = now + self._every if self._every else None
        self._session = self._begin()
        return self._after(self._session.start(now))

    def hear_control(self, byte: int, now: float) -> list[bytes]:
        """What to send because a control byte came."""
        return self._after(self._session.hear_control(byte, now)) if self._session is not None else []

    def hear_frame(self, frame: bytes, now: float) -> list[bytes]:
        """What to send because a frame came and is on the disk."""
        return self._after(self._session.hear_frame(frame, now)) if self._session is not None else []

    def hear_noise(self, now: float) -> list[bytes]:
        """What to send because a frame came damaged."""
        return self._after(self._session.hear_noise(now)) if self._session is not None else []

    def _after(self, sent: list[bytes]) -> list[bytes]:
        if self._session is not None and self._session.done:
            self._end(self._session.outcome)
        return sent

    def _end(self, outcome: str) -> None:
        self._session = None
        self._tell(self.own.line, "asked", question=self._question, outcome=outcome)
