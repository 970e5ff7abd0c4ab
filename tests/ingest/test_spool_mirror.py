"""A spool on two disks: either may fail, lose what was not synced, or be gone, and nothing acknowledged is lost.

The disks are those of ``test_spool_crash``: in memory, with a durable and a cached image each.
"""

import contextlib
import errno
import random
from collections.abc import Callable
from concurrent.futures import Executor, Future
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import SpoolError
from ingest.healing import Copy, heal
from ingest.mirror import Mirrored
from ingest.records import Kind
from ingest.spool import Spool
from tests.ingest.test_spool_crash import (
    FOLDER,
    KEYS,
    SURVIVORS,
    MemoryDisk,
    PowerCutError,
    Told,
    check,
    frame,
    sealed,
    work,
)


class AtOnce(Executor):
    """Runs what it is given before it returns: the order of two syncs is then always the same."""

    def submit(self, call: Any, /, *words: Any, **named: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(call(*words, **named))
        return done


def two(first: MemoryDisk, second: MemoryDisk, *, retry_seconds: float = 30.0) -> Mirrored:
    """The same folder on both: they are different disks."""
    return Mirrored(FOLDER, FOLDER, first=first, second=second, retry_seconds=retry_seconds, beside=AtOnce())


def reopen(first: MemoryDisk, second: MemoryDisk) -> None:
    """Start and stop a collector that has nothing to say."""
    Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second)).close()


def contents(disk: MemoryDisk) -> dict[str, bytes]:
    """The segments by name."""
    return {path.name: disk.inodes[inode].cached for path, inode in disk.cached.items() if path.suffix == ".seg"}


def files(disk: MemoryDisk) -> dict[Path, bytes]:
    """Every file by its path."""
    return {path: disk.inodes[inode].cached for path, inode in disk.cached.items()}


def check_both(first: MemoryDisk, second: MemoryDisk, told: Told) -> None:
    """All that was acknowledged is on each disk, and both hold the same."""
    check(first, told)
    check(second, told)
    assert contents(first) == contents(second)


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


def test_both_disks_hold_every_byte_before_an_answer() -> None:
    """After a life without faults the folders are alike, byte for byte."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)

    assert len(told.acknowledged) == 15
    check_both(first, second, told)
    assert contents(first)


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
def test_one_disk_that_fails_stops_nothing(number: int, bad: int) -> None:
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


def test_a_disk_that_is_back_is_made_equal_and_used() -> None:
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
        second.fault = _out_of_order
        append(spool)
        assert "Input/output error" in disk.trouble
        spool.seal()
        append(spool)
        spool.seal_if_due()
        assert disk.trouble
        second.fault = _fine
        spool.seal_if_due()
        assert not disk.trouble
        append(spool)
    check_both(first, second, told)
    assert any("back" in note for note in spool.recovery.notes)


@pytest.mark.parametrize("failing", [0, 1], ids=["while it catches up", "when it is taken back"])
def test_a_disk_is_not_back_while_the_good_one_cannot_be_listed(monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    """Nothing could be copied, so it stays out and nobody is told that both are alike; the next try makes them so."""
    first, second = MemoryDisk(), MemoryDisk()
    disk = Mirrored(FOLDER, Path("/mirror"), first=first, second=second, retry_seconds=0.0, beside=AtOnce())
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        second.fault = _out_of_order
        for number in (0, 2):
            spool.append_many([frame(number)])
            spool.seal()
        second.fault = _fine
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


def test_a_disk_that_missed_much_is_brought_up_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks so much is copied as fits in the time, one segment at least; batches go on all the while."""
    monkeypatch.setattr("ingest.mirror.CATCH_UP_SECONDS", 0.0)
    monkeypatch.setattr("ingest.mirror.BETWEEN_SECONDS", 0.0)
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    disk = two(first, second, retry_seconds=0.0)
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        second.fault = _out_of_order
        for number in range(0, 12, 2):
            told.acknowledged |= dict.fromkeys(spool.append_many([frame(number)]), frame(number).frame)
            spool.seal()
        second.fault = _fine
        copied = []
        for number in range(12, 40, 2):
            told.acknowledged |= dict.fromkeys(spool.append_many([frame(number)]), frame(number).frame)
            spool.seal_if_due()
            copied.append(len(contents(second)))
        assert copied[:5] == [1, 2, 3, 4, 5]
        assert not disk.trouble
    check_both(first, second, told)


def test_a_failed_sync_is_never_asked_again_on_that_disk() -> None:
    """After a failed fdatasync of one disk nothing is done with that descriptor but closing it."""
    whole = MemoryDisk(), MemoryDisk()
    work(two(*whole), Told())
    syncs = [index for index, (name, _) in enumerate(whole[1].operations) if name == "fdatasync"]
    for at in syncs:

        def fail(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise OSError(errno.EIO, name)

        second = MemoryDisk(fault=fail)
        work(two(MemoryDisk(), second), Told())
        failed = second.operations[at][1]
        assert [name for name, fd in second.operations[at + 1 :] if fd == failed] == []


def test_when_both_disks_fail_the_batch_is_refused_and_the_next_one_may_work() -> None:
    """As with one disk: no number of that batch counts, and the spool goes on when a disk is back."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    with Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second)) as spool:
        told.acknowledged |= dict.fromkeys(spool.append_many([frame(0)]), frame(0).frame)
        first.fault = second.fault = _out_of_order
        with pytest.raises(SpoolError, match="Input/output error"):
            spool.append_many([frame(2)])
        with pytest.raises(SpoolError):
            spool.append_many([frame(2)])
        second.fault = _fine
        told.acknowledged |= dict.fromkeys(spool.append_many([frame(4)]), frame(4).frame)
        first.fault = _fine
    reopen(first, second)
    check_both(first, second, told)


def test_a_disk_left_behind_that_is_all_there_is_is_used() -> None:
    """One disk is out, then the other fails too: the first takes the next segment, and later nothing is missing."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    disk = two(first, second)
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        for number, (broken, whole) in enumerate([(first, second), (second, first)]):
            broken.fault, whole.fault = _out_of_order, _fine
            record = frame(number * 2)
            with contextlib.suppress(SpoolError):
                spool.append_many([record])
            told.acknowledged |= dict.fromkeys(spool.append_many([record]), record.frame)
        first.fault = second.fault = _fine
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
        first.fault = _out_of_order
        append(2)
        second.fault = _failing_once("fdatasync")
        with pytest.raises(SpoolError, match="Input/output error"):
            append(4)
        first.fault = _fine
        append(6)
        second.fault = _failing_once("create")
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
        first.fault = second.fault = _fine
        told.acknowledged |= dict.fromkeys(spool.append_many([frame(4)]), frame(4).frame)
    check_both(first, second, told)


def test_what_a_stale_disk_sealed_alone_costs_no_record_of_the_other() -> None:
    """The mirror went on alone; then the collector was started on the stale disk alone: all is there in the end."""
    first, second = MemoryDisk(), MemoryDisk()
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second))
    spool.append_many([frame(0)])
    first.fault = _out_of_order
    for number in (2, 4, 6):
        spool.append_many([frame(number)])
    stale, fresh = first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")

    with Spool(FOLDER, KEYS, boot_id=1, disk=stale) as alone:
        alone.append_many([frame(10)])
    with Spool(FOLDER, KEYS, boot_id=1, disk=two(stale, fresh)) as spool:
        assert any("recorded anew" in note for note in spool.recovery.notes)
    frames = [record.frame for record in sealed(stale)[0] if record.kind is Kind.FRAME]

    assert {frame(number).frame for number in (0, 2, 4, 6, 10)} <= set(frames)
    assert contents(stale) == contents(fresh)
    again = len(contents(stale))
    reopen(stale, fresh)
    assert len(contents(stale)) == again  # once is enough


def test_of_two_sealed_copies_the_spools_own_stays_and_the_rest_is_recorded_anew() -> None:
    """The shorter one may have been landed and its segment is not landed twice: what it lacks gets new numbers."""
    first, second = MemoryDisk(), MemoryDisk()
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second))
    spool.append_many([frame(0)])
    first.fault = _out_of_order
    for number in (2, 4, 6):
        spool.append_many([frame(number)])
    spool.close()
    stale, fresh = first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")

    with Spool(FOLDER, KEYS, boot_id=1, disk=stale) as alone:
        alone.append_many([frame(10)])
    landed = contents(stale)
    last = max(record.seq for record in sealed(stale)[0])
    assert min(landed) in contents(fresh)  # sealed in both, and not alike
    with Spool(FOLDER, KEYS, boot_id=1, disk=two(stale, fresh)) as spool:
        assert any("recorded anew" in note for note in spool.recovery.notes)

    assert contents(stale).items() > landed.items()
    anew = [record.frame for record in sealed(stale)[0] if record.kind is Kind.FRAME and record.seq > last]
    assert anew == [frame(number).frame for number in (2, 4, 6)]
    assert contents(stale) == contents(fresh)
    again = len(contents(stale))
    reopen(stale, fresh)
    assert len(contents(stale)) == again  # once is enough


@pytest.mark.parametrize("at_end", ["sealed", "open"])
def test_a_copy_that_cannot_be_read_once_is_not_replaced_by_a_stale_one(at_end: str) -> None:
    """One read of the copy with all records fails at a start: it stays, and in the end nothing acknowledged is lost."""
    first, second = MemoryDisk(), MemoryDisk()
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second))
    spool.append_many([frame(0)])
    second.fault = _out_of_order
    for number in (2, 4, 6):
        spool.append_many([frame(number)])
    if at_end == "sealed":
        spool.close()
    first, second = first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")
    before = files(first)
    first.fault = _failing_once("read")

    disk = two(first, second)
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        assert "cannot be read: Input/output error" in disk.trouble
        spool.append_many([frame(8)])
    assert files(first) == before
    reopen(first, second)
    reopen(first, second)  # where one copy was sealed and the other was not, the mirror is made equal by the next start
    frames = {record.frame for record in sealed(first)[0] if record.kind is Kind.FRAME}
    assert {frame(number).frame for number in (0, 2, 4, 6, 8)} <= frames
    assert contents(first) == contents(second)


def test_no_number_is_used_twice_after_a_copy_that_could_not_be_read_once() -> None:
    """The copy with all records is out for one failing read: what comes meanwhile has numbers that it cannot hold."""
    first, second = MemoryDisk(), MemoryDisk()
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second))
    told = dict.fromkeys(spool.append_many([frame(0)]), frame(0).frame)
    second.fault = _out_of_order
    for number in (2, 4, 6):
        told |= dict.fromkeys(spool.append_many([frame(number)]), frame(number).frame)
    first, second = first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")
    first.fault = _failing_once("read")
    with Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second)) as spool:
        fresh = dict.fromkeys(spool.append_many([frame(8)]), frame(8).frame)
    assert not told.keys() & fresh.keys()
    reopen(first, second)
    reopen(first, second)

    records = [record for record in sealed(first)[0] if record.kind is Kind.FRAME]
    assert len({record.seq for record in records}) == len(records)
    assert {*told.values(), *fresh.values()} <= {record.frame for record in records}


def test_no_number_is_used_twice_after_a_last_segment_that_could_not_be_read_once() -> None:
    """One disk alone: the last sealed segment fails to be read at a start, and what comes next has numbers above it."""
    disk = MemoryDisk()
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        told = set(spool.append_many([frame(number) for number in range(4)]))
    disk.fault = _failing_once("read")
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        assert "cannot be read: Input/output error" in " ".join(spool.recovery.notes)
        fresh = set(spool.append_many([frame(8)]))

    assert min(fresh) > max(told)


def test_a_copy_in_the_mirror_that_cannot_be_read_once_is_left_too() -> None:
    """The spool's own copy is stale and unsealed: the mirror is told to have failed, and no byte of it is touched."""
    first, second = MemoryDisk(), MemoryDisk()
    mirror = Path("/mirror")
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=Mirrored(FOLDER, mirror, first=first, second=second, beside=AtOnce()))
    spool.append_many([frame(0)])
    first.fault = _out_of_order
    spool.append_many([frame(2)])
    first, second = first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")
    before = files(first), files(second)
    second.fault = _failing_once("read")
    healed = heal(Copy(first, FOLDER), Copy(second, mirror))

    assert list(healed.failed) == [mirror]
    assert (files(first), files(second)) == before


def test_a_copy_that_cannot_be_read_is_mended_from_a_whole_one() -> None:
    """The other copy is sealed and whole: there can be no better one, so it is put in the place of the unreadable."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)
    first.fault = _failing_once("read")
    healed = heal(Copy(first, FOLDER), Copy(second, FOLDER), deep=True)

    assert (len(healed.notes), healed.failed) == (1, {})
    check_both(first, second, told)


@pytest.mark.parametrize("bad", [0, 1], ids=["the spool's", "the mirror"])
def test_any_flipped_bit_in_one_copy_is_mended_from_the_other(bad: int) -> None:
    """A deep look finds it, the whole copy takes its place, and the damaged one is kept aside."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)
    rng = random.Random(5)
    disk = (first, second)[bad]
    for _ in range(60):
        name = rng.choice(sorted(contents(disk)))
        _flip(disk, name, rng.randrange(len(contents(disk)[name]) * 8))
        healed = heal(Copy(first, FOLDER), Copy(second, FOLDER), deep=True, sealed_only=True)
        assert [note for note in healed.notes if name in note and "mended" in note]
        check_both(first, second, told)
    assert any(path.parent.name == "quarantine" for path in disk.cached)


def test_copies_damaged_in_different_places_mend_each_other() -> None:
    """Each has what the other lacks: put together they are what was sealed, by its SHA-256."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)
    name = max(contents(first), key=lambda name: len(contents(first)[name]))
    whole = contents(first)[name]
    _flip(first, name, 100 * 8)
    _flip(second, name, (len(whole) - 150) * 8)
    heal(Copy(first, FOLDER), Copy(second, FOLDER), deep=True)

    assert contents(first)[name] == contents(second)[name] == whole


def test_copies_damaged_alike_are_named_and_left() -> None:
    """Nothing can be mended from a copy with the same fault; it is said, and no byte is touched."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)
    name = min(contents(first))
    for disk in (first, second):
        _flip(disk, name, 100 * 8)
    before = contents(first)
    healed = heal(Copy(first, FOLDER), Copy(second, FOLDER), deep=True)

    assert [note for note in healed.notes if name in note and "damaged" in note]
    assert contents(first) == contents(second) == before


def test_a_pruned_segment_does_not_come_back() -> None:
    """It was cleared away on purpose while the mirror was out: it goes there too, and is not copied back."""
    first, second = MemoryDisk(), MemoryDisk()
    work(two(first, second), Told())
    name = min(contents(first))
    del first.cached[FOLDER / name]
    first.inodes.append(type(first.inodes[0])(cached=b'{"file": "%s"}\nnot json\n' % name.encode()))
    first.cached[FOLDER / "pruned.jsonl"] = len(first.inodes) - 1
    heal(Copy(first, FOLDER), Copy(second, FOLDER))

    assert name not in contents(first)
    assert name not in contents(second)


def test_another_owner_of_the_mirror_is_told(tmp_path: Path) -> None:
    """A mirror that is another collector's is refused, as a spool is; nothing stays locked."""
    with Spool(tmp_path / "mirror", KEYS):
        with pytest.raises(SpoolError, match="belongs to process"):
            Spool(tmp_path / "spool", KEYS, disk=Mirrored(tmp_path / "spool", tmp_path / "mirror"))
        Spool(tmp_path / "spool", KEYS).close()


def _flip(disk: MemoryDisk, name: str, bit: int) -> None:
    inode = disk.inodes[disk.cached[FOLDER / name]]
    data = bytearray(inode.cached)
    data[bit // 8] ^= 1 << bit % 8
    inode.cached = inode.durable = bytes(data)


def _out_of_order(_index: int, _name: str) -> None:
    raise OSError(errno.EIO, "Input/output error")


def _failing_once(operation: str) -> Callable[[int, str], None]:
    """The first operation of this name fails, all others work."""
    left = 1

    def fail(_index: int, name: str) -> None:
        nonlocal left
        if name == operation and left:
            left -= 1
            raise OSError(errno.EIO, "Input/output error")

    return fail


def _fine(_index: int, _name: str) -> None:
    """Nothing fails."""
