"""What a terminal hears of its frames: ACK once one is on the disk, NAK when it is not, or came damaged.

The answers of a batch are handed over together. A frame that came before has its answer
before the disk is asked again. An answer is for the terminal that was there when the frame came: a cable
pulled meanwhile may be in another one now. Touched by the committer thread alone.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from ingest.backlog import Entry
from ingest.handover import Tell
from ingest.lines import Stream
from ingest.occupant import told
from ingest.records import Kind, PendingRecord

ACK = b"\x06"
NAK = b"\x15"
REMEMBERED = 4096
"""How many digests of a receiving line are kept, to answer a repeated frame without a second wait for the disk."""
REPEATABLE = frozenset({"lrc", "crc", "escape", "length", "etx", "claim", "cut"})
"""Codes of `protocols.deframe` that mean a damaged or unfinished frame, not noise between frames."""

Answers = Sequence[tuple[Stream, bytes, int]]
"""Bytes to be written, each to the terminal of its stream's line, while that session of its port lasts."""


class Acknowledgements:
    """Who is to be answered what.

    Args:
        tell: where events go.
    """

    def __init__(self, tell: Tell) -> None:
        self.answer: Callable[[Answers], None] = _nobody
        self._tell = tell
        self._digests: dict[Stream, OrderedDict[bytes, None]] = {}
        self._ready: list[tuple[Stream, bytes, int]] = []

    def repeated(self, batch: Iterable[Entry]) -> None:
        """A frame that is on the disk already is acknowledged before the disk is asked again."""
        for entry in batch:
            if entry.answered or not entry.stream.answers or entry.record.kind is not Kind.FRAME:
                continue
            if entry.record.digest in self._digests.get(entry.stream, ()):
                self._ack(entry)
        self._hand_over()

    def recorded(self, part: Iterable[Entry]) -> None:
        """These are on the disk: count them, and say so where somebody waits for it."""
        now = time.monotonic_ns()
        damaged: dict[Stream, int] = {}
        for entry in part:
            stream, record = entry.stream, entry.record
            if record.kind is Kind.FRAME:
                heard = stream.heard
                heard.frames += 1
                heard.last_frame_ns = now
                if stream.answers and not entry.answered:
                    self._ack(entry)
            elif record.kind is Kind.NOISE:
                self._count_noise(stream, record)
                if stream.answers and not entry.answered and wants_repeat(record):
                    damaged[stream] = entry.session
            elif (words := told(record.facts)) is not None:
                self._tell(stream.line, record.facts["event"], **words)
        self._nak(damaged)
        self._hand_over()

    def refused(self, entries: Iterable[Entry]) -> list[Entry]:
        """Nothing of this is on the disk: NAK where the terminal keeps it; those that only we have."""
        keep: list[Entry] = []
        refused: dict[Stream, int] = {}
        for entry in entries:
            if not (entry.stream.answers and entry.record.kind is Kind.FRAME):
                keep.append(entry)
            elif not entry.answered:
                refused[entry.stream] = entry.session
        self._nak(refused)
        self._hand_over()
        return keep

    def _count_noise(self, stream: Stream, record: PendingRecord) -> None:
        error = record.error or {}
        stream.heard.noise_bytes += record.length
        if error.get("layer") != "link":
            stream.heard.rejects += 1
            self._tell(stream.line, "reject", layer=error.get("layer"), code=error.get("code"), length=record.length)
        else:
            self._tell(stream.line, "noise", code=error.get("code"), length=record.length)

    def _ack(self, entry: Entry) -> None:
        """The record is on the disk, now or since an earlier batch."""
        stream, digest = entry.stream, entry.record.digest
        digests = self._digests.get(stream)
        if digests is None:
            digests = self._digests[stream] = OrderedDict()
        entry.answered = True
        if digest in digests:
            stream.heard.duplicates += 1
        digests[digest] = None
        if len(digests) > REMEMBERED:
            digests.popitem(last=False)
        stream.heard.acks += 1
        self._ready.append((stream, ACK, entry.session))

    def _nak(self, sessions: Mapping[Stream, int]) -> None:
        for stream, session in sessions.items():
            stream.heard.naks += 1
            self._ready.append((stream, NAK, session))

    def _hand_over(self) -> None:
        if self._ready:
            ready, self._ready = self._ready, []
            self.answer(ready)


def wants_repeat(noise: PendingRecord) -> bool:
    """Whether noise on a receiving line was a frame that the terminal should send again."""
    error = noise.error or {}
    return error.get("layer") != "link" or error.get("code") in REPEATABLE


def _nobody(answers: Answers) -> None:
    """Where answers go before the committer starts: nothing is heard before it either."""
