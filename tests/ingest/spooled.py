"""Records for a spool, and what a spool holds."""

import os
from pathlib import Path

from ingest.keys import derive
from ingest.records import DIGEST_SIZE, Kind, PendingRecord, Record
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool

KEYS = derive("k1", bytes(32))


def frame(number: int, line: str = "lane-1", direction: str = "rx") -> PendingRecord:
    return PendingRecord(
        Kind.FRAME, line, "p", 10**18 + number, number, "rx" if direction == "rx" else "tx",
        frame=b"frame %d" % number, digest=number.to_bytes(DIGEST_SIZE, "big"), card_token="tk1.ABC",
    )  # fmt: skip


def crash(spool: Spool) -> None:
    """The process is gone: its lock falls, nothing is sealed."""
    assert spool._writing is not None
    os.close(spool._writing.fd)
    os.close(spool._lock)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def everything(folder: Path) -> list[Record]:
    return [record for info in sealed_segments(folder) for record in read_segment(info.path)]


def frames(folder: Path) -> list[bytes]:
    return [record.frame for record in everything(folder) if record.kind is Kind.FRAME]
