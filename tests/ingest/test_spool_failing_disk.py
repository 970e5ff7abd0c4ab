"""Fail and fill the spool's disk at every operation and every byte, and look for what was acknowledged."""

import contextlib
import errno
import itertools
import os
from typing import Any

import pytest

from ingest.disk import FULL
from ingest.errors import SpoolError
from ingest.records import Kind
from ingest.spool import Spool
from tests.ingest.memory_disk import SURVIVORS, MemoryDisk
from tests.ingest.spool_life import FOLDER, KEYS, Told, check, frame, power_cuts, reopen, sealed, work


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_one_failing_operation_loses_nothing(number: int, record_property: Any) -> None:
    """Fail each operation once: what was acknowledged is there after a power cut, and the work goes on."""
    acknowledged = 0
    whole = MemoryDisk()
    work(whole, Told())
    for at in range(len(whole.operations)):

        def fail(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise OSError(number, name)

        disk, told = MemoryDisk(fault=fail), Told()
        work(disk, told)
        for names, content in SURVIVORS:
            after = disk.after_power_cut(names, content)
            reopen(after)
            check(after, told)
            acknowledged += len(told.acknowledged)
    name = errno.errorcode[number]
    record_property("tried", f"{name} at each of {len(whole.operations)} operations, then {len(SURVIVORS)} power cuts")
    record_property("lost", f"0 of {acknowledged} acknowledged")


def test_a_failed_sync_is_never_asked_again(record_property: Any) -> None:
    """After a failed fdatasync nothing is done with that descriptor but closing it; what was acknowledged is there."""
    acknowledged = 0
    whole = MemoryDisk()
    work(whole, Told())
    syncs = [index for index, (name, _) in enumerate(whole.operations) if name in {"fdatasync", "fsync"}]
    for at in syncs:

        def fail(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise OSError(errno.EIO, name)

        disk, told = MemoryDisk(fault=fail), Told()
        work(disk, told)
        failed = disk.operations[at][1]
        assert [name for name, fd in disk.operations[at + 1 :] if fd == failed] == []
        after = disk.after_power_cut("durable", "durable")
        reopen(after)
        check(after, told)
        acknowledged += len(told.acknowledged)
    record_property("tried", f"EIO at each of {len(syncs)} syncs")
    record_property("lost", f"0 of {acknowledged} acknowledged")


def test_a_disk_that_fills_up_at_any_byte_tears_nothing(record_property: Any) -> None:
    """With room for n bytes, for each n: refused batches are refused whole, acknowledged ones are there."""
    acknowledged = 0
    roomy = MemoryDisk(room=1_000_000)
    work(roomy, Told())
    assert roomy.room is not None
    written = 1_000_000 - roomy.room
    assert written > 3000
    for room in range(written + 1):
        disk, told = MemoryDisk(room=room), Told()
        work(disk, told)
        check_open = disk.after_power_cut("cached", "cached")
        reopen(check_open)
        check(check_open, told)
        _, damages = sealed(check_open)
        assert damages == []
        acknowledged += len(told.acknowledged)
    assert told.refused == 0
    record_property("tried", f"room for 0 to {written} bytes")
    record_property("lost", f"0 of {acknowledged} acknowledged")


@pytest.mark.parametrize("number", sorted(FULL))
def test_a_quota_and_a_limit_are_full_disks(number: int, record_property: Any) -> None:
    """ENOSPC, EDQUOT, EFBIG at each write in turn: that batch is refused as at a full disk, the next one is taken."""
    at, reached = 0, True
    while reached:
        writes = itertools.count()

        def fault(_: int, name: str, at: int = at, writes: "itertools.count[int]" = writes) -> None:
            if name == "write" and next(writes) == at:
                raise OSError(number, os.strerror(number))

        disk, told = MemoryDisk(fault=fault), Told()
        work(disk, told)
        reached = next(writes) > at
        assert told.refused <= 1
        reopen(disk)
        check(disk, told)
        at += 1
    assert at > 10
    record_property("tried", f"{errno.errorcode[number]} at each of {at - 1} writes")
    record_property("lost", "0")


def test_room_that_comes_back_is_used(record_property: Any) -> None:
    """A full disk refuses a batch; after space is freed the same spool goes on, without a restart."""
    disk = MemoryDisk(room=900)
    told = Told()
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        number = 0
        with contextlib.suppress(SpoolError):
            while number < 20:
                told.acknowledged[spool.append_many([frame(number)])[0]] = frame(number).frame
                number += 1
        with pytest.raises(SpoolError, match="full"):
            spool.append_many([frame(number)])
        disk.room = 100_000
        told.acknowledged[spool.append_many([frame(99)])[0]] = frame(99).frame
    check(disk, told)
    assert sealed(disk)[1] == []
    assert len(told.acknowledged) > 2
    record_property("lost", f"0 of {len(told.acknowledged)} acknowledged")


def test_a_failed_sync_is_named_in_the_next_segment(record_property: Any) -> None:
    """The numbers of a batch that failed are not used again, and a GAP record says why they are missing."""
    disk = MemoryDisk()
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        first = spool.append_many([frame(0), frame(2)])

        def fail(_: int, name: str) -> None:
            if name == "fdatasync":
                raise OSError(errno.EIO, "Input/output error")

        disk.fault = fail
        with pytest.raises(SpoolError, match="Input/output error"):
            spool.append_many([frame(4), frame(6)])
        disk.fault = lambda _index, _name: None
        later = spool.append_many([frame(8)])
    records, damages = sealed(disk)
    assert damages == []
    gaps = [record.facts for record in records if record.kind is Kind.GAP]
    assert gaps == [{"reason": "the disk failed: Input/output error", "missing": [4, 5], "acknowledged": False}]
    assert first == [2, 3]
    assert later[0] > 5
    assert {4, 5}.isdisjoint(record.seq for record in records)
    assert {record.seq for record in records} >= {*first, *later}
    assert any(name.endswith(".poisoned") for name in disk.names(FOLDER / "quarantine"))
    record_property("lost", f"0 of {len({*first, *later})} acknowledged")


def test_a_start_on_a_full_disk_loses_nothing(record_property: Any) -> None:
    """With no room at all the start does not fail; what could not be mended waits, and is mended once there is room."""
    tried = acknowledged = 0
    for _, disk, told in power_cuts(work):
        for names, content in SURVIVORS:
            after = disk.after_power_cut(names, content)
            after.room = 0
            reopen(after)
            after.room = None
            reopen(after)
            check(after, told)
            tried += 1
            acknowledged += len(told.acknowledged)
    record_property("tried", f"{tried} starts after a power cut")
    record_property("lost", f"0 of {acknowledged} acknowledged")
