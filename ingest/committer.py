"""The committer: one thread between what was heard and the disk.

The selector thread hands over what it read and never waits; this thread makes records
of it, puts everything that gathered meanwhile into the spool with one ``fdatasync``
(group commit), and only then says what may be acknowledged. It outlives a spool that
fails: what listens and relays heard is kept in memory and tried again in a new segment,
what does not fit is counted and becomes a GAP record; a receiving line gets its NAK and
the terminal keeps the frame.

It never writes to a port: answers go back through a callback.
"""

import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ingest.backlog import BACKLOG_RECORDS, Backlog, Entry
from ingest.errors import SpoolError
from ingest.handover import SET, Chunk, Happened, Tell, ask_for_priority, describe_failure, place_of
from ingest.lines import Backoff, Stream
from ingest.occupant import CHANGED
from ingest.records import Kind, PendingRecord

if TYPE_CHECKING:
    from ingest.asking import Asker
    from ingest.speeds import LineSetting

ACK = b"\x06"
NAK = b"\x15"
QUEUE_BYTES = 8 * 1024 * 1024
BATCH_BYTES = 1024 * 1024
BATCH_RECORDS = 1024
REMEMBERED = 4096
"""How many digests of a receiving line are kept, to answer a repeated frame without a second wait for the disk."""
REPEATABLE = frozenset({"lrc", "crc", "escape", "length", "etx", "claim", "cut"})
"""Codes of `protocols.deframe` that mean a damaged or unfinished frame, not noise between frames."""
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
        self._answer: Callable[[Stream, bytes], None] = _nobody
        self._tune: Callable[[Stream, LineSetting], None] = _nobody
        self._tell = tell
        self._queue: queue.SimpleQueue[Chunk | Happened | None] = queue.SimpleQueue()
        self._queue_bytes = queue_bytes
        self._offered = 0  # written by the selector thread alone
        self._taken = 0  # written by the committer thread alone
        self._streams: dict[Stream, OrderedDict[bytes, None]] = {}
        self._backlog = Backlog(backlog_records)
        self._backoff = Backoff()
        self._retry_at = 0.0
        self._failing = False
        self.worked = time.monotonic()
        """When the thread last went round; long ago: it hangs, or the disk under it does."""
        self._outbox: deque[tuple[Stream, bytes]] = deque()  # what pulled lines have to say
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    # -- the selector thread's side ----------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether the queue takes more bytes."""
        return self._offered - self._taken < self._queue_bytes

    def offer(self, chunk: Chunk) -> bool:
        """Take bytes, or say at once that the queue is full; never waits."""
        if not self.has_room:
            return False
        self._offered += len(chunk.data)
        self._queue.put(chunk)
        return True

    def note(self, happened: Happened) -> None:
        """Take an event; these are few and are never refused."""
        self._queue.put(happened)

    # -- its own life ------------------------------------------------------------------------

    def start(
        self,
        answer: Callable[[Stream, bytes], None],
        spool: SpoolLike | None = None,
        tune: "Callable[[Stream, LineSetting], None] | None" = None,
    ) -> None:
        """Begin.

        Args:
            answer: ``(stream, byte)``: hand ACK or NAK to the line of a receiving stream; must not wait.
            spool: one that is open already; None to open it here, again and again until that works.
            tune: ``(stream, setting)``: have the ports of a stream's line set so; must not wait.
        """
        self._answer = answer
        self._tune = tune or _nobody
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
                self._commit(self._records_of(items, silent_at))
                self._converse(ended=ended)
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
        before_look: int | None = None
        silent_at: int | None = None
        ended = False
        try:
            item = self._queue.get(timeout=self._patience())
            while item is not _STOP and size < BATCH_BYTES:
                items.append(item)
                size += len(item.data) if isinstance(item, Chunk) else 0
                if size < BATCH_BYTES:
                    before_look = time.monotonic_ns()
                    item = self._queue.get_nowait()
            ended = item is _STOP
        except queue.Empty:
            silent_at = before_look or time.monotonic_ns()
        self._taken += size
        return items, silent_at, ended

    def _patience(self) -> float:
        """Seconds until something has to be done although nothing was heard."""
        dues = [due for stream in self._streams if (due := stream.due_ns) is not None]
        wait = min((due - time.monotonic_ns()) / 1e9 for due in dues) if dues else TICK
        for stream in self._streams:
            if stream.asker is not None and (next_word := stream.asker.due) is not None:
                wait = min(wait, next_word - time.monotonic())
        if self._backlog or self._backlog.missed:
            wait = min(wait, self._retry_at - time.monotonic())
        return min(max(wait, 0.0), TICK)

    # -- from bytes to records ---------------------------------------------------------------

    def _records_of(self, items: Iterable[Chunk | Happened], silent_at: int | None) -> list[Entry]:
        batch: list[Entry] = []
        for item in items:
            batch += _entries(item.stream, self._hear(item))
            self._set_line(item.stream)
        if silent_at is None:
            return batch
        wall = time.time_ns()
        for stream in self._streams:
            if (due := stream.due_ns) is None or due > silent_at:
                continue
            broken_off = self._guarded(stream, lambda which=stream: which.flush(wall, silent_at))  # type: ignore[misc]
            batch += _entries(stream, broken_off)
            self._set_line(stream)
        return batch

    def _set_line(self, stream: Stream) -> None:
        """Have the port set as the search for the line's profile wants it."""
        setting = stream.detection.take_setting() if stream.detection is not None else None
        if setting is not None:
            self._tune(stream, setting)

    def _hear(self, item: Chunk | Happened) -> list[PendingRecord]:
        stream = item.stream
        self._streams.setdefault(stream, OrderedDict())
        if isinstance(item, Chunk):
            records = self._guarded(stream, lambda: stream.feed(item.data, item.wall_ns, item.mono_ns), len(item.data))
            if stream.asker is not None:
                for byte in stream.take_controls():
                    self._outbox += [(stream, said) for said in stream.asker.hear_control(byte, time.monotonic())]
            return records
        if stream.asker is not None:
            self._come_or_gone(stream.asker, item)
        before = self._guarded(stream, lambda: stream.flush(item.wall_ns, item.mono_ns)) if item.breaks else []
        facts = item.facts
        if stream.detection is not None and item.kind is Kind.SESSION:
            facts = stream.detection.opened(facts)
        elif stream.detection is not None and facts.get("event") == SET:
            stream.detection.was_set()
        record = PendingRecord(
            item.kind, stream.line, stream.profile, item.wall_ns, item.mono_ns, stream.direction, facts=facts
        )
        return [*before, record]

    def _guarded(self, stream: Stream, hear: Callable[[], list[PendingRecord]], size: int = 0) -> list[PendingRecord]:
        """A bug in one profile's decoding costs that line the bytes at hand, and no other line anything."""
        try:
            return hear()
        except Exception as bug:  # noqa: BLE001  see above; told with its place, counted, and a GAP record written
            self._report_bug(stream.line, bug)
            lost = stream.restart() + size
            now, mono = time.time_ns(), time.monotonic_ns()
            facts = {"reason": "bug", "error": type(bug).__name__, "bytes": lost}
            return [
                PendingRecord(
                    Kind.GAP, stream.line, stream.profile, now, mono, stream.direction, length=lost, facts=facts
                )
            ]

    # -- from records to the disk ------------------------------------------------------------

    def _commit(self, batch: list[Entry]) -> None:
        self._answer_repeats(batch)
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
        now = time.monotonic_ns()
        naks: set[Stream] = set()
        for entry in part:
            stream, record = entry.stream, entry.record
            heard = stream.heard
            if stream.asker is not None:
                self._outbox += [(stream, said) for said in _reply(stream.asker, record)]
            if record.kind is Kind.FRAME:
                heard.frames += 1
                heard.last_frame_ns = now
                if stream.answers and not entry.answered:
                    self._say_ack(entry)
            elif record.kind is Kind.NOISE:
                self._count_noise(stream, record)
                if stream.answers and not entry.answered and wants_repeat(record):
                    naks.add(stream)
            elif record.facts.get("event") == CHANGED:
                self._tell(stream.line, CHANGED, now=record.facts["terminal_id"], before=_number(record.facts))
        for stream in naks:
            self._say_nak(stream)

    def _count_noise(self, stream: Stream, record: PendingRecord) -> None:
        error = record.error or {}
        stream.heard.noise_bytes += record.length
        if error.get("layer") != "link":
            stream.heard.rejects += 1
            self._tell(stream.line, "reject", layer=error.get("layer"), code=error.get("code"), length=record.length)
        else:
            self._tell(stream.line, "noise", code=error.get("code"), length=record.length)

    def _answer_repeats(self, batch: list[Entry]) -> None:
        """A frame that is on the disk already is acknowledged before the disk is asked again."""
        for entry in batch:
            if (
                entry.stream.answers
                and not entry.answered
                and entry.record.kind is Kind.FRAME
                and entry.record.digest in self._streams[entry.stream]
            ):
                self._say_ack(entry)

    def _say_ack(self, entry: Entry) -> None:
        """The record is on the disk, now or since an earlier batch."""
        heard, digests = entry.stream.heard, self._streams[entry.stream]
        entry.answered = True
        if entry.record.digest in digests:
            heard.duplicates += 1
        digests[entry.record.digest] = None
        if len(digests) > REMEMBERED:
            digests.popitem(last=False)
        heard.acks += 1
        self._answer(entry.stream, ACK)

    def _say_nak(self, stream: Stream) -> None:
        stream.heard.naks += 1
        self._answer(stream, NAK)

    # -- pulled lines ------------------------------------------------------------------------

    def _converse(self, *, ended: bool) -> None:
        """Say what pulled lines have to say; what is a frame of ours is on the disk before it is sent."""
        now = time.monotonic()
        for stream in self._streams:
            if stream.asker is not None and not ended:
                self._outbox += [(stream, said) for said in stream.asker.tick(now)]
        while self._outbox:
            stream, said = self._outbox.popleft()
            own = stream.asker.own if stream.asker is not None else None
            if own is not None and len(said) > 1:
                heard = self._guarded(own, lambda: own.feed(said, time.time_ns(), time.monotonic_ns()))  # noqa: B023  called at once
                self._commit([Entry(own, record) for record in heard])
            self._answer(stream, said)

    @staticmethod
    def _come_or_gone(asker: "Asker", happened: Happened) -> None:
        if happened.kind is Kind.SESSION:
            asker.opened(time.monotonic())
        elif happened.facts.get("event") == "unplugged":
            asker.lost()

    # -- when the disk says no ---------------------------------------------------------------

    def _refuse(self, entries: list[Entry]) -> None:
        """Nothing of this is on the disk: NAK where the terminal keeps it, keep or count it where it does not."""
        naks = set()
        for entry in entries:
            stream, record = entry.stream, entry.record
            if stream.answers and record.kind is Kind.FRAME:
                if not entry.answered:
                    naks.add(stream)
            elif not self._backlog.keep(entry):
                stream.heard.unrecorded += 1
                self._tell(stream.line, "not-recorded", reason="spool", kept=len(self._backlog))
        self.committed.backlog = len(self._backlog)
        for stream in naks:
            self._say_nak(stream)

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
        self._tell("", "spool-back", not_recorded=sum(stream.heard.unrecorded for stream in self._streams))

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
        wall, mono = time.time_ns(), time.monotonic_ns()
        self._retry_at = 0.0
        last = [
            Entry(stream, record)
            for stream in self._streams
            for record in self._guarded(stream, lambda which=stream: which.close(wall, mono))  # type: ignore[misc]
        ]
        self._commit(last)
        self.committed.backlog = len(self._backlog) + self._backlog.missed
        if self._spool is None:
            return
        try:
            self._spool.close()
        except (SpoolError, OSError) as wrong:
            self._failed(describe_failure(wrong))


def _nobody(stream: Stream, what: object) -> None:
    """Where answers go before ``start``: nothing is heard before it either."""


def _entries(stream: Stream, records: list[PendingRecord]) -> list[Entry]:
    """Records on their way; those of bytes heard long ago get no answer: their terminal waits no more for one."""
    late = stream.detection.take_late() if stream.detection is not None else 0
    return [Entry(stream, record, answered=index < late) for index, record in enumerate(records)]


def _reply(asker: "Asker", record: PendingRecord) -> list[bytes]:
    """What a pulled line says to a record that is on the disk."""
    if record.kind is Kind.FRAME:
        return asker.hear_frame(record.frame, time.monotonic())
    if record.kind is Kind.NOISE and wants_repeat(record):
        return asker.hear_noise(time.monotonic())
    return []


def _number(facts: dict[str, Any]) -> str:
    """The number of the terminal that was on the line before."""
    return str(facts["before"]["terminal_id"])


def wants_repeat(noise: PendingRecord) -> bool:
    """Whether noise on a receiving line was a frame that the terminal should send again."""
    error = noise.error or {}
    return error.get("layer") != "link" or error.get("code") in REPEATABLE
