"""Appends numbered frames to a spool as fast as the disk allows, and says each number once it is acknowledged.

Run as a process of its own, so that it can be killed: ``python spool_writer.py FOLDER FIRST
synced|unsynced``. What the n-th frame holds follows from n alone.
"""

import hashlib
import os
import random
import sys
import time
from pathlib import Path

from ingest.disk import Disk
from ingest.keys import derive
from ingest.records import DIGEST_SIZE, Kind, PendingRecord, session
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


def main(folder: Path, first: int, disk: Disk) -> None:
    """Write until killed."""
    rng = random.Random(first)
    with Spool(folder, KEYS, seal_bytes=512 * 1024, disk=disk) as spool:
        spool.append_many([session(LINE, PROFILE, wall_ns=time.time_ns())])
        number = first
        while True:
            size = rng.randint(1, 32)
            spool.append_many([record_of(number + step) for step in range(size)])
            number += size
            os.write(1, b"%d\n" % (number - 1))
            spool.seal_if_due()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Disk() if sys.argv[3] == "synced" else UnsyncedDisk())
