"""How many records a second the spool acknowledges, by how many writers share one sync.

Each batch is one write and one fdatasync, as a committer makes it when that many
lines wait at once. The control appends without a sync: it shows what durability
costs, and it must not be read as a promise. Run: python bench/spool.py [--folder F].
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from ingest.disk import Disk
from ingest.keys import derive
from ingest.records import DIGEST_SIZE, Kind, PendingRecord
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool

FRAME = bytes(range(152))  # the mean length of a message of the dialect
WRITERS = (1, 8, 32, 128)


class Unsynced(Disk):
    """The control: fdatasync does nothing."""

    def fdatasync(self, fd: int) -> None:
        """Nothing."""
        del fd


def batch(size: int, number: int) -> list[PendingRecord]:
    now, mono = time.time_ns(), time.monotonic_ns()
    return [
        PendingRecord(
            Kind.FRAME,
            f"lane-{index}",
            "unionpay",
            now,
            mono,
            "rx",
            frame=FRAME,
            digest=(number + index).to_bytes(DIGEST_SIZE, "big"),
            card_token="tk1.abcdefghijklmnopqrstuvwxyz",  # noqa: S106  a token's shape, of no card
        )
        for index in range(size)
    ]


def measure(folder: Path, writers: int, seconds: float, disk: Disk) -> tuple[float, float, float]:
    """Records a second, and the 50th and 99th percentile of an append in milliseconds."""
    waits, number = [], 0
    with Spool(folder, derive("bench", bytes(32)), disk=disk) as spool:
        spool.append_many(batch(writers, 0))
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            number += writers
            spool.append_many(batch(writers, number))
            waits.append(time.perf_counter() - now)
        took = time.perf_counter() - began
    cuts = statistics.quantiles(waits, n=100)
    return number / took, cuts[49] * 1000, cuts[98] * 1000


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--folder", type=Path, help="on the disk to be measured; a temporary folder otherwise")
    words.add_argument("--seconds", type=float, default=3.0, help="for each figure")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        print(f"file system: {Disk().kind(folder)}; frames of {len(FRAME)} bytes\n")
        print(f"{'writers':>8} {'records/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
        for writers in WRITERS:
            rate, middle, worst = measure(folder / str(writers), writers, given.seconds, Disk())
            print(f"{writers:>8} {rate:>10.0f} {middle:>8.2f} {worst:>8.2f}")
        rate, middle, worst = measure(folder / "unsynced", 32, given.seconds, Unsynced())
        print(f"{'32 (no sync)':>12} {rate:>6.0f} {middle:>8.2f} {worst:>8.2f}")
        largest = max(sealed_segments(folder / "128"), key=lambda info: info.count)
        began = time.perf_counter()
        count = sum(1 for _ in read_segment(largest.path))
        print(f"\nreading: {count / (time.perf_counter() - began):.0f} records/s")


if __name__ == "__main__":
    main()
