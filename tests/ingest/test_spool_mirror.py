"""A spool on two disks: either may fail, lose what was not synced, or be gone, and nothing acknowledged is lost."""

import contextlib
import errno
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import SpoolError
from ingest.mirror import Mirrored
from ingest.records import Kind
from ingest.spool import Spool
from tests.ingest.memory_disk import SURVIVORS, MemoryDisk, PowerCutError
from tests.ingest.spool_life import FOLDER, KEYS, Told, check, frame, sealed, work
from tests.ingest.two_disks import AtOnce, check_both, contents, failing_once, fine, out_of_order, reopen, two


def cut_at(at: int) -> tuple[MemoryDisk, MemoryDisk]:
    """Two disks whose power goes at the same operation, counted over both."""
    count = 0

    def step(_index: int, name: str) -> None:
        nonlocal count
        count += 1
        if count > at:
            raise PowerCutError(name)

    return MemoryDisk(fault=step), MemoryDisk(fault=step)


def operations() -> int:
    """How many there are in a life, on both disks together."""
    first, second = MemoryDisk(), MemoryDisk()
    work(two(first, second), Told())
    return len(first.operations) + len(second.operations)


def test_both_disks_hold_every_byte_before_an_answer(record_property: Any) -> None:
    """After a life without faults the folders are alike, byte for byte."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)

    assert len(told.acknowledged) == 15
    check_both(first, second, told)
    assert contents(first)
    record_property("lost", f"0 of {len(told.acknowledged)} acknowledged")


@pytest.mark.slow
def test_a_power_cut_at_any_operation_leaves_two_equal_spools(record_property: Any) -> None:
    """Each disk keeps of the unsynced what it likes, the one this and the other that: a start makes them equal."""
    tried = acknowledged = 0
    for at in range(operations()):
        first, second = cut_at(at)
        told = Told()
        with contextlib.suppress(PowerCutError):
            work(two(first, second), told)
        for one, other in product(SURVIVORS[:1] + SURVIVORS[4:], SURVIVORS[:1] + SURVIVORS[4:]):
            again = first.after_power_cut(*one), second.after_power_cut(*other)
            reopen(*again)
            check_both(*again, told)
            tried += 1
            acknowledged += len(told.acknowledged)
    record_property("tried", f"{tried} power cuts of two disks")
    record_property("lost", f"0 of {acknowledged} acknowledged")


def test_either_disk_alone_holds_all_that_was_acknowledged(record_property: Any) -> None:
    """The power goes, and one of the disks never comes back: an empty one in its place is filled from the other."""
    tried = 0
    for at in range(0, operations(), 3):
        first, second = cut_at(at)
        told = Told()
        with contextlib.suppress(PowerCutError):
            work(two(first, second), told)
        for disks in (
            (first.after_power_cut("durable", "durable"), MemoryDisk()),
            (MemoryDisk(), second.after_power_cut("durable", "durable")),
        ):
            reopen(*disks)
            check_both(*disks, told)
            tried += 1
    record_property("tried", f"{tried} power cuts after which one disk is gone")
    record_property("lost", "0 acknowledged")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("bad", [0, 1], ids=["the spool's", "the mirror"])
def test_one_disk_that_fails_stops_nothing(number: int, bad: int, record_property: Any) -> None:
    """From any operation on one disk fails for good: no batch is refused, and all is on the other disk."""
    whole = MemoryDisk(), MemoryDisk()
    work(two(*whole), Told())
    for at in range(len(whole[bad].operations)):

        def fail(index: int, name: str, at: int = at) -> None:
            if index >= at:
                raise OSError(number, name)

        disks = [MemoryDisk(), MemoryDisk()]
        disks[bad] = MemoryDisk(fault=fail)
        told, disk = Told(), two(*disks)
        work(disk, told)

        assert (told.refused, len(told.acknowledged)) == (0, 15)
        assert disk.trouble
        good = disks[1 - bad].after_power_cut("durable", "durable")
        after = [good, good]
        after[bad] = disks[bad].after_power_cut("cached", "torn")
        reopen(*after)
        check_both(after[0], after[1], told)
    record_property("lost", f"0 of {15 * len(whole[bad].operations)} acknowledged")


def test_a_disk_that_is_back_is_made_equal_and_used(record_property: Any) -> None:
    """A disk fails, works again, and from the next segment on both are written; what it missed is on it too."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    disk = two(first, second, retry_seconds=0.0)
    number = 0

    def append(spool: Spool) -> None:
        nonlocal number
        told.acknowledged |= {seq: frame(number).frame for seq in spool.append_many([frame(number)])}
        number += 2

    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        append(spool)
        second.fault = out_of_order
        append(spool)
        assert "Input/output error" in disk.trouble
        spool.seal()
        append(spool)
        spool.seal_if_due()
        assert disk.trouble
        second.fault = fine
        spool.seal_if_due()
        assert not disk.trouble
        append(spool)
    check_both(first, second, told)
    assert any("back" in note for note in spool.recovery.notes)
    record_property("lost", f"0 of {len(told.acknowledged)} acknowledged")


@pytest.mark.parametrize("failing", [0, 1], ids=["while it catches up", "when it is taken back"])
def test_a_disk_is_not_back_while_the_good_one_cannot_be_listed(monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    """Nothing could be copied, so it stays out and nobody is told that both are alike; the next try makes them so."""
    first, second = MemoryDisk(), MemoryDisk()
    disk = Mirrored(FOLDER, Path("/mirror"), first=first, second=second, retry_seconds=0.0, beside=AtOnce())
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        second.fault = out_of_order
        for number in (0, 2):
            spool.append_many([frame(number)])
            spool.seal()
        second.fault = fine
        calls = 0

        def names(directory: Path) -> list[str]:
            nonlocal calls
            calls += 1
            if calls - 1 == failing:
                raise OSError(errno.EMFILE, "Too many open files")
            return MemoryDisk.names(first, directory)

        monkeypatch.setattr(first, "names", names)
        spool.seal_if_due()
        assert calls == failing + 1
        assert "/mirror: Input/output error" in disk.trouble
        assert not any("back" in note for note in spool.recovery.notes)
        spool.seal_if_due()
        assert not disk.trouble
        spool.append_many([frame(4)])
    assert len(contents(first)) == 3
    assert contents(first) == contents(second)


def test_a_disk_that_missed_much_is_brought_up_bit_by_bit(
    monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    """Between two looks so much is copied as fits in the time, one segment at least; batches go on all the while."""
    monkeypatch.setattr("ingest.mirror.CATCH_UP_SECONDS", 0.0)
    monkeypatch.setattr("ingest.mirror.BETWEEN_SECONDS", 0.0)
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    disk = two(first, second, retry_seconds=0.0)
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        second.fault = out_of_order
        for number in range(0, 12, 2):
            told.acknowledged |= dict.fromkeys(spool.append_many([frame(number)]), frame(number).frame)
            spool.seal()
        second.fault = fine
        copied = []
        for number in range(12, 40, 2):
            told.acknowledged |= dict.fromkeys(spool.append_many([frame(number)]), frame(number).frame)
            spool.seal_if_due()
            copied.append(len(contents(second)))
        assert copied[:5] == [1, 2, 3, 4, 5]
        assert not disk.trouble
    check_both(first, second, told)
    record_property("lost", f"0 of {len(told.acknowledged)} acknowledged")


def test_a_failed_sync_is_never_asked_again_on_that_disk(record_property: Any) -> None:
    """After a failed fdatasync of one disk nothing is done with that descriptor but closing it."""
    whole = MemoryDisk(), MemoryDisk()
    work(two(*whole), Told())
    syncs = [index for index, (name, _) in enumerate(whole[1].operations) if name == "fdatasync"]
    acknowledged = 0
    for at in syncs:

        def fail(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise OSError(errno.EIO, name)

        first, second, told = MemoryDisk(), MemoryDisk(fault=fail), Told()
        work(two(first, second), told)
        failed = second.operations[at][1]
        assert [name for name, fd in second.operations[at + 1 :] if fd == failed] == []
        after = [each.after_power_cut("durable", "durable") for each in (first, second)]
        reopen(*after)
        check_both(after[0], after[1], told)
        acknowledged += len(told.acknowledged)
    record_property("tried", f"EIO at each of {len(syncs)} syncs")
    record_property("lost", f"0 of {acknowledged} acknowledged")


def test_when_both_disks_fail_the_batch_is_refused_and_the_next_one_may_work(record_property: Any) -> None:
    """As with one disk: no number of that batch counts, and the spool goes on when a disk is back."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    with Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second)) as spool:
        told.acknowledged |= dict.fromkeys(spool.append_many([frame(0)]), frame(0).frame)
        first.fault = second.fault = out_of_order
        with pytest.raises(SpoolError, match="Input/output error"):
            spool.append_many([frame(2)])
        with pytest.raises(SpoolError):
            spool.append_many([frame(2)])
        second.fault = fine
        told.acknowledged |= dict.fromkeys(spool.append_many([frame(4)]), frame(4).frame)
        first.fault = fine
    reopen(first, second)
    check_both(first, second, told)
    record_property("lost", f"0 of {len(told.acknowledged)} acknowledged")


def test_a_disk_left_behind_that_is_all_there_is_is_used() -> None:
    """One disk is out, then the other fails too: the first takes the next segment, and later nothing is missing."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    disk = two(first, second)
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        for number, (broken, whole) in enumerate([(first, second), (second, first)]):
            broken.fault, whole.fault = out_of_order, fine
            record = frame(number * 2)
            with contextlib.suppress(SpoolError):
                spool.append_many([record])
            told.acknowledged |= dict.fromkeys(spool.append_many([record]), record.frame)
        first.fault = second.fault = fine
    reopen(first, second)
    for one in (first, second):
        frames = {record.seq: record.frame for record in sealed(one)[0] if record.kind is Kind.FRAME}
        assert {seq: frames.get(seq) for seq in told.acknowledged} == told.acknowledged
    assert contents(first) == contents(second)


def test_a_rescue_that_fails_costs_no_open_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One disk is out but works, the other refuses a rescue's copy: the segment that is open there is written on."""
    monkeypatch.setattr("ingest.spool.RESCUE_SECONDS", 0.0)
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    disk = two(first, second)

    def append(number: int) -> None:
        told.acknowledged |= dict.fromkeys(spool.append_many([frame(number)]), frame(number).frame)

    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        append(0)
        first.fault = out_of_order
        append(2)
        second.fault = failing_once("fdatasync")
        with pytest.raises(SpoolError, match="Input/output error"):
            append(4)
        first.fault = fine
        append(6)
        second.fault = failing_once("create")
        out = disk.trouble
        spool.seal_if_due()
        assert disk.trouble == out
        append(8)
        spool.seal_if_due()
        append(10)
    check(second, told)
    reopen(first, second)
    check_both(first, second, told)


def test_a_failure_that_is_no_disk_error_puts_the_segment_aside_too() -> None:
    """Whatever goes wrong below a write: the batch is refused, no number used twice, and the next one recorded."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()

    def astray(_index: int, name: str) -> None:
        if name == "fdatasync":
            raise KeyError(name)

    with Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second)) as spool:
        told.acknowledged |= dict.fromkeys(spool.append_many([frame(0)]), frame(0).frame)
        first.fault = second.fault = astray
        with pytest.raises(SpoolError, match="KeyError; the batch was not recorded"):
            spool.append_many([frame(2)])
        first.fault = second.fault = fine
        told.acknowledged |= dict.fromkeys(spool.append_many([frame(4)]), frame(4).frame)
    check_both(first, second, told)


def test_another_owner_of_the_mirror_is_told(tmp_path: Path) -> None:
    """A mirror that is another collector's is refused, as a spool is; nothing stays locked."""
    with Spool(tmp_path / "mirror", KEYS):
        with pytest.raises(SpoolError, match="belongs to process"):
            Spool(tmp_path / "spool", KEYS, disk=Mirrored(tmp_path / "spool", tmp_path / "mirror"))
        Spool(tmp_path / "spool", KEYS).close()
