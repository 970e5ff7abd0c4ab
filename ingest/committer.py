"""The committer: one thread between what was heard and the disk.

The selector thread hands over what it read and never waits; this thread makes records
of it (`ingest.hearing`), puts everything that gathered meanwhile into the spool with one
``fdatasync`` (group commit), and only then says what may be acknowledged
(`ingest.acknowledging`). It outlives a spool that fails: what listens and relays heard is
kept in memory and tried again in a new segment, what does not fit is counted and becomes a
GAP record; a receiving line gets its NAK and the terminal keeps the frame.

It never writes to a port: answers go back through a callback.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ingest.acknowledging import Acknowledgements, Answers
from ingest.backlog import BACKLOG_RECORDS, Backlog, Entry
from ingest.conversation import Conversation
from ingest.errors import SpoolError
from ingest.handover import Chunk, Happened, Tell, ask_for_priority, describe_failure, place_of
from ingest.hearing import Hearing
from ingest.lines import Backoff, Stream
from ingest.records import PendingRecord

if TYPE_CHECKING:
    from ingest.speeds import LineSetting

QUEUE_BYTES = 8 * 1024 * 1024
BATCH_BYTES = 1024 * 1024
BATCH_RECORDS = 1024
PRIORITY = -5
"""Nice value of the committer's own thread, after the pump's: what passed must not wait long for the disk."""
TICK = 0.5
"""Seconds between looks at the segment's age on an idle line."""


class SpoolLike(Protocol):
    """The part of `ingest.spool.Spool` that the committer uses."""

    def append_many(self, records: Sequence[PendingRecord]) -> Any:
        """Durable when it returns; nothing is when it raises."""

    def seal_if_due(self) -> Any:
        """Seal the segment when it is old or large enough."""

    def close(self) -> Any:
        """Seal what is open and let go."""


_STOP = None


@dataclass(slots=True)
class Committed:
    """The committer's own counters; written by its thread alone. ``backlog`` waits for the disk; after the end it is
    what never got there.
    """

    records: int = 0
    batches: int = 0
    failures: int = 0
    bugs: int = 0
    backlog: int = 0


class Committer:
    """One thread, one spool, any number of streams.

    Args:
        open_spool: makes the spool; called again, with backoff, until it works.
        tell: where events go.
        queue_bytes: how much may wait to be made into records.
        backlog_records: how many records may wait for a spool that fails.
    """

    def __init__(
        self,
        open_spool: Callable[[], SpoolLike],
        *,
        tell: Tell,
        queue_bytes: int = QUEUE_BYTES,
        backlog_records: int = BACKLOG_RECORDS,
    ) -> None:
        self.committed = Committed()
        self._open_spool = open_spool
        self._spool: SpoolLike | None = None
        self._tell = tell
        self._queue: queue.SimpleQueue[list[Chunk | Happened] | None] = queue.SimpleQueue()
        self._queue_bytes = queue_bytes
        self._turn: list[Chunk | Happened] = []  # what the selector thread has not handed over yet
        self._offered = 0  # written by the selector thread alone
        self._taken = 0  # written by the committer thread alone
        self._conversation = Conversation(self._report_bug)
        self._acknowledgements = Acknowledgements(tell)
        self._hearing = Hearing(self._conversation, self._report_bug)
        self._backlog = Backlog(backlog_records)
        self._backoff = Backoff()
        self._retry_at = 0.0
        self._failing = False
        self.worked = time.monotonic()
        """When the thread last went round; long ago: it hangs, or the disk under it does."""
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    # -- the selector thread's side ----------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether the queue takes more bytes."""
        return self._offered - self._taken < self._queue_bytes

    def offer(self, chunk: Chunk) -> bool:
        """Take bytes, or say at once that the queue is full; never waits. ``hand_over`` follows."""
        if not self.has_room:
            return False
        self._offered += len(chunk.data)
        self._turn.append(chunk)
        return True

    def note(self, happened: Happened) -> None:
        """Take an event; these are few and are never refused. ``hand_over`` follows."""
        self._turn.append(happened)

    def hand_over(self) -> None:
        """Wake the committer thread for all that was taken since the last call: once for many ports, not for each."""
        if self._turn:
            self._queue.put(self._turn)
            self._turn = []

    # -- its own life ------------------------------------------------------------------------

    def start(
        self,
        answer: Callable[[Answers], None],
        spool: SpoolLike | None = None,
        tune: "Callable[[Stream, LineSetting], None] | None" = None,
    ) -> None:
        """Begin.

        Args:
            answer: takes what terminals are to hear (`ingest.acknowledging.Answers`); must not wait.
            spool: one that is open already; None to open it here, again and again until that works.
            tune: ``(stream, setting)``: have the ports of a stream's line set so; must not wait.
        """
        self._acknowledgements.answer = answer
        if tune is not None:
            self._hearing.tune = tune
        self._spool = spool
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Commit what was offered, seal, and end; False when that took longer than ``timeout`` seconds."""
        if self._thread.ident is None:
            return True
        self._queue.put(_STOP)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def is_failing(self) -> bool:
        """Whether the spool refused the last batch."""
        return self._failing

    def _run(self) -> None:
        ask_for_priority(PRIORITY)
        ended = False
        while not ended:
            self.worked = time.monotonic()
            items, silent_at, ended = self._gather()
            try:
                self._commit(self._hearing.hear(items, silent_at))
                self._conversation.go_on(self._record_own, self._say, ended=ended)
                self._seal_if_due()
            except Exception as bug:  # noqa: BLE001  law 5: relaying and the other lines outlive a bug here; it is told, not hidden
                self._report_bug("", bug)
                time.sleep(self._backoff.delay())
        self._finish()

    def _gather(self) -> tuple[list[Chunk | Happened], int | None, bool]:
        """Everything that waits, up to a batch; the first may have to be waited for.

        With it the monotonic time at which nothing more waited (None: more does), and whether to end. Only up to
        that time is a line known to have been silent: what it said meanwhile may stand in the queue.
        """
        items: list[Chunk | Happened] = []
        size = 0
        silent_at: int | None = None
        ended = False
        try:
            turn = self._first()
            while turn is not _STOP and size < BATCH_BYTES:
                items += turn
                size += sum([len(item.data) for item in turn if isinstance(item, Chunk)])
                if size < BATCH_BYTES:
                    silent_at = time.monotonic_ns()
                    turn = self._queue.get_nowait()
            silent_at, ended = None, turn is _STOP
        except queue.Empty:
            silent_at = silent_at or time.monotonic_ns()
        self._taken += size
        return items, silent_at, ended

    def _first(self) -> list[Chunk | Happened] | None:
        """What was handed over next; waited for as long as nothing else has to be done."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            return self._queue.get(timeout=self._patience())

    def _patience(self) -> float:
        """Seconds until something has to be done although nothing was heard."""
        wait = TICK
        if (due_ns := self._hearing.due_ns) is not None:
            wait = min(wait, (due_ns - time.monotonic_ns()) / 1e9)
        if (due := self._conversation.due) is not None:
            wait = min(wait, due - time.monotonic())
        if self._backlog or self._backlog.missed:
            wait = min(wait, self._retry_at - time.monotonic())
        return max(wait, 0.0)

    # -- from records to the disk ------------------------------------------------------------

    def _commit(self, batch: list[Entry]) -> None:
        self._acknowledgements.repeated(batch)
        todo = batch
        if self._failing or self._spool is None:
            if time.monotonic() < self._retry_at:
                self._refuse(batch)
                return
            if self._spool is None and not self._reopen():
                self._refuse(batch)
                return
            todo = [*self._backlog.take(), *batch]
        for start in range(0, len(todo), BATCH_RECORDS):
            part = todo[start : start + BATCH_RECORDS]
            try:
                self._append(part)
            except (SpoolError, OSError) as wrong:
                self._failed(describe_failure(wrong))
                self._refuse(todo[start:])
                return
            except Exception as bug:  # noqa: BLE001  a bug in the spool is a spool that failed: nothing may be lost uncounted
                self._report_bug("", bug)
                self._failed(type(bug).__name__)
                self._refuse(todo[start:])
                return
        if self._failing and todo:
            self._recovered()

    def _append(self, part: list[Entry]) -> None:
        assert self._spool is not None  # noqa: S101  _commit opened it
        self._spool.append_many([entry.record for entry in part])
        self.committed.batches += 1
        self.committed.records += len(part)
        self.committed.backlog = len(self._backlog)
        for entry in part:
            if entry.stream.asker is not None:
                self._conversation.recorded(entry.stream, entry.record)
        self._acknowledgements.recorded(part)

    # -- pulled lines ------------------------------------------------------------------------

    def _record_own(self, own: Stream, said: bytes) -> None:
        now, mono = time.time_ns(), time.monotonic_ns()
        heard = self._hearing.guarded(own, lambda: own.feed(said, now, mono))
        self._commit([Entry(own, record) for record in heard])

    def _say(self, stream: Stream, said: bytes) -> None:
        self._acknowledgements.answer([(stream, said, stream.session)])

    # -- when the disk says no ---------------------------------------------------------------

    def _refuse(self, entries: list[Entry]) -> None:
        """Nothing of this is on the disk: NAK where the terminal keeps it, keep or count it where it does not."""
        for entry in self._acknowledgements.refused(entries):
            if not self._backlog.keep(entry):
                entry.stream.heard.unrecorded += 1
                self._tell(entry.stream.line, "not-recorded", reason="spool", kept=len(self._backlog))
        self.committed.backlog = len(self._backlog)

    def _failed(self, why: str) -> None:
        self._failing = True
        self.committed.failures += 1
        delay = self._backoff.delay()
        self._retry_at = time.monotonic() + delay
        self._tell("", "spool-failed", error=why, retry_in=f"{delay:g}s", kept=len(self._backlog))

    def _reopen(self) -> bool:
        try:
            self._spool = self._open_spool()
        except (SpoolError, OSError) as wrong:
            self._failed(describe_failure(wrong))
            return False
        return True

    def _recovered(self) -> None:
        self._failing = False
        self._backoff.reset()
        self._tell("", "spool-back", not_recorded=self._hearing.unrecorded)

    def _report_bug(self, line: str, bug: BaseException) -> None:
        self.committed.bugs += 1
        self._tell(line, "bug", error=type(bug).__name__, at=place_of(bug))

    # -- segments ----------------------------------------------------------------------------

    def _seal_if_due(self) -> None:
        if self._spool is None or self._failing:
            return
        try:
            self._spool.seal_if_due()
        except (SpoolError, OSError) as wrong:
            self._failed(describe_failure(wrong))

    def _finish(self) -> None:
        """The last batch: half frames become noise, the segment is sealed."""
        self._retry_at = 0.0
        self._commit(self._hearing.close())
        self.committed.backlog = len(self._backlog) + self._backlog.missed
        if self._spool is None:
            return
        try:
            self._spool.close()
        except (SpoolError, OSError) as wrong:
            self._failed(describe_failure(wrong))
