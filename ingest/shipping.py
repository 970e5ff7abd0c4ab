"""Shipping: each sealed segment goes to the depot once, in the order of its numbers, whatever happens on the way.

``shipped.jsonl`` in the spool says what was shipped, so that a restart goes on where it stopped. A
segment is written down only when the store has it. Shipping waits for nobody and nobody
waits for it: a store that is down is told once, tried again with growing pauses, and collecting goes on.
"""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.depot import Depot, NameTakenError
from ingest.errors import SpoolError, StoreError
from ingest.handover import Tell, place_of
from ingest.ledger import write_down, written_down
from ingest.lines import Backoff
from ingest.segments import SegmentInfo, sealed_segments

LEDGER = "shipped.jsonl"
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
LOOK_SECONDS = 30.0
"""How often the spool is looked at although nobody said that a segment was sealed."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """One segment that is in the store; ``again``: it lay there already."""

    info: SegmentInfo
    again: bool


def unshipped(directory: Path, url: str) -> list[SegmentInfo]:
    """The sealed segments that were not yet written down as shipped to this address, oldest first.

    Raises:
        SpoolError: the spool or its ledger cannot be read.
    """
    try:
        done = {told.get("segment") for told in written_down(directory / LEDGER) if told.get("to") == url}
    except OSError as wrong:
        raise SpoolError(f"{directory / LEDGER}: cannot be read: {wrong.strerror}", hint="check its owner") from None
    return [info for info in sealed_segments(directory) if info.id not in done]


def ship(
    directory: Path, depot: Depot, *, now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
) -> Iterator[Shipped]:
    """Ship what is not yet shipped, oldest first; each is told of when it is in the store and written down.

    Raises:
        SpoolError: the spool or a segment of it cannot be read, or its ledger not written.
        StoreError: the store refuses or cannot be reached; what was shipped before stays written down. A segment
            that alone is the trouble (unreadable, its name taken) is told of after all others were shipped.
    """
    alone: SpoolError | NameTakenError | None = None
    for info in unshipped(directory, depot.url):
        try:
            fresh = depot.put(info)
        except (SpoolError, NameTakenError) as wrong:
            alone = alone or wrong
            continue
        told = {"segment": info.id, "file": info.path.name, "to": depot.url, "collector": depot.collector}
        try:
            write_down(directory / LEDGER, {**told, "shipped_at": now().isoformat(timespec="seconds")})
        except OSError as wrong:
            hint = "check the disk; the segment is in the store and is found there the next time"
            raise SpoolError(f"{directory / LEDGER}: cannot be written: {wrong.strerror}", hint=hint) from None
        yield Shipped(info, again=not fresh)
    if alone is not None:
        raise alone


class Shipper:
    """Ships for as long as a collector runs, on a thread of its own.

    Args:
        directory: the spool.
        depot: where to.
        tell: where events go; must not wait.
    """

    def __init__(self, directory: Path, depot: Depot, tell: Tell) -> None:
        self._directory = directory
        self._depot = depot
        self._tell = tell
        self._due = threading.Event()
        self._stopping = False
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier run left."""
        self._due.set()
        self._thread.start()

    def sealed(self) -> None:
        """A segment was sealed: returns at once."""
        self._due.set()

    def stop(self, timeout: float) -> bool:
        """Ship what is left, for so many seconds at most; False when that was too short: the next start goes on."""
        self._stopping = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause, last = LOOK_SECONDS, False
        while not last:
            self._due.wait(pause)
            self._due.clear()
            last = self._stopping
            pause = self._ship()

    def _ship(self) -> float:
        """Seconds until the next look."""
        try:
            for each in ship(self._directory, self._depot):
                self._trouble = ""
                self._backoff.reset()
                self._tell("", "shipped", segment=each.info.id, to=self._depot.url, again=each.again)
        except (StoreError, SpoolError) as wrong:
            pause = self._backoff.delay()
            if wrong.message != self._trouble:
                self._trouble = wrong.message
                self._tell("", "not-shipped", why=wrong.message, hint=wrong.hint, collecting="goes on")
            return pause
        except Exception as bug:  # noqa: BLE001  told with its place; shipping is tried again, collecting knows nothing of it
            self._tell("", "bug", error=type(bug).__name__, at=place_of(bug))
            return LONGEST_PAUSE
        return LOOK_SECONDS
