"""Appends numbered frames to a spool as fast as the disk allows, and says each number once it is acknowledged.

Run as a process of its own, so that it can be killed: ``python spool_writer.py FOLDER FIRST
synced|unsynced [BATCHES]``; without a count it writes until it is killed. What the n-th frame
holds follows from n alone.
"""

import hashlib
import itertools
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.disk import Disk
from ingest.keys import derive
from ingest.records import DIGEST_SIZE, Kind, PendingRecord, Record, session
from ingest.spool import Spool

KEYS = derive("k1", bytes(32))
LINE, PROFILE = "lane-1", "unionpay"


class UnsyncedDisk(Disk):
    """The negative control: it says that it synced."""

    def fdatasync(self, fd: int) -> None:
        """Nothing."""
        del fd

    def fsync(self, fd: int) -> None:
        """Nothing."""
        del fd

    def sync_directory(self, path: Path) -> None:
        """Nothing."""
        del path


def frame_of(number: int) -> bytes:
    """The n-th frame, 20 to 275 bytes."""
    seed = hashlib.blake2b(number.to_bytes(8, "big")).digest()
    return number.to_bytes(8, "big") + seed * (seed[0] // 64 + 1) + seed[: seed[1] % 12]


def digest_of(frame: bytes) -> bytes:
    """A frame's digest, as a line would state it."""
    return hashlib.blake2b(frame, digest_size=DIGEST_SIZE).digest()


def record_of(number: int) -> PendingRecord:
    """The n-th frame as a record."""
    frame = frame_of(number)
    return PendingRecord(
        Kind.FRAME, LINE, PROFILE, time.time_ns(), time.monotonic_ns(), "rx", frame, digest=digest_of(frame)
    )


def sound_numbers(records: Sequence[Record]) -> list[int]:
    """The numbers of the frames found, each checked: unaltered, once, in order, the spool's own gaps named."""
    frames = [record for record in records if record.kind is Kind.FRAME]
    numbers = [int.from_bytes(record.frame[:8], "big") for record in frames]
    assert len(numbers) == len(set(numbers)), "a frame is there twice"
    assert numbers == sorted(numbers)
    for record, number in zip(frames, numbers, strict=True):
        assert record.frame == frame_of(number), f"frame {number} was altered"
        assert record.digest == digest_of(record.frame)
    seqs = [record.seq for record in records]
    assert seqs == sorted(set(seqs))
    told = [record.facts["missing"] for record in records if record.kind is Kind.GAP]
    absent = set(range(seqs[0], seqs[-1] + 1)) - set(seqs) if seqs else set()
    assert absent == {seq for first, last in told for seq in range(first, last + 1)}, "a gap that nobody names"
    return numbers


def main(folder: Path, first: int, disk: Disk, batches: int | None) -> None:
    """Write until killed, or a number of batches."""
    rng = random.Random(first)
    with Spool(folder, KEYS, seal_bytes=512 * 1024, disk=disk) as spool:
        spool.append_many([session(LINE, PROFILE, wall_ns=time.time_ns())])
        number = first
        for _ in itertools.count() if batches is None else range(batches):
            size = rng.randint(1, 32)
            spool.append_many([record_of(number + step) for step in range(size)])
            number += size
            os.write(1, b"%d\n" % (number - 1))
            spool.seal_if_due()


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        Disk() if sys.argv[3] == "synced" else UnsyncedDisk(),
        int(sys.argv[4]) if len(sys.argv) > 4 else None,
    )
