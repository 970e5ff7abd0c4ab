"""Opening ports until they are there: each try in a thread of its own, for a driver may take seconds.

Whoever waits for a port says when to try; what came of a try is fetched with ``arrived``.
Touched by the pump's thread alone, but for the threads that open.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator

from ingest.handover import place_of
from ingest.lines import Side
from ingest.ports import Port, PortError

Arrival = tuple[Side, Port | None, PortError | None]
"""A side, and its port or why there is none."""


class Opening:
    """The sides whose port is to be opened.

    Args:
        nudge: called when a try has ended; any thread.
    """

    def __init__(self, nudge: Callable[[], None]) -> None:
        self._nudge = nudge
        self._due: set[Side] = set()
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()

    def later(self, side: Side, seconds: float) -> None:
        """Try in so many seconds."""
        side.retry_at = time.monotonic() + seconds
        self._due.add(side)

    def never(self, side: Side) -> None:
        """Do not try: it is open, or opens when its other side does."""
        side.retry_at = None
        self._due.discard(side)

    def patience(self, longest: float) -> float:
        """Seconds until the next try, ``longest`` at most."""
        if not self._due:
            return longest
        now = time.monotonic()
        return max(0.0, min(longest, *(side.retry_at - now for side in self._due if side.retry_at is not None)))

    def try_due(self) -> None:
        """Begin every try whose time has come."""
        now = time.monotonic()
        for side in [side for side in self._due if side.retry_at is not None and now >= side.retry_at]:
            self.never(side)
            try:
                threading.Thread(target=self._open, args=(side,), name="opener", daemon=True).start()
            except RuntimeError:  # no more threads: try later
                self.later(side, side.backoff.delay())

    def arrived(self) -> Iterator[Arrival]:
        """What came of the tries that ended."""
        while not self._arrivals.empty():
            yield self._arrivals.get()

    def _open(self, side: Side) -> None:
        try:
            arrival: Arrival = (side, side.open(), None)
        except PortError as wrong:
            arrival = (side, None, wrong)
        except Exception as bug:  # noqa: BLE001  a failure while opening must not end the retries; it is told
            why = f"{side.device}: could not be opened ({type(bug).__name__} at {place_of(bug)})"
            arrival = (side, None, PortError(why, reason="unfit", hint="please report this line"))
        self._arrivals.put(arrival)
        self._nudge()
