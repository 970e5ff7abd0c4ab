"""Crash the clearing of a spool at every operation on the disk: what is gone was written down."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.disk import Disk
from ingest.errors import SpoolError
from ingest.healing import LEDGER
from ingest.ledger import write_down, written_down
from ingest.retention import clear_away, prune
from ingest.segments import SegmentInfo, sealed_segments
from ingest.spool import Spool
from tests.ingest.memory_disk import SURVIVORS, MemoryDisk
from tests.ingest.spool_life import FOLDER, KEYS, Told, frame, power_cuts, work

NOW = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


def segments(disk: MemoryDisk) -> list[SegmentInfo]:
    """Those of a disk in memory, oldest first; all that clearing away needs to know of them."""
    names = [name for name in disk.names(FOLDER) if name.endswith(".seg")]
    return [SegmentInfo(name, FOLDER / name, 0, 0, 0, "", NOW, 0) for name in names]


def written(disk: MemoryDisk) -> list[str]:
    """The files that the ledger names."""
    there = LEDGER in disk.names(FOLDER)
    return [told["file"] for told in written_down(FOLDER / LEDGER, disk)] if there else []


def clear(disk: MemoryDisk) -> None:
    """All but the newest."""
    for info in segments(disk)[:-1]:
        clear_away(disk, info, NOW)


def test_a_power_cut_at_any_operation_leaves_nothing_gone_that_was_not_written_down(record_property: Any) -> None:
    """Each segment is there or the ledger names it, the oldest go first, and a second run ends it."""
    full = MemoryDisk()
    work(full, Told())
    full.sync_directory(FOLDER)
    before = [info.path.name for info in segments(full)]
    assert len(before) >= 3
    tried = half_done = 0

    def clearing(disk: MemoryDisk, _: Told) -> None:
        disk.inodes = [type(inode)(inode.cached, inode.cached) for inode in full.inodes]
        disk.cached, disk.durable = dict(full.cached), dict(full.cached)
        clear(disk)

    for _, disk, _ in power_cuts(clearing):
        for names, content in SURVIVORS:
            after = disk.after_power_cut(names, content)
            there = [info.path.name for info in segments(after)]
            gone = [name for name in before if name not in there]
            assert there == before[len(gone) :], "a hole"
            assert set(gone) <= set(written(after)), "gone, and nobody wrote it down"
            half_done += len(set(written(after)) & set(there))
            clear(after)
            assert [info.path.name for info in segments(after)] == before[-1:]
            assert set(written(after)) == set(before[:-1])
            tried += 1
    assert tried >= 7 * 4 * (len(before) - 1)
    assert half_done, "no crash was between the ledger and the removal"
    record_property("tried", f"{tried} power cuts, {half_done} of them between the ledger and the removal")
    record_property("lost", "0 segments that the ledger does not name")


class FailingDisk(Disk):
    """The real one, whose n-th operation from ``at`` on fails."""

    def __init__(self, at: int) -> None:
        self._at, self.count = at, 0

    def _step(self) -> None:
        self.count += 1
        if self.count == self._at:
            raise OSError(5, "Input/output error")

    def open_append(self, path: Path) -> int:
        self._step()
        return super().open_append(path)

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def write(self, fd: int, data: bytes) -> int:
        self._step()
        return super().write(fd, data[:40])  # a short write, as at a full disk

    def fsync(self, fd: int) -> None:
        self._step()
        super().fsync(fd)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)

    def sync_directory(self, path: Path) -> None:
        self._step()
        super().sync_directory(path)


def test_a_disk_that_fails_at_any_operation_is_told_and_the_next_run_goes_on(
    tmp_path: Path, record_property: Any
) -> None:
    """One line that names the file and what to do; no segment is gone that the ledger does not name."""
    at, ended = 0, False
    while not ended:
        at += 1
        folder = tmp_path / str(at)
        with Spool(folder, KEYS) as spool:
            for number in range(3):
                spool.append_many([frame(number)])
                spool.seal()
        before = {info.path.name for info in sealed_segments(folder)}
        disk = FailingDisk(at)
        told = ""
        try:
            list(prune(folder, lambda _: "", keep_days=0, now=NOW, disk=disk))
        except SpoolError as wrong:
            told = wrong.message
        ended = disk.count < at
        assert ("cannot be removed: Input/output error" in told) is not ended
        gone = before - {info.path.name for info in sealed_segments(folder)}
        assert gone <= {told["file"] for told in written_down(folder / LEDGER)}
        list(prune(folder, lambda _: "", keep_days=0, now=NOW))
        assert len(sealed_segments(folder)) == 1
    assert at > 15
    record_property("tried", f"EIO at each of {at - 1} operations")
    record_property("lost", "0 segments that the ledger does not name")


@pytest.mark.parametrize("left", [b"", b'{"file": "a"}\n', b'{"file": "a"}\n{"fil', b'{"fil'])
def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path, left: bytes) -> None:
    """A power cut inside a line: the next line is read."""
    ledger = tmp_path / LEDGER
    ledger.write_bytes(left)
    write_down(ledger, {"file": "b"})
    assert [told["file"] for told in written_down(ledger)][-1] == "b"
    assert json.loads(ledger.read_bytes().splitlines()[-1]) == {"file": "b"}
