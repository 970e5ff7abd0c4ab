"""From what the lines said to records on their way: each stream's own recorder, and the silences that end a frame.

A bug in one profile's decoding costs that line the bytes at hand, a GAP record says so, and no
other line notices. Touched by the committer thread alone; writes nothing anywhere.
"""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ingest.backlog import Entry
from ingest.conversation import Conversation
from ingest.handover import SET, Chunk, Happened
from ingest.lines import Stream
from ingest.records import Kind, PendingRecord

if TYPE_CHECKING:
    from ingest.speeds import LineSetting


class Hearing:
    """The streams that were heard of, and which of them hold half a frame.

    Args:
        conversation: hears what pulled lines say between frames.
        report_bug: ``(line, bug)``: told of a failure in a line's recorder.
    """

    def __init__(
        self,
        conversation: Conversation,
        report_bug: Callable[[str, BaseException], None],
    ) -> None:
        self.tune: Callable[[Stream, LineSetting], None] = _nobody
        """``(stream, setting)``: have the ports of a stream's line set so; must not wait."""
        self._conversation = conversation
        self._report_bug = report_bug
        self._streams: dict[Stream, None] = {}
        self._waiting: set[Stream] = set()

    @property
    def due_ns(self) -> int | None:
        """Monotonic time at which the first half frame is given up; None when none waits."""
        return min((due for stream in self._waiting if (due := stream.due_ns) is not None), default=None)

    @property
    def unrecorded(self) -> int:
        """Records of all streams that no segment took."""
        return sum(stream.heard.unrecorded for stream in self._streams)

    def hear(self, items: Iterable[Chunk | Happened], silent_at: int | None) -> list[Entry]:
        """The records that these items complete, in order.

        Args:
            items: as the pump handed them over.
            silent_at: monotonic time up to which everything heard is known; None: there is more.
        """
        entries: list[Entry] = []
        for item in items:
            stream = item.stream
            records = self._feed(stream, item) if isinstance(item, Chunk) else self._happen(stream, item)
            self._made(entries, stream, records)
        if silent_at is not None and self._waiting:
            self._break_off(entries, silent_at)
        return entries

    def close(self) -> list[Entry]:
        """The last word of every stream: half frames become noise."""
        wall, mono = time.time_ns(), time.monotonic_ns()
        return [
            Entry(stream, record)
            for stream in self._streams
            for record in self.guarded(stream, lambda which=stream: which.close(wall, mono))  # type: ignore[misc]
        ]

    def guarded(self, stream: Stream, hear: Callable[[], list[PendingRecord]], size: int = 0) -> list[PendingRecord]:
        """What ``hear`` gives; where it has a bug, a GAP record of ``size`` bytes and those that were half a frame."""
        try:
            return hear()
        except Exception as bug:  # noqa: BLE001  told with its place, counted, and a GAP record written
            return self._lost(stream, bug, size)

    def _feed(self, stream: Stream, chunk: Chunk) -> list[PendingRecord]:
        stream.session = chunk.session
        try:
            records = stream.feed(chunk.data, chunk.wall_ns, chunk.mono_ns)
        except Exception as bug:  # noqa: BLE001  as in guarded, without a closure for each chunk
            records = self._lost(stream, bug, len(chunk.data))
        if stream.asker is not None:
            self._conversation.hear_controls(stream)
        return records

    def _lost(self, stream: Stream, bug: Exception, size: int) -> list[PendingRecord]:
        self._report_bug(stream.line, bug)
        lost = stream.restart() + size
        now, mono = time.time_ns(), time.monotonic_ns()
        facts = {"reason": "bug", "error": type(bug).__name__, "bytes": lost}
        return [
            PendingRecord(Kind.GAP, stream.line, stream.profile, now, mono, stream.direction, length=lost, facts=facts)
        ]

    def _happen(self, stream: Stream, happened: Happened) -> list[PendingRecord]:
        stream.session = happened.session
        if stream.asker is not None:
            self._conversation.come_or_gone(stream, happened)
        wall, mono = happened.wall_ns, happened.mono_ns
        before = self.guarded(stream, lambda: stream.flush(wall, mono)) if happened.breaks else []
        facts = happened.facts
        if stream.detection is not None and happened.kind is Kind.SESSION:
            facts = stream.detection.opened(facts)
        elif stream.detection is not None and facts.get("event") == SET:
            stream.detection.was_set()
        record = PendingRecord(happened.kind, stream.line, stream.profile, wall, mono, stream.direction, facts=facts)
        if stream.occupant is not None and happened.kind is Kind.SESSION:
            return [*before, record, *stream.occupant.opened(record)]
        return [*before, record]

    def _break_off(self, entries: list[Entry], silent_at: int) -> None:
        """Half frames whose line has been silent for too long are noise."""
        wall = time.time_ns()
        for stream in list(self._waiting):
            due = stream.due_ns
            if due is None or due <= silent_at:
                broken_off = self.guarded(stream, lambda which=stream: which.flush(wall, silent_at))  # type: ignore[misc]
                self._made(entries, stream, broken_off)

    def _made(self, entries: list[Entry], stream: Stream, records: list[PendingRecord]) -> None:
        self._streams[stream] = None
        if stream.due_ns is None:
            self._waiting.discard(stream)
        else:
            self._waiting.add(stream)
        session = stream.session
        if stream.detection is None:
            entries += [Entry(stream, record, session=session) for record in records]
            return
        late = {id(each) for each in stream.detection.take_late()}  # the terminal waits no more for an answer to these
        entries += [Entry(stream, record, id(record) in late, session) for record in records]
        setting = stream.detection.take_setting()
        if setting is not None:
            self.tune(stream, setting)


def _nobody(stream: Stream, setting: "LineSetting") -> None:
    """Who sets ports before the committer starts: nothing is heard before it either."""
