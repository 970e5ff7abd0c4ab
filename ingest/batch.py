"""Records being put into bytes: numbered, chained, and told apart from frames that came before.

A batch changes nothing outside itself; ``Known.take`` takes its values over once its bytes
are on the disk.
"""

import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.frame_block import FEW, FrameBlock, made_at_once
from ingest.recall import Seen
from ingest.records import Kind, PendingRecord, session
from ingest.segment import Chain, encode_frame, encode_record

_FRAME = Kind.FRAME
REMEMBERED = 4096
"""How many digests of a line and direction are kept to tell a frame that came before."""


@dataclass(slots=True)
class Known:
    """What is on the disk: each line's number and session, and the digests of its last frames."""

    seen: Seen
    sessions: dict[str, tuple[int, PendingRecord]] = field(default_factory=dict)

    def take(self, batch: "Batch") -> None:
        """The batch is on the disk."""
        self.sessions |= batch.sessions
        for where, digests in batch.seen.items():
            seen = self.seen.get(where)
            if seen is None:
                seen = self.seen[where] = OrderedDict()
            if len(digests) <= REMEMBERED:
                seen.update(digests)  # none of them is in there: `Batch` looked
            else:
                seen.update(itertools.islice(digests.items(), len(digests) - REMEMBERED, None))
            for _ in range(len(seen) - REMEMBERED):
                seen.popitem(last=False)


@dataclass(slots=True)
class Batch:
    """Bytes in the making.

    Attributes:
        seq: the number of the next record.
        link: what the next record carries of the one before.
        chain, boot_id, known: what records are made with.
        encoded: the bytes so far.
        count: records so far; ``data_records`` are those that are no session.
    """

    seq: int
    link: bytes
    chain: Chain
    boot_id: int
    known: Known
    encoded: bytearray = field(default_factory=bytearray)
    count: int = 0
    data_records: int = 0
    sessions: dict[str, tuple[int, PendingRecord]] = field(default_factory=dict)
    seen: dict[tuple[str, str], dict[bytes, int]] = field(default_factory=dict)

    def add_all(self, records: "Sequence[PendingRecord | FrameBlock]") -> list[int]:
        """Put records behind the others, as ``add`` does each; their numbers."""
        numbers = []
        encoded, link = self.encoded, self.chain.link
        for record in records:
            if isinstance(record, FrameBlock):
                numbers += self._add_block(record)
                continue
            known = self.sessions.get(record.line) or self.known.sessions.get(record.line)
            if record.kind is not _FRAME or known is None or known[1].profile != record.profile:
                numbers.append(self.add(record))
                continue
            seq = self.seq
            one = encode_frame(record, seq, known[0], self.boot_id, self.link, self._seen_before(record))
            encoded += one
            self.link = link(one)
            self.seq = seq + 1
            self.count += 1
            self.data_records += 1
            numbers.append(seq)
        return numbers

    def _add_block(self, block: FrameBlock) -> list[int]:
        if len(block) <= FEW or not made_at_once():
            return self.add_all(block.records())
        import numpy as np

        numbered = []
        for name in block.lines:
            known = self.sessions.get(name) or self.known.sessions.get(name)
            numbered.append(known[0] if known and known[1].profile == block.profile else -1)
        ports = np.array(numbered, np.int64)[block.line]
        if ports.min() < 0:  # a session has to stand before a frame
            return self.add_all(block.records())
        first, dups = self.seq, np.zeros(len(block), np.int64)
        digests = block.digest_list()
        for where, rows in block.ways():
            self._seen_among(where, rows, digests, dups)
        made, self.link = block.encode(first, ports, self.boot_id, self.chain, self.link, dups)
        self.encoded += made.data
        self.seq += len(block)
        self.count += len(block)
        self.data_records += len(block)
        return list(range(first, self.seq))

    def _seen_among(self, where: tuple[str, str], rows: Any, digests: Sequence[bytes], dups: Any) -> None:
        """``_seen_before`` of each of these rows of a block, into ``dups``."""
        said = [digests[row] for row in rows.tolist()]
        numbers = (rows + self.seq).tolist()
        mine = self.seen.setdefault(where, {})
        seen: Mapping[bytes, int] = self.known.seen.get(where, {})
        fresh = dict(zip(said, numbers, strict=True))
        if len(fresh) == len(said) and seen.keys().isdisjoint(fresh) and mine.keys().isdisjoint(fresh):
            mine |= fresh
            return
        for row, digest, number in zip(rows.tolist(), said, numbers, strict=True):
            earlier = seen.get(digest) or mine.get(digest)
            if earlier is None:
                mine[digest] = number
            else:
                dups[row] = earlier

    def add(self, record: PendingRecord) -> int:
        """Put a record behind the others, and its line's session before it where that is not known; its number."""
        known = self.sessions.get(record.line) or self.known.sessions.get(record.line)
        port = known[0] if known else len(self.known.sessions.keys() | self.sessions.keys()) + 1
        if record.kind is Kind.SESSION:
            self.sessions[record.line] = (port, record)
        elif record.line and (known is None or known[1].profile != record.profile):
            opened = session(record.line, record.profile, wall_ns=record.wall_ns, mono_ns=record.mono_ns)
            self.sessions[record.line] = (port, opened)
            self.add_as(opened, port)
        dup_of = self._seen_before(record) if record.kind is Kind.FRAME else None
        return self.add_as(record, port if record.line else 0, dup_of)

    def add_as(self, record: PendingRecord, port: int, dup_of: int | None = None) -> int:
        """Put a record of this port number behind the others; its number."""
        seq = self.seq
        encoded = encode_record(record, seq=seq, port_id=port, boot_id=self.boot_id, chain=self.link, dup_of=dup_of)
        self.encoded += encoded
        self.link = self.chain.link(encoded)
        self.seq += 1
        self.count += 1
        self.data_records += record.kind is not Kind.SESSION
        return seq

    def _seen_before(self, record: PendingRecord) -> int | None:
        where, digest = (record.line, record.direction), record.digest
        seen = self.known.seen.get(where)
        mine = self.seen.get(where)
        if mine is None:
            mine = self.seen[where] = {}
        earlier = (seen and seen.get(digest)) or mine.get(digest)
        if earlier is None:
            mine[digest] = self.seq
        return earlier
