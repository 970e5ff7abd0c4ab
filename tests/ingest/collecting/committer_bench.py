"""A committer on a fake spool, for its tests."""

import time
from typing import Any

from ingest.acknowledging import Answers
from ingest.committer import Committer
from ingest.handover import Chunk, Happened
from ingest.lines import Stream


class Bench:
    """A committer on a fake spool, with what it answered and told."""

    def __init__(self, spool: Any, told: Any, recorder: Any, **options: Any) -> None:
        self.spool = spool
        self.told = told
        self.answers: list[tuple[str, bytes, int]] = []
        self._recorder = recorder
        self.committer = Committer(lambda: spool, tell=told, **options)

    def start(self) -> None:
        self.committer.start(self.answer, self.spool)

    def answer(self, answers: Answers) -> None:
        self.answers += [(stream.line, byte, len(self.spool.frames())) for stream, byte, _ in answers]

    def stream(self, mode: Any, line: str = "lane") -> Stream:
        return Stream(line, "tiny", mode=mode, direction="rx", start=lambda: self._recorder(line))

    def say(self, stream: Stream, data: bytes, mono_ns: int | None = None) -> bool:
        """Offer bytes, read now or at another time, and hand them over."""
        read_at = time.monotonic_ns() if mono_ns is None else mono_ns
        taken = self.committer.offer(Chunk(stream, data, time.time_ns(), read_at))
        self.committer.hand_over()
        return taken

    def note(self, happened: Happened) -> None:
        """Note an event, and hand it over."""
        self.committer.note(happened)
        self.committer.hand_over()

    def bytes_answered(self) -> bytes:
        return b"".join(byte for _, byte, _ in self.answers)
