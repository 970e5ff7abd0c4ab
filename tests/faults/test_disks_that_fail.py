"""Real disks that are full or fail: a small tmpfs, and an image that has no room behind it.

The second is how a sync fails without special hardware: ext4 takes the bytes into its
cache, and only ``fdatasync`` learns that the tmpfs under the image is full. Asking again
would then succeed without the bytes being there, so nobody may ask again.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingest.disk import Disk
from ingest.errors import SpoolError
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool
from tests.faults.power import why_not
from tests.faults.spool_writer import KEYS, record_of, sound_numbers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=f"NO FAILING DISK WAS TRIED: {why_not()}"),
]


class WatchedDisk(Disk):
    """The real disk; notes each sync of the spool's own files and how it went."""

    def __init__(self) -> None:
        self.syncs: list[tuple[int, bool]] = []

    def fdatasync(self, fd: int) -> None:
        """As ever."""
        inode = os.fstat(fd).st_ino
        try:
            super().fdatasync(fd)
        except OSError:
            self.syncs.append((inode, False))
            raise
        self.syncs.append((inode, True))


@contextmanager
def mounted(*words: str, at: Path) -> Iterator[Path]:
    """Something mounted, for a while."""
    at.mkdir()
    subprocess.run(["mount", *words, str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


def fill(spool: Spool, first: int) -> tuple[int, str]:
    """Append one by one until the disk refuses; the last number that was taken, and what was said."""
    number = first
    while True:
        try:
            spool.append_many([record_of(number)])
        except SpoolError as wrong:
            return number - 1, str(wrong)
        number += 1


def found(folder: Path) -> list[int]:
    """What the sealed segments hold, all of it sound."""
    return sound_numbers([record for info in sealed_segments(folder) for record in read_segment(info.path)])


def test_a_full_disk_refuses_and_takes_up_again_when_there_is_room(tmp_path: Path, record_property: Any) -> None:
    """Fault 4: at each of many sizes the batch without room is refused whole; what was acknowledged is not harmed."""
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", at=tmp_path / "small") as disk:
        with Spool(disk / "spool", KEYS) as spool:
            last = 0
            for pages in range(1, 41):  # two pages more each time, and filled again
                last, said = fill(spool, last + 1)
                assert "disk is full" in said
                subprocess.run(["mount", "-o", f"remount,size={1024 + 8 * pages}k", str(disk)], check=True)
                spool.append_many([record_of(last + 1)])
                last += 1
            last, _ = fill(spool, last + 1)
        with Spool(disk / "spool", KEYS):  # starts on a disk that is full
            pass
        assert set(range(1, last + 1)) <= set(found(disk / "spool"))
    record_property("lost", f"0 of {last} acknowledged")


def test_a_sync_that_failed_is_never_asked_again(tmp_path: Path, record_property: Any) -> None:
    """Fault 4b: the segment is put aside at the first failed sync; when the disk is well again a new one goes on."""
    with mounted("-t", "tmpfs", "-o", "size=9m", "tmpfs", at=tmp_path / "behind") as behind:
        image = behind / "disk.img"
        subprocess.run(["truncate", "--size", "64M", str(image)], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", str(image)], check=True)
        with mounted("-o", "loop", str(image), at=tmp_path / "disk") as disk:
            watched = WatchedDisk()
            with Spool(disk / "spool", KEYS, disk=watched) as spool:
                last, _ = fill(spool, 1)
                failed = [inode for inode, went_well in watched.syncs if not went_well]
                assert len(failed) == 1
                subprocess.run(["mount", "-o", "remount,size=80m", str(behind)], check=True)
                after = len(watched.syncs)
                refused = last + 1
                spool.append_many([record_of(refused + 1)])
                assert failed[0] not in [inode for inode, _ in watched.syncs[after:]]
            numbers = found(disk / "spool")
            assert set(range(1, last + 1)) <= set(numbers)
            assert refused + 1 in numbers
    record_property("lost", f"0 of {last + 1} acknowledged")
