"""What pulled lines have to say: questions, and answers to what a terminal said, in the order they are due.

A frame of ours is on the disk before it is sent, as one of the terminal's is before it is
answered. Touched by the committer thread alone.
"""

import functools
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ingest.acknowledging import wants_repeat
from ingest.handover import Happened
from ingest.lines import Stream
from ingest.records import Kind, PendingRecord

if TYPE_CHECKING:
    from ingest.asking import Asker


def _hear_control(byte: int, asker: "Asker", now: float) -> list[bytes]:
    return asker.hear_control(byte, now)


class Conversation:
    """The pulled lines that were heard of, and what is still to be said on them.

    A session that fails ends alone: what was heard is on the disk, and the other lines know nothing of it.

    Args:
        report_bug: where a session's own failure is told, with its line.
    """

    def __init__(self, report_bug: Callable[[str, BaseException], None]) -> None:
        self._report_bug = report_bug
        self._streams: dict[Stream, Asker] = {}
        self._outbox: deque[tuple[Stream, bytes]] = deque()

    @property
    def due(self) -> float | None:
        """Monotonic seconds at which the first line has something to say by itself."""
        return min((due for asker in self._streams.values() if (due := asker.due) is not None), default=None)

    def come_or_gone(self, stream: Stream, happened: Happened) -> None:
        """A pulled line's port was opened, or its terminal was unplugged."""
        assert stream.asker is not None  # noqa: S101  the caller looked
        self._streams[stream] = stream.asker
        if happened.kind is Kind.SESSION:
            stream.asker.opened(time.monotonic())
        elif happened.facts.get("event") == "unplugged":
            stream.asker.lost()

    def hear_controls(self, stream: Stream) -> None:
        """The lone control bytes that were just heard on a pulled line."""
        assert stream.asker is not None  # noqa: S101  the caller looked
        self._streams[stream] = stream.asker
        for byte in stream.take_controls():
            self._say(stream, functools.partial(_hear_control, byte))

    def recorded(self, stream: Stream, record: PendingRecord) -> None:
        """A record of a pulled line is on the disk: what is to be said to it."""
        assert stream.asker is not None  # noqa: S101  the caller looked
        self._streams[stream] = stream.asker
        if record.kind is Kind.FRAME:
            self._say(stream, lambda asker, now: asker.hear_frame(record.frame, now))
        elif record.kind is Kind.NOISE and wants_repeat(record):
            self._say(stream, lambda asker, now: asker.hear_noise(now))

    def go_on(
        self, record: Callable[[Stream, bytes], None], answer: Callable[[Stream, bytes], None], *, ended: bool
    ) -> None:
        """Say all there is to say.

        Args:
            record: puts a frame of ours on the disk, as one of its stream.
            answer: writes bytes to the port of a stream's line.
            ended: nothing new is begun.
        """
        if not ended and self._streams:
            for stream in self._streams:
                self._say(stream, lambda asker, now: asker.tick(now))
        while self._outbox:
            stream, said = self._outbox.popleft()
            if len(said) > 1:
                record(self._streams[stream].own, said)
            answer(stream, said)

    def _say(self, stream: Stream, ask: "Callable[[Asker, float], list[bytes]]") -> None:
        asker = self._streams[stream]
        try:
            said = ask(asker, time.monotonic())
        except Exception as bug:  # noqa: BLE001  a dialect's, ours or installed: told with its place, and its session ends
            self._report_bug(stream.line, bug)
            asker.broken()
            return
        self._outbox += [(stream, each) for each in said]
