"""A replay's blocks of frames on a disk that loses, fails and fills: as whole as records that come one by one."""

import contextlib
import errno

import numpy as np
import pytest

from ingest.disk import Disk
from ingest.errors import SpoolError
from ingest.frame_block import FEW, FrameBlock, made_at_once
from ingest.records import PendingRecord, session
from ingest.spool import Spool
from tests.ingest.memory_disk import SURVIVORS, MemoryDisk
from tests.ingest.spool_life import FOLDER, KEYS, Told, check, frame, power_cuts, reopen, sealed

ROWS = FEW + 2
LINES = ("lane-0", "lane-1")


def block(first: int) -> FrameBlock:
    """The frames of these numbers, as columns."""
    import pyarrow as pa

    rows = [frame(number) for number in range(first, first + ROWS)]
    return FrameBlock(
        "p",
        LINES,
        np.array([LINES.index(row.line) for row in rows], np.int32),
        np.full(ROWS, 1, np.uint8),
        np.array([row.wall_ns for row in rows], np.int64),
        pa.array([row.frame for row in rows], pa.binary()),
        np.frombuffer(b"".join(row.digest for row in rows), np.uint8).reshape(ROWS, -1),
        pa.array([None] * ROWS, pa.string()),
    )


def work(disk: Disk, told: Told) -> None:
    """A replay: the lines' sessions, blocks, a roll by size, a close."""
    with contextlib.suppress(SpoolError), Spool(FOLDER, KEYS, seal_bytes=15_000, boot_id=1, disk=disk) as spool:
        opened: list[PendingRecord | FrameBlock] = [session(name, "p", wall_ns=1) for name in LINES]
        spool.append_many(opened)
        for first in range(0, 3 * ROWS, ROWS):
            rows = block(first)
            try:
                seqs = spool.append_many([rows])
                told.acknowledged |= dict(zip(seqs, rows.frames.to_pylist(), strict=True))
            except SpoolError:
                told.refused += 1


def test_blocks_are_made_at_once_here() -> None:
    """Or what follows is of single records."""
    assert made_at_once()


def test_a_power_cut_at_any_operation_leaves_whole_blocks() -> None:
    tried = 0
    for _, disk, told in power_cuts(work):
        for names, content in SURVIVORS:
            after = disk.after_power_cut(names, content)
            reopen(after)
            check(after, told)
            tried += 1
    assert tried > 100


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_one_failing_operation_loses_no_block(number: int) -> None:
    """Each operation fails once, the syncs among them: a block that was refused is not acknowledged in part."""
    whole = MemoryDisk()
    work(whole, Told())
    refused = 0
    for at in range(len(whole.operations)):

        def fail(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise OSError(number, name)

        disk, told = MemoryDisk(fault=fail), Told()
        work(disk, told)
        refused += told.refused
        assert len(told.acknowledged) % ROWS == 0
        for names, content in SURVIVORS:
            after = disk.after_power_cut(names, content)
            reopen(after)
            check(after, told)
    assert refused >= 3


def test_a_disk_that_fills_up_at_any_byte_of_many_tears_no_block() -> None:
    roomy = MemoryDisk(room=1_000_000)
    work(roomy, Told())
    assert roomy.room is not None
    written = 1_000_000 - roomy.room
    assert written > 3 * ROWS * 100
    refused = 0
    for room in range(0, written + 1, 487):
        disk, told = MemoryDisk(room=room), Told()
        work(disk, told)
        after = disk.after_power_cut("cached", "cached")
        reopen(after)
        check(after, told)
        assert sealed(after)[1] == []
        refused += told.refused
    assert refused > 30
